"""Cuts an answer's body into the texts of its records, without reading what is in them.

The texts are exact slices of what the service sent. A page that is JSON from end to end takes msgspec's
fast way; one with a bad element takes a scanner that knows only strings, brackets and commas, so that a
single bad element is cut out and delivered like the others.

What a body of many tiny records would become is counted before anything is made of it: first its commas, which are
an upper bound, then, where there are many, the elements themselves, without keeping them.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from signal_client_oci.limits import (
    LIST_BYTES,
    LIST_ROWS,
    MAX_BODY_BYTES,
    PAGE_BYTES,
    PAGE_RECORDS,
    SMALLEST_SLICE_RECORDS,
)

__all__ = [
    "LIST_BOUNDS",
    "ORDINARY_PAGE",
    "SMALLEST_SLICE_PAGE",
    "Bounds",
    "PageError",
    "PageTooLargeError",
    "decoded_rows",
    "list_elements",
    "object_members",
    "split_list_events",
    "split_problems",
    "split_search_results",
    "string_end",
]

BOM: Final = b"\xef\xbb\xbf"
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
_FEW_BYTES: Final = 512 * 1024  # cannot hold more elements than may be made at once
_FEW_COMMAS: Final = SMALLEST_SLICE_RECORDS
_WORTH_COUNTING_COMMAS: Final = 16 * 1024 * 1024  # a larger body has too many for them to tell anything
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


ORDINARY_PAGE: Final = Bounds(PAGE_RECORDS, PAGE_BYTES)
SMALLEST_SLICE_PAGE: Final = Bounds(SMALLEST_SLICE_RECORDS, MAX_BODY_BYTES)
LIST_BOUNDS: Final = Bounds(LIST_ROWS, LIST_BYTES)


class _Tally(threading.local):
    """How many more elements the current thread may count."""

    left = 0


_tally: Final = _Tally()


class _TooManyError(Exception):
    """More elements than may be; unlike a ValueError, msgspec hands it on as it is."""


class _Counted(msgspec.Struct, gc=False):
    """An element that is only counted."""

    def __post_init__(self) -> None:
        _tally.left -= 1
        if _tally.left < 0:
            raise _TooManyError


class _CountedSearch(msgspec.Struct):
    results: list[_Counted]


class _CountedProblems(msgspec.Struct):
    items: list[_Counted]


class _Result(msgspec.Struct):
    """One item of a search answer: the record is its `data`."""

    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Search(msgspec.Struct):
    """The envelope of SearchLogs as it nearly always comes."""

    results: list[_Result]


class _Problems(msgspec.Struct):
    """The envelope of ListProblems."""

    items: list[msgspec.Raw]


_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_SEARCH: Final = msgspec.json.Decoder(_Search)
_PROBLEMS: Final = msgspec.json.Decoder(_Problems)
_RESULT: Final = msgspec.json.Decoder(_Result)
_COUNTED_LIST: Final = msgspec.json.Decoder(list[_Counted])
_COUNTED_SEARCH: Final = msgspec.json.Decoder(_CountedSearch)
_COUNTED_PROBLEMS: Final = msgspec.json.Decoder(_CountedProblems)
# what msgspec raises for a text that is not JSON, not of the shape, not UTF-8 or too deep
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def split_list_events(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a ListEvents body, a JSON list, into the texts of its events.

    Elements that are no objects (`null`, numbers, strings) are returned like the others. Raises PageError
    when the body is anything but one whole JSON list, PageTooLargeError when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    if _may_be_decoded(body, bounds, _COUNTED_LIST):
        try:
            return _few(list(map(bytes, _LIST.decode(body))), bounds)
        except _UNREADABLE:
            pass
    return _list_texts(body, bounds)


def split_search_results(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a SearchLogs body, `{"results": [{"data": ...}], "summary": ...}`, into the texts of each `data`.

    An item without `data` is returned whole. Raises PageError when the body is no whole JSON object or
    its `results` is missing, doubled or no list, PageTooLargeError when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    if body.count(b'"results"') == 1 and _may_be_decoded(body, bounds, _COUNTED_SEARCH):
        try:
            found = [item.data for item in _SEARCH.decode(body).results]
        except _UNREADABLE:
            found = [msgspec.UNSET]
        texts = [bytes(data) for data in found if isinstance(data, msgspec.Raw)]
        if len(texts) == len(found):
            return _few(texts, bounds)
    return [_data_of(item, bounds) for item in _member_texts(body, "results", bounds)]


def split_problems(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a ListProblems body, `{"items": [...]}`, into the texts of its problem summaries.

    Raises PageError when the body is no whole JSON object or its `items` is missing, doubled or no list,
    PageTooLargeError when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    if body.count(b'"items"') == 1 and _may_be_decoded(body, bounds, _COUNTED_PROBLEMS):
        try:
            return _few(list(map(bytes, _PROBLEMS.decode(body).items)), bounds)
        except _UNREADABLE:
            pass
    return _member_texts(body, "items", bounds)


def decoded_rows(body: bytes, decoder: msgspec.json.Decoder[Any], bounds: Bounds = LIST_BOUNDS) -> Any:
    """Decode a list of small objects, such as compartments, after looking how many there are.

    Raises PageError when it is not what the decoder expects, PageTooLargeError when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    if not _may_be_decoded(body, bounds, _COUNTED_LIST):
        raise PageError("not the list that was asked for")
    try:
        return _few(decoder.decode(body), bounds)
    except _UNREADABLE as error:
        raise PageError("not the list that was asked for") from error


def _sized(body: bytes, bounds: Bounds) -> bytes:
    """Return a body without its byte order mark; raise where it is too large to be cut."""
    if len(body) > bounds.size:
        raise PageTooLargeError(f"of more than {bounds.size >> 20} MiB")
    return body.removeprefix(BOM)


def _may_be_decoded(body: bytes, bounds: Bounds, counted: msgspec.json.Decoder[Any]) -> bool:
    """Tell whether few enough objects would be made of a body; raise where there are more than may be.

    False where they cannot be counted, because the body or one of its elements is not as it should be.
    """
    size = len(body)
    if size <= _FEW_BYTES or (size <= _WORTH_COUNTING_COMMAS and body.count(b",") < _FEW_COMMAS):
        return True
    _tally.left = bounds.records
    try:
        counted.decode(body)
    except _TooManyError:
        raise _too_many(bounds) from None
    except _UNREADABLE:
        return False
    return True


def _few(found: list[Any], bounds: Bounds) -> list[Any]:
    if len(found) > bounds.records:
        raise _too_many(bounds)
    return found


def _too_many(bounds: Bounds) -> PageTooLargeError:
    return PageTooLargeError(f"of more than {bounds.records:,} records")


def _data_of(item: bytes, bounds: Bounds) -> bytes:
    """Give the text of a search item's `data`, or the whole item where it has none."""
    bounds.check()
    try:
        data = _RESULT.decode(item).data
    except _UNREADABLE:
        spans = [span for key, span in object_members(item)[0] if key == "data"]
        return item[slice(*spans[-1])] if spans else item
    return bytes(data) if isinstance(data, msgspec.Raw) else item


def _list_texts(body: bytes, bounds: Bounds) -> list[bytes]:
    """Cut a JSON list by scanning, or say in a PageError what stands in its place."""
    _expect(body, b"[", "a list")
    spans, end = list_elements(body, bounds)
    _expect_end(body, end)
    for start, stop in spans:
        if body[start] not in b'{["' and not _is_json(body[start:stop]):
            raise PageError("not JSON")
    return [body[start:stop] for start, stop in spans]


def _member_texts(body: bytes, name: str, bounds: Bounds) -> list[bytes]:
    """Cut the list under one key of a JSON object, or say in a PageError why there is none."""
    _expect(body, b"{", "an object")
    found, end = _members(body, bounds)
    _expect_end(body, end)
    spans = [span for key, span in found if key == name]
    if len(spans) != 1:
        how = "without" if not spans else "with more than one"
        raise PageError(f"a JSON object {how} `{name}`")
    value = body[slice(*spans[0])]
    if not value.startswith(b"["):
        raise PageError(f"a JSON object whose `{name}` is no list")
    return _list_texts(value, bounds)


def _expect(body: bytes, opening: bytes, due: str) -> None:
    """Raise a PageError that names what the body is, unless it starts as it should."""
    head = body[:4096].lstrip(WHITESPACE)
    if head.startswith(opening):
        return
    if not body.strip(WHITESPACE):
        raise PageError("an empty body")
    if head.startswith(b"<"):
        html = re.search(rb"<\s*(!doctype\s+html|html|head|body)\b", head, re.IGNORECASE)
        raise PageError("an HTML page" if html else "an XML or HTML document")
    kind = {b"{": "object", b"[": "list", b'"': "string"}.get(head[:1])
    if kind is None and _is_json(head):
        kind = "null" if head.startswith(b"null") else "scalar"
    raise PageError(f"a JSON {kind} where {due} is due" if kind else "not JSON")


def _expect_end(body: bytes, end: int) -> None:
    """Raise a PageError unless the page's list or object ends where the body ends."""
    if end < 0:
        raise PageError("cut off")
    if body[end:].strip(WHITESPACE):
        raise PageError("a JSON page with something after its end")


def _is_json(text: bytes) -> bool:
    """Tell whether a short text is JSON."""
    try:
        msgspec.json.decode(text)
    except _UNREADABLE:
        return False
    return True


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


def list_elements(text: bytes, bounds: Bounds = ORDINARY_PAGE) -> tuple[list[Span], int]:
    """Give the spans of a JSON list's elements and the index after its end, whatever is inside them.

    The end is -1 when the list is cut off. Raises PageError for an element without any text (`[1,]`), and
    PageTooLargeError when there are more elements than `bounds` allows.
    """
    marks = _separators(text, _first(text), bounds)
    if not marks:
        return [], -1
    spans = _few([_stripped(text, start + 1, stop) for start, stop in pairwise(marks)], bounds)
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
        return _members(text, Bounds(_MOST_MEMBERS, len(text), _ChecksLeft(_MOST_CHECKS_OF_AN_OBJECT)))
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


def _members(text: bytes, bounds: Bounds) -> tuple[list[tuple[str, Span]], int]:
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
                raise _too_many(bounds)
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
