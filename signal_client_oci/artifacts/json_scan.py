"""A scanner of JSON that knows only strings, brackets and commas, for texts that no decoder takes as a whole.

It finds the spans of a list's elements and of an object's members, whatever is inside them, so that a single bad element
can be cut out and delivered like the others. It never recurses, and what it makes is counted as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

__all__ = [
    "WHITESPACE",
    "Bounds",
    "PageError",
    "PageTooLargeError",
    "few",
    "list_elements",
    "members",
    "object_members",
    "string_end",
    "too_many",
]

WHITESPACE: Final = b" \t\r\n"

# the rest of a string's text, in bounded bites: an unbounded repeat of escapes costs memory by the megabyte
_STRING_REST: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*){0,500}', re.DOTALL)
_STRUCTURE: Final = re.compile(rb'["{}\[\],:]')
_STRUCTURE_OF_A_LIST: Final = re.compile(rb'["{}\[\],]')
_STRUCTURE_INSIDE: Final = re.compile(rb'["{}\[\]]')  # within an element, commas and colons separate nothing
_STEPS_A_CHECK: Final = 1 << 13
_MOST_STEPS: Final = 1 << 24  # of a page that has to be scanned; 20,000 usual events take some three million
_MOST_CHECKS_OF_AN_OBJECT: Final = 128  # a million brackets and quotes, about a second
_MOST_BYTES_OF_AN_OBJECT: Final = 8 * 1024 * 1024
_MOST_MEMBERS: Final = 100_000
_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_QUOTE: Final = ord('"')
_COMMA: Final = ord(",")
_COLON: Final = ord(":")
_OPENER: Final = {ord("]"): ord("["), ord("}"): ord("{")}


Span = tuple[int, int]


class PageError(ValueError):
    """A body is not the page that was due, so nothing of it can be taken as read.

    `reason` completes the sentence "the answer is ...": a few English words that never quote the body.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the answer is {reason}")
        self.reason = reason


class PageTooLargeError(PageError):
    """A body holds more than may be taken at once; a smaller slice of it has to be asked for."""


def _no_check() -> None:
    """Let the cutting go on."""


class Bounds(NamedTuple):
    """How much a page may hold.

    Attributes:
        records: Records at most.
        size: Bytes at most.
        check: Called now and then while a page is cut that takes long; raises where nobody waits for it any more.
    """

    records: int
    size: int
    check: Callable[[], None] = _no_check


UNBOUNDED: Final = Bounds(1 << 40, 1 << 40)


def few(found: list[Any], bounds: Bounds) -> list[Any]:
    if len(found) > bounds.records:
        raise too_many(bounds)
    return found


def too_many(bounds: Bounds) -> PageTooLargeError:
    return PageTooLargeError(f"of more than {bounds.records:,} records")


def string_end(text: bytes, start: int) -> int:
    """Give the index after the string that opens at `start`; -1 when its closing quote is missing."""
    pos = start + 1
    end = text.find(b'"', pos)
    if end >= 0 and text.find(b"\\", pos, end) < 0:
        return end + 1
    while True:
        bite = _STRING_REST.match(text, pos)
        end = bite.end() if bite else pos
        if text[end : end + 1] == b'"':
            return end + 1
        if end == pos or end >= len(text):
            return -1
        pos = end


def list_elements(text: bytes, bounds: Bounds = UNBOUNDED) -> tuple[list[Span], int]:
    """Give the spans of a JSON list's elements and the index after its end, whatever is inside them.

    The end is -1 when the list is cut off. Raises PageError for an element without any text (`[1,]`), and
    PageTooLargeError when there are more elements than `bounds` allows.
    """
    marks = _separators(text, _first(text), bounds)
    if not marks:
        return [], -1
    spans = few([_stripped(text, start + 1, stop) for start, stop in pairwise(marks)], bounds)
    if len(spans) == 1 and spans[0][0] == spans[0][1]:
        spans = []
    if any(start == stop for start, stop in spans):
        raise PageError("not JSON")
    return spans, marks[-1] + 1


def object_members(text: bytes) -> tuple[list[tuple[str, Span]], int]:
    """Give the keys and value spans of a JSON object in their order, and the index after its end.

    What stands between two commas without a key is left out. The end is -1, and there are no members,
    when the text is no object, is cut off, or is too large to be looked through.
    """
    if len(text) > _MOST_BYTES_OF_AN_OBJECT:
        return [], -1
    try:
        return members(text, Bounds(_MOST_MEMBERS, len(text), _ChecksLeft(_MOST_CHECKS_OF_AN_OBJECT)))
    except PageTooLargeError:
        return [], -1


class _ChecksLeft:
    """A check that ends the scanning of one object after so many steps."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise PageTooLargeError("of more parts than can be looked through")


def members(text: bytes, bounds: Bounds) -> tuple[list[tuple[str, Span]], int]:
    """Do as `object_members` does, within bounds."""
    first = _first(text)
    marks = _separators(text, first, bounds) if text[first : first + 1] == b"{" else []
    members, begin, colon = [], first, -1
    for at in marks[1:]:
        if text[at] == _COLON:
            colon = at if colon < 0 else colon
            continue
        if colon >= 0:
            key = _key(text[slice(*_stripped(text, begin + 1, colon))])
            members.append((key, _stripped(text, colon + 1, at)))
        begin, colon = at, -1
    return members, marks[-1] + 1 if marks else -1


def _first(text: bytes) -> int:
    """Give the index of the first byte that is no white space."""
    return len(text) - len(text.lstrip(WHITESPACE))


def _stripped(text: bytes, start: int, stop: int) -> Span:
    """Narrow a span to what is left without the white space around it."""
    if start < stop and text[start] in WHITESPACE and (blanks := _BLANKS.match(text, start, stop)):
        start = blanks.end()
    if start < stop and text[stop - 1] in WHITESPACE:
        stop = start + len(text[start:stop].rstrip(WHITESPACE))
    return start, max(start, stop)


def _key(text: bytes) -> str:
    """Give the name that an object's key spells, the text itself when it is no proper string."""
    try:
        return str(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")


def _separators(text: bytes, start: int, bounds: Bounds) -> list[int]:
    """Give the index of a container's opening, of its own commas and colons and of its closing.

    Strings and inner containers are passed over without recursion. A closing bracket closes the innermost
    open one of its kind and with it what was left open inside, so that a wrong bracket stays within its
    element. Empty when the container is never closed. Raises PageTooLargeError when it has too many parts.
    """
    marks, open_ = [start], bytearray(text[start : start + 1])
    counts = {ord("["): 0, ord("{"): 0} | dict.fromkeys(open_, 1)
    outside = _STRUCTURE_OF_A_LIST if open_ == b"[" else _STRUCTURE
    pos, steps, most = start + 1, 0, 2 * bounds.records + 1  # a member has a colon and a comma
    while found := (outside if len(open_) == 1 else _STRUCTURE_INSIDE).search(text, pos):
        at, kind = found.start(), text[found.start()]
        pos = at + 1
        steps += 1
        if not steps % _STEPS_A_CHECK:
            _check_steps(steps, bounds)
        if kind == _QUOTE:
            pos = string_end(text, at)
            if pos < 0:
                return []
        elif kind in counts:
            open_.append(kind)
            counts[kind] += 1
        elif kind in (_COMMA, _COLON):
            marks.append(at)
            if len(marks) > most:
                raise too_many(bounds)
        elif counts[_OPENER[kind]]:
            _close(open_, counts, _OPENER[kind])
            if not open_:
                return [*marks, at]
    return []


def _check_steps(steps: int, bounds: Bounds) -> None:
    """Raise where nobody waits for the page any more, or where it would take too long."""
    bounds.check()
    if steps >= _MOST_STEPS:
        raise PageTooLargeError("of more parts than can be looked through")


def _close(open_: bytearray, counts: dict[int, int], opener: int) -> None:
    """Close the innermost open bracket of a kind, and those left open inside it."""
    while True:
        kind = open_.pop()
        counts[kind] -= 1
        if kind == opener:
            return
