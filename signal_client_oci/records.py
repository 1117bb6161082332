"""Cuts an answer's body into the texts of its records, without reading what is in them.

The texts are exact slices of what the service sent. A page that is JSON from end to end takes msgspec's
fast way; one with a bad element takes a scanner that knows only strings, brackets and commas, so that a
single bad element is cut out and delivered like the others.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Final

import msgspec

__all__ = [
    "PageError",
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
# what msgspec raises for a text that is not JSON, not of the shape, not UTF-8 or too deep
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def split_list_events(body: bytes) -> list[bytes]:
    """Cut a ListEvents body, a JSON list, into the texts of its events.

    Elements that are no objects (`null`, numbers, strings) are returned like the others. Raises PageError
    when the body is anything but one whole JSON list.
    """
    body = body.removeprefix(BOM)
    try:
        return [bytes(raw) for raw in _LIST.decode(body)]
    except _UNREADABLE:
        return _list_texts(body)


def split_search_results(body: bytes) -> list[bytes]:
    """Cut a SearchLogs body, `{"results": [{"data": ...}], "summary": ...}`, into the texts of each `data`.

    An item without `data` is returned whole. Raises PageError when the body is no whole JSON object or
    its `results` is missing, doubled or no list.
    """
    body = body.removeprefix(BOM)
    if body.count(b'"results"') == 1:
        try:
            found = [item.data for item in _SEARCH.decode(body).results]
        except _UNREADABLE:
            found = [msgspec.UNSET]
        texts = [bytes(data) for data in found if isinstance(data, msgspec.Raw)]
        if len(texts) == len(found):
            return texts
    return [_data_of(item) for item in _member_texts(body, "results")]


def split_problems(body: bytes) -> list[bytes]:
    """Cut a ListProblems body, `{"items": [...]}`, into the texts of its problem summaries.

    Raises PageError when the body is no whole JSON object or its `items` is missing, doubled or no list.
    """
    body = body.removeprefix(BOM)
    if body.count(b'"items"') == 1:
        try:
            return [bytes(raw) for raw in _PROBLEMS.decode(body).items]
        except _UNREADABLE:
            pass
    return _member_texts(body, "items")


def _data_of(item: bytes) -> bytes:
    """Give the text of a search item's `data`, or the whole item where it has none."""
    try:
        data = _RESULT.decode(item).data
    except _UNREADABLE:
        spans = [span for key, span in object_members(item)[0] if key == "data"]
        return item[slice(*spans[-1])] if spans else item
    return bytes(data) if isinstance(data, msgspec.Raw) else item


def _list_texts(body: bytes) -> list[bytes]:
    """Cut a JSON list by scanning, or say in a PageError what stands in its place."""
    _expect(body, b"[", "a list")
    spans, end = list_elements(body)
    _expect_end(body, end)
    for start, stop in spans:
        if body[start] not in b'{["' and not _is_json(body[start:stop]):
            raise PageError("not JSON")
    return [body[start:stop] for start, stop in spans]


def _member_texts(body: bytes, name: str) -> list[bytes]:
    """Cut the list under one key of a JSON object, or say in a PageError why there is none."""
    _expect(body, b"{", "an object")
    found, end = object_members(body)
    _expect_end(body, end)
    spans = [span for key, span in found if key == name]
    if len(spans) != 1:
        how = "without" if not spans else "with more than one"
        raise PageError(f"a JSON object {how} `{name}`")
    value = body[slice(*spans[0])]
    if not value.startswith(b"["):
        raise PageError(f"a JSON object whose `{name}` is no list")
    return _list_texts(value)


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
    while True:
        bite = _STRING_REST.match(text, pos)
        end = bite.end() if bite else pos
        if text[end : end + 1] == b'"':
            return end + 1
        if end == pos or end >= len(text):
            return -1
        pos = end


def list_elements(text: bytes) -> tuple[list[Span], int]:
    """Give the spans of a JSON list's elements and the index after its end, whatever is inside them.

    The end is -1 when the list is cut off. Raises PageError for an element without any text (`[1,]`).
    """
    marks = _separators(text, _first(text))
    if not marks:
        return [], -1
    cuts = [at for at in marks if text[at] != _COLON]
    spans = [_stripped(text, start + 1, stop) for start, stop in pairwise(cuts)]
    if len(spans) == 1 and spans[0][0] == spans[0][1]:
        spans = []
    if any(start == stop for start, stop in spans):
        raise PageError("not JSON")
    return spans, cuts[-1] + 1


def object_members(text: bytes) -> tuple[list[tuple[str, Span]], int]:
    """Give the keys and value spans of a JSON object in their order, and the index after its end.

    What stands between two commas without a key is left out. The end is -1, and there are no members,
    when the text is no object or is cut off.
    """
    first = _first(text)
    marks = _separators(text, first) if text[first : first + 1] == b"{" else []
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
    piece = text[start:stop]
    start += len(piece) - len(piece.lstrip(WHITESPACE))
    return start, max(start, start + len(piece.strip(WHITESPACE)))


def _key(text: bytes) -> str:
    """Give the name that an object's key spells, the text itself when it is no proper string."""
    try:
        return str(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")


def _separators(text: bytes, start: int) -> list[int]:
    """Give the index of a container's opening, of its own commas and colons and of its closing.

    Strings and inner containers are passed over without recursion. A closing bracket closes the innermost
    open one of its kind and with it what was left open inside, so that a wrong bracket stays within its
    element. Empty when the container is never closed.
    """
    marks, open_ = [start], bytearray(text[start : start + 1])
    counts = {ord("["): 0, ord("{"): 0} | dict.fromkeys(open_, 1)
    pos = start + 1
    while found := _STRUCTURE.search(text, pos):
        at, kind = found.start(), text[found.start()]
        pos = at + 1
        if kind == _QUOTE:
            pos = string_end(text, at)
            if pos < 0:
                return []
        elif kind in counts:
            open_.append(kind)
            counts[kind] += 1
        elif kind in (_COMMA, _COLON):
            if len(open_) == 1:
                marks.append(at)
        elif counts[_OPENER[kind]]:
            _close(open_, counts, _OPENER[kind])
            if not open_:
                return [*marks, at]
    return []


def _close(open_: bytearray, counts: dict[int, int], opener: int) -> None:
    """Close the innermost open bracket of a kind, and those left open inside it."""
    while True:
        kind = open_.pop()
        counts[kind] -= 1
        if kind == opener:
            return
