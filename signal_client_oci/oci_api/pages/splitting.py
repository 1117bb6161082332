"""Cuts an answer's body into the texts of its records, without reading what is in them.

The texts are exact slices of what the service sent. A page that is JSON from end to end is decoded by msgspec, which is
fast; one with a malformed element is cut by a scanner that knows only strings, brackets and commas, so that the
malformed element is cut out and delivered like the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from signal_client_oci.artifacts.json_scan import (
    WHITESPACE,
    JsonScanError,
    list_elements,
    object_members,
    object_members_within,
)
from signal_client_oci.artifacts.lenient_decode import DECODE_ERRORS
from signal_client_oci.oci_api.pages.bounds import (
    LIST_BOUNDS,
    ORDINARY_PAGE,
    Bounds,
    PageError,
    PageTooLargeError,
    limited,
    too_many,
)
from signal_client_oci.oci_api.pages.decoding import (
    LIST_PAGE,
    PROBLEMS_PAGE,
    SEARCH_PAGE,
    decoded_texts,
    may_be_decoded,
    result_text,
)

__all__ = ["decoded_object", "decoded_rows", "split_list_events", "split_problems", "split_search_results"]

_BOM: Final = b"\xef\xbb\xbf"

T = TypeVar("T")


def split_list_events(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a ListEvents body, a JSON list, into the texts of its events.

    Elements that are not objects (`null`, numbers, strings) are returned like the others. Raises PageError when the
    body is anything but one whole JSON list, or holds more than `bounds`.
    """
    body = _sized(body, bounds)
    texts = decoded_texts(body, LIST_PAGE, bounds)
    return _list_texts(body, bounds) if texts is None else texts


def split_search_results(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a SearchLogs body, `{"results": [{"data": ...}], "summary": ...}`, into the texts of each `data`.

    An item without `data` is returned whole. Raises PageError when the body is not one whole JSON object, when its
    `results` is missing, doubled or not a list, or when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    texts = decoded_texts(body, SEARCH_PAGE, bounds)
    if texts is None:
        return [_data_of(item, bounds) for item in _member_texts(body, "results", bounds)]
    return texts


def split_problems(body: bytes, bounds: Bounds = ORDINARY_PAGE) -> list[bytes]:
    """Cut a ListProblems body, `{"items": [...]}`, into the texts of its problem summaries.

    Raises PageError when the body is not one whole JSON object, when its `items` is missing, doubled or not a list, or
    when it holds more than `bounds`.
    """
    body = _sized(body, bounds)
    texts = decoded_texts(body, PROBLEMS_PAGE, bounds)
    return _member_texts(body, "items", bounds) if texts is None else texts


def decoded_rows(
    body: bytes, decoder: msgspec.json.Decoder[list[T]], bounds: Bounds = LIST_BOUNDS
) -> list[T]:
    """Decode a list of small objects, such as compartments.

    Raises PageError when it is not what the decoder expects, or holds more than `bounds`.
    """
    body = _sized(body, bounds)
    try:
        if may_be_decoded(body, LIST_PAGE, bounds):
            return limited(decoder.decode(body), bounds)
    except DECODE_ERRORS:
        pass  # it is told below
    raise PageError("not the list that was requested")


def decoded_object(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode one small object, such as a compartment; raises PageError when it is not what the decoder expects."""
    try:
        return decoder.decode(body)
    except DECODE_ERRORS as error:
        raise PageError("not the object that was requested") from error


def _scanned(scan: Callable[[bytes, int, Callable[[], None]], T], body: bytes, bounds: Bounds) -> T:
    """Scan a body within its bounds; raise what the scanner cannot do as a PageError."""
    try:
        return scan(body, bounds.records, bounds.check)
    except JsonScanError as error:
        if error.kind == "too_many_items":
            raise too_many(bounds) from None
        if error.kind == "too_many_tokens":
            raise PageTooLargeError("of more parts than can be scanned") from None
        raise PageError("not JSON") from None


def _sized(body: bytes, bounds: Bounds) -> bytes:
    """Return a body without its byte order mark; raise if it is too large."""
    if len(body) > bounds.size:
        raise PageTooLargeError(f"of more than {bounds.size >> 20} MiB")
    return body.removeprefix(_BOM)


def _data_of(item: bytes, bounds: Bounds) -> bytes:
    """Return the text of a search item's `data`, or the whole item where it has none."""
    bounds.check()
    try:
        return result_text(item)
    except DECODE_ERRORS:
        spans = [span for key, span in object_members(item)[0] if key == "data"]
        return item[slice(*spans[-1])] if spans else item


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
    except DECODE_ERRORS:
        return False
    return True
