"""Promise 12: a checkpoint that cannot be continued from is a warning and a safe restart."""

import copy
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.sandbox_changes import move_to
from support.world import (
    Instance,
    assert_exactly_once,
    assert_nothing_missing,
    codes,
    emit_everywhere,
    statuses,
)

from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.state.checkpoint import CheckpointError, parse
from signal_client_oci.state.cursor import Cursor, FirstRead
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_records import SeenRecords
from signal_client_oci.state.stream_state import compartment_key, tag_of

VERSION = "CHECKPOINT_VERSION"
UNREADABLE = "CHECKPOINT_UNREADABLE"


def _without(name):
    return lambda stored: {key: value for key, value in stored.items() if key != name}


def _with(**changes):
    return lambda stored: stored | changes


def _deep(path, value):
    def change(stored):
        changed = copy.deepcopy(stored)
        place = changed
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        return changed

    return change


POSITIONS = ("sources", "audit", "us-ashburn-1", "positions")
DIGESTS = ("sources", "audit", "us-ashburn-1", "digests")
DAMAGES = {
    "a text": (lambda _: "checkpoint", UNREADABLE),
    "a list": (lambda _: [1], UNREADABLE),
    "a number": (lambda _: 17, UNREADABLE),
    "false": (lambda _: False, UNREADABLE),
    "an empty object": (lambda _: {}, UNREADABLE),
    "another program's": (lambda _: {"cursor": "2026-01-01"}, UNREADABLE),
    "a newer version": (_with(version=99), VERSION),
    "an older version": (_with(version=0), VERSION),
    "a version in words": (_with(version="1"), UNREADABLE),
    "a true version": (_with(version=True), UNREADABLE),
    "a version of null": (_with(version=None), UNREADABLE),
    "without sources": (_without("sources"), UNREADABLE),
    "without compartments": (_without("compartments"), UNREADABLE),
    "without problems": (_without("cloud_guard"), UNREADABLE),
    "compartments cut off": (_with(compartments="abc"), UNREADABLE),
    "compartments gone": (_with(compartments=""), UNREADABLE),
    "sources in a list": (_with(sources=[]), UNREADABLE),
    "positions cut off": (_deep(POSITIONS, [[29_000_000]]), UNREADABLE),
    "positions in words": (_deep(POSITIONS, "none"), UNREADABLE),
    "positions before time": (_deep((*POSITIONS, 0, 0), -5), UNREADABLE),
    "positions after time": (_deep((*POSITIONS, 0, 0), 10**15), UNREADABLE),
    "positions that begin behind their end": (_deep((*POSITIONS, 0, 1), 2**31), UNREADABLE),
    "positions to resume behind their end": (_deep((*POSITIONS, 0, 6), 2**31), UNREADABLE),
    "positions of one compartment twice": (_deep((*POSITIONS, 0, 10), "0-0,0"), UNREADABLE),
    "positions of nobody": (_deep((*POSITIONS, 0, 10), "77-99"), UNREADABLE),
    "compartments named twice": (
        lambda stored: stored | {"compartments": stored["compartments"][:8] * 2},
        UNREADABLE,
    ),
    "listed before time": (_with(listed_at=-1), UNREADABLE),
    "a version longer than can be written": (_with(version=10**30), UNREADABLE),
    "more than the host may store": (_with(padding="x" * 921_600), UNREADABLE),
    "digests cut off": (_deep(DIGESTS, {"29540639": "AAAA"}), UNREADABLE),
    "digests that are none": (_deep(DIGESTS, {"29540639": "é*"}), UNREADABLE),
    "digests without a minute": (_deep(DIGESTS, {"soon": "YWIAATEyMzQ1Njc4"}), UNREADABLE),
}


@pytest.mark.parametrize("part", range(4))
@pytest.mark.sampled(2)
def test_a_damaged_checkpoint_restarts_at_the_lookback_with_a_warning(world, part):
    """The report names the trouble; the last hour is collected again under the same ids, and then all goes on."""
    tenancy = world.tenancy(compartments=1)
    sound = Instance(tenancy, lookback_minutes=60)
    sound.poll()
    for _ in range(2):
        emit_everywhere(tenancy, problems=1)
        sound.catch_up(polls=1)
    emit_everywhere(tenancy, problems=1)
    world.clock.advance(minutes=5)
    restarted = {name: _restarted(sound, *DAMAGES[name]) for name in list(DAMAGES)[part::4]}
    world.clock.advance(minutes=5)
    check_each(_goes_on, restarted)


def _restarted(sound, damage, code):
    """Poll with the damaged checkpoint in place of a sound one; return the instance and the expected code."""
    instance = Instance(sound.tenancy, lookback_minutes=60)
    instance.published = list(sound.published)
    instance.stored = compact_json(damage(json.loads(sound.stored)))
    instance.poll()
    return instance, code


def _goes_on(restarted):
    instance, code = restarted
    (report,) = instance.reports
    assert codes(report) == {code}
    assert report["status"] == "ok"
    assert report["warnings"][0]["remedy"]
    assert not codes(instance.poll())
    assert_nothing_missing(instance)
    assert json.loads(instance.stored)["version"] == 1


def test_a_restart_is_never_from_now(world):
    """What happened between the last poll and the restart, within the lookback, arrives."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, lookback_minutes=240)
    instance.poll()
    for age in (10, 100, 200):
        emit_everywhere(tenancy, time=world.clock() + timedelta(minutes=210 - age), problems=1)
    world.clock.advance(minutes=220)
    instance.stored = b'"truncated"'
    assert codes(instance.poll()) == {UNREADABLE}
    assert_exactly_once(instance)


def test_half_a_checkpoint_is_unreadable_or_the_same(world):
    """Every cut of a real checkpoint's text, its brackets closed, is refused, or no position is another."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy)
    emit_everywhere(tenancy, 5)
    instance.catch_up(polls=2)
    text = instance.stored.decode()
    whole, refused = json.loads(text), 0
    for at in range(1, len(text)):
        try:
            half = json.loads(_closed(text[:at]))
        except json.JSONDecodeError:
            continue
        try:
            stored = parse(half).checkpoint()
        except CheckpointError:
            refused += 1
        else:
            assert stored["sources"] == whole["sources"]
    assert refused > len(text) / 4


def _closed(text):
    """End the string and the containers that a JSON text leaves open; there are no escapes in a checkpoint."""
    is_inside, closers = False, []
    for character in text:
        if character == '"':
            is_inside = not is_inside
        elif not is_inside and character in "{[":
            closers.append("}" if character == "{" else "]")
        elif not is_inside and character in "}]":
            closers.pop()
    return text + '"' * is_inside + "".join(reversed(closers))


@pytest.mark.usefixtures("few_attempts")
def test_trouble_while_everything_fails_keeps_the_lookback(world):
    """Unreadable checkpoint, and no service answers: the lookback's start of that moment is kept."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, lookback_minutes=30)
    emit_everywhere(tenancy, time=world.clock() - timedelta(minutes=25))
    instance.stored = b"[]"
    fault = world.fault(status=500)
    assert set(statuses(instance.poll()).values()) == {"failed"}
    world.clock.advance(minutes=90)
    assert set(statuses(instance.poll()).values()) == {"failed"}
    world.sandbox.faults.remove(fault)
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit", "logging")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_anything_that_is_json_is_read_or_refused(stored):
    """Reading raises nothing but `CheckpointError`."""
    for candidate in (stored, {"version": 1, "sources": stored}):
        try:
            parse(candidate)
        except CheckpointError:
            continue


_SAMPLE = PollState("ocid1.tenancy.oc1..aaaa")
for _number in range(4):
    _key = compartment_key(f"ocid1.compartment.oc1..{_number}")
    _track = _SAMPLE.stream("audit", "us-ashburn-1")
    _reads = (FirstRead(28_999_990, 29_000_000, 1_740_000_000_000),)
    _track.cursors[_key] = Cursor(29_000_000 - _number, 5, 29_000_001, 30, pending_rereads=_reads)
    _track.seen.add(bytes([_number] * 8))
    _track.seen.commit([bytes([_number] * 8)], tag_of(_key), 29_000_000)
_SAMPLE.problems.listed = {b"12345678"}
_TEXT = compact_json(_SAMPLE.checkpoint()).decode()


@given(
    at=st.integers(0, len(_TEXT) - 1),
    length=st.integers(0, 6),
    replacement=st.text(alphabet='0123456789-.,:"[]{}eAz=+/ \\u', max_size=4),
)
def test_a_text_with_an_error_is_read_or_refused(at, length, replacement):
    """A checkpoint with some characters wrong is still read, or refused; what is read can be stored again."""
    try:
        damaged = json.loads(_TEXT[:at] + replacement + _TEXT[at + length :])
        progress = parse(damaged)
    except (CheckpointError, json.JSONDecodeError):
        return
    assert parse(json.loads(compact_json(progress.checkpoint()))).checkpoint() == progress.checkpoint()


_minutes = st.integers(0, 40_000_000)
_ends = st.tuples(_minutes, _minutes).map(sorted)
_firsts = st.builds(lambda ends, moment: FirstRead(*ends, moment), _ends, st.integers(0, 2**42))
_positions = st.builds(
    Cursor,
    _minutes,
    _minutes,
    _minutes,
    st.integers(0, 20_160),
    _minutes,
    st.integers(0, 1),
    _minutes,
    st.integers(0, 2**42),
    st.lists(_firsts, max_size=3).map(tuple),
).map(lambda one: one._replace(begin=min(one.begin, one.read_until), resume=min(one.resume, one.read_until)))


_tracks = st.lists(_positions, min_size=1, max_size=5).flatmap(
    lambda some: st.dictionaries(
        st.tuples(st.sampled_from(["audit", "logging"]), st.sampled_from(["a", "b"])),
        st.dictionaries(st.integers(0, 30), st.sampled_from(some), max_size=12),
    )
)
"""Compartments at a few positions, as they are in real checkpoints: what shares a position is stored together."""


@given(_tracks, st.sets(st.binary(min_size=8, max_size=8), max_size=20))
def test_what_is_stored_is_what_is_read(tracks, digests):
    """A round trip through JSON gives the same positions and digests."""
    progress = PollState("ocid1.tenancy.oc1..aaaa")
    for (source, region), positions in tracks.items():
        track = progress.stream(source, region)
        track.cursors = {compartment_key(str(number)): one for number, one in positions.items()}
        track.seen = SeenRecords()
        for digest in digests:
            track.seen.add(digest)
            track.seen.commit([digest], b"ab", 29_000_000)
    progress.problems.listed = set(digests)
    again = parse(json.loads(compact_json(progress.checkpoint())))
    assert {name: track.cursors for name, track in again.streams.items()} == {
        name: track.cursors for name, track in progress.streams.items()
    }
    assert all(digest in track.seen for track in again.streams.values() for digest in digests)
    assert again.problems.listed == set(digests)
    assert again.checkpoint() == progress.checkpoint()


def test_a_bottomless_checkpoint_is_refused():
    """Nesting deeper than Python goes is damage like any other."""
    nested: list = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(CheckpointError, match="CHECKPOINT_UNREADABLE"):
        parse({"version": 1, "sources": nested})


@pytest.mark.usefixtures("few_attempts")
@pytest.mark.parametrize("works", [True, False])
def test_a_clock_at_its_beginning_leaves_a_checkpoint_that_is_read(world, works):
    """A machine whose clock starts in 1970 stores nothing before that, so that its next poll goes on there."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, **({} if works else {"region": "nowhere"}))
    right = world.clock()
    world.clock.advance(seconds=90 - right.timestamp())
    instance.poll()
    assert parse(json.loads(instance.stored)).backfill_from == (0 if works else 1)
    move_to(world.clock, right)
    assert UNREADABLE not in codes(instance.poll())
