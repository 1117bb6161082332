"""Positions that go over between the compartments and the search of their scope."""

import random

import pytest
from support import seam

from signal_client_oci.oci_api.operations import audit_stream
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.windows.handover import Handover
from signal_client_oci.state.changes import DropCursors
from signal_client_oci.state.cursor import Cursor, FirstRead, read_again_from, start_at
from signal_client_oci.state.stream_state import StreamKey, StreamState, compartment_key, tag_of

NOW = 29_000_000
KEY = StreamKey("audit", "us-ashburn-1")
TEAMS = [f"ocid1.compartment.oc1..team{number}" for number in range(3)]
OVERLAP = 15
SEARCH = compartment_key(audit_stream(seam.TENANCY, subtree=True))


def handover(*, is_complete=True, **given):
    """The handover of the root and three teams."""
    settings = seam.settings(**given)
    compartments = [Compartment(ocid, "", 0, deleted=False) for ocid in (seam.TENANCY, *TEAMS)]
    return Handover(settings, Scope(("us-ashburn-1",), compartments, is_complete=is_complete), OVERLAP)


def stream(**positions):
    """A stream with cursors: `search`, `root`, `team0` to `team2`."""
    names = {"search": SEARCH, "root": compartment_key(seam.TENANCY)}
    names |= {f"team{number}": compartment_key(ocid) for number, ocid in enumerate(TEAMS)}
    state = StreamState()
    state.cursors = {names[name]: cursor for name, cursor in positions.items()}
    return state


def read_to(minute, **more):
    """A cursor that was read up to a minute, and tried then."""
    return Cursor(minute, last_attempt=minute, **more)


@pytest.mark.parametrize("seed", range(20))
def test_a_search_begins_at_the_oldest_position(seed):
    """Whatever the positions are, the search asks again for all that any compartment would ask for, and no more."""
    chance = random.Random(seed)
    cursors = []
    for _ in range(chance.randrange(1, 6)):
        until = NOW - chance.randrange(5000)
        first = FirstRead(until - chance.randrange(1, 300), until, until * 60_000)
        kinds = [
            start_at(until),
            read_to(until),
            read_to(until, pending_rereads=(first,), denied=1, resume=until, slice_minutes=7),
        ]
        cursors.append(chance.choice(kinds))
    begin = handover().search_position(StreamState(), cursors)
    oldest = min(read_again_from(one, OVERLAP) for one in cursors)
    assert oldest - OVERLAP <= read_again_from(begin, OVERLAP) <= oldest
    assert (begin.denied, begin.slice_minutes, begin.resume, begin.deleted) == (0, 0, 0, 0)
    assert begin.begin <= begin.read_until


def test_a_stream_is_searched_for_searches_once():
    """How many compartments there are makes no difference to the work for each of them."""

    class Cursors(dict):
        searched = 0

        def keys(self):
            Cursors.searched += 1
            return super().keys()

    given, state = handover(), stream(root=read_to(NOW), team0=read_to(NOW - 1))
    state.cursors = Cursors(state.cursors)
    positions = [given.position_of(state, ocid) for ocid in (seam.TENANCY, *TEAMS)]
    assert positions == [read_to(NOW), read_to(NOW - 1), None, None]
    assert Cursors.searched == 1


def test_what_is_ahead_of_the_search_is_left_out_until_it_was_passed():
    """While one compartment is ahead, all their positions are kept; once none is, all go."""
    search = read_to(NOW - 600)
    ahead = stream(search=search, root=read_to(NOW - 600), team0=read_to(NOW - 60))
    left_out, changes = handover().passed_by_search(KEY, ahead, [search])
    assert left_out[compartment_key(TEAMS[0])] == NOW - 60 - OVERLAP
    assert changes == ()
    left_out, changes = handover().passed_by_search(KEY, ahead, [read_to(NOW)])
    assert left_out == {}
    (dropped,) = changes
    assert set(dropped.compartments) == {compartment_key(seam.TENANCY), compartment_key(TEAMS[0])}


def test_compartments_take_over_from_the_search_or_stay_where_they_are_ahead():
    """A compartment without a position has the search's; one that is ahead keeps its own."""
    search = read_to(NOW - 600, slice_minutes=4, denied=1)
    state = stream(search=search, team0=read_to(NOW - 60), team1=read_to(NOW - 9000, deleted=NOW - 10_000))
    found = [
        handover().position_of(
            state,
            ocid,
        )
        for ocid in (seam.TENANCY, *TEAMS)
    ]
    assert [one.read_until for one in found] == [NOW - 600, NOW - 60, NOW - 600, NOW - 600]
    assert [one.denied for one in found] == [0, 0, 0, 0]
    assert found[2].deleted == NOW - 10_000


def test_the_search_s_position_goes_with_its_last_digest():
    """It is dropped when every compartment reads only what lies beyond it and beyond what it delivered."""
    state = stream(search=read_to(NOW - 600))
    state.seen.commit([b"12345678"], tag_of(SEARCH), NOW - 550)
    passed = handover().passed_by_compartments
    assert passed(KEY, state, [read_to(NOW), read_to(NOW - 550)]) == ()
    assert passed(KEY, state, [read_to(NOW), read_to(NOW - 535)]) == (DropCursors(KEY, (SEARCH,)),)


def test_a_scope_that_could_not_be_listed_drops_nothing():
    """What is not listed may still be there: its position counts for the search, and none is dropped."""
    state = stream(search=read_to(NOW - 600), team2=read_to(NOW - 700))
    partial = handover(is_complete=False)
    assert partial.passed_by_compartments(KEY, state, [read_to(NOW)]) == ()
    unlisted = StreamState()
    unlisted.cursors = {"elsewhr1": read_to(NOW - 900), "yearsago": read_to(NOW - 99_000)}
    assert partial.search_position(unlisted, [read_to(NOW)]).read_until == NOW - 900
    left_out, changes = partial.passed_by_search(KEY, unlisted, [read_to(NOW - 2000)])
    assert (left_out["elsewhr1"], changes) == (NOW - 900 - OVERLAP, ())


def test_a_narrower_scope_resumes_where_the_wider_search_stopped():
    """The search of a compartment takes over from that of the tenancy, which read it too."""
    state = stream(search=read_to(NOW - 600))
    narrower = handover(compartment_ocid=TEAMS[0])
    assert narrower.position_of(state, TEAMS[0]).read_until == NOW - 600


def test_what_a_search_below_the_scope_may_have_read_is_not_skipped():
    """The scope was one team's, and that search stopped long ago: whatever it may have read begins there, not later."""
    team = compartment_key(audit_stream(TEAMS[0], subtree=True))
    state = StreamState()
    state.cursors = {team: read_to(NOW - 600)}
    assert handover().position_of(state, TEAMS[0]).read_until == NOW - 600
    below = handover().position_of(state, TEAMS[1])
    assert (below.was_read, below.begin) == (False, NOW - 600 - OVERLAP)
