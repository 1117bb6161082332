"""Pure `[start, end)` arithmetic on whole minutes since 1970-01-01T00:00Z; `now` is always a parameter.

Minutes, because ListEvents wants seconds set to zero (SDK docstring of `list_events`), and because the same grain
for every service makes neighbouring windows tile whatever a service's rule for its bounds is.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

__all__ = [
    "DAY",
    "LATEST_MINUTE",
    "Window",
    "floor_minute",
    "minute_in_words",
    "minute_to_datetime",
    "minute_to_text",
    "next_slice_minutes",
    "slice_end",
    "spare_minutes",
    "to_millisecond",
    "to_text",
]

DAY: Final = 24 * 60
LATEST_MINUTE: Final = 253_402_300_800 // 60 - 1  # the last minute that a datetime can hold
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

_WHOLE_WINDOW: Final = 180
_FIRST_SLICE: Final = 60
_PAGES_AIMED_AT: Final = 8
_SPARE_PARTS: Final = 12
_SHORTEST_SPARE: Final = 5


class Window(NamedTuple):
    """`start` is in it, `end` is not; both in minutes since 1970."""

    start: int
    end: int


def floor_minute(moment: datetime) -> int:
    """Return the minute that `moment` lies in; a naive moment counts as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - _EPOCH) // timedelta(minutes=1)


def to_millisecond(moment: datetime) -> int:
    """Return whole milliseconds since 1970 of an aware moment."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def minute_to_datetime(minute: int) -> datetime:
    """Return the minute's beginning, bounded to what a datetime can hold."""
    return _EPOCH + timedelta(minutes=min(max(minute, 0), LATEST_MINUTE))


def minute_to_text(minute: int) -> str:
    """Return the minute's beginning in RFC 3339, e.g. `2026-01-31T08:15:00Z`."""
    return minute_to_datetime(minute).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute_in_words(minute: int) -> str:
    """Return the minute's beginning for a sentence, e.g. `2026-01-31 08:15 UTC`."""
    return minute_to_datetime(minute).strftime("%Y-%m-%d %H:%M UTC")


def to_text(moment: datetime) -> str:
    """Return `moment` in RFC 3339 UTC with milliseconds; a naive moment counts as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slice_end(start: int, end: int, slice_minutes: int, tail: int) -> int:
    """Return where the slice that begins at `start` ends, so that the slices tile `[start, end)`.

    Args:
        start: Where the slice begins.
        end: Where the whole window ends.
        slice_minutes: Minutes that a slice should have; 0 = not known yet.
        tail: Minutes before `end` that get slices of their own in a long window, because only their records have
            to be remembered for the next poll's overlap.
    """
    length = end - start
    if not slice_minutes:
        if length <= _WHOLE_WINDOW:
            return end
        slice_minutes = _FIRST_SLICE
    cut = end - tail
    limit = cut if length > _WHOLE_WINDOW and start < cut else end
    return limit if limit - start <= slice_minutes else start + slice_minutes


def spare_minutes(start: int, end: int) -> int:
    """Return how many minutes a slice may have that is made for a place that would stay empty.

    A twelfth of what is left of the window, so that the last slices are short and end together.
    """
    return max(_SHORTEST_SPARE, (end - start) // _SPARE_PARTS)


def next_slice_minutes(slice_minutes: int, pages: int, longest: int) -> int:
    """Return the minutes for the slices after one of so many that had `pages` pages.

    A quiet night becomes one request, a busy minute its own; never less than a minute nor more than `longest`.
    """
    if pages <= 1:
        return min(longest, slice_minutes * 4)
    return max(1, min(longest, slice_minutes * _PAGES_AIMED_AT // max(pages, _PAGES_AIMED_AT)))
