// Reads what the sandbox has with the official TypeScript SDK, and prints it as JSON.
// Arguments: URL before /{service}, configuration file, tenancy OCID, start and end of the window.
const common = require("oci-common");

const [base, file, tenancy, startText, endText] = process.argv.slice(2);
const authenticationDetailsProvider = new common.ConfigFileAuthenticationDetailsProvider(file, "DEFAULT");
const start = new Date(startText);
const end = new Date(endText);

function connect(Client, service) {
  const client = new Client({ authenticationDetailsProvider });
  client.endpoint = `${base}/${service}`;
  return client;
}

async function pages(read, request, items) {
  const found = [];
  let page;
  do {
    const response = await read({ ...request, page });
    found.push(...items(response));
    page = response.opcNextPage;
  } while (page);
  return found;
}

async function main() {
  const identity = connect(require("oci-identity").IdentityClient, "identity");
  const audit = connect(require("oci-audit").AuditClient, "audit");
  const guard = connect(require("oci-cloudguard").CloudGuardClient, "cloudguard");
  const logging = connect(require("oci-loggingsearch").LogSearchClient, "logging");
  const subtree = { compartmentId: tenancy, compartmentIdInSubtree: true };
  const compartments = await pages((one) => identity.listCompartments(one), { ...subtree, sortBy: "NAME" }, (one) => one.items);
  const regions = (await identity.listRegionSubscriptions({ tenancyId: tenancy })).items;
  const events = await pages(
    (one) => audit.listEvents(one),
    { compartmentId: tenancy, startTime: start, endTime: end },
    (one) => one.items
  );
  const problems = await pages(
    (one) => guard.listProblems(one),
    { ...subtree, accessLevel: "ACCESSIBLE", timeLastDetectedGreaterThanOrEqualTo: start, sortBy: "riskLevel", limit: 2 },
    (one) => one.problemCollection.items
  );
  const details = (await guard.getProblem({ problemId: problems[0].id })).problem;
  const searchLogsDetails = { timeStart: start, timeEnd: end, searchQuery: `search "${tenancy}" | data.n > 1 | sort by datetime asc` };
  const records = await pages((one) => logging.searchLogs({ ...one, limit: 2, searchLogsDetails }), {}, (one) => one.searchResponse.results);
  return { compartments, regions, events, problems, details, records };
}

main().then(
  (found) => console.log(JSON.stringify(found)),
  (error) => {
    console.error(error);
    process.exit(1);
  }
);
