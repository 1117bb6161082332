"""Which compartments a windowed source reads in a poll, together and from when on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Final, NamedTuple

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import make_check
from signal_client_oci.oci_api.operations import MAX_PAGE_LIMIT
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.windows.beginnings import Beginnings
from signal_client_oci.polling.windows.handover import Handover
from signal_client_oci.polling.windows.slices import Partition
from signal_client_oci.polling.windows.windowed_api import WindowedApi
from signal_client_oci.state.changes import Change, DropCursors, OpenStream, PlaceCursor
from signal_client_oci.state.cursor import Cursor, due_window
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import StreamKey, StreamState, compartment_key
from signal_client_oci.state.windows import DAY, Window, minute_in_words

__all__ = ["Plan", "Planner"]

_DELETED_MARGIN: Final = 30
_PAGES_OF_BUSY: Final = 4
_LONGEST_RETENTION: Final = 366 * DAY  # Audit keeps 365 days at most, Logging 180


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
        self._units = api.units(scope)
        self._keys = {one.ocid: compartment_key(one.ocid) for one in self._units}
        self._beginnings = Beginnings(context, state, scope, overlap)
        self._handover = Handover(context.settings, scope, overlap)
        self._changes: list[Change] = []
        self._warnings: list[Check] = []
        self._asked_for: Counter[str] = Counter()

    @property
    def _is_search(self) -> bool:
        """Tell whether all compartments are asked for as one."""
        return self._units is not self._scope.compartments

    def plan(self) -> Plan:
        """Return what is read in all regions."""
        partitions = [one for region in self._scope.regions for one in self._partitions(region)]
        # where polls are cut short, of those that one poll read not always the same come first
        turn = Random(self._context.minute)  # noqa: S311  (nothing secret)
        first = turn.randrange(max(1, len(partitions)))
        partitions = partitions[first:] + partitions[:first]
        partitions.sort(key=lambda one: _turn(one.cursor))
        return Plan(partitions, self._keys, self._asked_for, self._changes, self._warnings)

    def _partitions(self, region: str) -> Iterator[Partition]:
        key = StreamKey(self._api.source, region)
        stream = self._state.stream(*key)
        self._changes.append(OpenStream(key, self._overlap))
        together: dict[Cursor, list[Compartment]] = {}
        for compartment in self._units:
            cursor = self._cursor_now(key, stream, compartment)
            if cursor is not None:
                self._asked_for[region] += 1
                together.setdefault(cursor, []).append(compartment)
        delivered_before: Mapping[str, int] = {}
        if self._is_search:
            delivered_before, passed = self._handover.passed_by_search(key, stream, together)
        else:
            passed = self._handover.passed_by_compartments(key, stream, together)
        self._changes += passed
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
                    region,
                    some,
                    window,
                    cursor,
                    cursor.slice_minutes or self._minutes_of_busy(stream, window),
                    ceiling,
                    planned=window.start,
                    delivered_before=delivered_before,
                )

    def _minutes_of_busy(self, stream: StreamState, window: Window) -> int:
        """Return the minutes of slices that are read side by side where a search found much before, 0 where it did not.

        The digests tell how much lies in the overlap. A slice of several pages costs few requests more.
        """
        if not self._is_search:
            return 0
        parts = min(
            self._context.settings.max_concurrency, len(stream.seen) // (_PAGES_OF_BUSY * MAX_PAGE_LIMIT)
        )
        return max(1, (window.end - window.start) // parts) if parts > 1 else 0

    def _cursor_now(self, key: StreamKey, stream: StreamState, compartment: Compartment) -> Cursor | None:
        """Return where reading of a compartment stands; None if it is not read any more."""
        name = self._keys[compartment.ocid]
        stored = stream.cursors.get(name)
        if not self._is_search:
            cursor = self._position(key, stream, compartment)
        else:
            taken_over = stored or self._search_position(key, stream)
            cursor = self._beginnings.begun(key, taken_over, compartment)
        if cursor is None:
            return None
        if compartment.deleted and self._is_done(cursor):
            self._changes.append(DropCursors(key, (name,)))
            return None
        deleted = (cursor.deleted or self._context.minute) if compartment.deleted else 0
        if deleted != cursor.deleted:
            cursor = cursor._replace(deleted=deleted)
        if cursor != stored:
            self._changes.append(PlaceCursor(key, name, cursor))
        return cursor

    def _position(self, key: StreamKey, stream: StreamState, compartment: Compartment) -> Cursor | None:
        """Return how far a compartment was read, or where reading of it begins; None if it is not worth reading."""
        stored = self._handover.position_of(stream, compartment.ocid)
        return self._beginnings.begun(key, stored, compartment)

    def _search_position(self, key: StreamKey, stream: StreamState) -> Cursor | None:
        """Return the oldest position of the compartments that are searched as one from now on."""
        positions = (self._position(key, stream, one) for one in self._scope.compartments)
        kept = [one for one in positions if one is not None and not self._is_done(one)]
        return self._handover.search_position(stream, kept)

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
