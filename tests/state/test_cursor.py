"""Cursors: what is read when, and that nothing late is missed."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signal_client_oci.state.cursor import (
    Cursor,
    FirstRead,
    advance,
    bounded,
    due_window,
    is_beyond,
    newest_readable,
    settled,
    start_at,
)
from signal_client_oci.state.windows import DAY, Window

MINUTE = 60_000
BASE = 29_000_000
FIRST = BASE - 60


@dataclass
class Reader:
    """One position polled again and again, as a collector does it; all moments in milliseconds."""

    overlap: int
    position: Cursor
    reads: list[tuple[int, int, int]] = field(default_factory=list)
    stretches: list[FirstRead] = field(default_factory=list)

    def window(self, polled_at):
        """What a poll at this moment reads."""
        return due_window(self.position, newest_readable(polled_at // MINUTE), self.overlap)

    def poll(self, polled_at, *, delay=0, cuts=(), fails=False):
        """Read what is due in pieces that end at `cuts` (fractions); the last cut is where reading breaks off."""
        window = self.window(polled_at)
        if window is None:
            return
        if fails:
            self.position = settled(self.position, polled_at // MINUTE)
            return
        before = self.position.read_until
        length = window.end - window.start
        ends = sorted({window.start + round(length * cut) for cut in cuts}) or [window.end]
        for number, (start, end) in enumerate(pairwise([window.start, *ends])):
            read_at = polled_at + delay * (number + 1)
            self.position = advance(
                self.position,
                start,
                end,
                polled_at=polled_at,
                read_at=read_at,
                overlap=self.overlap,
                whole=end == window.end,
            )
        self.position = settled(self.position, polled_at // MINUTE)
        self.reads.append((polled_at, window.start, ends[-1]))
        if ends[-1] > before:
            self.stretches.append(FirstRead(before, ends[-1], read_at))

    def covers(self, first, last, since):
        """True if polls of this moment or later read all of `[first, last)`."""
        for start, end in sorted((start, end) for polled, start, end in self.reads if polled >= since):
            if start <= first < end:
                first = end
        return first >= last


@dataclass
class Poll:
    """When a poll comes, and how it fares."""

    gap: int
    delay: int
    cuts: list[float]
    fails: bool


polls = st.lists(
    st.builds(
        Poll,
        gap=st.integers(1, 90 * MINUTE) | st.integers(1, 3 * DAY * MINUTE) | st.sampled_from([5 * MINUTE]),
        delay=st.integers(0, 20_000),
        cuts=st.lists(st.floats(0, 1), max_size=3) | st.just([]),
        fails=st.booleans(),
    ),
    min_size=1,
    max_size=25,
)
overlaps = st.integers(0, 120)
HALF_A_WINDOW_BEFORE = [  # the first half is read before the record can show, the second half behind it
    Poll(gap=1, delay=0, cuts=[], fails=False),
    Poll(gap=39_000, delay=0, cuts=[], fails=True),
    Poll(gap=69_000, delay=4175, cuts=[0.5], fails=False),
    Poll(gap=300_000, delay=2610, cuts=[1.0], fails=False),
]


def played(given_polls, overlap):
    """A reader after these polls and two undisturbed ones far enough behind them."""
    reader = Reader(overlap, start_at(FIRST))
    now = BASE * MINUTE
    for poll in given_polls:
        reader.poll(now, delay=poll.delay, cuts=poll.cuts, fails=poll.fails)
        now += poll.gap + poll.delay * (len(poll.cuts) + 1)
    for _ in range(2):
        reader.poll(now)
        now += (overlap + 1) * MINUTE
    reader.poll(now)
    return reader


@pytest.mark.slow
@given(polls, overlaps)
@example(HALF_A_WINDOW_BEFORE, 1)
def test_what_shows_late_within_the_overlap_is_read_again(given_polls, overlap):
    """A record that shows up to `overlap` after its stretch was first read lies in a later poll's window.

    Polls come at any times, fail, or break off; of a longer stretch the last two hours count.
    """
    reader = played(given_polls, overlap)
    for stretch in reader.stretches[:-1]:
        first = max(stretch.start, stretch.end - 120)
        latest = stretch.read_at + overlap * MINUTE
        assert not overlap or reader.covers(first, stretch.end, latest), stretch


@given(polls, overlaps)
@pytest.mark.slow
def test_windows_follow_each_other_without_a_gap(given_polls, overlap):
    """Each window begins where all before it was read, and never before the first one."""
    reader = Reader(overlap, start_at(FIRST))
    now = BASE * MINUTE
    for poll in given_polls:
        window = reader.window(now)
        if window is not None:
            assert FIRST <= window.start <= max(reader.position.read_until, reader.position.resume)
            assert window.start < window.end == newest_readable(now // MINUTE)
        reader.poll(now, delay=poll.delay, cuts=poll.cuts, fails=poll.fails)
        now += poll.gap


@given(polls, overlaps)
@pytest.mark.slow
def test_positions_only_advance(given_polls, overlap):
    """No poll that the clock does not turn back for moves a position back."""
    reader = Reader(overlap, start_at(FIRST))
    now = BASE * MINUTE
    for poll in given_polls:
        before = reader.position.read_until
        reader.poll(now, delay=poll.delay, cuts=poll.cuts, fails=poll.fails)
        assert reader.position.read_until >= before
        now += poll.gap


positions = st.builds(
    Cursor,
    read_until=st.integers(0, 60_000_000),
    begin=st.integers(0, 60_000_000),
    resume=st.integers(0, 60_000_000),
    swept_at=st.integers(0, 2**42),
    last_attempt=st.integers(0, 60_000_000),
    pending_rereads=st.lists(
        st.builds(FirstRead, st.integers(0, 60_000_000), st.integers(0, 60_000_000), st.integers(0, 2**42)),
        max_size=4,
    ).map(tuple),
)


@given(
    positions,
    st.integers(0, 60_000_000),
    st.integers(0, 2**42),
    st.integers(0, 2**42),
    overlaps,
    st.integers(0, 60_000_000),
)
@pytest.mark.slow
def test_advance_never_goes_back_nor_over_a_gap(position, end, polled_at, read_at, overlap, start):
    """Whatever a cursor holds, `read_until` does not decrease, and moves only if nothing before was left out."""
    moved = advance(position, start, end, polled_at=polled_at, read_at=read_at, overlap=overlap)
    follows = start <= position.read_until
    assert moved.read_until == (max(end, position.read_until) if follows else position.read_until)


@given(positions, st.integers(0, 60_000_000), overlaps)
@pytest.mark.slow
def test_a_window_keeps_its_bounds(position, newest, overlap):
    """A window never starts before `begin`, holds a minute at least, and ends with the newest readable one."""
    window = due_window(position, newest, overlap)
    if is_beyond(position, newest):
        assert window is None or window.end == newest
    elif window is not None:
        assert position.begin <= window.start < window.end == newest
        assert window.start <= max(position.begin, position.read_until, position.resume)


@pytest.mark.parametrize(("delay", "wider"), [(0, 0), (1, 5), (59_000, 5)])
def test_steady_polls_read_no_more_than_the_overlap_again(delay, wider):
    """Every 5 minutes with 15 of overlap: from the settle on a window starts 15 before the last one's end.

    Where reading takes time, the stretch of 15 minutes ago is not settled yet, and one more poll reads it.
    """
    reader = Reader(15, start_at(FIRST))
    for number in range(20):
        before = reader.position.read_until
        start = reader.window((BASE + 5 * number) * MINUTE).start
        if number > 4:
            assert start == before - 15 - wider
        reader.poll((BASE + 5 * number) * MINUTE, delay=delay)


@given(st.integers(0, 120), st.integers(1, 400))
@pytest.mark.slow
def test_a_poll_that_is_cut_off_again_and_again_gets_on(overlap, pace):
    """Each poll goes on where the one before was cut off, so that no deadline is too short to reach the end."""
    reader = Reader(overlap, start_at(FIRST - 100))
    now = BASE * MINUTE
    for _ in range(300 // pace + 3):
        window = reader.window(now)
        if window is None or reader.position.read_until == window.end:
            break
        reader.poll(now, cuts=[min(1.0, pace / (window.end - window.start))])
        now += MINUTE // 100
    assert reader.position.read_until >= newest_readable(BASE)


def test_an_overlap_of_zero_reads_each_minute_once():
    """Without an overlap, windows only touch."""
    reader = Reader(0, start_at(FIRST))
    for number in range(10):
        reader.poll((BASE + 3 * number) * MINUTE, delay=100)
    spans = [(start, end) for _, start, end in reader.reads]
    assert spans[0][0] == FIRST
    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]


def test_the_newest_minute_is_never_asked_for():
    """The minute that is still going on is left to the next poll."""
    assert newest_readable(BASE) == BASE - 1
    assert due_window(start_at(BASE - 1), BASE - 1, 0) is None
    assert due_window(start_at(BASE - 2), BASE - 1, 0) == Window(BASE - 2, BASE - 1)


def test_many_pieces_of_one_poll_are_one_stretch():
    """A long catch-up does not make the checkpoint grow with its pieces."""
    position = start_at(FIRST)
    for end in range(FIRST + 10, FIRST + 500, 10):
        position = advance(
            position, end - 10, end, polled_at=BASE * MINUTE, read_at=BASE * MINUTE + end, overlap=15
        )
    assert len(position.pending_rereads) == 1


@pytest.mark.slow
@given(polls, overlaps)
def test_what_a_position_remembers_is_bounded(given_polls, overlap):
    """Stretches are forgotten once settled."""
    reader = played(given_polls, overlap)
    last = reader.reads[-1][0]
    assert all(first.read_at + overlap * MINUTE > last for first in reader.position.pending_rereads)


# --- a clock that is wrong ------------------------------------------------------------------------------------


@given(
    st.integers(0, 120),
    st.integers(1, 3 * DAY),
    st.integers(1, 12),
    st.integers(0, 12),
)
@example(overlap=15, ahead=20, steps=2, before=5)
@pytest.mark.slow
def test_a_clock_that_is_ahead_reads_every_minute_after_it_passed(overlap, ahead, steps, before):
    """Bounded by the service's clock, each minute is read once more, or for the first time, after it really passed."""
    position, wrong, really = start_at(FIRST), range(before + 1, before + 1 + steps), []
    for number in range(before + steps + 8 + overlap // 5):
        real = BASE + 5 * number
        shown = real + (ahead if number in wrong else 0)
        window = due_window(position, newest_readable(shown), overlap)
        if window is not None:
            moment = min(shown * MINUTE, (real + 1) * MINUTE)
            end = min(window.end, real)
            position = advance(position, window.start, end, polled_at=moment, read_at=moment, overlap=overlap)
            really.append((real, window.start, end))
        assert position.read_until <= real
    last = newest_readable(real)
    for minute in range(FIRST, last - overlap):
        assert any(at >= minute + 1 and start <= minute < end for at, start, end in really), minute - BASE


@given(positions, st.integers(200, 60_000_000), st.integers(1, 20_160))
@pytest.mark.slow
def test_a_service_that_tells_its_clock_moves_nothing_forward(position, minute, lookback):
    """What was read beyond the service's clock, or never, begins again at `lookback` before it at the latest."""
    begin = max(1, minute - 1 - lookback)
    after = bounded(position, minute, begin)
    assert after.read_until <= max(position.read_until, begin)
    assert not is_beyond(after, minute)
    assert after.was_read or after.begin <= begin
    if position.was_read and position.read_until <= minute:
        assert after == position._replace(last_attempt=min(position.last_attempt, minute))


def test_a_cursor_beyond_the_clock_asks_for_the_newest_minute():
    """Whichever clock is wrong, an answer can tell; clocks that are off by a little ask for nothing."""
    assert due_window(Cursor(read_until=BASE + 60), BASE, 15) == Window(BASE - 1, BASE)
    assert due_window(Cursor(read_until=BASE + 5), BASE, 0) is None


def test_settled_orders_polls_and_moves_nothing():
    """A poll that failed leaves the position where it was and remembers only that and how it tried."""
    position = start_at(FIRST)
    assert settled(position, BASE, slice_minutes=7, denied=True) == position._replace(
        last_attempt=BASE, slice_minutes=7, denied=1
    )
    assert settled(settled(position, BASE, denied=True), BASE + 5).denied == 0
