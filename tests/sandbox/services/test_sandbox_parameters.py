"""The parameters of each operation: honoured or refused as documented, never ignored."""

import re

import oci
import pytest

from signal_client_oci.sandbox.clocks import parse_time
from signal_client_oci.sandbox.services import operations

HOME = "us-ashburn-1"
OF_THE_SDK_ALONE = ("opc_request_id", "retry_strategy", "allow_control_chars", "enable_strict_url_encoding")
PARAMETER = r":param \S+ (\w+): \((?:required|optional)\).*?(?:Allowed values are: (.*?))?(?=\n\s+:param|\Z)"


@pytest.fixture
def ask(connect):
    """Send a signed request without the SDK's own checks: `ask(service, path, parameters, method)`."""

    def send(service, path, parameters, method="GET"):
        base = connect(service).base_client
        return base.call_api(path, method, query_params=parameters, response_type="object")

    return send


@pytest.mark.parametrize(
    ("read", "operation"),
    [
        (oci.audit.AuditClient.list_events, "list_events"),
        (oci.cloud_guard.CloudGuardClient.list_problems, "list_problems"),
        (oci.identity.IdentityClient.list_compartments, "list_compartments"),
        (oci.identity.IdentityClient.list_user_group_memberships, "list_user_group_memberships"),
        (oci.logging.LoggingManagementClient.list_log_groups, "list_log_groups"),
    ],
)
def test_the_parameters_of_an_operation_are_those_of_the_sdk(read, operation):
    """Each documented parameter is known, with its documented values, and no other."""
    documented = {
        re.sub(r"_(\w)", lambda match: match[1].upper(), name): set(re.findall(r'"(\w+)"', text))
        for name, text in re.findall(PARAMETER, read.__doc__, re.DOTALL)
        if name not in OF_THE_SDK_ALONE
    }
    known = operations._PARAMETERS[operation]
    assert known.keys() == documented.keys()
    wrong = {name for name, values in documented.items() if values and values != set(known[name])}
    assert (
        wrong <= {"lifecycleState"} if operation == "list_compartments" else not wrong
    )  # any case is documented


@pytest.mark.parametrize(
    ("service", "path", "parameters"),
    [
        ("audit", "/auditEvents", {"limit": 5}),
        ("audit", "/auditEvents", {"sortBy": "eventTime"}),
        ("cloudguard", "/problems", {"sortBy": "riskScore"}),
        ("cloudguard", "/problems", {"sortOrder": "desc"}),
        ("cloudguard", "/problems", {"lifecycleState": "OPEN"}),
        ("cloudguard", "/problems", {"riskLevel": ["LOW", "HIGH"]}),
        ("cloudguard", "/problems", {"detectorType": "MY_DETECTOR"}),
        ("cloudguard", "/problems", {"compartmentIdInSubtree": "yes"}),
        ("identity", "/compartments", {"lifecycleState": "GONE"}),
        ("identity", "/compartments", {"sortBy": "name"}),
        ("identity", "/compartments", {"accessLevel": "RESTRICTED"}),
        ("groups", "/logGroups", {"sortBy": "timeLastModified"}),
    ],
)
@pytest.mark.slow
def test_what_is_not_documented_is_refused(tenancy, ask, service, path, parameters):
    """An unknown parameter, value or repetition is a 400 that names the parameter."""
    window = (
        {"startTime": "2026-03-02T09:00:00Z", "endTime": "2026-03-02T09:01:00Z"} if service == "audit" else {}
    )
    allowed = {"compartmentId": tenancy.ocid} | window
    assert ask(service, path, allowed).status == 200
    with pytest.raises(oci.exceptions.ServiceError, match=next(iter(parameters))) as refused:
        ask(service, path, allowed | parameters)
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    ("part", "said"), [({"limit": 5}, "limit is not a part"), ({"isReturnFieldInfo": True}, "no field info")]
)
def test_a_search_ignores_no_part_of_its_body(tenancy, connect, part, said):
    """What is not documented, or not done here, is a 400."""
    window = {"timeStart": "2026-03-02T09:00:00Z", "timeEnd": "2026-03-02T09:01:00Z"}
    body = window | {"searchQuery": f'search "{tenancy.ocid}"', "isReturnFieldInfo": False}
    base, headers = connect("logging").base_client, {"content-type": "application/json"}
    assert base.call_api("/search", "POST", header_params=headers, body=body).status == 200
    with pytest.raises(oci.exceptions.ServiceError, match=said) as refused:
        base.call_api("/search", "POST", header_params=headers, body=body | part)
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    ("service", "path", "lacks"),
    [
        ("audit", "/auditEvents", "endTime"),
        ("audit", "/auditEvents", "compartmentId"),
        ("cloudguard", "/problems", "compartmentId"),
        ("cloudguard", "/configuration", "compartmentId"),
        ("identity", "/compartments", "compartmentId"),
        ("groups", "/logGroups", "compartmentId"),
    ],
)
def test_what_is_required_must_be_there(tenancy, ask, service, path, lacks):
    """A missing parameter is a 400 of its own code that names it."""
    whole = {"compartmentId": tenancy.ocid}
    if service == "audit":
        whole |= {"startTime": "2026-03-02T09:00:00Z", "endTime": "2026-03-02T09:01:00Z"}
    del whole[lacks]
    with pytest.raises(oci.exceptions.ServiceError, match=f"{lacks} is required") as refused:
        ask(service, path, whole)
    assert (refused.value.status, refused.value.code) == (400, "MissingParameter")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["prod", "dev"]),
        ({"sortBy": "NAME"}, ["dev", "prod"]),
        ({"sortBy": "NAME", "sortOrder": "DESC"}, ["prod", "dev"]),
        ({"sortBy": "TIMECREATED"}, ["dev", "prod"]),
        ({"sortOrder": "ASC"}, ["prod", "dev"]),
        ({"name": "dev"}, ["dev"]),
        ({"lifecycleState": "active"}, ["prod", "dev"]),
        ({"lifecycleState": "deleted"}, []),
    ],
)
def test_compartments_are_sorted_and_filtered(tenancy, ask, clock, parameters, expected):
    """NAME ascends and TIMECREATED descends unless told otherwise; the case of a state does not matter."""
    tenancy.add_compartment("prod")
    clock.advance(minutes=1)
    tenancy.add_compartment("dev")
    found = ask("identity", "/compartments", {"compartmentId": tenancy.ocid} | parameters).data
    assert [one["name"] for one in found] == expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["web", "app"]),
        ({"sortBy": "displayName"}, ["app", "web"]),
        ({"displayName": "web"}, ["web"]),
        ({"isCompartmentIdInSubtree": "true"}, ["web", "app", "below"]),
    ],
)
def test_log_groups_are_sorted_and_filtered(tenancy, ask, parameters, expected):
    """Those of compartments below are listed on request, but for the denied ones."""
    below, denied = tenancy.add_compartment("below"), tenancy.add_compartment("denied")
    for compartment, name in (
        (tenancy.ocid, "web"),
        (tenancy.ocid, "app"),
        (below, "below"),
        (denied, "denied"),
    ):
        tenancy.add_log_group(HOME, compartment, name)
    tenancy.deny("logging", compartment=denied)
    found = ask("groups", "/logGroups", {"compartmentId": tenancy.ocid} | parameters).data
    assert [one["displayName"] for one in found] == expected


def test_memberships_are_filtered_by_user_and_group(tenancy, ask):
    """Both parameters narrow the list."""
    [group] = tenancy.identity.groups

    def listed(**parameters):
        return ask("identity", "/userGroupMemberships", {"compartmentId": tenancy.ocid} | parameters).data

    assert [one["groupId"] for one in listed(userId=tenancy.user, groupId=group)] == [group]
    assert listed(groupId="ocid1.group.oc1..other") == listed(userId="ocid1.user.oc1..other") == []


def test_an_hour_may_have_one_digit():
    """The official TypeScript SDK writes hours before ten so; other parts of a time need both digits."""
    assert parse_time("2026-03-02T3:00:14Z") == parse_time("2026-03-02T03:00:14Z")
    for text in (
        "2026-03-02T03:0:14Z",
        "2026-03-2T03:00:14Z",
        "2026-03-02T003:00:14Z",
        "2026-03-02T24:00:00Z",
    ):
        with pytest.raises(ValueError, match=r"RFC 3339|hour"):
            parse_time(text)


def test_head_is_get_without_a_body(tenancy, ask):
    """A signed HEAD has the status and headers of the GET, and the connection can be used again."""
    path = f"/tenancies/{tenancy.ocid}"
    whole, head = ask("identity", path, {}), ask("identity", path, {}, "HEAD")
    assert (whole.status, head.status, head.data) == (200, 200, "")
    assert head.headers["content-length"] == whole.headers["content-length"]
