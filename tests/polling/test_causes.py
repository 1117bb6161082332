"""What a report blames: the region that refuses, the scope that does not exist, the host that stopped the poll."""

from __future__ import annotations

import pytest
from support.world import FAR, HOME, Instance, World, codes, statuses


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher._FIRST_DELAY", 0.002)
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher.ATTEMPTS", 2)


@pytest.fixture
def world():
    """An OCI of the test's own."""
    made = World()
    with made.sandbox:
        yield made


UNKNOWN = "ocid1.compartment.oc1..aaaaaaaanone"


def _error(report, source="audit"):
    return report["sources"][source]["error"]


@pytest.mark.parametrize("refusing", [HOME, FAR])
@pytest.mark.slow
def test_a_region_that_refuses_a_key_which_another_accepts_is_named(world, refusing):
    """A 401 of one region alone is told of that region by every source and by the list, never of the key."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    for compartment in tenancy.tree.subtree(tenancy.ocid):
        tenancy.deny("audit", compartment)  # Audit itself reads nothing anywhere else
    world.fault(status=401, region=refusing)
    report = Instance(tenancy).poll()
    assert "NOT_AUTHENTICATED" not in codes(report)
    assert _error(report, "logging")["code"] == "REGION_REFUSES_KEY"
    told = [_error(report, "logging"), *report["warnings"]]
    if refusing == HOME:
        told.append(_error(report, "cloud_guard"))
        assert [warning["title"] for warning in report["warnings"]] == ["Compartments"]
    assert all(one["code"] == "REGION_REFUSES_KEY" for one in told)
    assert all(f"(rejected by {refusing})" in one["message"] for one in told)


def test_a_key_that_no_region_accepts_is_blamed(world):
    """Where nothing shows that the key is right, the 401 stays about the key."""
    tenancy = world.tenancy(HOME, FAR)
    world.fault(status=401)
    assert codes(Instance(tenancy).poll()) == {"NOT_AUTHENTICATED"}


@pytest.mark.parametrize(
    ("region", "told"),
    [
        (FAR, f"3 of 3 compartments in {FAR} could not be read, among them "),
        (None, f"3 of 3 compartments in each of {HOME} and {FAR} could not be read, among them "),
    ],
)
@pytest.mark.slow
def test_how_many_compartments_failed_in_which_regions(world, region, told):
    """A message counts compartments by region, never pairs of both."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    world.fault(status=503, service="audit", region=region)
    message = _error(Instance(tenancy).poll())["message"]
    assert message.startswith((told, told.replace(f"{HOME} and {FAR}", f"{FAR} and {HOME}")))
    assert "(HTTP 503, " in message


@pytest.mark.parametrize("include_subcompartments", [True, False])
@pytest.mark.parametrize("polls", [1, 2])
@pytest.mark.slow
def test_a_scope_that_does_not_exist_is_told_as_that(world, include_subcompartments, polls):
    """The scope is blamed in every poll, with or without a list, and no policy is asked for."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy, compartment_ocid=UNKNOWN, include_subcompartments=include_subcompartments)
    report = instance.catch_up(polls=polls)
    assert codes(report) == {"COMPARTMENT_UNKNOWN"}
    assert statuses(report)["audit"] == statuses(report)["cloud_guard"] == "failed"
    assert [UNKNOWN in warning["message"] for warning in report["warnings"]] == [True]
    assert not [one for one in [*report["warnings"], _error(report)] if "Allow group" in one["remedy"]]


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.slow
def test_a_scope_that_was_deleted_is_told(world, readable):
    """A poll warns of a deleted scope as the connection test does, and asks for no policy."""
    tenancy = world.tenancy(compartments=1)
    gone = tenancy.add_compartment("gone", created=tenancy.tree.root.created)
    tenancy.delete_compartment(gone, readable=readable)
    report = Instance(tenancy, compartment_ocid=gone).poll()
    assert report["status"] == "degraded"
    assert codes(report) == {"COMPARTMENT_DELETED"}
    assert "'gone' was deleted" in report["warnings"][0]["message"]
    assert "Allow group" not in report["warnings"][0]["remedy"]


def test_cloud_guards_own_404_stays_its_own(world):
    """Where even its configuration is refused, the policy is missing, whatever is wrong with the scope."""
    tenancy = world.tenancy(compartments=1)
    world.fault(status=404, operation="get_configuration")
    report = Instance(tenancy, compartment_ocid=UNKNOWN).poll()
    assert _error(report, "cloud_guard")["code"] == "CLOUD_GUARD_NOT_AUTHORIZED"


@pytest.mark.parametrize("how", [{"deadline_seconds": 0}, {"should_stop": lambda: True}])
def test_a_stop_is_no_timeout(world, how):
    """A host's stop, or a deadline of nothing, is STOPPED everywhere and never sends anybody to the firewall."""
    report = Instance(world.tenancy(compartments=1)).poll(**how)
    assert codes(report) == {"STOPPED"}
    told = [*report["warnings"], *(one["error"] for one in report["sources"].values() if one["error"])]
    assert not [one for one in told if "firewall" in one["remedy"]]


@pytest.mark.slow
def test_a_stop_while_a_service_hangs_says_how_long_it_did(world):
    """The host's stop stays a stop; that nothing had answered until then is told with it."""
    tenancy = world.tenancy()
    world.fault("hang", service="audit")
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 6

    instance = Instance(
        tenancy, logging_enabled=False, cloud_guard_enabled=False, include_subcompartments=False
    )
    error = _error(instance.poll(should_stop=stop))
    assert error["code"] == "STOPPED"
    assert "no answer for 0." in error["message"]


@pytest.mark.parametrize("status", [401, 503])
@pytest.mark.slow
def test_one_cause_is_told_once(world, caplog, status):
    """What stops every source and the list is one line of the log, which names them; the report has it at each."""
    tenancy = world.tenancy()
    world.fault(status=status)
    report = Instance(tenancy).poll()
    assert len(codes(report)) == 1
    assert all(one["error"] for one in report["sources"].values())
    (line,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert "Audit Events, Logging Search, Cloud Guard Problems, Compartments: " in line
    assert line.count(report["warnings"][0]["remedy"]) == 1


@pytest.mark.slow
def test_two_causes_are_told_apart(world, caplog):
    """Sources that fail for different reasons each have their line, and so has each other warning."""
    tenancy = world.tenancy()
    world.fault(status=404, service="audit")
    world.fault(status=404, service="logging")
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [line.split()[1] for line in told] == ["AUDIT_NOT_AUTHORIZED", "LOGGING_NOT_AUTHORIZED"]
    caplog.clear()
    world.sandbox.faults.clear()
    instance.catch_up(polls=1, minutes=60 * 24 * 120)
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [line.split()[1] for line in told] == ["RETENTION_EXCEEDED"] * 2


@pytest.mark.parametrize("mode", ["events", "search"])
@pytest.mark.slow
def test_a_cause_that_lasts_is_told_in_the_same_words(world, mode):
    """Which region or compartment answers first changes from poll to poll; the sentence does not."""
    tenancy = world.tenancy(FAR, HOME, compartments=2)
    world.fault(status=404, code="NotAuthorizedOrNotFound", operation="list_events")
    world.fault(status=404, code="NotAuthorizedOrNotFound", operation="search_logs")
    instance = Instance(tenancy, audit_mode=mode, cloud_guard_enabled=False)
    told = {_error(instance.catch_up(polls=1), "audit")["message"] for _ in range(6)}
    assert len(told) == 1
    assert f"{FAR} and {HOME}" in told.pop()
