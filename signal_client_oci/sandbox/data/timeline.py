"""Records in the order of a time, each with the moment from which on a reader can see it.

Both services that read by time windows use it: Audit (the time is the processed time) and Logging Search (the time
is the record's own). Times are microseconds since 1970.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

__all__ = ["StoredTimeline", "Timeline", "TimelineEntry", "TimelinePosition", "Timelines", "page_of"]

TimelinePosition = tuple[int, int]
"""(time, sequence): where reading continues, with the entry that has exactly this position."""


class TimelineEntry(NamedTuple):
    """One record: sorted by `at`, then `sequence`; hidden before `visible`; `raw` is its JSON text."""

    at: int
    sequence: int
    visible: int
    raw: bytes
    compartment: str = ""
    group: str = ""
    log: str = ""


class Timeline(Protocol):
    """What a window is read from."""

    def between(self, start: TimelinePosition, end: int, now: int) -> Iterator[TimelineEntry]:
        """Yield the entries from `start` on and before `end` that are visible at `now`, in order."""
        ...


class StoredTimeline:
    """A timeline of records that are emitted one by one, mostly in order."""

    def __init__(self) -> None:
        self._entries: list[TimelineEntry] = []

    def add(self, entry: TimelineEntry) -> None:
        """Insert an entry at its place."""
        if not self._entries or self._entries[-1] < entry:
            self._entries.append(entry)
        else:
            insort(self._entries, entry)

    def between(self, start: TimelinePosition, end: int, now: int) -> Iterator[TimelineEntry]:
        """Yield the entries from `start` on and before `end` that are visible at `now`, in order."""
        entries = self._entries
        for index in range(bisect_left(entries, start), bisect_left(entries, (end,))):
            entry = entries[index]
            if entry.visible <= now:
                yield entry


class Timelines(dict[tuple[str, str], list[Timeline]]):
    """The timelines of each (region, compartment)."""

    def add(self, region: str, entry: TimelineEntry) -> None:
        """Insert a record into the timeline of its compartment that takes single records."""
        timelines = self.setdefault((region, entry.compartment), [])
        stored = next((one for one in timelines if isinstance(one, StoredTimeline)), None)
        if stored is None:
            timelines.append(stored := StoredTimeline())
        stored.add(entry)

    def between(
        self, region: str, compartments: Iterable[str], start: TimelinePosition, end: int, now: int
    ) -> Iterator[TimelineEntry]:
        """Yield the visible entries of some compartments as if they were in one timeline."""
        timelines = [one for compartment in compartments for one in self.get((region, compartment), [])]
        return heapq.merge(*(timeline.between(start, end, now) for timeline in timelines))


def page_of(
    entries: Iterator[TimelineEntry], size: int
) -> tuple[list[TimelineEntry], TimelinePosition | None]:
    """Return the next entries and the position right behind them, None if nothing follows."""
    page = list(islice(entries, size + 1))
    if len(page) <= size:
        return page, None
    last = page[size - 1]
    return page[:size], (last.at, last.sequence + 1)
