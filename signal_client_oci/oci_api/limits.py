"""Limits of the memory and work that one poll may take.

OCI documents no page size for Audit. Pages of about 20,000 events have been seen (oci-java-sdk#46), which are some
60 MB; Logging Search gives 1,000 records a page at most. The limits leave room above both.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ERROR_BYTES",
    "IN_FLIGHT_BYTES",
    "LAST_CALL_SECONDS",
    "LIST_BYTES",
    "LIST_ROWS",
    "MAX_BODY_BYTES",
    "MAX_COMPARTMENTS",
    "PAGES_A_SLICE",
    "PAGE_BYTES",
    "PAGE_RECORDS",
    "SMALLEST_SLICE_RECORDS",
    "TURN_BYTES",
    "TURN_SECONDS",
]

_MIB: Final = 1024 * 1024

PAGE_RECORDS: Final = 50_000
"""Records of one page; a page with more is requested again in smaller slices."""

PAGE_BYTES: Final = 64 * _MIB
"""Bytes of one page; a larger one is requested again in smaller slices."""

SMALLEST_SLICE_RECORDS: Final = 200_000
"""Records of a page of the smallest slice (one minute, one compartment), which cannot be divided further."""

MAX_BODY_BYTES: Final = 128 * _MIB
"""Decoded bytes of any answer; also the limit for a page of the smallest slice."""

LIST_BYTES: Final = 32 * _MIB
"""Decoded bytes of an answer of Identity, Cloud Guard or ListLogGroups: at most 1,000 small objects are requested."""

LIST_ROWS: Final = 20_000
"""Rows of such an answer."""

ERROR_BYTES: Final = 64 * 1024
"""Bytes that are read of an error's body; its code and message come first."""

IN_FLIGHT_BYTES: Final = 64 * _MIB
"""Bytes of answers that all lanes of a poll together have received and not yet mapped; one answer may exceed it."""

PAGES_A_SLICE: Final = 2_000
"""Pages of one slice or list; beyond that the page tokens are assumed never to end."""

MAX_COMPARTMENTS: Final = 100_000
"""Compartments that are taken from ListCompartments."""

TURN_SECONDS: Final = 0.05
"""How long records of a page are mapped before deadline and `should_stop` are checked again."""

TURN_BYTES: Final = 2 * _MIB
"""How many bytes of a page are mapped before full batches are delivered."""

LAST_CALL_SECONDS: Final = 0.5
"""How long a poll that has to end may still map what it has received."""
