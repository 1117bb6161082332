"""Promise 1: a record that becomes visible late is delivered, once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.world import FAR, HOME, Instance, assert_exactly_once, emit_everywhere, statuses

from signal_client_oci.state.cursor import LONGEST_OVERLAP, advance, due_window, newest_readable, start_at

OVERLAP = 15


@pytest.mark.parametrize("cadence", [1, 5, 15, 16, 30, 60])
@pytest.mark.parametrize("late", [1, 7, OVERLAP])
@pytest.mark.sampled(5)
def test_a_record_that_is_late_for_its_window_arrives_once(world, cadence, late):
    """It becomes visible `late` minutes after the poll that read its minute first, whatever the polls' pace."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, overlap_minutes=OVERLAP, cloud_guard_enabled=False)
    for _ in range(3):
        instance.poll()
        world.clock.advance(minutes=cadence)
    read_first = world.clock()
    for age in range(1, cadence + 1):
        moment = read_first - timedelta(minutes=age, seconds=30)
        emit_everywhere(tenancy, time=moment, visible=read_first + timedelta(minutes=late))
    for _ in range(2 + (OVERLAP + 2) // cadence):
        instance.poll()
        world.clock.advance(minutes=cadence)
    assert_exactly_once(instance, "audit", "logging")


def test_a_record_that_is_late_for_the_first_poll_arrives_once(world):
    """What the lookback covers may be late too, in every region and compartment."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    instance = Instance(tenancy, overlap_minutes=OVERLAP, lookback_minutes=60, cloud_guard_enabled=False)
    for age in (2, 20, 40, 59):
        moment = world.clock() - timedelta(minutes=age)
        emit_everywhere(tenancy, time=moment, visible=world.clock() + timedelta(minutes=OVERLAP - 5))
    instance.poll()
    instance.catch_up()
    assert_exactly_once(instance, "audit", "logging")


def test_lateness_counts_from_the_poll_that_could_read(world):
    """An outage postpones the first reading, and with it what is late."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, overlap_minutes=OVERLAP, cloud_guard_enabled=False)
    instance.poll()
    fault = world.fault(status=503, tenancy=tenancy.ocid)
    emit_everywhere(tenancy, visible=world.clock() + timedelta(minutes=10 + OVERLAP))
    instance.catch_up(polls=1)
    assert set(statuses(instance.reports[-1]).values()) == {"failed", "skipped"}
    world.sandbox.faults.remove(fault)
    instance.catch_up(polls=5)
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.parametrize("overlap", [0, 1, 120])
def test_every_overlap_is_kept(world, overlap):
    """The operator's setting decides how late is not too late, from none to two hours."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, overlap_minutes=overlap, cloud_guard_enabled=False)
    instance.poll()
    world.clock.advance(minutes=5)
    moment = world.clock() - timedelta(minutes=2)
    emit_everywhere(tenancy, time=moment, visible=world.clock() + timedelta(minutes=overlap))
    instance.poll()
    instance.catch_up(minutes=max(1, overlap / 2), polls=4)
    assert_exactly_once(instance, "audit", "logging")


def test_a_problem_that_is_listed_late_arrives_once(world):
    """Cloud Guard lists a problem long after its last detection, and a changed one too; each version comes once."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, audit_enabled=False, logging_enabled=False)
    instance.poll()
    for hours in (0, 3, 40):
        last = world.clock() - timedelta(hours=hours)
        tenancy.add_problem(last_detected=last, visible=world.clock() + timedelta(minutes=3))
    instance.catch_up(polls=2)
    for problem in tenancy.cloud_guard.problems:
        visible = world.clock() + timedelta(minutes=2)
        tenancy.update_problem(problem, lifecycle_detail="RESOLVED", visible=visible)
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "cloud_guard")


@given(
    pace=st.lists(st.integers(1, 100), min_size=2, max_size=12),
    overlap=st.integers(0, 40),
    lookback=st.integers(1, 300),
)
def test_what_may_still_be_late_is_read_again(pace, overlap, lookback):
    """A poll re-reads what may have become visible since the last one, of the last two hours of each stretch."""
    now = 1_000_000
    position = start_at(newest_readable(now) - lookback)
    first_read: dict[int, int] = {}
    polled_before = None
    for minutes in pace:
        window = due_window(position, newest_readable(now), overlap)
        still_late = [m for m, read in first_read.items() if polled_before and polled_before < read + overlap]
        assert window is None or window.start <= min(still_late, default=window.start)
        if window is not None:
            for minute in range(max(position.read_until, window.end - LONGEST_OVERLAP), window.end):
                first_read.setdefault(minute, now)
            at = now * 60_000
            position = advance(position, window.start, window.end, polled_at=at, read_at=at, overlap=overlap)
        polled_before = now
        now += minutes
