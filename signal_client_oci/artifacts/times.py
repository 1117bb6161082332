"""Reads the times that records carry, in every spelling seen, and writes them as RFC 3339 UTC.

Nothing here raises: the result is None for a time that cannot be read.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

__all__ = ["identity_time", "is_earlier", "utc_moment", "utc_text", "utc_text_of_epoch", "utc_text_of_second"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
# the parts of a time that is RFC 3339 UTC already: up to the minute, up to the second, and what follows
_TO_MINUTE, _TO_SECOND = len("2026-03-04T09:15"), len("2026-03-04T09:15:27")
_MINUTE: Final = re.compile(
    r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]"
)
_SECONDS: Final = frozenset(f":{number:02d}" for number in range(60))
_DECIMALS: Final = re.compile(r"(?:\.[0-9]{1,6})?Z")
_MILLISECONDS: Final = dict.fromkeys(f".{number:03d}Z" for number in range(1000))
_OF_MILLISECOND: Final = tuple(_MILLISECONDS)
_ANY: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,30}))?)?"
    r" ?(?:([Zz]|UTC|GMT)|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_LEAP: Final = 60


def utc_text(text: str) -> str | None:
    """Return a time as RFC 3339 UTC, unchanged where it is that already with at most six decimals."""
    if _has_milliseconds(text) or _has_decimals(text):
        return text
    moment = utc_moment(text)
    return None if moment is None else _to_text(moment)


def identity_time(text: str) -> str:
    """Return a time cut to milliseconds in one spelling, or the text itself when it is not a time."""
    if _has_milliseconds(text):
        return text
    moment = utc_moment(text)
    return text if moment is None else _format(moment, "milliseconds")


def _has_milliseconds(text: str) -> bool:
    """Return whether a text is RFC 3339 UTC with three decimals, as services write nearly all times."""
    return text[_TO_SECOND:] in _MILLISECONDS and _is_second(text[:_TO_SECOND])


def _has_decimals(text: str) -> bool:
    """Return whether a text is RFC 3339 UTC with at most six decimals."""
    return _is_second(text[:_TO_SECOND]) and _DECIMALS.fullmatch(text, _TO_SECOND) is not None


@lru_cache(maxsize=1024)
def _is_second(text: str) -> bool:
    """Return whether a text is a second of a day in the calendar; remembered, because records share their seconds."""
    return text[_TO_MINUTE:] in _SECONDS and _is_minute(text[:_TO_MINUTE])


@lru_cache(maxsize=1024)
def _is_minute(text: str) -> bool:
    """Return whether a text is a minute of a day in the calendar; remembered, as seconds are."""
    try:
        return _MINUTE.fullmatch(text) is not None and date.fromisoformat(text[:10]) is not None
    except ValueError:
        return False


def utc_moment(text: str) -> datetime | None:
    """Return a time as an aware datetime in UTC.

    Offsets, a missing offset (taken as UTC), a missing fraction or second, nanoseconds (cut to microseconds)
    and a leap second (the first moment of the next minute) are read.
    """
    if _has_milliseconds(text) or _has_decimals(text):
        moment = datetime.fromisoformat(text[:_TO_SECOND] + "+00:00")
        return moment.replace(microsecond=int(text[_TO_SECOND + 1 : -1].ljust(6, "0")))
    found = _ANY.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    second = int(found[6] or 0)
    micro = int((found[7] or "")[:6].ljust(6, "0"))
    leap = timedelta(seconds=1 if second == _LEAP else 0)
    offset = timedelta(hours=int(found[10] or 0), minutes=int(found[11] or 0))
    try:
        local = datetime(
            year, month, day, hour, minute, min(second, 59) if leap else second, micro, tzinfo=timezone.utc
        )
        return local + leap + (offset if found[9] == "-" else -offset)
    except (ValueError, OverflowError):
        return None


def is_earlier(text: str, other: str) -> bool:
    """Return whether a time lies before another one; False where one of them cannot be read."""
    if _has_milliseconds(text) and _has_milliseconds(other):
        return text < other
    moment, other_moment = utc_moment(text), utc_moment(other)
    return moment is not None and other_moment is not None and moment < other_moment


def utc_text_of_epoch(value: float | str) -> str | None:
    """Return an epoch time in milliseconds, a number or its digits, as RFC 3339 UTC."""
    if isinstance(value, int):
        second = _second(value // 1000)
        return second + _OF_MILLISECOND[value % 1000] if second else None
    try:
        number = float(value) if isinstance(value, float) else int(value)
        return _to_text(_EPOCH + timedelta(milliseconds=number))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1024)
def utc_text_of_second(value: int) -> str | None:
    """Return an epoch time in seconds as RFC 3339 UTC; remembered, as seconds are."""
    second = _second(value)
    return f"{second}.000Z" if second else None


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str | None:
    """Return a second as text; remembered, because records come in the order of time and share their seconds."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")[:19]
    except OverflowError:
        return None


def _to_text(moment: datetime) -> str:
    return _format(moment, "microseconds" if moment.microsecond % 1000 else "milliseconds")


def _format(moment: datetime, to: str) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec=to) + "Z"
