"""How far one (source, region, compartment) has been read, and what the next poll reads of it.

Two facts of OCI make this more than one timestamp. Records become visible late, so a stretch is read again until
`overlap` minutes have passed since it was first read. And the host's clock may be wrong, so a cursor never moves
beyond the minute that the service's own clock showed in the answer that covered it: what a clock that is ahead asks
for does not exist yet, and must not count as read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from signal_client_oci.state.windows import Window

__all__ = [
    "LONGEST_OVERLAP",
    "Cursor",
    "FirstRead",
    "advance",
    "bounded",
    "due_window",
    "fold_rereads",
    "is_ahead",
    "is_beyond",
    "merged",
    "newest_readable",
    "read_again_from",
    "settled",
    "start_at",
]

LONGEST_OVERLAP: Final = 120
_MAX_REREADS: Final = 240
_TOLERATED_SKEW: Final = 5  # minutes; OCI refuses requests of a clock that is further off


class FirstRead(NamedTuple):
    """A stretch `[start, end)` (minutes) and when it was first read (milliseconds since 1970)."""

    start: int
    end: int
    read_at: int


class Cursor(NamedTuple):
    """Where reading of a compartment stands; cursors that are equal share one entry in the checkpoint.

    Attributes:
        read_until: Everything before this minute was read and delivered.
        begin: Nothing before this minute is ever asked for; 0 when it no longer matters.
        last_attempt: Minute of the last poll that tried, whether it succeeded or not; orders the next poll fairly.
        slice_minutes: Minutes that the next slice should have, 0 = no opinion (see `window_splitting.slice_end`).
        deleted: Minute at which the compartment was first seen deleted, 0 = it exists.
        denied: 1 if the last poll's request was refused for what it names; such a compartment is asked for alone.
        resume: Minute at which the poll before was interrupted, 0 = it read its whole window. The next one resumes
            there, and the part before is read again by the one after, so that no deadline is too short to get on.
        swept_at: Millisecond at which the first of the polls began that share a window that way, 0 = none.
        pending_rereads: Stretches whose late records may still come.
    """

    read_until: int
    begin: int = 0
    last_attempt: int = 0
    slice_minutes: int = 0
    deleted: int = 0
    denied: int = 0
    resume: int = 0
    swept_at: int = 0
    pending_rereads: tuple[FirstRead, ...] = ()

    @property
    def was_read(self) -> bool:
        """True once something of it was read."""
        return self.read_until > self.begin


def start_at(minute: int) -> Cursor:
    """Return the cursor of something that was never read: it begins at `minute`, and not before 1970."""
    minute = max(0, minute)
    return Cursor(read_until=minute, begin=minute)


def newest_readable(now_minute: int) -> int:
    """Return the end of what may be asked for: a minute before now, so that no minute is read half-filled."""
    return now_minute - 1


def due_window(cursor: Cursor, newest: int, overlap: int) -> Window | None:
    """Return what the next poll reads, or None if there is nothing to read up to `newest`.

    Where the cursor is beyond `newest`, either clock may be wrong: the newest minute is asked for, because the answer
    tells the service's own time (see `bounded`).
    """
    start = max(read_again_from(cursor, overlap), cursor.resume)
    if start < newest:
        return Window(start, newest)
    return Window(newest - 1, newest) if is_beyond(cursor, newest) and newest > 0 else None


def is_beyond(cursor: Cursor, minute: int) -> bool:
    """True if more was read than existed at `minute`, clocks that are off by a little left aside."""
    return cursor.was_read and is_ahead(cursor.read_until, minute)


def is_ahead(read_until: int, minute: int) -> bool:
    """True if a minute lies further ahead of a clock than OCI lets the two clocks differ."""
    return read_until > minute + _TOLERATED_SKEW


def read_again_from(cursor: Cursor, overlap: int) -> int:
    """Return the minute from which on records may still be read again.

    It lies `overlap` minutes before `read_until`, and earlier while less than `overlap` minutes have passed between
    a stretch's first reading and the last poll (polls far apart, or late): then at that stretch's start, but not
    more than two hours before its end, so that a long back-fill is not read again as a whole.
    """
    starts = [cursor.read_until - overlap]
    reach = max(overlap, LONGEST_OVERLAP)
    starts += [max(first.start, first.end - reach) for first in cursor.pending_rereads]
    return max(cursor.begin, min(starts))


def advance(  # noqa: PLR0913  (each is a fact of the poll, given by name)
    cursor: Cursor,
    start: int,
    end: int,
    *,
    polled_at: int,
    read_at: int,
    overlap: int,
    whole: bool = True,
) -> Cursor:
    """Return the cursor after `[start, end)` was read.

    Args:
        cursor: Where it stood; it stays there if something before `start` is still to be read.
        start: Minute from which on all was read.
        end: Minute up to which all was read, no later than the service's clock showed.
        polled_at: Millisecond at which the poll began; what was first read `overlap` before is settled now.
        read_at: Millisecond at which `end` was reached.
        overlap: Minutes.
        whole: The window ends here; otherwise a poll that is interrupted now is resumed at `end`.
    """
    if start > cursor.read_until:
        return cursor
    swept_at = cursor.swept_at or polled_at
    if not whole:
        cursor = cursor._replace(resume=max(end, cursor.resume), swept_at=swept_at)
    elif end >= cursor.read_until:
        cursor = cursor._replace(resume=0, swept_at=0)
    if end < cursor.read_until:
        return cursor
    rereads = [first for first in cursor.pending_rereads if first.read_at + overlap * 60_000 > swept_at]
    if end > cursor.read_until and overlap:
        rereads = _with_first_read(rereads, FirstRead(cursor.read_until, end, read_at), polled_at)
    return cursor._replace(
        read_until=end,
        begin=cursor.begin if end - LONGEST_OVERLAP <= cursor.begin else 0,
        pending_rereads=fold_rereads(rereads),
    )


def fold_rereads(stretches: Sequence[FirstRead]) -> tuple[FirstRead, ...]:
    """Return the stretches, the oldest ones as one where there are very many.

    Polls that are always cut off add one each. What is read again stays the same; it is only settled later.
    """
    surplus = len(stretches) - _MAX_REREADS
    if surplus <= 0:
        return tuple(stretches)
    old = stretches[: surplus + 1]
    start = min(max(first.start, first.end - LONGEST_OVERLAP) for first in old)
    end = min(max(first.end for first in old), start + LONGEST_OVERLAP)
    return (FirstRead(start, end, max(first.read_at for first in old)), *stretches[surplus + 1 :])


def bounded(cursor: Cursor, service_minute: int, begin: int) -> Cursor:
    """Return the cursor as far as it can be true when a service's clock shows `service_minute`.

    What was never read begins at `begin` at the latest. What was read beyond the service's clock was read by a
    version that believed the host's: reading begins again there.
    """
    if is_beyond(cursor, service_minute) or not cursor.was_read:
        minute = min(cursor.begin or begin, begin) if not cursor.was_read else begin
        return start_at(minute)._replace(deleted=cursor.deleted, denied=cursor.denied)
    return cursor._replace(last_attempt=min(cursor.last_attempt, service_minute))


def settled(cursor: Cursor, minute: int, *, slice_minutes: int = 0, denied: bool = False) -> Cursor:
    """Return the cursor with the poll that tried it, and with the slice for the next one (0 = no opinion)."""
    return cursor._replace(last_attempt=minute, slice_minutes=slice_minutes, denied=int(denied))


def _with_first_read(rereads: list[FirstRead], new: FirstRead, polled_at: int) -> list[FirstRead]:
    """Add a stretch; the slices of one poll are one stretch."""
    if rereads and rereads[-1].end == new.start and rereads[-1].read_at >= polled_at:
        *before, last = rereads
        return [*before, new._replace(start=last.start)]
    return [*rereads, new]


def merged(one: Cursor, other: Cursor) -> Cursor:
    """Return a cursor from which nothing is missed that either of the two would have read."""
    early, late = sorted((one, other), key=lambda cursor: cursor.read_until)
    firsts = [*early.pending_rereads, *late.pending_rereads]
    pending_rereads: tuple[FirstRead, ...] = ()
    if firsts:
        start = min(max(first.start, first.end - LONGEST_OVERLAP) for first in firsts)
        end = max(start + 1, min(early.read_until, start + LONGEST_OVERLAP))
        pending_rereads = (FirstRead(start, end, max(first.read_at for first in firsts)),)
    return early._replace(
        begin=min(one.begin, other.begin),
        last_attempt=min(one.last_attempt, other.last_attempt),
        deleted=max(one.deleted, other.deleted) if one.deleted and other.deleted else 0,
        denied=min(one.denied, other.denied),
        resume=0,
        swept_at=0,
        pending_rereads=pending_rereads,
    )
