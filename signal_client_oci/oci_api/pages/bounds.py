"""How much a page may hold, and how what cannot be taken for a page is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, TypeVar

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
    "limited",
    "too_many",
]

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


def limited(found: list[T], bounds: Bounds) -> list[T]:
    """Return what was found in a page; raise PageTooLargeError if it is too much."""
    if len(found) > bounds.records:
        raise too_many(bounds)
    return found


def too_many(bounds: Bounds) -> PageTooLargeError:
    """Return the error for a page of more records than it may hold."""
    return PageTooLargeError(f"of more than {bounds.records:,} records")
