"""Decodes a page that is JSON from end to end into the texts of its records, and makes no more objects than it may.

A body of many tiny records would take many times its size as objects. So a list of records that begin alike is cut in
parts of a bounded size, unless they are tiny. Others are counted before any is made: first the commas behind a harmless
beginning, which are an upper bound of what follows it, then, where there are many, the elements themselves, without
keeping them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.lenient_decode import DECODE_ERRORS
from signal_client_oci.oci_api.limits import SMALLEST_SLICE_RECORDS
from signal_client_oci.oci_api.pages.bounds import Bounds, limited, too_many

__all__ = [
    "LIST_PAGE",
    "PROBLEMS_PAGE",
    "SEARCH_PAGE",
    "PageKind",
    "decoded_texts",
    "may_be_decoded",
    "result_text",
]

_PART_BYTES: Final = 64 * 1024
_BEGINNING: Final = 16  # bytes in which elements begin alike, with the same key
_UNCOUNTED_BYTES: Final = 512 * 1024  # elements of two bytes each are no more than may be made at once
_FEW_COMMAS: Final = SMALLEST_SLICE_RECORDS
_BYTES_A_COMMA: Final = 20  # of ordinary records; where there are fewer, the elements are tiny
_MOST_IN_A_PART: Final = _PART_BYTES // _BYTES_A_COMMA
_MAX_BYTES_FOR_COMMAS: Final = 16 * 1024 * 1024  # in a larger body the elements are counted

# the letters of `results` and `items` as JSON may spell them too; others leave a page to be decoded
_ESCAPED_LETTER: Final = re.compile(rb"\\u00(?:6[59cCdD]|7[2-5])")


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


class _Result(msgspec.Struct, gc=False):
    """One item of a search answer: the record is its `data`."""

    data: msgspec.Raw


class _Search(msgspec.Struct):
    """The envelope of SearchLogs as it nearly always comes."""

    results: list[_Result]


class _Problems(msgspec.Struct):
    """The envelope of ListProblems."""

    items: list[msgspec.Raw]


_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_RESULTS: Final = msgspec.json.Decoder(list[_Result])
_SEARCH: Final = msgspec.json.Decoder(_Search)
_PROBLEMS: Final = msgspec.json.Decoder(_Problems)
_RESULT: Final = msgspec.json.Decoder(_Result)
_COUNTED_LIST: Final = msgspec.json.Decoder(list[_Counted])
_COUNTED_SEARCH: Final = msgspec.json.Decoder(_CountedSearch)
_COUNTED_PROBLEMS: Final = msgspec.json.Decoder(_CountedProblems)


class PageKind(NamedTuple):
    """How pages of one kind are cut where they are JSON from end to end.

    Attributes:
        key: What the list of records stands under, with its quotes; empty where the page is that list.
        list_texts: Cuts a list of records.
        page_texts: Cuts a page.
        counted: Decodes a page without keeping its records.
    """

    key: bytes
    list_texts: Callable[[bytes], list[bytes]]
    page_texts: Callable[[bytes], list[bytes]]
    counted: msgspec.json.Decoder[Any]


def _listed_texts(page: bytes) -> list[bytes]:
    return list(map(bytes, _LIST.decode(page)))


def _problem_texts(page: bytes) -> list[bytes]:
    return list(map(bytes, _PROBLEMS.decode(page).items))


def _result_texts(results: bytes) -> list[bytes]:
    return [bytes(result.data) for result in _RESULTS.decode(results)]


def _search_texts(page: bytes) -> list[bytes]:
    return [bytes(result.data) for result in _SEARCH.decode(page).results]


LIST_PAGE: Final = PageKind(b"", _listed_texts, _listed_texts, _COUNTED_LIST)
SEARCH_PAGE: Final = PageKind(b'"results"', _result_texts, _search_texts, _COUNTED_SEARCH)
PROBLEMS_PAGE: Final = PageKind(b'"items"', _listed_texts, _problem_texts, _COUNTED_PROBLEMS)


def decoded_texts(body: bytes, kind: PageKind, bounds: Bounds) -> list[bytes] | None:
    """Cut a page by decoding it; None where that is not possible, so that it has to be scanned.

    Raises PageTooLargeError when it holds more than `bounds`.
    """
    texts = _texts_by_parts(body, kind, bounds)
    if texts is None and _has_one_list(body, kind) and may_be_decoded(body, kind, bounds):
        try:
            texts = kind.page_texts(body)
        except DECODE_ERRORS:
            return None
    return None if texts is None else limited(texts, bounds)


def _texts_by_parts(body: bytes, kind: PageKind, bounds: Bounds) -> list[bytes] | None:
    """Cut a page of objects that begin alike part by part; None where that is not possible, or where they are tiny.

    Where a part may end is guessed by how the objects begin: a wrong guess gives a part that is not JSON, because each
    begins with an element of the list. The last part is decoded with all that stands before and behind the list.
    """
    start = _start_of_list(body, kind)
    if not start:
        return None
    whole, head, begins_next = memoryview(body), body[:start], b"}," + body[start : start + _BEGINNING]
    if not _has_one_list(head, kind):
        return None
    texts: list[bytes] = []
    try:
        if kind.key:
            kind.page_texts(head + b"]}")  # it fails where the list is that of something within the page
        while len(body) - start > _PART_BYTES:
            end = body.rfind(begins_next, start, start + _PART_BYTES)
            part = kind.list_texts(b"".join((b"[", whole[start : end + 1], b"]"))) if end >= 0 else None
            if part is None or len(part) > _MOST_IN_A_PART:  # tiny ones are counted first
                return None
            texts += part
            limited(texts, bounds)
            bounds.check()
            start = end + 2
        last = b"".join((head, whole[start:]))
        if not _has_one_list(last, kind):
            return None
        texts += kind.page_texts(last)
    except DECODE_ERRORS:
        return None
    return texts


def _start_of_list(body: bytes, kind: PageKind) -> int:
    """Return where the first record of a page begins if it is an object and can be found at a glance, else 0."""
    if not kind.key:
        return 1 if body.startswith(b"[{") else 0
    opening = kind.key + b":["
    at = body.find(opening + b"{", 0, _PART_BYTES)
    return at + len(opening) if at >= 0 else 0


def _has_one_list(body: bytes, kind: PageKind) -> bool:
    """Tell whether a page surely has one list of records: of a key that stands twice, msgspec would take the last."""
    if not kind.key:
        return True
    at = body.find(kind.key)
    is_once = at >= 0 and at == body.rfind(kind.key)
    return is_once and not (b"\\" in body and _ESCAPED_LETTER.search(body))


def may_be_decoded(body: bytes, kind: PageKind, bounds: Bounds) -> bool:
    """Tell whether msgspec may decode a body: few enough objects would be made of it. Raise if they are too many.

    False where they cannot be counted, because the body or one of its elements is malformed.
    """
    size = len(body)
    few = min(_FEW_COMMAS, size // _BYTES_A_COMMA)
    if size <= _MAX_BYTES_FOR_COMMAS and body.count(b",", _UNCOUNTED_BYTES) <= few:
        return True
    _budget.left = bounds.records
    try:
        kind.counted.decode(body)
    except _TooManyError:
        raise too_many(bounds) from None
    except DECODE_ERRORS:
        return False
    return True


def result_text(item: bytes) -> bytes:
    """Return the text of a search item's `data`; raises one of `DECODE_ERRORS` where it has none or is malformed."""
    return bytes(_RESULT.decode(item).data)
