"""Positions that go over when the audit mode changes: from compartments to the search of a scope as one, and back.

Both modes keep their cursors in the same streams, each under its own keys. Whoever takes over begins at the oldest
position of those that it replaces. What is replaced is kept until it was passed, so that nothing which was
delivered before is delivered again, and the mode can change back at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, reduce

from signal_client_oci.oci_api.operations import audit_stream
from signal_client_oci.polling.scope import Scope
from signal_client_oci.settings.model import Settings
from signal_client_oci.state.changes import Change, DropCursors
from signal_client_oci.state.cursor import Cursor, merged, read_again_from, start_at
from signal_client_oci.state.stream_state import StreamKey, StreamState, compartment_key, tag_of
from signal_client_oci.state.windows import DAY

__all__ = ["Handover"]


class Handover:
    """What a scope's compartments and searches take over from one another."""

    def __init__(self, settings: Settings, scope: Scope, overlap: int) -> None:
        self._settings = settings
        self._scope = scope
        self._overlap = overlap
        self._names = {compartment_key(one.ocid) for one in scope.compartments}
        self._compartments_alone: dict[StreamState, bool] = {}

    def position_of(self, stream: StreamState, ocid: str) -> Cursor | None:
        """Return the furthest position that a compartment was read to, by itself or by a search; None if none was."""
        own = stream.cursors.get(compartment_key(ocid))
        if self._has_compartments_alone(stream):
            return own
        searched = [stream.cursors[key] for key in self._searches_of(ocid) if key in stream.cursors]
        if not searched:
            return own or self._below_a_search(stream)
        best = max(searched, key=self._start)
        if own is not None and self._start(own) >= self._start(best):
            return own
        return best._replace(
            slice_minutes=0, deleted=own.deleted if own else 0, denied=0, resume=0, swept_at=0
        )

    def _has_compartments_alone(self, stream: StreamState) -> bool:
        """True if no search has a cursor; that is looked up once, because none is placed while a poll is planned."""
        if stream not in self._compartments_alone:
            self._compartments_alone[stream] = stream.cursors.keys() <= self._names
        return self._compartments_alone[stream]

    def _below_a_search(self, stream: StreamState) -> Cursor | None:
        """Return where to begin at the latest with a compartment that a search of another one may have read."""
        found = [cursor for key, cursor in stream.cursors.items() if key in self._search_names]
        return start_at(min(map(self._start, found))) if found else None

    @cached_property
    def _search_names(self) -> set[str]:
        """The keys of the searches of the scope's compartments."""
        return {compartment_key(audit_stream(one.ocid, subtree=True)) for one in self._scope.compartments}

    def _searches_of(self, ocid: str) -> list[str]:
        """Return the keys of the searches that read a compartment."""
        above = {self._settings.scope_ocid, self._settings.tenancy_ocid, ocid}
        streams = [audit_stream(one, subtree=True) for one in above] + [audit_stream(ocid, subtree=False)]
        return [compartment_key(one) for one in streams]

    def _start(self, cursor: Cursor) -> int:
        return read_again_from(cursor, self._overlap)

    def search_position(self, stream: StreamState, positions: Sequence[Cursor]) -> Cursor | None:
        """Return where a search begins that replaces these positions of its compartments, None if there are none.

        Nothing before that is asked for: it is not the search's to deliver. Where the compartments could not be listed,
        it replaces whatever was read lately.
        """
        kinds = set(positions)
        if not self._scope.is_complete:
            since = stream.last_attempt() - DAY
            kinds |= {one for one in stream.cursors.values() if max(one.last_attempt, one.begin) >= since}
        if not kinds:
            return None
        oldest = reduce(merged, sorted(kinds))
        begin = self._start(oldest) if oldest.was_read else oldest.begin
        return oldest._replace(begin=begin, slice_minutes=0, deleted=0, denied=0, resume=0, swept_at=0)

    def passed_by_search(
        self, key: StreamKey, stream: StreamState, cursors: Iterable[Cursor]
    ) -> tuple[Mapping[str, int], Sequence[Change]]:
        """Return what a search leaves out, and drop the compartments' own positions once it has passed them all.

        What it leaves out is what compartments delivered before (key → minute), while one of them is ahead of it.
        """
        (search,) = cursors
        names = self._names if self._scope.is_complete else stream.cursors.keys() - {self._search_key()}
        ahead = {name: self._start(stream.cursors[name]) for name in names if name in stream.cursors}
        if any(minute > self._start(search) for minute in ahead.values()):
            return ahead, ()
        own = tuple(ahead.keys() & self._names)
        return {}, (DropCursors(key, own),) if own else ()

    def passed_by_compartments(
        self, key: StreamKey, stream: StreamState, cursors: Iterable[Cursor]
    ) -> Sequence[Change]:
        """Drop the search's position once nothing of what it delivered is read again.

        Its digests go with it. They may lie beyond it, where a poll was interrupted.
        """
        name = self._search_key()
        if name not in stream.cursors or not self._scope.is_complete:
            return ()
        until = max(stream.cursors[name].read_until, stream.seen.latest_end(tag_of(name)))
        is_passed = all(self._start(cursor) >= until for cursor in cursors)
        return (DropCursors(key, (name,)),) if is_passed else ()

    def _search_key(self) -> str:
        settings = self._settings
        return compartment_key(audit_stream(settings.scope_ocid, subtree=settings.include_subcompartments))
