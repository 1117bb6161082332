"""Cuts an answer's body into the texts of its records, without reading what is in them.

The texts are exact slices of what the service sent. A page that is JSON from end to end is cut by msgspec, which is
fast; one with a malformed element by a scanner that knows only strings, brackets and commas, so that the malformed
element is cut out and delivered like the others.

A body of many tiny records would take many times its size as objects. So a list of events is cut in parts of a bounded
size. Elsewhere they are counted before any is made: first the commas behind a harmless beginning, which are an upper
bound of what follows it, then, where there are many, the elements themselves, without keeping them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from signal_client_oci.artifacts.json_scan import (
    WHITESPACE,
    JsonScanError,
    list_elements,
    object_members,
    object_members_within,
)
from signal_client_oci.oci_api.limits import (
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
    "PageErrorKind",
    "PageTooLargeError",
    "decoded_object",
    "decoded_rows",
    "split_list_events",
    "split_problems",
    "split_search_results",
]

BOM: Final = b"\xef\xbb\xbf"

_PART_BYTES: Final = 64 * 1024
_BEGINNING: Final = 16  # bytes in which elements begin alike, with the same key
_UNCOUNTED_BYTES: Final = 512 * 1024  # elements of two bytes each are no more than may be made at once
_FEW_COMMAS: Final = SMALLEST_SLICE_RECORDS
_BYTES_A_COMMA: Final = 20  # of ordinary records; where there are fewer, the elements are tiny
_MAX_BYTES_FOR_COMMAS: Final = 16 * 1024 * 1024  # in a larger body the elements are counted

T = TypeVar("T")
PageErrorKind = Literal["unexpected", "truncated", "too_large"]


class PageError(ValueError):
    """A body is not the page that was due, so nothing of it can be taken as read.

    `kind` says what to do about it: "truncated" where the end of the page is missing, "too_large" where a smaller slice
    must be requested, "unexpected" for everything else. `reason` completes the sentence "the answer is ...": a few
    English words that never quote the body.
    """

    def __init__(self, reason: str, kind: PageErrorKind = "unexpected") -> None:
        super().__init__(f"the answer is {reason}")
        self.reason, self.kind = reason, kind


class PageTooLargeError(PageError):
    """A body holds more than may be processed at once; a smaller slice has to be requested."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "too_large")


def _no_check() -> None:
    """Let the cutting go on."""


class Bounds(NamedTuple):
    """How much a page may hold.

    Attributes:
        records: Records at most.
        size: Bytes at most.
        check: Called now and then while a page is cut that takes long; what it raises ends the cutting.
    """

    records: int
    size: int
    check: Callable[[], None] = _no_check


ORDINARY_PAGE: Final = Bounds(PAGE_RECORDS, PAGE_BYTES)
SMALLEST_SLICE_PAGE: Final = Bounds(SMALLEST_SLICE_RECORDS, MAX_BODY_BYTES)
LIST_BOUNDS: Final = Bounds(LIST_ROWS, LIST_BYTES)


class _Budget(threading.local):
    """How many more elements the current thread may count: msgspec makes structs without a way to pass it."""

    left = 0


_budget: Final = _Budget()


class _TooManyError(Exception):
    """There are more elements than allowed; msgspec lets it through, unlike a ValueError."""


class _Counted(msgspec.Struct, gc=False):
    """An element that is only counted."""

    def __post_init__(self) -> None:
        _budget.left -= 1
        if _budget.left < 0:
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

    Elements that are not objects (`null`, numbers, strings) are returned like the others. Raises PageError when the
    body is anything but one whole JSON list, or holds more than `bounds`.
    """
    body = _sized(body, bounds)
    texts = _texts_by_parts(body, bounds)
    if texts is not None:
        return texts
    if _may_be_decoded(body, bounds, _COUNTED_LIST):
        try:
            return _limited(list(map(bytes, _LIST.decode(body))), bounds)
        except _UNREADABLE:
            pass
    return _list_texts(body, bounds)


def split_search_results(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a SearchLogs body, `{"results": [{"data": ...}], "summary": ...}`, into the texts of each `data`.

    An item without `data` is returned whole. Raises PageError when the body is not one whole JSON object, when its
    `results` is missing, doubled or not a list, or when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    if _stands_once(b'"results"', body) and _may_be_decoded(body, bounds, _COUNTED_SEARCH):
        try:
            found = [item.data for item in _SEARCH.decode(body).results]
        except _UNREADABLE:
            found = [msgspec.UNSET]
        texts = [bytes(data) for data in found if isinstance(data, msgspec.Raw)]
        if len(texts) == len(found):
            return _limited(texts, bounds)
    return [_data_of(item, bounds) for item in _member_texts(body, "results", bounds)]


def split_problems(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a ListProblems body, `{"items": [...]}`, into the texts of its problem summaries.

    Raises PageError when the body is not one whole JSON object, when its `items` is missing, doubled or not a list, or
    when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    if _stands_once(b'"items"', body) and _may_be_decoded(body, bounds, _COUNTED_PROBLEMS):
        try:
            return _limited(list(map(bytes, _PROBLEMS.decode(body).items)), bounds)
        except _UNREADABLE:
            pass
    return _member_texts(body, "items", bounds)


def decoded_rows(
    body: bytes, decoder: msgspec.json.Decoder[list[T]], bounds: Bounds = LIST_BOUNDS
) -> list[T]:
    """Decode a list of small objects, such as compartments.

    Raises PageError when it is not what the decoder expects, or holds more than `bounds`.
    """
    body = _sized(body, bounds)
    unexpected = PageError("not the list that was requested")
    if not _may_be_decoded(body, bounds, _COUNTED_LIST):
        raise unexpected
    try:
        return _limited(decoder.decode(body), bounds)
    except _UNREADABLE as error:
        raise unexpected from error


def decoded_object(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode one small object, such as a compartment; raises PageError when it is not what the decoder expects."""
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        raise PageError("not the object that was requested") from error


def _stands_once(key: bytes, body: bytes) -> bool:
    """Tell whether a key, with its quotes, stands in a body exactly once; in half the time of counting."""
    at = body.find(key)
    return at >= 0 and at == body.rfind(key)


def _limited(found: list[T], bounds: Bounds) -> list[T]:
    if len(found) > bounds.records:
        raise _too_many(bounds)
    return found


def _too_many(bounds: Bounds) -> PageTooLargeError:
    return PageTooLargeError(f"of more than {bounds.records:,} records")


def _scanned(scan: Callable[[bytes, int, Callable[[], None]], T], body: bytes, bounds: Bounds) -> T:
    """Scan a body within its bounds; raise what the scanner cannot do as a PageError."""
    try:
        return scan(body, bounds.records, bounds.check)
    except JsonScanError as error:
        if error.kind == "too_many_items":
            raise _too_many(bounds) from None
        if error.kind == "too_many_tokens":
            raise PageTooLargeError("of more parts than can be scanned") from None
        raise PageError("not JSON") from None


def _sized(body: bytes, bounds: Bounds) -> bytes:
    """Return a body without its byte order mark; raise if it is too large."""
    if len(body) > bounds.size:
        raise PageTooLargeError(f"of more than {bounds.size >> 20} MiB")
    return body.removeprefix(BOM)


def _texts_by_parts(body: bytes, bounds: Bounds) -> list[bytes] | None:
    """Cut a list of objects that begin alike part by part; None where that is not possible.

    Where a part may end is guessed by how the elements begin: a wrong guess gives a part that is not JSON.
    """
    if not body.startswith(b"[{"):
        return None
    begins_next = b"}," + body[1 : 1 + _BEGINNING]
    texts: list[bytes] = []
    whole, start = memoryview(body), 1
    try:
        while len(body) - start > _PART_BYTES:
            end = body.rfind(begins_next, start, start + _PART_BYTES)
            if end < 0:
                return None
            texts += map(bytes, _LIST.decode(b"".join((b"[", whole[start : end + 1], b"]"))))
            _limited(texts, bounds)
            bounds.check()
            start = end + 2
        texts += map(bytes, _LIST.decode(b"".join((b"[", whole[start:]))))
    except _UNREADABLE:
        return None
    return _limited(texts, bounds)


def _may_be_decoded(body: bytes, bounds: Bounds, counted: msgspec.json.Decoder[Any]) -> bool:
    """Tell whether msgspec may decode a body: few enough objects would be made of it. Raise if they are too many.

    False where they cannot be counted, because the body or one of its elements is malformed.
    """
    size = len(body)
    few = min(_FEW_COMMAS, size // _BYTES_A_COMMA)
    if size <= _MAX_BYTES_FOR_COMMAS and body.count(b",", _UNCOUNTED_BYTES) <= few:
        return True
    _budget.left = bounds.records
    try:
        counted.decode(body)
    except _TooManyError:
        raise _too_many(bounds) from None
    except _UNREADABLE:
        return False
    return True


def _data_of(item: bytes, bounds: Bounds) -> bytes:
    """Return the text of a search item's `data`, or the whole item where it has none."""
    bounds.check()
    try:
        data = _RESULT.decode(item).data
    except _UNREADABLE:
        spans = [span for key, span in object_members(item)[0] if key == "data"]
        return item[slice(*spans[-1])] if spans else item
    return bytes(data) if isinstance(data, msgspec.Raw) else item


def _list_texts(body: bytes, bounds: Bounds) -> list[bytes]:
    """Cut a JSON list by scanning, or raise a PageError that names what came instead."""
    _expect(body, b"[", "a list")
    spans, end = _scanned(list_elements, body, bounds)
    _expect_end(body, end)
    for start, stop in spans:
        if body[start] not in b'{["' and not _is_json(body[start:stop]):
            raise PageError("not JSON")
    return [body[start:stop] for start, stop in spans]


def _member_texts(body: bytes, name: str, bounds: Bounds) -> list[bytes]:
    """Cut the list under one key of a JSON object, or raise a PageError that says why there is none."""
    _expect(body, b"{", "an object")
    found, end = _scanned(object_members_within, body, bounds)
    _expect_end(body, end)
    spans = [span for key, span in found if key == name]
    if len(spans) != 1:
        how = "without" if not spans else "with more than one"
        raise PageError(f"a JSON object {how} `{name}`")
    value = body[slice(*spans[0])]
    if not value.startswith(b"["):
        raise PageError(f"a JSON object whose `{name}` is not a list")
    return _list_texts(value, bounds)


def _expect(body: bytes, opening: bytes, expected: str) -> None:
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
    raise PageError(f"a JSON {kind} where {expected} was expected" if kind else "not JSON")


def _expect_end(body: bytes, end: int) -> None:
    """Raise a PageError unless the page's list or object ends where the body ends."""
    if end < 0:
        raise PageError("incomplete JSON", "truncated")
    if body[end:].strip(WHITESPACE):
        raise PageError("a JSON page with something after its end")


def _is_json(text: bytes) -> bool:
    """Tell whether a short text is JSON."""
    try:
        msgspec.json.decode(text)
    except _UNREADABLE:
        return False
    return True
