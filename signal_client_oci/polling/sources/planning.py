"""Which compartments a windowed source reads in a poll, together and from when on."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import make_check
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.paging import PageTokens
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.sources.beginnings import LONGEST_LOOKBACK, CompartmentFacts, where_to_begin
from signal_client_oci.polling.sources.windowed_api import WindowedApi
from signal_client_oci.state.changes import Change, DropCursors, OpenStream, PlaceCursor
from signal_client_oci.state.cursor import Cursor, due_window, read_again_from, start_at
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import StreamKey, StreamState, compartment_key
from signal_client_oci.state.windows import DAY, Window, minute_in_words

__all__ = ["Partition", "Plan", "Planner", "Slice"]

_DELETED_MARGIN: Final = 30
_LONGEST_RETENTION: Final = 366 * DAY  # Audit keeps 365 days at most, Logging 180


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
    open: deque[Slice] = field(default_factory=deque)
    abandoned: bool = False
    reached: bool = False
    moved: bool = False

    def part(self, members: tuple[Compartment, ...], slice_minutes: int) -> Partition:
        """Return a partition of some of the members, or with shorter slices, from the first open slice on."""
        start = self.open[0].start
        window = Window(start, self.window.end)
        return Partition(self.region, members, window, self.cursor, slice_minutes, self.ceiling, start)

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


class Plan(NamedTuple):
    """What a source reads in a poll.

    Attributes:
        partitions: Those that waited longest first, among them those that failed last.
        keys: Compartment OCID → key in the checkpoint.
        asked_for: Region → how many compartments the poll is to read there.
        changes: Where reading of each compartment stands now.
        warnings: What can no longer be read.
    """

    partitions: list[Partition]
    keys: Mapping[str, str]
    asked_for: Mapping[str, int]
    changes: list[Change]
    warnings: list[Check]


class Planner:
    """Makes the plan of one source."""

    def __init__(
        self, api: WindowedApi, context: PollContext, state: PollState, scope: Scope, overlap: int
    ) -> None:
        self._api = api
        self._context = context
        self._state = state
        self._scope = scope
        self._overlap = overlap
        self._keys = {one.ocid: compartment_key(one.ocid) for one in scope.compartments}
        self._changes: list[Change] = []
        self._warnings: list[Check] = []
        self._asked_for: Counter[str] = Counter()

    def plan(self) -> Plan:
        """Return what is read in all regions."""
        partitions = [one for region in self._scope.regions for one in self._partitions(region)]
        partitions.sort(key=lambda one: _turn(one.cursor))
        return Plan(partitions, self._keys, self._asked_for, self._changes, self._warnings)

    def _partitions(self, region: str) -> Iterator[Partition]:
        key = StreamKey(self._api.source, region)
        stream = self._state.stream(*key)
        self._changes.append(OpenStream(key, self._overlap))
        facts = self._facts(stream)
        together: dict[Cursor, list[Compartment]] = {}
        for compartment in self._scope.compartments:
            cursor = self._cursor_now(key, stream, facts, compartment)
            if cursor is not None:
                self._asked_for[region] += 1
                together.setdefault(cursor, []).append(compartment)
        for cursor, members in together.items():
            window = due_window(cursor, self._context.newest, self._overlap)
            if window is None:
                continue
            self._warn_of_gap(window)
            window = Window(max(window.start, self._context.newest - _LONGEST_RETENTION), window.end)
            ceiling = cursor.slice_minutes or self._api.max_window
            size = 1 if cursor.denied else self._api.max_compartments
            for at in range(0, len(members), size):
                some = tuple(members[at : at + size])
                yield Partition(
                    region, some, window, cursor, cursor.slice_minutes, ceiling, planned=window.start
                )

    def _cursor_now(
        self, key: StreamKey, stream: StreamState, facts: CompartmentFacts, compartment: Compartment
    ) -> Cursor | None:
        """Return where reading of a compartment stands; None if it is not read any more."""
        name = self._keys[compartment.ocid]
        stored = stream.cursors.get(name)
        cursor = stored
        if cursor is None or not cursor.was_read:
            facts = replace(
                facts,
                stored_start=None if stored is None else stored.begin,
                created=compartment.created,
                is_deleted=compartment.deleted,
                left_by_logging=self._left_by_logging(key.region, name),
            )
            minute = where_to_begin(facts)
            if minute is None:
                return None
            begin = start_at(minute)
            cursor = begin if cursor is None else cursor._replace(read_until=begin.begin, begin=begin.begin)
        if compartment.deleted and self._is_done(cursor):
            self._changes.append(DropCursors(key, (name,)))
            return None
        deleted = (cursor.deleted or self._context.minute) if compartment.deleted else 0
        cursor = cursor._replace(deleted=deleted)
        if cursor != stored:
            self._changes.append(PlaceCursor(key, name, cursor))
        return cursor

    def _facts(self, stream: StreamState) -> CompartmentFacts:
        """Return what all compartments of a stream have in common."""
        context, is_first_poll = self._context, not stream.cursors
        return CompartmentFacts(
            newest=context.newest,
            lookback=context.settings.lookback_minutes,
            backfill_from=self._scope.backfill_from,
            is_first_poll=is_first_poll,
            region_unread_since=self._subscribed_since() if is_first_poll else 0,
            known_until=self._complete_until([stream]),
        )

    def _left_by_logging(self, region: str, name: str) -> int:
        """Return from when on Logging leaves its audit records to Audit, which is only read from now on; 0 = never."""
        if self._api.source != "audit" or not self._context.settings.logging_enabled:
            return 0
        logging = self._state.streams.get(StreamKey("logging", region))
        behind = logging.cursors.get(name) if logging else None
        if behind is None:
            return 0
        return max(self._context.newest - LONGEST_LOOKBACK, read_again_from(behind, self._overlap))

    def _complete_until(self, streams: Iterable[StreamState]) -> int:
        """Return the minute of the last poll that read the streams with a list of compartments, 0 = not known.

        The list may have been taken again since, in polls without this source or region.
        """
        listed = self._scope.listed_before // 60
        last = max((one.last_attempt() for one in streams), default=0)
        return min(listed, last or listed)

    def _subscribed_since(self) -> int:
        """Return since when a region may have been subscribed without being read, 0 if the operator names them."""
        if self._context.settings.additional_regions != ["all"]:
            return 0
        others = [one for key, one in self._state.streams.items() if key.source == self._api.source]
        return self._complete_until(others) if any(one.cursors for one in others) else 0

    def _is_done(self, cursor: Cursor) -> bool:
        """True if a deleted compartment's late events must be in by now."""
        if not cursor.deleted or self._context.minute <= cursor.deleted + self._overlap + _DELETED_MARGIN:
            return False
        return bool(cursor.denied) or cursor.read_until > cursor.deleted + self._overlap

    def _warn_of_gap(self, window: Window) -> None:
        days = self._api.shortest_retention
        kept_from = self._context.minute - days * DAY
        if window.start < kept_from:
            message = (
                f"{self._api.title}: records from {minute_in_words(window.start)} to {minute_in_words(kept_from)} "
                f"may be missing, because OCI may keep no more than {days} days"
            )
            check = make_check(self._api.source, self._api.title, "warning", "RETENTION_EXCEEDED", message)
            self._warnings.append(check)


def _turn(cursor: Cursor) -> tuple[int, bool]:
    """Order by the last poll that tried; what failed there comes after what did not, so that it holds up nobody."""
    return cursor.last_attempt, bool(cursor.denied or cursor.slice_minutes)
