"""Scans JSON by strings, brackets and commas alone, for texts that no decoder accepts as a whole.

It finds the spans of a list's elements and of an object's members, whatever is inside them, so that a single malformed
element can be cut out and delivered like the others. It never recurses, and it counts what it finds as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final, Literal

__all__ = [
    "WHITESPACE",
    "JsonScanError",
    "list_elements",
    "object_members",
    "object_members_within",
    "string_end",
]

WHITESPACE: Final = b" \t\r\n"

# the rest of a string, in bounded parts: the regex engine keeps state for every repeat of an escape
_STRING_REST: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*){0,500}', re.DOTALL)
_STRUCTURE: Final = re.compile(rb'["{}\[\],:]')
_STRUCTURE_OF_A_LIST: Final = re.compile(rb'["{}\[\],]')
_STRUCTURE_INSIDE: Final = re.compile(rb'["{}\[\]]')  # within an element, commas and colons separate nothing
_TOKENS_PER_CHECK: Final = 1 << 13
_MAX_TOKENS: Final = 1 << 24  # 20,000 usual audit events have some three million
_MAX_CHECKS_PER_OBJECT: Final = 128  # a million brackets and quotes, about a second
_MAX_OBJECT_BYTES: Final = 8 * 1024 * 1024
_MAX_MEMBERS: Final = 100_000
_UNLIMITED: Final = 1 << 40
_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_QUOTE: Final = ord('"')
_COMMA: Final = ord(",")
_COLON: Final = ord(":")
_OPENER: Final = {ord("]"): ord("["), ord("}"): ord("{")}


Span = tuple[int, int]
ScanErrorKind = Literal["malformed", "too_many_items", "too_many_tokens"]


class JsonScanError(ValueError):
    """A text cannot be cut into its parts.

    `kind` is "malformed" where something is missing between two commas, "too_many_items" where a container has more
    parts than the caller allows, "too_many_tokens" where scanning it would take too long.
    """

    def __init__(self, kind: ScanErrorKind) -> None:
        super().__init__(f"the text cannot be scanned as JSON: {kind}")
        self.kind = kind


def _no_check() -> None:
    """Let the scan go on."""


def string_end(text: bytes, start: int) -> int:
    """Return the index after the string that opens at `start`; -1 when its closing quote is missing."""
    pos = start + 1
    end = text.find(b'"', pos)
    if end >= 0 and text.find(b"\\", pos, end) < 0:
        return end + 1
    while True:
        part = _STRING_REST.match(text, pos)
        end = part.end() if part else pos
        if text[end : end + 1] == b'"':
            return end + 1
        if end == pos or end >= len(text):
            return -1
        pos = end


def list_elements(
    text: bytes, max_items: int = _UNLIMITED, check: Callable[[], None] = _no_check
) -> tuple[list[Span], int]:
    """Return the spans of a JSON list's elements and the index after its end, whatever is inside them.

    The end is -1 when the list is truncated. `check` is called now and then during a long scan; what it raises
    ends the scan. Raises JsonScanError for an element without any text (`[1,]`) and beyond `max_items` elements.
    """
    marks = _separators(text, _first(text), max_items, check)
    if not marks:
        return [], -1
    spans = [_stripped(text, start + 1, stop) for start, stop in pairwise(marks)]
    if len(spans) > max_items:
        raise JsonScanError("too_many_items")
    if len(spans) == 1 and spans[0][0] == spans[0][1]:
        spans = []
    if any(start == stop for start, stop in spans):
        raise JsonScanError("malformed")
    return spans, marks[-1] + 1


def object_members(text: bytes) -> tuple[list[tuple[str, Span]], int]:
    """Return the keys and value spans of a JSON object in their order, and the index after its end.

    Whatever stands between two commas without a key is left out. The end is -1, and there are no members, when the
    text is not an object, is truncated, or is too large to be scanned.
    """
    if len(text) > _MAX_OBJECT_BYTES:
        return [], -1
    try:
        return object_members_within(text, _MAX_MEMBERS, _CheckLimit(_MAX_CHECKS_PER_OBJECT))
    except JsonScanError:
        return [], -1


class _CheckLimit:
    """A check that ends the scan of one object after so many calls."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise JsonScanError("too_many_tokens")


def object_members_within(
    text: bytes, max_items: int, check: Callable[[], None]
) -> tuple[list[tuple[str, Span]], int]:
    """Do as `object_members` does, with the limits of the caller; `check` as for `list_elements`."""
    first = _first(text)
    marks = _separators(text, first, max_items, check) if text[first : first + 1] == b"{" else []
    members, begin, colon = [], first, -1
    for at in marks[1:]:
        if text[at] == _COLON:
            # only the first colon ends the key: a malformed value may have more of them
            colon = at if colon < 0 else colon
            continue
        if colon >= 0:
            key = _key(text[slice(*_stripped(text, begin + 1, colon))])
            members.append((key, _stripped(text, colon + 1, at)))
        begin, colon = at, -1
    return members, marks[-1] + 1 if marks else -1


def _first(text: bytes) -> int:
    """Return the index of the first byte that is not white space."""
    return len(text) - len(text.lstrip(WHITESPACE))


def _stripped(text: bytes, start: int, stop: int) -> Span:
    """Return a span without the white space around it."""
    if start < stop and text[start] in WHITESPACE and (blanks := _BLANKS.match(text, start, stop)):
        start = blanks.end()
    if start < stop and text[stop - 1] in WHITESPACE:
        stop = start + len(text[start:stop].rstrip(WHITESPACE))
    return start, max(start, stop)


def _key(text: bytes) -> str:
    """Return the name that an object's key spells; the text itself when it is not a proper string."""
    try:
        return str(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")


def _separators(text: bytes, start: int, max_items: int, check: Callable[[], None]) -> list[int]:
    """Return the index of a container's opening, of its own commas and colons and of its closing.

    Strings and inner containers are passed over without recursion. A closing bracket closes the innermost
    open one of its kind and with it what was left open inside, so that a wrong bracket stays within its
    element. Empty when the container is never closed. Raises JsonScanError when it has too many parts.
    """
    marks, open_ = [start], bytearray(text[start : start + 1])
    # how many brackets of each kind are open: a closing one without its opening is ignored without a search
    counts = {ord("["): 0, ord("{"): 0} | dict.fromkeys(open_, 1)
    outside = _STRUCTURE_OF_A_LIST if open_ == b"[" else _STRUCTURE
    pos, tokens, max_marks = start + 1, 0, 2 * max_items + 1  # a member has a colon and a comma
    while found := (outside if len(open_) == 1 else _STRUCTURE_INSIDE).search(text, pos):
        at, kind = found.start(), text[found.start()]
        pos = at + 1
        tokens += 1
        if not tokens % _TOKENS_PER_CHECK:
            _check_tokens(tokens, check)
        if kind == _QUOTE:
            pos = string_end(text, at)
            if pos < 0:
                return []
        elif kind in counts:
            open_.append(kind)
            counts[kind] += 1
        elif kind in (_COMMA, _COLON):
            marks.append(at)
            if len(marks) > max_marks:
                raise JsonScanError("too_many_items")
        elif counts[_OPENER[kind]]:
            _close(open_, counts, _OPENER[kind])
            if not open_:
                return [*marks, at]
    return []


def _check_tokens(tokens: int, check: Callable[[], None]) -> None:
    """Call the caller's check, and raise where the scan would take too long."""
    check()
    if tokens >= _MAX_TOKENS:
        raise JsonScanError("too_many_tokens")


def _close(open_: bytearray, counts: dict[int, int], opener: int) -> None:
    """Close the innermost open bracket of a kind, and those left open inside it."""
    while True:
        kind = open_.pop()
        counts[kind] -= 1
        if kind == opener:
            return
