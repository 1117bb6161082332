"""Positions: what is read when, and that nothing late is missed."""

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signal_client_oci.state.cursor import (
    FirstRead,
    Leap,
    Position,
    advance,
    due_window,
    newest_readable,
    rewind,
    start_at,
    tried,
)
from signal_client_oci.state.windows import DAY, Window

MINUTE = 60_000
BASE = 29_000_000
FIRST = BASE - 60


@dataclass
class Reader:
    """One position polled again and again, as a collector does it; all moments in milliseconds."""

    overlap: int
    position: Position
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
            self.position = tried(self.position, polled_at // MINUTE)
            return
        leapt = (
            window.end - max(window.start, self.position.through) > self.overlap and self.position.tried > 0
        )
        before = self.position.through
        length = window.end - window.start
        ends = sorted({window.start + round(length * cut) for cut in cuts}) or [window.end]
        for number, end in enumerate(ends):
            read_at = polled_at + delay * (number + 1)
            self.position = advance(
                self.position,
                end,
                polled_at=polled_at,
                read_at=read_at,
                overlap=self.overlap,
                leapt=leapt,
                whole=end == window.end,
            )
        self.position = tried(self.position, polled_at // MINUTE)
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
def test_windows_follow_each_other_without_a_gap(given_polls, overlap):
    """Each window begins where all before it was read, and never before the first one."""
    reader = Reader(overlap, start_at(FIRST))
    now = BASE * MINUTE
    for poll in given_polls:
        window = reader.window(now)
        if window is not None:
            assert FIRST <= window.start <= max(reader.position.through, reader.position.resume)
            assert window.start < window.end == newest_readable(now // MINUTE)
        reader.poll(now, delay=poll.delay, cuts=poll.cuts, fails=poll.fails)
        now += poll.gap


@given(polls, overlaps)
def test_positions_only_advance(given_polls, overlap):
    """No poll that the clock does not turn back for moves a position back."""
    reader = Reader(overlap, start_at(FIRST))
    now = BASE * MINUTE
    for poll in given_polls:
        assert rewind(reader.position, newest_readable(now // MINUTE), 60, overlap) is None
        before = reader.position.through
        reader.poll(now, delay=poll.delay, cuts=poll.cuts, fails=poll.fails)
        assert reader.position.through >= before
        now += poll.gap


positions = st.builds(
    Position,
    through=st.integers(0, 60_000_000),
    begin=st.integers(0, 60_000_000),
    resume=st.integers(0, 60_000_000),
    swept_at=st.integers(0, 2**42),
    tried=st.integers(0, 60_000_000),
    unsettled=st.lists(
        st.builds(FirstRead, st.integers(0, 60_000_000), st.integers(0, 60_000_000), st.integers(0, 2**42)),
        max_size=4,
    ).map(tuple),
    leaps=st.lists(
        st.builds(Leap, st.integers(0, 60_000_000), st.integers(0, 60_000_000), st.integers(0, 2**42)),
        max_size=4,
    ).map(tuple),
)


@given(
    positions,
    st.integers(0, 60_000_000),
    st.integers(0, 2**42),
    st.integers(0, 2**42),
    overlaps,
    st.booleans(),
)
def test_advance_never_goes_back(position, end, polled_at, read_at, overlap, leapt):
    """Whatever a position holds and whatever end is reached, `through` does not decrease."""
    moved = advance(position, end, polled_at=polled_at, read_at=read_at, overlap=overlap, leapt=leapt)
    assert moved.through == max(end, position.through)
    assert len(moved.leaps) <= max(4, len(position.leaps))


@given(positions, st.integers(0, 60_000_000), overlaps)
def test_a_window_keeps_its_bounds(position, newest, overlap):
    """A window never starts before `begin`, holds a minute at least, and ends with the newest readable one."""
    window = due_window(position, newest, overlap)
    if window is not None:
        assert position.begin <= window.start < window.end == newest
        assert window.start <= max(position.begin, position.through, position.resume)


@pytest.mark.parametrize(("delay", "wider"), [(0, 0), (1, 5), (59_000, 5)])
def test_steady_polls_read_no_more_than_the_overlap_again(delay, wider):
    """Every 5 minutes with 15 of overlap: from the settle on a window starts 15 before the last one's end.

    Where reading takes time, the stretch of 15 minutes ago is not settled yet, and one more poll reads it.
    """
    reader = Reader(15, start_at(FIRST))
    for number in range(20):
        before = reader.position.through
        start = reader.window((BASE + 5 * number) * MINUTE).start
        if number > 4:
            assert start == before - 15 - wider
        reader.poll((BASE + 5 * number) * MINUTE, delay=delay)


@given(st.integers(0, 120), st.integers(1, 400))
def test_a_poll_that_is_cut_off_again_and_again_gets_on(overlap, pace):
    """Each poll goes on where the one before was cut off, so that no deadline is too short to reach the end."""
    reader = Reader(overlap, start_at(FIRST - 100))
    now = BASE * MINUTE
    for _ in range(300 // pace + 3):
        window = reader.window(now)
        if window is None or reader.position.through == window.end:
            break
        reader.poll(now, cuts=[min(1.0, pace / (window.end - window.start))])
        now += MINUTE // 100
    assert reader.position.through >= newest_readable(BASE)


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
            position, end, polled_at=BASE * MINUTE, read_at=BASE * MINUTE + end, overlap=15, leapt=True
        )
    assert len(position.unsettled) == 1
    assert position.leaps == (Leap(FIRST, end, BASE * MINUTE),)


@given(polls, overlaps)
def test_what_a_position_remembers_is_bounded(given_polls, overlap):
    """Stretches are forgotten once settled, and no more than four leaps are kept."""
    reader = played(given_polls, overlap)
    last = reader.reads[-1][0]
    assert all(first.read_at + overlap * MINUTE > last for first in reader.position.unsettled)
    assert len(reader.position.leaps) <= 4


# --- a clock that goes back -----------------------------------------------------------------------------------


@given(
    st.integers(0, 120),
    st.integers(1, 3 * DAY),
    st.integers(1, 12),
    st.integers(0, 12),
)
@example(overlap=15, ahead=20, steps=2, before=5)
def test_a_leap_of_the_clock_is_undone(overlap, ahead, steps, before):
    """A clock that is ahead for a shorter time than by how much, and then right again, loses no minute.

    Every minute is read once more, or for the first time, after it really passed.
    """
    reader = Reader(overlap, start_at(FIRST))
    wrong = range(before + 1, before + 1 + steps)
    if 5 * steps >= ahead:
        return
    really = []
    for number in range(before + steps + 8 + overlap // 5):
        real = (BASE + 5 * number) * MINUTE
        shown = real + (ahead * MINUTE if number in wrong else 0)
        newest = newest_readable(shown // MINUTE)
        reader.position = rewind(reader.position, newest, 60, overlap) or reader.position
        count = len(reader.reads)
        reader.poll(shown)
        really += [(real, start, end) for _, start, end in reader.reads[count:]]
    last = newest_readable(real // MINUTE)
    for minute in range(FIRST, last - overlap):
        assert any(at >= (minute + 1) * MINUTE and start <= minute < end for at, start, end in really), (
            f"minute {minute - BASE} of the base was only read before it was over"
        )


def test_a_leap_within_the_overlap_needs_no_way_back():
    """What was read too early by less than the overlap is read again anyway."""
    reader = Reader(15, start_at(FIRST))
    for number in range(4):
        reader.poll((BASE + 5 * number) * MINUTE)
    reader.poll((BASE + 20 + 9) * MINUTE)
    assert rewind(reader.position, newest_readable(BASE + 25), 60, 15) is None
    window = reader.window((BASE + 40) * MINUTE)
    assert window.start <= BASE + 14


def test_the_first_poll_is_no_leap():
    """The lookback is not something that a clock jumped over."""
    reader = Reader(15, start_at(BASE - DAY))
    reader.poll(BASE * MINUTE)
    assert reader.position.leaps == ()


@pytest.mark.parametrize("ahead", [16, 120, DAY, 400 * DAY])
def test_a_clock_ahead_from_the_beginning_starts_again(ahead):
    """Where no leap explains why there is nothing to read, the first poll that found it so counts as a first poll."""
    position = Position(through=BASE + ahead, tried=BASE + ahead + 1)
    assert rewind(position, BASE, 60, 15) == start_at(BASE - 60)
    position = tried(position, BASE)
    assert position.tried == tried(position, BASE + 5).tried == BASE
    assert rewind(position, BASE + 5, 60, 15) in (start_at(BASE - 60), None)


@pytest.mark.parametrize(("ahead", "overlap"), [(14, 15), (5, 0), (1, 15)])
def test_a_clock_that_is_behind_by_a_little_starts_nothing_again(ahead, overlap):
    """What the overlap covers, and what OCI tolerates, is no reason to go back."""
    assert rewind(Position(through=BASE + ahead, tried=BASE), BASE, 60, overlap) is None


def test_going_back_keeps_older_leaps_and_forgets_later_ones():
    """The leap that holds now is undone; the ones before it may still be."""
    older, now, later = Leap(100, 200, 1), Leap(1000, 2000, 2), Leap(3000, 4000, 3)
    position = Position(through=4000, unsettled=(FirstRead(3000, 4000, 3),), leaps=(older, now, later))
    assert rewind(position, 1500, 60, 15) == Position(through=1000, leaps=(older,))


def test_tried_orders_polls_and_moves_nothing():
    """A poll that failed leaves the position where it was and remembers only that and how it tried."""
    position = start_at(FIRST)
    assert tried(position, BASE, span=7, denied=True) == position._replace(tried=BASE, span=7, denied=1)
    assert tried(tried(position, BASE, denied=True), BASE + 5).denied == 0
