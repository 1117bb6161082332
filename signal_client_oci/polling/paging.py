"""Pages: whether a list of them has an end, and how the records of one are taken in turns."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from signal_client_oci.oci_api.limits import PAGES_A_SLICE, TURN_BYTES, TURN_SECONDS

__all__ = ["PageTokens", "Turns"]

_BLOCK_RECORDS: Final = (
    64  # to ask about a block takes as long as several records: what looks through it is cold then
)
_BLOCK_BYTES: Final = 64 * 1024
_USUAL_BLOCK_BYTES: Final = 40 * 1024  # so that few blocks are too large where sizes differ


class PageTokens:
    """The page tokens of one list, so that one that does not end is noticed."""

    def __init__(self) -> None:
        self.pages = 0
        self._marks: set[bytes] = set()

    def follow(self, token: str) -> Literal["PAGE_TOKEN_REPEATED", "PAGES_WITHOUT_END"] | None:
        """Return why the token of the page that was just read is not worth following, None if it is."""
        mark = _mark(token)
        if mark in self._marks:
            return "PAGE_TOKEN_REPEATED"
        if self.pages >= PAGES_A_SLICE:
            return "PAGES_WITHOUT_END"
        self._marks.add(mark)
        return None

    def restart(self) -> None:
        """Begin again with the first page."""
        self.pages = 0
        self._marks.clear()


def _mark(token: str) -> bytes:
    """Return sixteen bytes by which a page token is remembered, however long it is."""
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Turns:
    """The records of a page in turns, each so short that deadline and memory can be looked at after it."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.has_more = True
        self._blocks = _blocks(texts)

    def next_turn(self) -> Iterator[Sequence[bytes]]:
        """Yield the records of one turn in blocks: at least one block, unless none is left."""
        clock, end, room = time.monotonic, time.monotonic() + TURN_SECONDS, TURN_BYTES
        for block in self._blocks:
            yield block
            room -= sum(map(len, block))
            if room <= 0 or clock() >= end:
                return
        self.has_more = False


def _blocks(texts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield records in blocks that can be looked at together; where some of them are large, each by itself."""
    count = _records_a_block(texts)
    for first in range(0, len(texts), count):
        block = texts[first : first + count]
        if sum(map(len, block)) <= _BLOCK_BYTES:
            yield block
        else:
            yield from ([text] for text in block)


def _records_a_block(texts: Sequence[bytes]) -> int:
    """Return how many records most blocks have room for; one that is larger than a block counts as one."""
    size = sum(map(len, texts))
    if max(map(len, texts), default=0) > _BLOCK_BYTES:
        size = sum(min(len(text), _BLOCK_BYTES) for text in texts)
    return max(1, min(_BLOCK_RECORDS, _USUAL_BLOCK_BYTES * len(texts) // max(1, size)))
