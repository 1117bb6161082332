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
    "to_millisecond",
    "to_text",
]

DAY: Final = 24 * 60
LATEST_MINUTE: Final = 253_402_300_800 // 60 - 1  # the last minute that a datetime can hold
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
