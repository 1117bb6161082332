"""Where reading of a compartment begins: one decision, of facts that are all on one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from signal_client_oci.state.windows import DAY

__all__ = ["LONGEST_LOOKBACK", "CompartmentFacts", "where_to_begin"]

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
