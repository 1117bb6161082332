"""The strings of a JSON text as they stand in it: which ones follow a place, and what text each of them stands for."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import count
from typing import Final, NamedTuple

from signal_client_oci.artifacts.json_scan import string_end

__all__ = ["COLON", "Escapes", "JsonString", "outer_place", "plain_text", "strings_from", "unescaped"]

COLON: Final = re.compile(rb"\s{0,20}:\s{0,20}")
_MARK: Final = re.compile(rb'"|[{\[]+|[}\]]+')  # what a walk over JSON stops at
_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_OTHER_ESCAPE: Final = re.compile(rb"\\[^\"\\/]|\x00")  # an escape that is not just one byte shorter
_SHORT: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

Escapes = tuple["array[int]", "array[int]"]
"""The places after each escape, in the text that a string stands for and in the string."""


class JsonString(NamedTuple):
    """A string in a JSON text.

    Attributes:
        start: Where its text begins, behind the opening quote.
        stop: Where its text ends, before the closing quote.
        depth: How many brackets are open, counted from where the walk began.
        value: Where the member's value begins when the string is a key, else -1.
    """

    start: int
    stop: int
    depth: int
    value: int


def strings_from(
    text: bytes, pos: int, *, most: int | None = None, one_value: bool = False
) -> Iterator[JsonString]:
    """Yield the strings from a place on, to the end of the object or list that the place lies in.

    `one_value` ends the walk with the value that begins at the place. `most` limits the quotes and brackets looked at.
    """
    depth, lowest = 0, 1 if one_value else 0
    for _ in count() if most is None else range(most):
        mark = _MARK.search(text, pos)
        if mark is None:
            return
        what, pos = mark.group(), mark.end()
        if what == b'"':
            end = string_end(text, mark.start())
            stop = end - 1 if end > 0 else len(text)
            colon = COLON.match(text, end) if end > 0 else None
            yield JsonString(pos, stop, depth, colon.end() if colon else -1)
            pos = end if end > 0 else len(text)
        else:
            depth += len(what) if what[:1] in b"{[" else -len(what)
        if depth < lowest:
            return


def plain_text(content: bytes) -> bytes:
    """Return the text that a JSON string stands for."""
    return unescaped(content)[0] if b"\\" in content else content


def unescaped(content: bytes) -> tuple[bytes, Escapes]:
    """Resolve a JSON string's escapes; return the text, and the places after each escape inside and outside."""
    outer = array("q", (0, *(escape.end() for escape in _ESCAPE.finditer(content))))
    if not _OTHER_ESCAPE.search(content):
        quotes = content.replace(rb"\\", b"\0").replace(rb"\"", b'"')
        plain = quotes.replace(rb"\/", b"/").replace(b"\0", b"\\")
        return plain, (array("q", (end - n for n, end in enumerate(outer))), outer)
    inner, shorter = array("q", (0,)), 0
    for escape in _ESCAPE.finditer(content):
        shorter += escape.end() - escape.start() - len(_resolved(escape))
        inner.append(escape.end() - shorter)
    return _ESCAPE.sub(_resolved, content), (inner, outer)


def _resolved(escape: re.Match[bytes]) -> bytes:
    """Return the bytes that one escape stands for."""
    code, char = escape.groups()
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(char, char)


def outer_place(escapes: Escapes, position: int) -> int:
    """Return the place in the escaped text of a place in the resolved one."""
    inner, outer = escapes
    at = bisect_right(inner, position) - 1
    return outer[at] + position - inner[at]
