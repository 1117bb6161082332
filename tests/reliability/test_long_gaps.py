"""Promise 5: after long gaps everything that OCI still keeps is collected, and what it no longer keeps is told."""

from datetime import timedelta

import pytest
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    codes,
    emit_everywhere,
    statuses,
    window_of,
)

DAY = 24 * 60 * 60_000_000


def _emit_over(world, tenancy, period, count):
    """Emit `count` records a compartment, evenly over a period that ends now."""
    now = world.clock()
    for number in range(count):
        emit_everywhere(tenancy, time=now - timedelta(minutes=3) - period * number / count)


@pytest.mark.parametrize("days", [3, 20])
@pytest.mark.sampled(2)
def test_everything_of_a_gap_is_collected(world, days):
    """The instance was not polled for days; one poll fetches them, oldest first, in slices of 14 days at most."""
    tenancy = world.tenancy(HOME, FAR, compartments=1)
    tenancy.audit.page_size = 5
    instance = Instance(tenancy)
    instance.poll()
    world.clock.advance(days=days)
    _emit_over(world, tenancy, timedelta(days=days) - timedelta(hours=1), 10)
    tenancy.add_problem(last_detected=world.clock() - timedelta(days=days - 1))
    world.sandbox.request_log.clear()
    report = instance.poll()
    assert report["status"] == "ok"
    assert not codes(report)
    windows = [window_of(one) for one in world.requests("search_logs", region=HOME)]
    assert max(end - start for start, end in windows) <= 14 * DAY
    assert max(end for _, end in windows) - min(start for start, _ in windows) >= days * DAY
    assert_exactly_once(instance)
    instance.catch_up(polls=2, minutes=10)
    assert_exactly_once(instance)


def test_a_gap_is_read_oldest_first(world):
    """What is handed out is in the order of time, so a checkpoint in between has nothing behind it."""
    tenancy = world.tenancy()
    tenancy.audit.page_size = 7
    instance = Instance(tenancy, logging_enabled=False, cloud_guard_enabled=False, max_concurrency=1)
    instance.poll()
    world.clock.advance(days=3)
    _emit_over(world, tenancy, timedelta(days=3), 60)
    instance.poll(max_batch_artifacts=5)
    times = [artifact["timestamp"] for artifact in instance.artifacts("audit")]
    assert times == sorted(times)
    assert len(times) == 60


@pytest.mark.slow
@pytest.mark.parametrize("store_last", [True, False])
@pytest.mark.sampled(2)
def test_a_gap_is_restart_safe(world, store_last):
    """The poll is dropped again and again half-way; the next one goes on there until all is in."""
    tenancy = world.tenancy(compartments=1)
    tenancy.audit.page_size = 5
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    world.clock.advance(days=20)
    _emit_over(world, tenancy, timedelta(days=19), 22)
    dropped = 0
    for number in range(200):
        lost = not store_last and number % 2
        if instance.poll(drop_after=3, store_last=not lost, max_batch_artifacts=5) is not None:
            break
        dropped += 1
    assert dropped > 5
    if store_last:
        assert_exactly_once(instance, "audit", "logging")
    else:
        for source in ("audit", "logging"):
            assert set(instance.keys(source)) == set(tenancy.ground_truth.keys(source))


def test_what_is_no_longer_kept_is_told_with_its_date(world):
    """After 100 days the report says from when to when records may be missing, and collects the rest."""
    tenancy = world.tenancy()
    tenancy.audit.retention, tenancy.logging.retention = timedelta(days=90), timedelta(days=30)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    stopped = world.clock()
    world.clock.advance(days=100)
    now = world.clock()
    for source, kept in (("audit", 90), ("logging", 30)):
        for age in (1, 10, kept - 1, kept + 1):
            if source == "audit":
                tenancy.emit_audit_event(HOME, tenancy.ocid, processed=now - timedelta(days=age))
            else:
                tenancy.emit_log_record(HOME, tenancy.ocid, time=now - timedelta(days=age))
    report = instance.poll()
    told = {one["name"]: one for one in report["warnings"] if one["code"] == "RETENTION_EXCEEDED"}
    assert set(told) == {"audit", "logging"}
    for source, kept in (("audit", 90), ("logging", 30)):
        assert f"from {stopped:%Y-%m-%d} " in told[source]["message"]
        assert (now - timedelta(days=kept)).strftime("%Y-%m-%d %H:%M UTC") in told[source]["message"]
        assert len(instance.keys(source)) == 3
    assert statuses(report)["audit"] == statuses(report)["logging"] == "ok"
    assert "RETENTION_EXCEEDED" not in codes(instance.catch_up(polls=1))


def test_the_longest_lookback_is_one_poll(world):
    """A first poll may reach back 14 days, which no Logging query exceeds."""
    tenancy = world.tenancy()
    _emit_over(world, tenancy, timedelta(days=14) - timedelta(minutes=5), 20)
    instance = Instance(tenancy, lookback_minutes=20_160, cloud_guard_enabled=False)
    assert instance.poll()["status"] == "ok"
    assert_exactly_once(instance, "audit", "logging")
    windows = [window_of(one) for one in world.requests("search_logs")]
    assert max(end - start for start, end in windows) <= 14 * DAY


def test_a_first_poll_that_fails_for_days_loses_nothing(world):
    """The lookback's start is kept while nothing works: bad key, denied identity, unreachable service."""
    tenancy = world.tenancy(compartments=2)
    instance = Instance(tenancy, lookback_minutes=30, cloud_guard_enabled=False)
    _emit_over(world, tenancy, timedelta(minutes=25), 3)
    key = instance.settings["private_key"]
    instance.settings["private_key"] = "no key at all"
    assert instance.poll()["status"] == "failed"
    world.clock.advance(days=1)
    instance.settings["private_key"] = key
    fault = world.fault(status=401, tenancy=tenancy.ocid)
    assert instance.poll()["status"] == "failed"
    world.clock.advance(days=1)
    _emit_over(world, tenancy, timedelta(days=2), 10)
    world.sandbox.faults.remove(fault)
    tenancy.deny("identity")
    assert instance.poll()["status"] == "degraded"
    world.clock.advance(days=1)
    tenancy.allow("identity")
    instance.poll()
    assert_exactly_once(instance, "audit", "logging")
