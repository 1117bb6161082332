"""Checkpoints that are damaged on purpose: refused at once, in words that quote nothing, with bounded work."""

import json
import resource
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.polling import poll as poll_module
from signal_client_oci.state.checkpoint import LARGEST_READ, CheckpointError, parse
from signal_client_oci.state.cursor import (
    Cursor,
    FirstRead,
    advance,
    fold_rereads,
    read_again_from,
    start_at,
)
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import compartment_key, tag_of

BASE = 29_000_000
END_OF_TIME = 253_402_300_800
MARK = "s3cr3t"


def sound(compartments=8, regions=("us-ashburn-1", "eu-frankfurt-1")):
    """A checkpoint as polls write it, as JSON gives it back."""
    progress = PollState("ocid1.tenancy.oc1..a")
    for region in regions:
        track = progress.stream("audit", region)
        for number in range(compartments):
            key = compartment_key(f"ocid1.compartment.oc1..{number}")
            track.cursors[key] = Cursor(
                BASE + number % 4,
                BASE,
                BASE + 1,
                pending_rereads=(FirstRead(BASE - 5, BASE, BASE * 60_000),),
            )
        track.seen.commit([b"12345678"], tag_of(compartment_key("ocid1.compartment.oc1..0")), BASE)
    progress.listed_at, progress.tree, progress.problems.read_at = BASE * 60, "0123456789abcdef", BASE * 60
    progress.problems.scope = "ocid1.tenancy.oc1..a True"
    progress.problems.listed = {b"12345678"}
    checkpoint = json.loads(compact_json(progress.checkpoint()))
    for region in regions:
        for stored in checkpoint["sources"]["audit"][region]["positions"]:
            stored[9] = [[BASE - 70, BASE, BASE * 60_000]]  # as older versions noted leaps of the clock
    return checkpoint


def changed(path, value):
    """A sound checkpoint with one part replaced."""
    stored = sound()
    place = stored
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return stored


TRACK = ("sources", "audit", "us-ashburn-1")
GROUP = (*TRACK, "positions", 0)
GUARD = ("cloud_guard",)
KEY = compartment_key("ocid1.compartment.oc1..0")
ABSURD = [-1, 2**63, 10**30, True, False, None, 1.0, 0.5, 1e300, "1", [], {}]
BAD = {
    "members reversed": (*GROUP, 10, "4-0"),
    "members beyond the table": (*GROUP, 10, "0-8"),
    "members overlapping": (*GROUP, 10, "0-4,4-5"),
    "members out of order": (*GROUP, 10, "4,0"),
    "members twice in one position": (*GROUP, 10, "0,0"),
    "members twice in two positions": (
        *GROUP,
        10,
        sound()["sources"]["audit"]["us-ashburn-1"]["positions"][1][10],
    ),
    "members with a sign": (*GROUP, 10, "+0"),
    "members with an underscore": (*GROUP, 10, "0_0"),
    "members in other digits": (*GROUP, 10, "\u0660"),
    "members with a leading zero": (*GROUP, 10, "00"),
    "members with blanks": (*GROUP, 10, " 0"),
    "members with a huge number": (*GROUP, 10, "9" * 800_000),
    "no members": (*GROUP, 10, ""),
    "a stretch reversed": (*GROUP, 8, [[BASE, BASE - 1, 0]]),
    "a stretch of booleans": (*GROUP, 8, [[False, True, 0]]),
    "a leap reversed": (*GROUP, 9, [[BASE, BASE - 1, 0]]),
    "many leaps": (*GROUP, 9, [[1, 2, 3]] * 17),
    "denied twice": (*GROUP, 5, 2),
    "a sweep after the end of time": (*GROUP, 7, END_OF_TIME * 1000),
    "a table that names one twice": ("compartments", KEY * 8),
    "a table with another alphabet": ("compartments", "ä" * 64),
    "a list of compartments in the future": ("listed_at", END_OF_TIME),
    "a debt after the end of time": ("owed_since", END_OF_TIME // 60),
    "problems read after the end of time": (*GUARD, "read_at", END_OF_TIME),
    "problems since the end of time": (*GUARD, "since", END_OF_TIME // 60),
    "problems left after the end of time": (*GUARD, "left", "read_at", END_OF_TIME),
    "problems left since never": (*GUARD, "left", "since", -1),
    "problems in no base64": (*GUARD, "listed", MARK),
    "problems in loose base64": (*GUARD, "listed", "AAAAAAAAAAB="),
    "problems of a long scope": (*GUARD, "scope", MARK * 100),
    "a long tenancy": ("tenancy", MARK * 100),
    "a tree of other characters": ("tree", MARK),
    "a long tree": ("tree", "0" * 17),
    "a source that does not exist": ("sources", {MARK: {}}),
    "a region with a path": ("sources", {"audit": {f"../{MARK}": {"positions": [], "digests": {}}}}),
    "a region with an escape": ("sources", {"audit": {f"{MARK}\x1b": {"positions": [], "digests": {}}}}),
    "a long region": ("sources", {"audit": {"a" * 65: {"positions": [], "digests": {}}}}),
    "many regions": (
        "sources",
        {"audit": {f"r-{number}": {"positions": [], "digests": {}} for number in range(257)}},
    ),
    "digests of a negative minute": (*TRACK, "digests", {"-1": ""}),
    "digests of a minute in other digits": (*TRACK, "digests", {"\u0661": ""}),
    "digests of a minute with blanks": (*TRACK, "digests", {" 1": ""}),
    "digests of a minute with an underscore": (*TRACK, "digests", {"1_0": ""}),
    "digests of a minute twice": (*TRACK, "digests", {"1": "", "01": ""}),
    "digests after the end of time": (*TRACK, "digests", {str(END_OF_TIME // 60): ""}),
    "digests of a huge minute": (*TRACK, "digests", {"9" * 800_000: ""}),
    "digests in loose base64": (*TRACK, "digests", {"1": "YWIAATEyMzQ1Njd5="}),
    "an empty run of digests": (*TRACK, "digests", {"1": "YWIAAA=="}),
}


def refused(stored):
    """The error with which a checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        parse(stored)
    return caught.value


@pytest.mark.parametrize("name", BAD)
def test_each_damage_is_refused_in_words_that_quote_nothing(name):
    """The code is CHECKPOINT_UNREADABLE, the detail one short line without anything of the checkpoint."""
    *path, value = BAD[name]
    error = refused(changed(path, value))
    assert error.code == "CHECKPOINT_UNREADABLE"
    assert 0 < len(error.detail) < 100
    assert error.detail.isprintable()
    assert MARK not in error.detail


NUMBERS = [
    ("listed_at",),
    ("owed_since",),
    (*GUARD, "since"),
    (*GUARD, "read_at"),
    (*GUARD, "left", "since"),
    (*GUARD, "left", "read_at"),
    *((*GROUP, place) for place in range(8)),
    *((*GROUP, place, 0, part) for place in (8, 9) for part in range(3)),
]


@pytest.mark.parametrize("path", NUMBERS, ids=str)
def test_no_number_may_be_absurd(path):
    """Negative, huge, fractional, true, a text or a container: none of them is read in the place of a number."""
    allowed = [None] if path[-1] == "read_at" else []
    for value in ABSURD:
        if value in allowed and value is None:
            continue
        assert refused(changed(path, value)).code == "CHECKPOINT_UNREADABLE", value


@pytest.mark.parametrize("version", [10**5000, 10**30, -(10**30), 1.0, 1e300, float("nan")], ids=range(6))
def test_a_version_that_is_no_plausible_number_is_damage(version):
    """Neither a float that equals the version nor a number too long to be written ends in anything else."""
    assert refused(sound() | {"version": version}).code == "CHECKPOINT_UNREADABLE"


def test_a_checkpoint_over_the_contracts_limit_is_refused():
    """One byte more than 921,600 is refused for its size, and exactly as many are read."""
    stored = sound() | {"padding": ""}
    stored["padding"] = "x" * (LARGEST_READ - len(compact_json(stored)))
    assert LARGEST_READ == MAX_CHECKPOINT_BYTES
    assert parse(stored).tenancy == stored["tenancy"]
    stored["padding"] += "x"
    assert refused(stored).detail == "it is larger than 921,600 bytes"


# --- bounded work ---------------------------------------------------------------------------------------------


def table(size):
    """A table of so many compartments."""
    return "".join(f"{number:08x}" for number in range(size))


def group(members, unsettled=()):
    """A position as it is stored."""
    return [BASE, 0, BASE, 0, 0, 0, 0, 0, list(unsettled), [], members]


def hostile(kind):
    """A checkpoint below the size limit that would cost much if it were expanded as it says."""
    stored = sound()
    if kind == "a range again and again":
        stored["compartments"] = table(20_000)
        tracks = {"us-ashburn-1": {"positions": [group(",".join(["0-19999"] * 90_000))], "digests": {}}}
    elif kind == "positions again and again":
        stored["compartments"] = table(20_000)
        tracks = {"us-ashburn-1": {"positions": [group("0-19999")] * 15_000, "digests": {}}}
    elif kind == "regions again and again":
        stored["compartments"] = table(110_000)
        one = {"positions": [group("0-109999")], "digests": {}}
        tracks = {f"r-{number}": one for number in range(250)}
    else:
        stored["compartments"] = table(40_000)
        stretches = [[1, 2, 3]] * 60_000
        tracks = {"us-ashburn-1": {"positions": [group("0-39999", stretches)], "digests": {}}}
    stored["sources"] = {"audit": tracks}
    assert len(compact_json(stored)) <= LARGEST_READ
    return stored


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["a range again and again", "positions again and again", "regions again and again"]
)
@pytest.mark.sampled(3)
def test_what_would_expand_is_refused_before_it_does(kind):
    """Reading takes no more memory than a fixed amount, though the checkpoint names billions of positions."""
    stored = hostile(kind)
    tracemalloc.start()
    try:
        error = refused(stored)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.code == "CHECKPOINT_UNREADABLE"
    assert most < 150 * 2**20


CHILD = """
import json, sys
from signal_client_oci.state.checkpoint import CheckpointError, parse
try:
    progress = parse(json.load(sys.stdin))
    for track in progress.streams.values():
        track.expire_settled()
    progress.checkpoint()
    print("read")
except CheckpointError as error:
    print(error.code)
"""
CPU_SECONDS = 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a range again and again", "CHECKPOINT_UNREADABLE"),
        ("positions again and again", "CHECKPOINT_UNREADABLE"),
        ("regions again and again", "CHECKPOINT_UNREADABLE"),
        ("stretches for everyone", "read"),
    ],
)
@pytest.mark.sampled(2)
def test_a_hostile_checkpoint_costs_little_time(kind, said):
    """A process that may use some seconds of CPU, starting included, reads it, or refuses it, and is not killed."""
    ended = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=compact_json(hostile(kind)),
        capture_output=True,
        check=False,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS)),
    )
    assert (ended.returncode, ended.stdout.decode().strip()) == (0, said), ended.stderr


def test_a_large_tenancy_is_still_read():
    """Two thousand compartments in forty regions of two sources are 160,000 positions, which nothing refuses."""
    stored = sound()
    stored["compartments"] = table(2000)
    regions = {f"r-{number}": {"positions": [group("0-1999")], "digests": {}} for number in range(40)}
    stored["sources"] = {"audit": regions, "logging": regions}
    progress = parse(stored)
    assert sum(len(track.cursors) for track in progress.streams.values()) == 160_000


@given(st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4), max_size=4))
@pytest.mark.slow
def test_members_are_read_if_and_only_if_each_is_named_once(groups):
    """Any ranges: the positions that come out are those named, never more than the table has, else it is refused."""
    stored = sound(compartments=10)
    members = [",".join(f"{low}-{high}" for low, high in spans) for spans in groups]
    stored["sources"] = {"audit": {"us-ashburn-1": {"positions": list(map(group, members)), "digests": {}}}}
    named = [place for spans in groups for low, high in spans for place in range(low, high + 1)]
    is_sound = (
        len(set(named)) == len(named)
        and all(place < 10 for place in named)
        and all(spans == sorted(spans) for spans in groups)
        and all(high > 0 and low <= high for spans in groups for low, high in spans)
        and all(groups)
    )
    try:
        progress = parse(stored)
    except CheckpointError:
        assert not is_sound
        return
    assert is_sound
    positions = progress.stream("audit", "us-ashburn-1").cursors
    assert len(positions) == len(named)


TEXT = compact_json(sound()).decode()


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TEXT) - 1),
            st.integers(0, 20),
            st.text(alphabet='0123456789-.,:"[]{}eAz=+/ truefalsn', max_size=12) | st.just("9" * 5000),
        ),
        min_size=1,
        max_size=4,
    )
)
@pytest.mark.slow
def test_mutated_text_is_refused_or_read_for_good(mutations):
    """Whatever is read of a mutated checkpoint is written and read again without a change; all else is refused."""
    text = TEXT
    for at, length, piece in mutations:
        text = text[:at] + piece + text[at + length :]
    try:
        progress = parse(json.loads(text))
    except (CheckpointError, ValueError):
        return
    again = parse(json.loads(compact_json(progress.checkpoint())))
    assert again.checkpoint() == progress.checkpoint()
    for track in again.streams.values():
        track.expire_settled()


# --- stretches that pile up -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_stretches_of_polls_that_are_cut_off_do_not_pile_up():
    """After three thousand polls that each got a minute further, few stretches are kept, and none is read later."""
    position = start_at(BASE)
    for minute in range(3000):
        moment = (BASE + minute) * 60_000
        position = advance(
            position,
            BASE + minute,
            BASE + minute + 1,
            polled_at=moment,
            read_at=moment,
            overlap=15,
            whole=False,
        )
        assert read_again_from(position, 15) == BASE
    assert len(position.pending_rereads) <= 240


stretch = st.builds(
    lambda ends, moment: FirstRead(*sorted(ends), moment),
    st.tuples(st.integers(BASE - 3000, BASE), st.integers(BASE - 3000, BASE)),
    st.integers(0, 10**6),
)


@pytest.mark.slow
@given(st.lists(stretch, min_size=238, max_size=250), st.integers(0, 120))
@settings(max_examples=12)
def test_folding_changes_neither_where_reading_begins_nor_how_long(stretches, overlap):
    """The fold begins where the earliest of its stretches did, and is settled with the last of them."""
    before = Cursor(BASE, pending_rereads=tuple(stretches))
    after = before._replace(pending_rereads=fold_rereads(stretches))
    assert read_again_from(after, overlap) == read_again_from(before, overlap)
    assert max(one.read_at for one in after.pending_rereads) == max(one.read_at for one in stretches)
    assert all(one.start <= one.end for one in after.pending_rereads)
    assert len(after.pending_rereads) <= 240


# --- a poll that fails as a whole -----------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [{"padding": "x" * LARGEST_READ}, {"padding": "\ud800"}])
def test_a_failed_poll_hands_back_no_checkpoint_that_cannot_be_stored(damage):
    """With wrong settings too: the lookback's start takes its place, and the report says so."""
    items = list(
        poll_module.poll("prod", {"tenancy_ocid": "wrong", "lookback_minutes": 30}, sound() | damage, {})
    )
    assert [item["type"] for item in items] == ["report"]
    assert [check["code"] for check in items[0]["warnings"]] == ["CHECKPOINT_UNREADABLE"]
    assert parse(items[0]["checkpoint"]).backfill_from > 0


def test_a_failed_poll_keeps_a_checkpoint_that_is_sound():
    """With wrong settings the stored position stays as it was, without a warning."""
    items = list(poll_module.poll("prod", {"tenancy_ocid": "wrong"}, sound(), {}))
    assert (items[0]["checkpoint"], items[0]["warnings"]) == (sound(), [])
