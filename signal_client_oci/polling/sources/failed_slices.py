"""What is asked for in place of a slice that failed: the same again, something smaller, or nothing."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.polling.sources.slices import Partition, Slice
from signal_client_oci.scheduler.requests import LaneHealth
from signal_client_oci.state.windows import minute_in_words

__all__ = ["TOO_MUCH", "can_begin_again", "divided", "with_minute"]

TOO_MUCH: Final = frozenset({"RESPONSE_TOO_LARGE", "PAGES_WITHOUT_END"})
"""Codes of what is too much for one slice."""


def divided(slice_: Slice, failure: Failure, lane: LaneHealth) -> list[Partition]:
    """Return what to ask for in place of a partition: shorter slices or fewer compartments; [] if neither helps."""
    partition, minutes = slice_.partition, slice_.partition.slice_minutes
    members = partition.compartments
    if failure.code in TOO_MUCH and not slice_.is_minute:
        return [partition.part(members, max(1, (slice_.end - slice_.start) // 4))]
    if len(members) == 1 or failure.recovery is Recovery.REGION:
        return []
    if failure.recovery is Recovery.RETRY:
        return [partition.part((one,), minutes) for one in members] if lane.is_healthy else []
    half = len(members) // 2
    return [partition.part(members[:half], minutes), partition.part(members[half:], minutes)]


def can_begin_again(slice_: Slice, failure: Failure) -> bool:
    """True if the slice's first page is worth asking for again: once for a token, or with smaller pages."""
    if failure.code == "PAGE_TOKEN_REFUSED" and not slice_.restarted:
        slice_.restarted = True
        return True
    if failure.code != "RESPONSE_TOO_LARGE" or not slice_.is_minute:
        return False
    smaller = slice_.api.with_smaller_pages()
    if smaller is None:
        return False
    slice_.api = smaller
    return True


def with_minute(failure: Failure, slice_: Slice) -> Failure:
    """Return the failure with the minute that cannot be read; the report adds compartment and region."""
    minute = f"in the minute from {minute_in_words(slice_.start)}"
    return failure.recoded(failure.code, f"{failure.detail}, {minute}" if failure.detail else minute)
