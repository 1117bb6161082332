"""What a service says, made fit for a report, a log line or a terminal: the one place where that is done.

Headers and bodies of an answer are written by whoever answers. They may hold escape sequences, direction marks and
megabytes, or send back the signature of the request.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_DETAIL", "MAX_MESSAGE", "MAX_REQUEST_ID", "one_line", "request_id"]

MAX_DETAIL: Final = 300
MAX_MESSAGE: Final = 10_000
MAX_REQUEST_ID: Final = 128  # OCI's own have 98: three times 32 hex digits with slashes between

_LOOKED_AT: Final = 4  # times the limit: what is removed may make room for what follows
# A signature has 342 base64 letters and more, a request id 98, the unique part of an OCID 60.
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/=_%-]{160,}")
_NOT_IN_AN_ID: Final = re.compile(r"[^A-Za-z0-9/._:-]+")
_REMOVED: Final = "<removed>"


def one_line(text: str, most: int = MAX_DETAIL) -> str:
    """Return a text on one line, printable, of at most `most` characters, without what could be a signature."""
    plain = _SIGNATURE.sub(_REMOVED, text[: most * _LOOKED_AT])
    line = "".join(character if character.isprintable() else " " for character in plain)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def request_id(value: object) -> str | None:
    """Return an `opc-request-id` with nothing in it but what such an id is made of, None where that is nothing."""
    if not isinstance(value, str):
        return None
    plain = _SIGNATURE.sub("", value[: MAX_REQUEST_ID * _LOOKED_AT])
    return _NOT_IN_AN_ID.sub("", plain)[:MAX_REQUEST_ID] or None
