"""How far one (source, region, compartment) has been read, and what the next poll reads of it.

Two facts of OCI make this more than one timestamp. Records become visible late, so a stretch is read again until
`overlap` minutes have passed since it was first read. And the only clock is the host's, which may have been ahead:
a leap over a stretch that no poll could have covered yet is remembered and undone when the clock comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from signal_client_oci.state.windows import DAY, Window

__all__ = [
    "LONGEST_OVERLAP",
    "FirstRead",
    "Leap",
    "Position",
    "advance",
    "due_window",
    "fold_unsettled",
    "merged",
    "newest_readable",
    "read_again_from",
    "rewind",
    "start_at",
    "tried",
]

LONGEST_OVERLAP: Final = 120
_MOST_UNSETTLED: Final = 240
_LEAPS_KEPT: Final = 4
_LEAP_DAYS: Final = 2
_UNSTEADY_MINUTES: Final = 2
_TOLERATED_SKEW: Final = 5  # minutes; OCI refuses requests of a clock that is further off


class FirstRead(NamedTuple):
    """A stretch `[start, end)` (minutes) and when it was first read (milliseconds since 1970)."""

    start: int
    end: int
    read_at: int


class Leap(NamedTuple):
    """A stretch `[start, end)` (minutes) that the poll of millisecond `polled_at` jumped over."""

    start: int
    end: int
    polled_at: int


class Position(NamedTuple):
    """Where reading stands; positions that are equal share one entry in the checkpoint.

    Attributes:
        through: Everything before this minute was read and delivered.
        begin: Nothing before this minute is ever asked for; 0 when it no longer matters.
        tried: Minute of the last poll that tried, whether it succeeded or not; orders the next poll fairly.
        span: Minutes that the next piece should have, 0 = no opinion (see `windows.piece_end`).
        deleted: Minute at which the compartment was first seen deleted, 0 = it exists.
        denied: 1 if the last poll's request was refused for what it names; such a compartment is asked for alone.
        resume: Minute at which the poll before was cut off, 0 = it read its whole window. The next one goes on there,
            and the part before is read again by the one after, so that no deadline is too short to get on.
        swept_at: Millisecond at which the first of the polls began that share a window that way, 0 = none.
        unsettled: Stretches whose late records may still come.
        leaps: Stretches that one poll jumped over, newest last; the longest of the last two days.
    """

    through: int
    begin: int = 0
    tried: int = 0
    span: int = 0
    deleted: int = 0
    denied: int = 0
    resume: int = 0
    swept_at: int = 0
    unsettled: tuple[FirstRead, ...] = ()
    leaps: tuple[Leap, ...] = ()


def start_at(minute: int) -> Position:
    """Return the position of something that was never read: it begins at `minute`, and not before 1970."""
    minute = max(0, minute)
    return Position(through=minute, begin=minute)


def newest_readable(now_minute: int) -> int:
    """Return the end of what may be asked for: a minute before now, so that no minute is read half-filled."""
    return now_minute - 1


def due_window(position: Position, newest: int, overlap: int) -> Window | None:
    """Return what the next poll reads, or None if there is nothing to read up to `newest`."""
    start = max(read_again_from(position, overlap), position.resume)
    return Window(start, newest) if start < newest else None


def read_again_from(position: Position, overlap: int) -> int:
    """Return the minute from which on records may still be read again.

    It lies `overlap` minutes before `through`, and earlier while less than `overlap` minutes have passed between
    a stretch's first reading and the last poll (polls far apart, or late): then at that stretch's start, but not
    more than two hours before its end, so that a long back-fill is not read again as a whole.
    """
    starts = [position.through - overlap]
    reach = max(overlap, LONGEST_OVERLAP)
    starts += [max(first.start, first.end - reach) for first in position.unsettled]
    return max(position.begin, min(starts))


def advance(  # noqa: PLR0913  (each is a fact of the poll, given by name)
    position: Position,
    end: int,
    *,
    polled_at: int,
    read_at: int,
    overlap: int,
    leapt: bool,
    whole: bool = True,
) -> Position:
    """Return the position after everything up to `end` was read.

    Args:
        position: Where it stood.
        end: Minute up to which all was read, from `due_window`'s start on.
        polled_at: Millisecond at which the poll began; what was first read `overlap` before is settled now.
        read_at: Millisecond at which `end` was reached.
        overlap: Minutes.
        leapt: The poll's window goes more than `overlap` beyond what was read before it.
        whole: The window ends here; otherwise a poll that is cut off now is resumed at `end`.
    """
    swept_at = position.swept_at or polled_at
    if not whole:
        position = position._replace(resume=max(end, position.resume), swept_at=swept_at)
    elif end >= position.through:
        position = position._replace(resume=0, swept_at=0)
    if end < position.through:
        return position
    unsettled = [first for first in position.unsettled if first.read_at + overlap * 60_000 > swept_at]
    leaps = position.leaps
    if end > position.through:
        if overlap:
            unsettled = _with_first_read(unsettled, FirstRead(position.through, end, read_at), polled_at)
        if leapt:
            leaps = _with_leap(leaps, Leap(position.through, end, polled_at))
    return position._replace(
        through=end,
        begin=position.begin if end - LONGEST_OVERLAP <= position.begin else 0,
        unsettled=fold_unsettled(unsettled),
        leaps=leaps,
    )


def fold_unsettled(stretches: Sequence[FirstRead]) -> tuple[FirstRead, ...]:
    """Return the stretches, the oldest ones as one where there are very many.

    Polls that are always cut off add one each. What is read again stays the same; it is only settled later.
    """
    surplus = len(stretches) - _MOST_UNSETTLED
    if surplus <= 0:
        return tuple(stretches)
    old = stretches[: surplus + 1]
    start = min(max(first.start, first.end - LONGEST_OVERLAP) for first in old)
    end = min(max(first.end for first in old), start + LONGEST_OVERLAP)
    return (FirstRead(start, end, max(first.read_at for first in old)), *stretches[surplus + 1 :])


def rewind(position: Position, newest: int, lookback: int, overlap: int) -> Position | None:
    """Return the position to go back to when the clock stands behind what was read, None where nothing is wrong.

    A clock that is behind now may have been ahead before: the minutes it leapt over were read before their records
    existed. The last leap that is long enough to explain the difference is undone. Without such a leap even the
    first poll's clock was ahead; where that leaves nothing to read, reading starts again `lookback` minutes before
    the first poll that found it so.
    """
    behind = position.through - newest
    if behind <= 0 or position.through == position.begin:
        return None
    for index in range(len(position.leaps) - 1, -1, -1):
        leap = position.leaps[index]
        is_long_enough = behind > _UNSTEADY_MINUTES and leap.end - leap.start >= behind
        explains = leap.end > newest or is_long_enough
        if explains and leap.start <= newest:
            return position._replace(
                through=leap.start, resume=0, swept_at=0, unsettled=(), leaps=position.leaps[:index]
            )
    if behind > _TOLERATED_SKEW and due_window(position, newest, overlap) is None:
        return start_at(min(newest, position.tried or newest) - lookback)
    return None


def tried(position: Position, minute: int, *, span: int = 0, denied: bool = False) -> Position:
    """Return the position with the poll that tried it, and with the piece for the next one (0 = no opinion).

    While the clock stands behind what was read, the first of those polls counts; see `rewind`.
    """
    if position.tried and minute < position.through:
        minute = min(minute, position.tried)
    return position._replace(tried=minute, span=span, denied=int(denied))


def _with_first_read(unsettled: list[FirstRead], new: FirstRead, polled_at: int) -> list[FirstRead]:
    """Add a stretch; the pieces of one poll are one stretch."""
    if unsettled and unsettled[-1].end == new.start and unsettled[-1].read_at >= polled_at:
        *before, last = unsettled
        return [*before, new._replace(start=last.start)]
    return [*unsettled, new]


def _with_leap(leaps: tuple[Leap, ...], new: Leap) -> tuple[Leap, ...]:
    """Add a leap; the pieces of one poll are one leap, and of too many the shortest is forgotten."""
    if leaps and leaps[-1].end == new.start and leaps[-1].polled_at == new.polled_at:
        *before, last = leaps
        return (*before, new._replace(start=last.start))
    recent = [*(old for old in leaps if old.end > new.end - _LEAP_DAYS * DAY), new]
    if len(recent) > _LEAPS_KEPT:
        recent.remove(min(recent, key=lambda leap: leap.end - leap.start))
    return tuple(recent)


def merged(one: Position, other: Position) -> Position:
    """Return a position from which nothing is missed that either of the two would have read."""
    early, late = sorted((one, other), key=lambda position: position.through)
    firsts = [*early.unsettled, *late.unsettled]
    unsettled: tuple[FirstRead, ...] = ()
    if firsts:
        start = min(max(first.start, first.end - LONGEST_OVERLAP) for first in firsts)
        end = max(start + 1, min(early.through, start + LONGEST_OVERLAP))
        unsettled = (FirstRead(start, end, max(first.read_at for first in firsts)),)
    return early._replace(
        begin=min(one.begin, other.begin),
        tried=min(one.tried, other.tried),
        deleted=max(one.deleted, other.deleted) if one.deleted and other.deleted else 0,
        denied=min(one.denied, other.denied),
        resume=0,
        swept_at=0,
        unsettled=unsettled,
    )
