"""Promise 10: a clock that jumps, months, daylight saving, leap seconds: no gap, and no more overlap than stated."""

import random
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandbox_changes import move_to, revoke_key
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    assert_nothing_missing,
    codes,
    emit_everywhere,
    statuses,
    window_of,
)

from signal_client_oci.polling.windows.window_splitting import slice_end
from signal_client_oci.state.cursor import LONGEST_OVERLAP
from signal_client_oci.state.windows import floor_minute, minute_to_text

MINUTE = 60_000_000
OVERLAP = 15


def _windows(world, operation, tenancy):
    """Return the windows of each poll's first pages, in order."""
    return [window_of(one) for one in world.requests(operation, tenancy=tenancy.ocid, page=1, region=HOME)]


@pytest.mark.parametrize("operation", ["list_events", "search_logs"])
@pytest.mark.parametrize(("jitter", "allowed"), [(0, OVERLAP), (20, OVERLAP + 5)])
def test_windows_of_steady_polling_tile(world, operation, jitter, allowed):
    """Windows meet on whole minutes and re-read `overlap_minutes`, up to one interval more where polls jitter."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, overlap_minutes=OVERLAP, lookback_minutes=60, cloud_guard_enabled=False)
    chance = random.Random(4)
    for _ in range(12):
        world.clock.advance(minutes=5, seconds=chance.uniform(-jitter, jitter))
        instance.poll()
    windows = _windows(world, operation, tenancy)
    assert len(windows) == 12
    for before, after in pairwise(windows[4:]):
        assert after[0] <= before[1], "a gap"
        assert before[1] - after[0] <= allowed * MINUTE, "more overlap than stated"
    assert all(bound % MINUTE == 0 for window in windows for bound in window)


@pytest.mark.parametrize(
    ("service", "ahead", "polls_ahead"),
    [
        (service, ahead, (1, 3)[(row + column) % 2])
        for row, service in enumerate(("audit", "logging"))
        for column, ahead in enumerate((2, 7, 30, 90, 600))
    ],
)
@pytest.mark.sampled(3)
def test_a_clock_that_was_ahead_loses_nothing(world, service, ahead, polls_ahead):
    """The host's clock jumps forward, polls, and comes back; what was emitted in between arrives."""
    tenancy = world.tenancy()
    other = {"audit": "logging_enabled", "logging": "audit_enabled"}[service]
    instance = Instance(tenancy, cloud_guard_enabled=False, **{other: False})
    wrong = timedelta(0)
    instance.clock = lambda: world.clock() + wrong
    instance.catch_up(polls=3)
    wrong = timedelta(minutes=ahead)
    for _ in range(polls_ahead):
        emit_everywhere(tenancy, 2)
        instance.catch_up(polls=1)
    emit_everywhere(tenancy, 2)
    wrong = timedelta(0)
    for _ in range(4):
        emit_everywhere(tenancy, 2)
        instance.catch_up(polls=1)
    instance.catch_up(minutes=max(5, ahead / 3), polls=6)
    if ahead <= LONGEST_OVERLAP:
        assert_exactly_once(instance, service)
    else:  # what was read before the jump is no longer remembered
        assert_nothing_missing(instance, service)


@pytest.mark.parametrize("behind", [2, 7, 45, 600])
def test_a_clock_that_was_behind_loses_nothing(world, behind):
    """The host's clock jumps back, polls, and comes right again.

    What was read before comes again if nothing tells that clock from one that was ahead: OCI itself would refuse it.
    """
    tenancy = world.tenancy()
    instance = Instance(tenancy, cloud_guard_enabled=False)
    wrong = timedelta(0)
    instance.clock = lambda: world.clock() + wrong
    instance.catch_up(polls=2)
    wrong = -timedelta(minutes=behind)
    for _ in range(3):
        emit_everywhere(tenancy, 2)
        report = instance.catch_up(polls=1)
        assert report["status"] == "ok"
    wrong = timedelta(0)
    instance.catch_up(polls=4)
    compare = assert_exactly_once if behind < OVERLAP else assert_nothing_missing
    compare(instance, "audit", "logging")


def test_a_clock_that_is_wrong_from_the_first_poll_on(world):
    """A machine that starts in the future and is then set right has lost nothing, and nothing has to be undone."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, lookback_minutes=60, cloud_guard_enabled=False)
    wrong = timedelta(days=400)
    instance.clock = lambda: world.clock() + wrong
    instance.poll()
    wrong = timedelta(0)
    emit_everywhere(tenancy, 2)
    report = instance.catch_up(polls=1)
    assert not codes(report)
    instance.catch_up(polls=3)
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.parametrize("hours", [1, 5, 400])
@pytest.mark.sampled(3)
def test_a_host_that_is_hours_ahead_of_the_clock_that_signs_loses_nothing(world, hours):
    """Where only the host's `now` is wrong, OCI answers: all arrives once, and no cursor passes OCI's own clock."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy, lookback_minutes=60, cloud_guard_interval_minutes=5)
    instance.clock = lambda: world.clock() + timedelta(hours=hours)
    for _ in range(4):
        emit_everywhere(tenancy, problems=1)
        report = instance.catch_up(polls=1, minutes=10)
        assert set(statuses(report).values()) == {"ok"}
        assert report["sources"]["audit"]["covered_until"] <= world.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    instance.catch_up(polls=1)
    assert_exactly_once(instance)


@pytest.mark.parametrize(
    ("ahead", "polls", "outage"), [(90, 1, 1), (90, 9, 0), (600_000, 9, 0), (600_000, 1, 1)]
)
@pytest.mark.sampled(2)
def test_a_clock_that_is_refused_from_the_first_poll_on_loses_nothing(world, ahead, polls, outage):
    """OCI refuses a clock that is ahead: what happens until it is set right is collected then."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy, lookback_minutes=30)
    wrong = timedelta(minutes=ahead)
    instance.clock = lambda: world.clock() + wrong
    headers: dict[str, str] = {}
    refusal = world.fault(status=401, headers=headers)
    instance.poll(deadline_seconds=0)
    for shown in [wrong] * polls + [timedelta(0)] * outage:
        wrong = shown
        emit_everywhere(tenancy, problems=1)
        world.clock.advance(minutes=5)
        headers["Date"] = format_datetime(world.clock(), usegmt=True)
        instance.poll()
    wrong = timedelta(0)
    world.sandbox.faults.remove(refusal)
    instance.catch_up(polls=1)
    instance.catch_up(polls=2, minutes=40)
    assert_exactly_once(instance)


def test_small_steps_of_the_clock_are_no_news(world):
    """Time synchronisation moves a clock by seconds now and then; nobody is warned and nothing repeats."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, cloud_guard_enabled=False)
    wrong = timedelta(0)
    instance.clock = lambda: world.clock() + wrong
    chance = random.Random(9)
    for _ in range(12):
        emit_everywhere(tenancy)
        wrong = timedelta(seconds=chance.uniform(-50, 50))
        assert not codes(instance.catch_up(polls=1, minutes=1))
    wrong = timedelta(0)
    instance.catch_up(polls=3)
    assert_exactly_once(instance, "audit", "logging")


BOUNDARIES = {
    "end of the month": datetime(2026, 1, 31, 23, 30, tzinfo=timezone.utc),
    "end of February": datetime(2026, 2, 28, 23, 30, tzinfo=timezone.utc),
    "leap day": datetime(2028, 2, 29, 23, 30, tzinfo=timezone.utc),
    "end of the year": datetime(2026, 12, 31, 23, 30, tzinfo=timezone.utc),
    "leap second": datetime(2016, 12, 31, 23, 30, tzinfo=timezone.utc),
    "daylight saving begins": datetime(2026, 3, 29, 0, 30, tzinfo=timezone.utc),
    "daylight saving ends": datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc),
}


@pytest.mark.parametrize("name", BOUNDARIES)
@pytest.mark.sampled(3)
def test_boundaries_of_the_calendar(world, name):
    """Windows over the turn of a month, a year or daylight saving tile, whatever zone the host's clock is in."""
    move_to(world.clock, BOUNDARIES[name])
    tenancy = world.tenancy(HOME, FAR)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    zone = timezone(timedelta(hours=5, minutes=45))
    instance.clock = lambda: world.clock().astimezone(zone)
    for _ in range(8):
        emit_everywhere(tenancy)
        instance.catch_up(polls=1, minutes=10)
    windows = _windows(world, "list_events", tenancy)
    assert all(after[0] <= before[1] < after[1] for before, after in pairwise(windows))
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit", "logging")


def test_times_that_are_no_ordinary_times_are_no_obstacle(world):
    """Records stamped with a leap second, without fraction or with nine digits of it arrive once."""
    move_to(world.clock, datetime(2016, 12, 31, 23, 50, tzinfo=timezone.utc))
    tenancy = world.tenancy()
    texts = (
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.999Z",
        "2016-12-31T23:59:59.999999999Z",
        "2017-01-01T00:00:00Z",
    )
    for text in texts:
        tenancy.emit_audit_event(HOME, tenancy.ocid, extra={"eventTime": text})
        tenancy.emit_log_record(HOME, tenancy.ocid, extra={"time": text})
        tenancy.add_problem(extra={"timeFirstDetected": text})
    instance = Instance(tenancy)
    instance.catch_up(polls=3)
    assert_exactly_once(instance)
    assert len({artifact["id"] for _, artifact in instance.published}) == 3 * len(texts)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_skewed_clock_is_told_as_such(world, seconds):
    """A 401 whose Date header is far from this machine's time names the clock, and by how much."""
    tenancy = world.tenancy()
    world.sandbox.clock_offset = timedelta(seconds=seconds)
    report = Instance(tenancy).poll()
    assert report["status"] == "failed"
    assert codes(report) == {"CLOCK_SKEW"}
    message = report["sources"]["audit"]["error"]["message"]
    assert any(str(abs(seconds) + n) in message for n in range(-3, 4))
    assert ("behind" if seconds > 0 else "ahead") in message


def test_a_401_without_skew_is_no_clock_skew(world):
    """A key that OCI does not know is told as such, with the same Date header."""
    tenancy = world.tenancy()
    revoke_key(tenancy)
    assert codes(Instance(tenancy).poll()) == {"NOT_AUTHENTICATED"}


@given(
    start=st.integers(0, 10_000),
    length=st.integers(1, 5000),
    spans=st.lists(st.integers(0, 700), min_size=1, max_size=8),
    tail=st.integers(0, 120),
)
def test_pieces_tile_their_window(start, length, spans, tail):
    """However the span changes from piece to piece, the pieces cover the window without gap or overlap."""
    end, at, number = start + length, start, 0
    while at < end:
        following = slice_end(at, end, spans[number % len(spans)], tail)
        assert at < following <= end
        at, number = following, number + 1
    assert at == end


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1)))  # noqa: DTZ001
def test_a_minute_is_the_same_in_every_zone(moment):
    """Flooring to the minute depends on the instant alone."""
    aware = moment.replace(tzinfo=timezone.utc)
    minute = floor_minute(aware)
    for hours in (-11, -3.5, 5.75, 13):
        assert floor_minute(aware.astimezone(timezone(timedelta(hours=hours)))) == minute
    text = minute_to_text(minute)
    assert datetime.fromisoformat(text.replace("Z", "+00:00")) <= aware
    assert aware - datetime.fromisoformat(text.replace("Z", "+00:00")) < timedelta(minutes=1)
