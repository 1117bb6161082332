"""Where reading of a compartment begins: one decision, of facts that are all on one page, and where they are from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.state.cursor import Cursor, read_again_from, start_at
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import StreamKey, StreamState, compartment_key
from signal_client_oci.state.windows import DAY

__all__ = ["LONGEST_LOOKBACK", "Beginnings", "CompartmentFacts", "where_to_begin"]

LONGEST_LOOKBACK: Final = 14 * DAY
_NEW_COMPARTMENT_MARGIN: Final = 15  # minutes: the list that it was missing from may have been as old as that


@dataclass(frozen=True)
class CompartmentFacts:
    """What is known of a compartment of which nothing was read yet, in minutes since 1970 (0 = not known).

    Attributes:
        newest: End of what may be asked for now.
        lookback: Minutes that a first poll reaches back.
        stored_start: Where an earlier poll meant to begin, None where none planned to read it.
        backfill_from: Where the first poll began that could not find everything there is.
        is_first_poll: Nothing of the source was read in this region yet.
        region_unread_since: Since when the region may be subscribed to without being read.
        known_until: Until when everything that was created is known.
        created: When the compartment was created.
        is_deleted: It does not exist any more.
        left_by_logging: Since when Logging leaves its audit events to Audit, which did not read it until now.
    """

    newest: int
    lookback: int
    stored_start: int | None = None
    backfill_from: int = 0
    is_first_poll: bool = False
    region_unread_since: int = 0
    known_until: int = 0
    created: int = 0
    is_deleted: bool = False
    left_by_logging: int = 0


def where_to_begin(facts: CompartmentFacts) -> int | None:
    """Return the minute to begin at, None for a compartment that is not worth reading."""
    lookback_start = facts.newest - facts.lookback
    if facts.stored_start is not None:
        # never later than a first poll would begin now: the clock may have been ahead when the start was stored
        return min(facts.stored_start, lookback_start)
    is_new = facts.known_until > 0 and facts.created >= facts.known_until - _NEW_COMPARTMENT_MARGIN
    if facts.backfill_from:
        begin = max(facts.newest - LONGEST_LOOKBACK, min(lookback_start, facts.backfill_from))
    elif facts.is_first_poll:
        begin = min(lookback_start, facts.region_unread_since or lookback_start)
    elif is_new:
        begin = facts.created  # all of it is new, however long ago the last poll was
    elif facts.is_deleted:
        return None  # it was there before, was not read, and has nothing new
    else:
        begin = lookback_start  # it came into the scope, or could not be listed before
    return min(begin, facts.left_by_logging or begin)


class Beginnings:
    """Gathers the facts of compartments that were not read yet."""

    def __init__(self, context: PollContext, state: PollState, scope: Scope, overlap: int) -> None:
        self._context = context
        self._state = state
        self._scope = scope
        self._overlap = overlap
        self._common: dict[StreamKey, CompartmentFacts] = {}

    def begun(self, key: StreamKey, cursor: Cursor | None, compartment: Compartment) -> Cursor | None:
        """Return a cursor as it is once something was read, else where reading begins by all that is known now.

        None stands for a compartment that is not worth reading.
        """
        if cursor is not None and cursor.was_read:
            return cursor
        facts = replace(
            self._facts(key),
            stored_start=None if cursor is None else cursor.begin,
            created=compartment.created,
            is_deleted=compartment.deleted,
            left_by_logging=self._left_by_logging(key, compartment_key(compartment.ocid)),
        )
        minute = where_to_begin(facts)
        if minute is None:
            return None
        begin = start_at(minute)
        return begin if cursor is None else cursor._replace(read_until=begin.begin, begin=begin.begin)

    def _facts(self, key: StreamKey) -> CompartmentFacts:
        """Return what all compartments of a stream have in common."""
        if key not in self._common:
            stream = self._state.stream(*key)
            is_first_poll = not stream.cursors
            self._common[key] = CompartmentFacts(
                newest=self._context.newest,
                lookback=self._context.settings.lookback_minutes,
                backfill_from=self._scope.backfill_from,
                is_first_poll=is_first_poll,
                region_unread_since=self._subscribed_since(key.source) if is_first_poll else 0,
                known_until=self._complete_until([stream]),
            )
        return self._common[key]

    def _left_by_logging(self, key: StreamKey, name: str) -> int:
        """Return from when on Logging leaves its audit records to Audit, which is only read from now on; 0 = never."""
        if key.source != "audit" or not self._context.settings.logging_enabled:
            return 0
        logging = self._state.streams.get(StreamKey("logging", key.region))
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

    def _subscribed_since(self, source: str) -> int:
        """Return since when a region may have been subscribed without being read, 0 if the operator names them."""
        if self._context.settings.additional_regions != ["all"]:
            return 0
        others = [one for key, one in self._state.streams.items() if key.source == source]
        return self._complete_until(others) if any(one.cursors for one in others) else 0
