"""Time in the sandbox: a clock that is moved by hand, and whole microseconds for comparing.

The services compare times as integers (microseconds since 1970, UTC), so that no rounding can decide
whether a record lies inside a window.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache

__all__ = [
    "Clock",
    "VirtualClock",
    "format_time",
    "from_micros",
    "in_micros",
    "parse_time",
    "system_clock",
    "to_micros",
]

Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d?)(:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def system_clock() -> datetime:
    """Return the real time, aware and in UTC."""
    return datetime.now(timezone.utc)


class VirtualClock:
    """A clock that stands still until it is moved; safe to move from any thread.

    `start` is an aware datetime (default: a fixed instant, so that runs can be repeated).
    """

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)) -> None:
        self._now = start.astimezone(timezone.utc)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time that the clock shows, in UTC."""
        with self._lock:
            return self._now

    def advance(self, **span: float) -> datetime:
        """Move the clock on (or, with negative numbers, back), e.g. by `minutes=5`, and return the new time."""
        with self._lock:
            self._now += timedelta(**span)
            return self._now


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def in_micros(span: timedelta) -> int:
    """Return a span of time in microseconds, exactly."""
    return span // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def format_time(moment: datetime) -> str:
    """Return the services' spelling of a time: milliseconds and `Z`."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


@lru_cache(maxsize=4096)
def parse_time(text: str) -> int:
    """Return an RFC 3339 time as microseconds since 1970; raises `ValueError` for anything else.

    The hour may have one digit: the official TypeScript SDK (`oci-common` 2.139) writes `T3:00:14Z`.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time")
    day, hour, rest, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{hour:0>2}{rest}{zone.replace('Z', '+00:00')}")
    return to_micros(moment) + int((fraction or "0").ljust(6, "0")[:6])
