"""Records in the order of a time, each with the moment from which on a reader can see it.

Both services that read by time windows are built on it: Audit (the time is the processed time) and Logging
Search (the time is the record's own). Times are microseconds since 1970.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "Position", "StoredTimeline", "Timeline", "merged"]

Position = tuple[int, int]
"""(time, sequence): where reading goes on; it includes the entry that has exactly this position."""


class Entry(NamedTuple):
    """One record: sorted by `at`, then `sequence`; hidden before `visible`; `raw` is its JSON text."""

    at: int
    sequence: int
    visible: int
    raw: bytes
    compartment: str = ""
    group: str = ""
    log: str = ""

    @property
    def after(self) -> Position:
        """The position right behind this entry."""
        return self.at, self.sequence + 1


class Timeline(Protocol):
    """What a window is read from."""

    def between(self, start: Position, end: int, now: int) -> Iterator[Entry]:
        """Yield the entries from `start` on and before `end` that are visible at `now`, in order."""
        ...


class StoredTimeline:
    """A timeline of records that are emitted one by one, mostly in order."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Insert an entry at its place."""
        if not self._entries or self._entries[-1] < entry:
            self._entries.append(entry)
        else:
            insort(self._entries, entry)

    def between(self, start: Position, end: int, now: int) -> Iterator[Entry]:
        """Yield the entries from `start` on and before `end` that are visible at `now`, in order."""
        entries = self._entries
        last = bisect_left(entries, (end,))
        for index in range(bisect_left(entries, start), last):
            entry = entries[index]
            if entry.visible <= now:
                yield entry


def merged(timelines: list[Timeline], start: Position, end: int, now: int) -> Iterator[Entry]:
    """Yield the entries of several timelines as if they were one."""
    streams = [timeline.between(start, end, now) for timeline in timelines]
    return streams[0] if len(streams) == 1 else heapq.merge(*streams)
