"""What a poll knows and leaves behind for the next one. `apply` alone changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from signal_client_oci.contract import Checkpoint
from signal_client_oci.state import changes as made
from signal_client_oci.state import compaction
from signal_client_oci.state.changes import Change
from signal_client_oci.state.cursor import Cursor, advance, bounded, settled
from signal_client_oci.state.seen_problems import SeenProblems
from signal_client_oci.state.stream_state import StreamKey, StreamState

__all__ = ["VERSION", "PollState"]

VERSION: Final = 1


class PollState:
    """Everything that a checkpoint holds, as a poll works on it.

    Attributes:
        tenancy: OCID of the tenancy it belongs to.
        listed_at: Second at which the compartments were last listed, 0 = never.
        tree: Digest of that list; a list kept in memory is only used if it is this one.
        backfill_from: Minute from which on what could not be found yet has to be read once it is, because the first
            poll began there; 0 = nothing has to be.
        streams: (source, region) → its state.
        problems: Cloud Guard's part.
    """

    def __init__(self, tenancy: str) -> None:
        self.tenancy = tenancy
        self.listed_at = 0
        self.tree = ""
        self.backfill_from = 0
        self.streams: dict[StreamKey, StreamState] = {}
        self.problems = SeenProblems()
        self._service_minute: int | None = None  # the services' clock, where this host's is ahead of it

    def of_tenancy(self, tenancy: str) -> PollState:
        """Return the state as that of a tenancy; a first poll whose settings could not be read knows none."""
        self.tenancy = tenancy
        return self

    def stream(self, source: str, region: str) -> StreamState:
        """Return the state of a source in a region, a new one where there is none yet."""
        key = StreamKey(source, region)
        if key not in self.streams:
            self.streams[key] = StreamState()
        return self.streams[key]

    def read_until(self) -> int:
        """Return the latest minute up to which anything was read, 0 = nothing was."""
        cursors = (cursor for stream in self.streams.values() for cursor in stream.cursors.values())
        return max((one.read_until for one in cursors if one.read_until > one.begin), default=0)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes, in order."""
        for change in changes:
            self._APPLY[type(change)](self, change)

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of what is true now; nothing changes by it, and it may be too large to store."""
        keys = sorted({key for stream in self.streams.values() for key in stream.cursors})
        place = {key: index for index, key in enumerate(keys)}
        sources: dict[str, dict[str, Any]] = {}
        for (source, region), stream in self.streams.items():
            sources.setdefault(source, {})[region] = stream.to_json(place)
        return {
            "version": VERSION,
            "tenancy": self.tenancy,
            "listed_at": self.listed_at,
            "tree": self.tree,
            "owed_since": self.backfill_from,
            "compartments": "".join(keys),
            "sources": sources,
            "cloud_guard": self.problems.to_json(),
        }

    def compact(self, max_bytes: int) -> compaction.Dropped:
        """Make the checkpoint fit into `max_bytes`; return what had to go for it."""
        return compaction.compact(self.streams, self.problems, self.checkpoint, max_bytes)

    # --- one method for each change -----------------------------------------------------------------------

    def _open_stream(self, change: made.OpenStream) -> None:
        self.stream(*change.stream).overlap = change.overlap

    def _place_cursor(self, change: made.PlaceCursor) -> None:
        self.stream(*change.stream).cursors[change.compartment] = change.cursor

    def _drop_cursors(self, change: made.DropCursors) -> None:
        for key in change.compartments:
            self.stream(*change.stream).cursors.pop(key, None)

    def _advance_cursor(self, change: made.AdvanceCursor) -> None:
        overlap = self.stream(*change.stream).overlap
        self._move(
            change.stream,
            change.compartments,
            lambda cursor: advance(
                cursor,
                change.start,
                change.end,
                polled_at=change.polled_at,
                read_at=change.read_at,
                overlap=overlap,
                whole=change.whole,
            ),
        )

    def _settle_cursor(self, change: made.SettleCursor) -> None:
        minute = self._by_service(change.minute)
        self._move(
            change.stream,
            change.compartments,
            lambda cursor: settled(cursor, minute, slice_minutes=change.slice_minutes, denied=change.denied),
        )

    def _move(self, stream: StreamKey, compartments: Sequence[str], move: Callable[[Cursor], Cursor]) -> None:
        """Move cursors; those that were equal stay one object, so that they share their place in the checkpoint."""
        cursors = self.stream(*stream).cursors
        moved: dict[Cursor, Cursor] = {}
        for key in compartments:
            before = cursors[key]
            if before not in moved:
                moved[before] = move(before)
            cursors[key] = moved[before]

    def _mark_seen(self, change: made.MarkSeen) -> None:
        stream, tag, end = change.key
        self.stream(*stream).mark_seen(change.digests, tag, end)

    def _expire_seen(self, change: made.ExpireSeen) -> None:
        self.stream(*change.stream).expire_settled()

    def _remember_problems(self, change: made.RememberProblems) -> None:
        self.problems.deliver(change.digests)

    def _enter_problems(self, change: made.EnterProblems) -> None:
        self.problems.enter(change.scope, change.begin)

    def _finish_problems(self, change: made.FinishProblems) -> None:
        read_at = self._by_service(change.read_at // 60) * 60 + change.read_at % 60
        self.problems.finish_listing(change.listed, read_at, change.forget_after)

    def _set_compartment_list(self, change: made.SetCompartmentList) -> None:
        self.listed_at = self._by_service(change.listed_at // 60) * 60 + change.listed_at % 60
        self.tree = change.tree

    def _set_backfill(self, change: made.SetBackfill) -> None:
        self.backfill_from = change.minute

    def _bound_by_clock(self, change: made.BoundByClock) -> None:
        """Take back what a clock that was ahead left behind; nothing is moved forward by it."""
        self._service_minute = change.minute
        begin = max(1, change.minute - 1 - change.lookback)
        for stream in self.streams.values():
            shared = {
                cursor: bounded(cursor, change.minute, begin) for cursor in set(stream.cursors.values())
            }
            stream.cursors = {key: shared[cursor] for key, cursor in stream.cursors.items()}
        if self.backfill_from:
            self.backfill_from = min(self.backfill_from, begin)
        self.listed_at = min(self.listed_at, change.minute * 60)
        self.problems.bound(change.minute * 60, begin)

    def _by_service(self, minute: int) -> int:
        return minute if self._service_minute is None else min(minute, self._service_minute)

    _APPLY: ClassVar[dict[type, Callable[[PollState, Any], None]]] = {
        made.OpenStream: _open_stream,
        made.PlaceCursor: _place_cursor,
        made.DropCursors: _drop_cursors,
        made.AdvanceCursor: _advance_cursor,
        made.SettleCursor: _settle_cursor,
        made.MarkSeen: _mark_seen,
        made.ExpireSeen: _expire_seen,
        made.RememberProblems: _remember_problems,
        made.EnterProblems: _enter_problems,
        made.FinishProblems: _finish_problems,
        made.SetCompartmentList: _set_compartment_list,
        made.SetBackfill: _set_backfill,
        made.BoundByClock: _bound_by_clock,
    }
