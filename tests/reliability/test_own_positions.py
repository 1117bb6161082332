"""Promise 4: every (source, region, compartment) has a position of its own; what fails stays where it was."""

import time
from datetime import datetime

import pytest
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    codes,
    emit_everywhere,
    eventually,
    statuses,
    window_of,
)

TROUBLES = {
    "404": {"status": 404},
    "403": {"status": 403},
    "429": {"status": 429},
    "500": {"status": 500},
    "garbage": {"kind": "html"},
    "cut": {"kind": "cut_json"},
}


pytestmark = pytest.mark.usefixtures("few_attempts")


def _covered(report, source):
    return datetime.fromisoformat(report["sources"][source]["covered_until"].replace("Z", "+00:00"))


@pytest.mark.parametrize("source", ["audit", "logging"])
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.sampled(5)
def test_one_compartment_in_trouble_is_taken_up_later(world, source, trouble):
    """The others go on poll after poll, the report names the one and counts; afterwards nothing is missing."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    sick = tenancy.tree.subtree(tenancy.ocid)[2]
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    fault = world.fault(service=source, compartment=sick, region=HOME, **TROUBLES[trouble])
    for _ in range(2):
        emit_everywhere(tenancy, 2)
        report = instance.catch_up(polls=1, minutes=10)
        error = report["sources"][source]["error"]
        assert report["status"] == "degraded"
        assert report["sources"][source]["status"] == "partial"
        assert sick in error["message"]
        assert f"1 of 3 compartments in {HOME} could not be read" in error["message"]
        counts = report["sources"][source]["counts"]
        assert counts["read"] == 5
        assert counts.get("denied", 0) == (trouble in ("404", "403"))
    stuck = {one.key for one in tenancy.ground_truth if (one.region, one.compartment) == (HOME, sick)}
    others = [one for one in tenancy.ground_truth if one.service == source and one.key not in stuck]
    assert set(instance.keys(source)) >= {one.key for one in others if one.time < _last_read(world)}
    world.sandbox.faults.remove(fault)
    report = instance.catch_up(polls=2)
    assert report["status"] == "ok"
    assert_exactly_once(instance, "audit", "logging")


def _last_read(world):
    now = world.clock()
    return now.replace(minute=now.minute - 1, second=0, microsecond=0)


@pytest.mark.parametrize(
    ("source", "trouble"), list(zip(["audit", "logging"] * 3, TROUBLES, strict=True))
)  # every pair of the two is met by the test before
@pytest.mark.sampled(3)
def test_one_region_in_trouble_is_taken_up_later(world, source, trouble):
    """A whole region of a service fails; the other region and the other service go on."""
    tenancy = world.tenancy(HOME, FAR, compartments=1)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    fault = world.fault(service=source, region=FAR, **TROUBLES[trouble])
    other = "logging" if source == "audit" else "audit"
    for _ in range(2):
        emit_everywhere(tenancy, 2)
        report = instance.catch_up(polls=1)
        assert statuses(report)[source] == "partial"
        assert statuses(report)[other] == "ok"
    far = {one.key for one in tenancy.ground_truth if one.service == source and one.region == FAR}
    assert not far & set(instance.keys(source))
    near = [one for one in tenancy.ground_truth if one.service == source and one.region == HOME]
    assert set(instance.keys(source)) == {one.key for one in near if one.time < _last_read(world)}
    world.sandbox.faults.remove(fault)
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.parametrize(
    ("source", "trouble"),
    [
        (source, trouble)
        for row, source in enumerate(("audit", "logging", "cloud_guard"))
        for column, trouble in enumerate(TROUBLES)
        if (row + column) % 3  # every trouble befalls two of the sources
    ],
)
@pytest.mark.sampled(5)
def test_all_denied_is_failed(world, source, trouble):
    """Nothing could be read of a source: it is `failed`, stays where it was, and the other sources are `ok`."""
    tenancy = world.tenancy(HOME, compartments=1)
    instance = Instance(tenancy)
    first = instance.poll()
    service = {"cloud_guard": "cloudguard"}.get(source, source)
    fault = world.fault(service=service, **TROUBLES[trouble])
    emit_everywhere(tenancy, problems=1)
    report = instance.catch_up(polls=2)
    assert report["status"] == "degraded"
    assert statuses(report) == {one: "failed" if one == source else "ok" for one in statuses(report)}
    assert _covered(report, source) == _covered(first, source)
    world.sandbox.faults.remove(fault)
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_all_sources_denied_is_a_failed_poll(world):
    """Where nothing at all can be read the poll is `failed`, and its checkpoint keeps the lookback's start."""
    tenancy = world.tenancy(compartments=2)
    for service in ("audit", "logging", "cloudguard"):
        tenancy.deny(service)
    emit_everywhere(tenancy, problems=1)
    instance = Instance(tenancy, lookback_minutes=30)
    assert instance.poll()["status"] == "failed"
    report = instance.catch_up(minutes=60, polls=3)
    assert set(statuses(report).values()) == {"failed"}
    for service in ("audit", "logging", "cloudguard"):
        tenancy.allow(service)
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_a_denied_compartment_of_many_costs_the_others_nothing(world):
    """Fifty compartments in one Logging query, two of them denied: all others arrive in the same poll."""
    tenancy = world.tenancy(compartments=49)
    instance = Instance(tenancy, cloud_guard_enabled=False, audit_enabled=False)
    instance.poll()
    denied = tenancy.tree.subtree(tenancy.ocid)[7:40:20]
    for compartment in denied:
        tenancy.deny("logging", compartment)
    emit_everywhere(tenancy)
    world.clock.advance(minutes=5)
    report = instance.poll()
    assert report["sources"]["logging"]["fetched"] == 48
    assert report["sources"]["logging"]["counts"] == {"read": 48, "denied": 2}
    steady = instance.catch_up(polls=1)
    assert steady["sources"]["logging"]["requests"] <= 4, (
        "what is denied is asked for alone, not searched for again"
    )
    tenancy.allow("logging")
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "logging")


def test_a_hanging_compartment_delays_nobody(world, monkeypatch):
    """What the others have is handed out while one request still hangs."""
    monkeypatch.setattr("signal_client_oci.state.batcher._LONGEST_WAIT", 0.05)
    tenancy = world.tenancy(HOME, FAR, compartments=4)
    instance = Instance(tenancy, cloud_guard_enabled=False, max_concurrency=2)
    instance.poll()
    emit_everywhere(tenancy, 3)
    sick = tenancy.tree.subtree(tenancy.ocid)[1]
    for service in ("audit", "logging"):
        world.fault("hang", service=service, compartment=sick, region=HOME)
    world.clock.advance(minutes=5)
    monkeypatch.setattr("signal_client_oci.oci_api.transport.READ_SECONDS", 30.0)
    monkeypatch.setattr("signal_client_oci.oci_api.transport.TOTAL_SECONDS", 30.0)
    began = time.monotonic()
    audit = [one for one in tenancy.ground_truth if one.service == "audit"]
    healthy = {one.key for one in audit if (one.region, one.compartment) != (HOME, sick)}
    with instance.polling({"now": world.clock, "deadline_seconds": 60.0}) as items:
        for item in items:
            instance.publish(item)
            instance.store(item)
            if healthy <= set(instance.keys("audit")):
                break
    assert time.monotonic() - began < 15
    world.sandbox.faults.clear()
    assert eventually(lambda: world.sandbox.connections == 0)
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit", "logging")


def test_a_laggard_is_read_from_where_it_was_and_nobody_else_is(world):
    """After an hour of 404 one request fetches the laggard's hour; the others keep their short windows."""
    tenancy = world.tenancy(compartments=3)
    sick = tenancy.tree.subtree(tenancy.ocid)[3]
    instance = Instance(tenancy, cloud_guard_enabled=False, logging_enabled=False)
    instance.poll()
    tenancy.deny("audit", sick)
    instance.catch_up(minutes=10, polls=6)
    tenancy.allow("audit")
    world.sandbox.request_log.clear()
    instance.catch_up(polls=1)
    lengths = {
        one.compartment: (window_of(one)[1] - window_of(one)[0]) // 60_000_000
        for one in world.requests("list_events")
    }
    assert lengths.pop(sick) >= 60
    assert max(lengths.values()) <= 30
    assert not codes(instance.reports[-1])
