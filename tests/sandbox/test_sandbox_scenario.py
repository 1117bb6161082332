"""The invented company: repeatable, alive, and with everything that a security team looks for."""

import json
from datetime import timedelta

import pytest

from signal_client_oci.sandbox import Sandbox, VirtualClock
from signal_client_oci.sandbox.data.scenario_audit import invented_secrets
from signal_client_oci.sandbox.scenario import Scenario

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"


def told(steps):
    """Tell 40 minutes of the story in so many steps, and return all records' texts."""
    clock = VirtualClock()
    with Sandbox(clock=clock) as sandbox:
        tenancy = sandbox.add_tenancy("acme")
        scenario = Scenario(tenancy, seed=3, history=timedelta(minutes=5))
        for _ in range(steps):
            clock.advance(minutes=40 / steps)
            scenario.advance()
        return sorted(_without_ids(one.raw) for one in tenancy.ground_truth)


def _without_ids(raw):
    content = json.loads(raw)
    audit, log, problem = content.get("data"), None, content
    if "eventId" in content:
        return json.dumps([content["eventTime"], content["eventType"], audit["resourceName"]])
    if "riskLevel" in content:
        return json.dumps([problem["timeLastDetected"], problem["riskLevel"], problem["lifecycleDetail"]])
    log = audit["logContent"]
    return json.dumps(
        [log["time"], log["type"], {k: v for k, v in log["data"].items() if k != "sandboxMarker"}]
    )


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 7, 80])
def test_the_story_does_not_depend_on_how_often_it_is_advanced(steps):
    """The same records, however the time was cut."""
    assert told(steps) == told(1)


@pytest.mark.slow
def test_time_that_stands_still_tells_nothing_new(tenancy):
    """Advancing twice at one time emits nothing the second time."""
    scenario = Scenario(tenancy)
    assert scenario.advance() == 0


@pytest.fixture
def scenario(tenancy, clock):
    """Two hours of the story."""
    story = Scenario(tenancy)
    clock.advance(hours=1)
    story.advance()
    return story


@pytest.mark.slow
def test_the_tree_has_three_levels_and_a_deleted_compartment(tenancy, scenario):
    """The root, two levels below it, and one more."""
    company, tree = scenario.company, tenancy.tree
    assert tree[company.archive].parent == company.data
    assert tree[company.data].parent == company.production
    assert tree[company.production].parent == tenancy.ocid
    assert [one.name for one in tree.below_root() if one.state == "DELETED"] == ["retired-2019"]


@pytest.mark.slow
def test_everything_happens_in_both_regions(tenancy, scenario):
    """Audit events and log records have a home and another region."""
    for service in ("audit", "logging"):
        assert {one.region for one in tenancy.ground_truth.of(service)} == set(tenancy.regions)
    compartments = {one.compartment for one in tenancy.ground_truth.of("audit")}
    assert {tenancy.ocid, scenario.company.archive} < compartments


@pytest.mark.slow
def test_what_is_notable_happens_within_two_hours(tenancy, scenario):
    """Logins, a policy, a security list, a public bucket, a terminated instance, a key."""
    assert scenario.company.root == tenancy.ocid
    events = [json.loads(one.raw) for one in tenancy.ground_truth.of("audit")]
    assert {
        *("InteractiveLogin", "UpdatePolicy", "UpdateSecurityList", "UpdateBucket"),
        *("TerminateInstance", "UploadApiKey"),
    } <= {event["data"]["eventName"] for event in events}


@pytest.mark.slow
def test_some_logins_fail_and_say_why(tenancy, scenario):
    """Status is a string, and the reason is in the payload."""
    assert scenario.company.home == HOME
    events = [json.loads(one.raw)["data"] for one in tenancy.ground_truth.of("audit")]
    results = {
        (event["response"]["status"], event["response"]["payload"]["login_result"])
        for event in events
        if event["eventName"] == "InteractiveLogin"
    }
    assert results == {("200", "SUCCESS"), ("400", "PASSWORD_INVALID")}


@pytest.mark.slow
def test_logs_are_of_several_kinds(tenancy, scenario):
    """Flows, a load balancer, an application and a bucket, each in its own log."""
    assert len(scenario.company.logs) == 5
    contents = [json.loads(one.raw)["data"]["logContent"] for one in tenancy.ground_truth.of("logging")]
    assert {content["type"].rpartition(".")[2] for content in contents} == {
        "DataEvent",
        "access",
        "application",
        "getobject",
    }
    assert len({content["oracle"]["logid"] for content in contents}) == 5


@pytest.mark.slow
def test_problems_change_in_every_way(tenancy, clock):
    """Detected again, risk raised, resolved, opened again; with advice in the details."""
    story = Scenario(tenancy)
    clock.advance(hours=4)
    story.advance()
    versions = [json.loads(one.raw) for one in tenancy.ground_truth.of("cloudguard")]
    assert {one["lifecycleDetail"] for one in versions} == {"OPEN", "RESOLVED"}
    assert len({one["riskLevel"] for one in versions}) == 5
    for problem in tenancy.cloud_guard.problems.values():
        details = json.loads(problem.full(problem.versions[-1]))
        assert details["description"]
        assert details["recommendation"]


@pytest.mark.slow
def test_events_carry_invented_secrets_to_be_masked(tenancy, scenario):
    """In `credentials`, in headers, and inside of a header's JSON text."""
    assert scenario.company.home == HOME
    everything = b"".join(one.raw for one in tenancy.ground_truth)
    for secret in invented_secrets().values():
        assert secret.encode() in everything
    assert b'"credentials":"ST$' in everything


@pytest.mark.slow
def test_records_become_visible_with_the_recorded_lags(tenancy, scenario):
    """4 s for an event, 55 s for a log record."""
    assert scenario.company.other == OTHER
    event, record = tenancy.ground_truth.of("audit")[0], tenancy.ground_truth.of("logging")[0]
    assert event.visible == event.time
    assert record.visible - record.time == timedelta(seconds=55)
    assert json.loads(event.raw)["eventTime"] < event.time.isoformat()
