"""Which records of the overlap were delivered already: eight bytes of each one's id, kept as long as it can come again.

A digest is kept under the end of the window in which its record was first read. The record lies before that
minute, so the digest can go once nothing before it is read again. A tag of two bytes says which compartment the
record is of, so that one that stands still keeps its own digests and nobody else's.
"""

from __future__ import annotations

import base64
import re
import struct
from binascii import unhexlify
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from signal_client_oci.state.windows import LATEST_MINUTE

__all__ = ["DIGEST_BYTES", "SeenRecords", "digest_of", "join_digests", "split_digests"]

DIGEST_BYTES: Final = 8
_DIGEST_DIGITS: Final = 2 * DIGEST_BYTES
_DIGEST: Final = struct.Struct(f"{DIGEST_BYTES}s")
_RUN: Final = struct.Struct(">2sH")
_LONGEST_RUN: Final = 0xFFFF
_MINUTE: Final = re.compile(r"0|[1-9][0-9]{0,9}")


def digest_of(artifact_id: str) -> bytes:
    """Return the eight bytes by which an artifact's id is remembered.

    Two records of one overlap of 50,000 share them with a probability of 3e-15 for each new record.
    """
    return unhexlify(artifact_id[:_DIGEST_DIGITS])


def split_digests(packed: bytes) -> Iterator[bytes]:
    """Return the digests of a packed sequence of whole ones."""
    return (digest for (digest,) in _DIGEST.iter_unpack(packed))


def join_digests(text: str) -> bytes:
    """Decode a checkpoint's base64 of whole digests.

    Raises:
        ValueError: it is not base64, or truncated.
    """
    packed = _decoded(text)
    if len(packed) % DIGEST_BYTES:
        raise ValueError("digests are truncated")
    return packed


def _decoded(text: str) -> bytes:
    """Decode base64 that is written in the one way that an encoder writes it."""
    try:
        packed = base64.b64decode(text, validate=True)
    except ValueError as error:  # binascii.Error is one, and so is what a text that is not ASCII gives
        raise ValueError("digests are not base64") from error
    if base64.b64encode(packed) != text.encode("ascii"):
        raise ValueError("digests are not base64 as it is written")
    return packed


class SeenRecords:
    """The digests of one source in one region.

    A digest is known from `add` on, so that a record on two pages is delivered once; it enters the checkpoint
    with `commit`, when the batch that holds its record is handed out.
    """

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._committed: dict[int, dict[bytes, bytearray]] = {}
        self._texts: dict[int, str] = {}  # what `to_json` wrote of a window that did not change since

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._known

    def add(self, digest: bytes) -> bool:
        """Remember `digest` for the rest of the poll; False if it was known already."""
        if digest in self._known:
            return False
        self._known.add(digest)
        return True

    def commit(self, digests: Iterable[bytes], tag: bytes, end: int) -> None:
        """Keep added digests of one compartment for later polls, under the window that ends at minute `end`."""
        self._committed.setdefault(end, {}).setdefault(tag, bytearray()).extend(b"".join(digests))
        self._texts.pop(end, None)

    def expire(self, start_of: Callable[[bytes], int]) -> None:
        """Drop what cannot come again; `start_of(tag)` is the minute from which a tag's records are read again."""
        for end, by_tag in list(self._committed.items()):
            for tag in [tag for tag in by_tag if end <= start_of(tag)]:
                self._known.difference_update(split_digests(bytes(by_tag.pop(tag))))
                self._texts.pop(end, None)
            if not by_tag:
                del self._committed[end]

    def drop_oldest(self) -> int:
        """Drop the oldest window's digests, half of them where it is the only one; return how many went."""
        if not self._committed:
            return 0
        before = len(self._known)
        oldest = min(self._committed)
        self._texts.pop(oldest, None)
        by_tag = self._committed[oldest]
        keep = 0.5 if len(self._committed) == 1 else 0.0
        for tag, packed in list(by_tag.items()):
            cut = len(packed) // DIGEST_BYTES - int(len(packed) // DIGEST_BYTES * keep)
            gone = bytes(packed[: cut * DIGEST_BYTES])
            del packed[: cut * DIGEST_BYTES]
            self._known.difference_update(split_digests(gone))
            if not packed:
                del by_tag[tag]
        if not by_tag:
            del self._committed[oldest]
        return before - len(self._known)

    def oldest_end(self) -> int:
        """Return the end (minute) of the window whose digests would be dropped first, 0 if there is none."""
        return min(self._committed, default=0)

    def latest_end(self, tag: bytes) -> int:
        """Return the end (minute) of the last window with digests of a tag, 0 if there is none."""
        return max((end for end, by_tag in self._committed.items() if tag in by_tag), default=0)

    def committed(self) -> int:
        """Return how many digests the checkpoint holds."""
        return (
            sum(len(packed) for by_tag in self._committed.values() for packed in by_tag.values())
            // DIGEST_BYTES
        )

    def to_json(self) -> dict[str, str]:
        """Return window end (minute) → base64 of runs: two bytes of tag, two of length, then the digests."""
        return {str(end): self._text(end) for end in sorted(self._committed)}

    def _text(self, end: int) -> str:
        if end not in self._texts:
            self._texts[end] = _packed_runs(self._committed[end])
        return self._texts[end]

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> SeenRecords:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is damaged.
        """
        digests = cls()
        for text_of_end, text in stored.items():
            if not _MINUTE.fullmatch(text_of_end) or (end := int(text_of_end)) > LATEST_MINUTE:
                raise ValueError("a window of digests has no minute")
            for tag, run in _unpacked_runs(text):
                digests._known.update(split_digests(run))
                digests.commit((run,), tag, end)
        return digests


def _packed_runs(by_tag: Mapping[bytes, bytearray]) -> str:
    parts = bytearray()
    for tag, packed in by_tag.items():
        for at in range(0, len(packed), _LONGEST_RUN * DIGEST_BYTES):
            run = packed[at : at + _LONGEST_RUN * DIGEST_BYTES]
            parts += _RUN.pack(tag, len(run) // DIGEST_BYTES)
            parts += run
    return base64.b64encode(parts).decode("ascii")


def _unpacked_runs(text: str) -> Iterator[tuple[bytes, bytes]]:
    packed = _decoded(text)
    at = 0
    while at < len(packed):
        if len(packed) - at < _RUN.size:
            raise ValueError("digests are truncated")
        tag, count = _RUN.unpack_from(packed, at)
        at += _RUN.size
        end = at + count * DIGEST_BYTES
        if not count or end > len(packed):
            raise ValueError("digests are truncated")
        yield tag, packed[at:end]
        at = end
