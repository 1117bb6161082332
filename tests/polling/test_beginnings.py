"""Where a compartment begins: every case in one table, and what holds in all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.polling.windows.beginnings import LONGEST_LOOKBACK, CompartmentFacts, where_to_begin

NEWEST = 29_000_000
LOOKBACK = NEWEST - 60

BASE = CompartmentFacts(newest=NEWEST, lookback=60)
TABLE = {
    "a first poll": ({"is_first_poll": True}, LOOKBACK),
    "a first poll of a compartment that is deleted": ({"is_first_poll": True, "is_deleted": True}, LOOKBACK),
    "a region that was subscribed to meanwhile": (
        {"is_first_poll": True, "region_unread_since": NEWEST - 500},
        NEWEST - 500,
    ),
    "a region that was subscribed to just now": (
        {"is_first_poll": True, "region_unread_since": NEWEST - 5},
        LOOKBACK,
    ),
    "planned before and never answered": ({"stored_start": NEWEST - 3000}, NEWEST - 3000),
    "planned by a clock that was ahead": ({"stored_start": NEWEST + 400}, LOOKBACK),
    "planned before, though deleted meanwhile": (
        {"stored_start": NEWEST - 300, "is_deleted": True},
        NEWEST - 300,
    ),
    "created since the last poll": ({"known_until": NEWEST - 500, "created": NEWEST - 400}, NEWEST - 400),
    "created and deleted since the last poll": (
        {"known_until": NEWEST - 500, "created": NEWEST - 400, "is_deleted": True},
        NEWEST - 400,
    ),
    "created just before the last list": ({"known_until": NEWEST - 5, "created": NEWEST - 20}, NEWEST - 20),
    "known for long and new in the scope": ({"known_until": NEWEST - 5, "created": NEWEST - 9000}, LOOKBACK),
    "known for long, new in the scope and deleted": (
        {"known_until": NEWEST - 5, "created": NEWEST - 9000, "is_deleted": True},
        None,
    ),
    "nobody knows since when": ({"created": NEWEST - 9000}, LOOKBACK),
    "found late by a first poll that could not list": ({"backfill_from": NEWEST - 700}, NEWEST - 700),
    "found late and deleted": ({"backfill_from": NEWEST - 700, "is_deleted": True}, NEWEST - 700),
    "found very late": ({"backfill_from": NEWEST - 90_000}, NEWEST - LONGEST_LOOKBACK),
    "a first beginning that lies within the lookback": ({"backfill_from": NEWEST - 7}, LOOKBACK),
    "left to Audit by Logging for hours": (
        {"is_first_poll": True, "left_by_logging": NEWEST - 800},
        NEWEST - 800,
    ),
    "left to Audit by Logging just now": ({"is_first_poll": True, "left_by_logging": NEWEST - 2}, LOOKBACK),
}


@pytest.mark.parametrize(("facts", "minute"), TABLE.values(), ids=TABLE)
def test_where_a_compartment_begins(facts, minute):
    """Each case has one beginning."""
    assert where_to_begin(replace(BASE, **facts)) == minute


minutes = st.integers(0, 2 * NEWEST)


@given(
    st.builds(
        CompartmentFacts,
        newest=st.just(NEWEST),
        lookback=st.integers(1, LONGEST_LOOKBACK),
        stored_start=st.none() | minutes,
        backfill_from=minutes,
        is_first_poll=st.booleans(),
        region_unread_since=minutes,
        known_until=minutes,
        created=minutes,
        is_deleted=st.booleans(),
        left_by_logging=minutes,
    )
)
@pytest.mark.slow
def test_only_what_is_new_begins_later_than_the_lookback(facts):
    """Whatever is known, reading begins `lookback` before now at the latest, or where the compartment was created."""
    begin = where_to_begin(facts)
    if begin is None:
        assert facts.is_deleted
        assert facts.stored_start is None
    else:
        assert begin <= max(NEWEST - facts.lookback, facts.created)
