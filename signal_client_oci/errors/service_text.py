"""Reads text from a service: what is kept of it is safe for reports, log lines and terminals.

Whoever responds writes the headers and the body: they may contain escape sequences, direction marks or megabytes of
text, or repeat the signature of the request.
"""

from __future__ import annotations

import email.utils
import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import Final

__all__ = ["MAX_DETAIL", "MAX_MESSAGE", "MAX_REQUEST_ID", "one_line", "parse_http_date", "request_id"]

MAX_DETAIL: Final = 300
MAX_MESSAGE: Final = 10_000
MAX_REQUEST_ID: Final = 128  # OCI's have 98: three times 32 hex digits with slashes between

_MAX_DATE: Final = 100
_READ_AHEAD: Final = 4  # times the limit: removed text makes room for the text after it
# A signature has 342 base64 letters and more, a request id 98, the unique part of an OCID 60.
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/=_%-]{160,}")
_NOT_IN_AN_ID: Final = re.compile(r"[^A-Za-z0-9/._:-]+")
_REMOVED: Final = "<removed>"


def one_line(text: str, most: int = MAX_DETAIL) -> str:
    """Return a text on one line, printable, of at most `most` characters, and without anything like a signature."""
    plain = _SIGNATURE.sub(_REMOVED, text[: most * _READ_AHEAD])
    line = "".join(character if character.isprintable() else " " for character in plain)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def request_id(value: object) -> str | None:
    """Return an `opc-request-id` reduced to the characters of such an id; None if none are left."""
    if not isinstance(value, str):
        return None
    plain = _SIGNATURE.sub("", value[: MAX_REQUEST_ID * _READ_AHEAD])
    return _NOT_IN_AN_ID.sub("", plain)[:MAX_REQUEST_ID] or None


def parse_http_date(text: str | None) -> datetime | None:
    """Return a header's date as an aware datetime in UTC; None where there is none that can be read."""
    return _parsed_date(text[:_MAX_DATE]) if text else None


@lru_cache(maxsize=64)
def _parsed_date(text: str) -> datetime | None:
    """Parse a date; all answers of a second have the same."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date.astimezone(timezone.utc)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # what the parser raises for odd texts
        return None
