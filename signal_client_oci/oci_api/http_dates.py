"""Reads the dates of HTTP headers."""

from __future__ import annotations

import email.utils
from datetime import datetime, timezone
from typing import Final

__all__ = ["parse_http_date"]

_MAX_LENGTH: Final = 100


def parse_http_date(text: str | None) -> datetime | None:
    """Return a header's date as an aware datetime in UTC; None where there is none that can be read."""
    if not text:
        return None
    try:
        date = email.utils.parsedate_to_datetime(text[:_MAX_LENGTH])
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # what the parser raises for odd texts
        return None
