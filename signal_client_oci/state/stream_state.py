"""One source in one region: a cursor for each compartment, and the digests of what is read again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from signal_client_oci.state.cursor import LONGEST_OVERLAP, Cursor, read_again_from
from signal_client_oci.state.seen_records import SeenRecords
from signal_client_oci.state.windows import DAY, minute_to_text

__all__ = [
    "StreamKey",
    "StreamState",
    "by_identity",
    "compartment_key",
    "covered_until",
    "out_of_scope",
    "tag_of",
]

_FORGOTTEN_AFTER: Final = 90 * DAY
_MANY_DIGESTS: Final = 20_000


class StreamKey(NamedTuple):
    """Names one source in one region."""

    source: str
    region: str


@lru_cache(maxsize=8192)
def compartment_key(ocid: str) -> str:
    """Return the eight characters by which a checkpoint names a compartment (48 bits of a hash)."""
    digest = hashlib.blake2b(ocid.encode(), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")


@lru_cache(maxsize=4096)
def tag_of(key: str) -> bytes:
    """Return the two bytes by which digests name the compartment of `key`."""
    return base64.urlsafe_b64decode(key)[:2]


class StreamState:
    """Where one source in one region stands.

    Attributes:
        cursors: Compartment key → cursor.
        seen: The digests of delivered records that may be read again.
        overlap: Minutes that its polls read again at least.
    """

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor] = {}
        self.seen = SeenRecords()
        self.overlap = LONGEST_OVERLAP
        self._expire_at = _MANY_DIGESTS

    def mark_seen(self, digests: Iterable[bytes], tag: bytes, end: int) -> None:
        """Remember records that were handed out; where there are very many, forget those that are settled."""
        self.seen.commit(digests, tag, end)
        if len(self.seen) > self._expire_at:
            self.expire_settled()
            self._expire_at = max(_MANY_DIGESTS, len(self.seen) * 5 // 4)

    def expire_settled(self) -> int:
        """Drop the digests of records that no later poll reads again; return from which minute on polls read."""
        starts: dict[bytes, int] = {}
        again = {
            known: read_again_from(cursor, self.overlap)
            for known, cursor in by_identity(self.cursors.values()).items()
        }
        for key, cursor in self.cursors.items():
            start = again[id(cursor)]
            tag = tag_of(key)
            starts[tag] = min(start, starts.get(tag, start))
        newest = max(starts.values(), default=0)
        self.seen.expire(lambda tag: starts.get(tag, newest))
        return newest

    def read_again_from(self) -> int:
        """Return the latest minute from which on a compartment is read again."""
        cursors = by_identity(self.cursors.values()).values()
        return max((read_again_from(cursor, self.overlap) for cursor in cursors), default=0)

    def last_attempt(self) -> int:
        """Return the minute of the last poll that tried to read a compartment of it, 0 = none did."""
        return max((cursor.last_attempt for cursor in self.cursors.values()), default=0)

    def to_json(self, place: Mapping[str, int]) -> dict[str, Any]:
        """Return what is stored of it; `place` says where each compartment stands in the checkpoint's table."""
        return {"positions": _grouped(self.cursors, place), "digests": self.seen.to_json()}


def covered_until(streams: Iterable[StreamState], keys: Collection[str]) -> str | None:
    """Return until when all of these compartments were read (RFC 3339), None where nothing is known."""
    wanted = set(keys)
    read = [one.read_until for stream in streams for key, one in stream.cursors.items() if key in wanted]
    return minute_to_text(min(read)) if read else None


def out_of_scope(stream: StreamState, keys: Collection[str], minute: int) -> list[str]:
    """Return what has been out of the scope for so long that OCI has forgotten it too."""
    wanted, oldest = set(keys), minute - _FORGOTTEN_AFTER
    return [key for key, one in stream.cursors.items() if key not in wanted and one.last_attempt < oldest]


def by_identity(cursors: Iterable[Cursor]) -> dict[int, Cursor]:
    """Return each object once, by its `id`: one is shared by many compartments, and costly to hash."""
    return {id(cursor): cursor for cursor in cursors}


def _grouped(cursors: Mapping[str, Cursor], place: Mapping[str, int]) -> list[list[Any]]:
    """Write each cursor once, with the places of its compartments."""
    shared: dict[int, list[int]] = {}
    for key, cursor in cursors.items():
        shared.setdefault(id(cursor), []).append(place[key])
    groups: dict[Cursor, list[int]] = {}
    for identity, cursor in by_identity(cursors.values()).items():
        groups.setdefault(cursor, []).extend(shared[identity])
    return [
        # version 1 has a place for leaps of the clock, which are not needed any more
        [*cursor[:8], [list(first) for first in cursor.pending_rereads], [], _ranges(sorted(members))]
        for cursor, members in groups.items()
    ]


def _ranges(indexes: Iterable[int]) -> str:
    """Write sorted indexes as `0-3,5`."""
    spans: list[list[int]] = []
    for index in indexes:
        if spans and spans[-1][1] == index - 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)
