"""What is asked for together, the slices of its window, and what is asked for in place of one that failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.polling.paging import PageTokens
from signal_client_oci.polling.scope import Compartment
from signal_client_oci.polling.windows.windowed_api import WindowedApi
from signal_client_oci.scheduler.requests import LaneHealth
from signal_client_oci.state.cursor import Cursor
from signal_client_oci.state.windows import Window, minute_in_words

__all__ = ["TOO_MUCH", "Partition", "Slice", "can_begin_again", "divided", "with_minute"]

TOO_MUCH: Final = frozenset({"RESPONSE_TOO_LARGE", "PAGES_WITHOUT_END"})
"""Codes of what is too much for one slice."""


@dataclass(eq=False)
class Slice:
    """One part of a partition's window: `[start, end)`, read page by page with `api`.

    Attributes:
        service_minute: The earliest minute that the service's clock showed in its answers, None = not told.
        restarted: It began again because of a lost page token; that is done once.
        received: Its last page is here.
        done: All of its records were taken.
    """

    partition: Partition
    start: int
    end: int
    api: WindowedApi
    tokens: PageTokens = field(default_factory=PageTokens)
    service_minute: int | None = None
    restarted: bool = False
    received: bool = False
    done: bool = False

    @property
    def covered_until(self) -> int:
        """The minute up to which its answers can have covered it: what comes after did not exist yet."""
        return self.end if self.service_minute is None else min(self.end, self.service_minute)

    @property
    def is_minute(self) -> bool:
        """True if no shorter window than this can be asked for."""
        return self.end - self.start <= 1

    @property
    def is_smallest(self) -> bool:
        """True if nothing smaller can be asked for, so that its pages have to be taken as they are."""
        is_alone = len(self.partition.compartments) == 1
        return is_alone and self.is_minute and self.api.with_smaller_pages() is None


@dataclass(eq=False)
class Partition:
    """What is asked for together, one compartment for Audit, several at the same cursor for Logging.

    Attributes:
        region: Region identifier.
        compartments: Its members, all at the same cursor.
        window: What is to be read, in minutes.
        cursor: Where they stood when the poll began.
        slice_minutes: Minutes that the next slice should have, 0 = not known.
        ceiling: Minutes that no slice may exceed, because a longer one was interrupted in the poll before.
        planned: Slices were made up to this minute.
        delivered_before: Compartment key → minute before which its records were delivered by other requests.
        open: Slices that were not read to their end, or that wait for one before them, in order.
        abandoned: Nothing more of it is read in this poll.
        reached: It had an answer in this poll.
        moved: Its cursor moved in this poll.
    """

    region: str
    compartments: tuple[Compartment, ...]
    window: Window
    cursor: Cursor
    slice_minutes: int
    ceiling: int
    planned: int
    delivered_before: Mapping[str, int] = field(default_factory=dict)
    open: deque[Slice] = field(default_factory=deque)
    abandoned: bool = False
    reached: bool = False
    moved: bool = False

    def part(self, members: tuple[Compartment, ...], slice_minutes: int) -> Partition:
        """Return a partition of some of the members, or with shorter slices, from the first open slice on."""
        start = self.open[0].start
        window = Window(start, self.window.end)
        return replace(
            self,
            compartments=members,
            window=window,
            slice_minutes=slice_minutes,
            planned=start,
            open=deque(),
            abandoned=False,
            reached=False,
            moved=False,
        )

    def minutes_after_interruption(self) -> int:
        """Return the next poll's slice: much shorter where this one got nowhere, else somewhat longer."""
        length = max((one.end - one.start for one in self.open), default=1)
        return max(1, length * 2 if self.moved else length // 4)

    @property
    def is_on_trial(self) -> bool:
        """True while its slices are still those that the poll before left for it, and nothing was answered yet.

        It is asked one request at a time: what is refused for its own sake must not look like the service's limit.
        """
        return self.slice_minutes == self.ceiling and not self.reached

    @property
    def is_planned(self) -> bool:
        """True when no further slice is to be made of it."""
        return self.abandoned or self.planned >= self.window.end

    @property
    def finished(self) -> bool:
        """True when nothing of it is left to be read in this poll."""
        return self.abandoned or (self.planned >= self.window.end and not self.open)


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
