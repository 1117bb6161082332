"""Checkpoints: read as they were written, refused when damaged, never too large."""

import copy
import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.polling.windows.window_splitting import slice_end
from signal_client_oci.state import compaction
from signal_client_oci.state.checkpoint import MAX_BYTES, CheckpointError, parse
from signal_client_oci.state.cursor import Cursor, FirstRead, due_window, start_at
from signal_client_oci.state.poll_state import VERSION, PollState
from signal_client_oci.state.seen_problems import LeftScope
from signal_client_oci.state.seen_records import join_digests, split_digests
from signal_client_oci.state.stream_state import compartment_key, tag_of

BASE = 29_000_000
REGIONS = ("us-ashburn-1", "eu-frankfurt-1", "uk-london-1")
OCIDS = [f"ocid1.compartment.oc1..{number}" for number in range(8)]

minutes = st.integers(0, 60_000_000)
milliseconds = st.integers(0, 2**42)
digests = st.binary(min_size=8, max_size=8)


def stretches(kind):
    """Up to three stretches, none of which ends before it begins."""
    one = st.builds(
        lambda ends, moment: kind(*sorted(ends), moment), st.tuples(minutes, minutes), milliseconds
    )
    return st.lists(one, max_size=3).map(tuple)


positions = st.builds(
    Cursor,
    read_until=minutes,
    begin=minutes,
    last_attempt=minutes,
    slice_minutes=st.integers(0, 20160),
    deleted=minutes,
    denied=st.integers(0, 1),
    resume=minutes,
    swept_at=milliseconds,
    pending_rereads=stretches(FirstRead),
).map(lambda one: one._replace(begin=min(one.begin, one.read_until), resume=min(one.resume, one.read_until)))
filed_digests = st.lists(
    st.tuples(digests, st.sampled_from(OCIDS), minutes), max_size=10, unique_by=lambda one: one[0]
)
# compartments at a few positions, as they are in real checkpoints: what shares a position is stored together
tracks = st.lists(positions, min_size=1, max_size=5).flatmap(
    lambda some: st.dictionaries(
        st.tuples(st.sampled_from(["audit", "logging"]), st.sampled_from(REGIONS)),
        st.tuples(st.dictionaries(st.sampled_from(OCIDS), st.sampled_from(some), max_size=8), filed_digests),
        max_size=5,
    )
)


@st.composite
def progresses(draw):
    """Any progress that polls could have made."""
    progress = PollState(draw(st.sampled_from(["ocid1.tenancy.oc1..a", ""])))
    progress.listed_at, progress.backfill_from = draw(st.integers(0, 2**35)), draw(minutes)
    progress.tree = draw(st.text("0123456789abcdef", max_size=16))
    for (source, region), (by_ocid, filed) in draw(tracks).items():
        track = progress.stream(source, region)
        track.cursors = {compartment_key(ocid): position for ocid, position in by_ocid.items()}
        for digest, ocid, end in filed:
            track.seen.add(digest)
            track.seen.commit([digest], tag_of(compartment_key(ocid)), end)
    problems = progress.problems
    problems.read_at = draw(st.none() | st.integers(0, 2**35))
    problems.since, problems.scope = draw(minutes), draw(st.text(max_size=10))
    problems.listed = draw(st.sets(digests, max_size=5))
    problems.before = draw(st.sets(digests, max_size=5)) - problems.listed
    problems.left = LeftScope(
        draw(st.text(max_size=10)),
        draw(st.none() | st.integers(0, 2**35)),
        draw(minutes),
        draw(st.frozensets(digests, max_size=5)),
    )
    return progress


def stored(progress):
    """The checkpoint as a host keeps it: JSON text that was written and read."""
    return json.loads(json.dumps(progress.checkpoint()))


@pytest.mark.slow
@given(progresses())
def test_a_checkpoint_is_read_as_it_was_written(progress):
    """Through JSON and back, every position, digest and problem is the same, and so is the next checkpoint."""
    again = parse(stored(progress))
    assert {name: track.cursors for name, track in again.streams.items()} == {
        name: track.cursors for name, track in progress.streams.items()
    }
    assert (again.tenancy, again.listed_at, again.tree, again.backfill_from) == (
        progress.tenancy,
        progress.listed_at,
        progress.tree,
        progress.backfill_from,
    )
    for name in ("read_at", "since", "scope", "listed", "before", "left"):
        assert getattr(again.problems, name) == getattr(progress.problems, name)
    assert stored(again) == stored(progress)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def read(value):
    """What `parse` makes of a value, None if it refuses it."""
    try:
        return parse(value)
    except CheckpointError as refused:
        error = refused
    assert error.code in {"CHECKPOINT_UNREADABLE", "CHECKPOINT_VERSION"}
    return None


@pytest.mark.slow
@given(json_values)
def test_anything_else_is_refused(value):
    """Any JSON value that is no checkpoint gives a CheckpointError and nothing else."""
    assert read(value) is None


@pytest.mark.slow
@given(progresses(), st.data())
def test_a_missing_part_is_refused(progress, data):
    """A checkpoint of which a part is missing, or is another value, is refused or still complete in itself."""
    value = stored(progress)
    part = data.draw(st.sampled_from(sorted(value)))
    if data.draw(st.booleans()):
        del value[part]
    else:
        value[part] = data.draw(json_values)
    again = read(value)
    assert again is None or read(stored(again)) is not None


def usable(progress):
    """A poll can go on from it: every window is cut into pieces, everything is written again."""
    for track in progress.streams.values():
        track.overlap = 15
        track.expire_settled()
        for position in track.cursors.values():
            window = due_window(position, max(BASE, position.read_until) + 5, 15)
            assert window is None or window.start >= 0, position
            if window is not None:
                assert slice_end(window.start, window.end, position.slice_minutes, 15) > window.start, (
                    position
                )
    assert parse(stored(progress)).checkpoint() == progress.checkpoint()


@given(
    st.lists(st.lists(st.binary(min_size=8, max_size=8), max_size=4), max_size=6), st.sets(st.integers(0, 6))
)
@pytest.mark.slow
def test_versions_that_are_handed_out_are_in_the_next_checkpoint(handed_out, looked_at):
    """However delivering and storing alternate, and when another set takes the place of what is listed."""
    problems = PollState("").problems
    for number, digests in enumerate(handed_out):
        if number in looked_at:
            problems.to_json()
        if number == 3:
            problems.listed = set(list(problems.listed)[::2])
        problems.deliver(digests)
        assert problems.listed >= set(digests)
    stored = list(split_digests(join_digests(problems.to_json()["listed"])))
    assert sorted(stored) == sorted(problems.listed)


DAMAGED = PollState("ocid1.tenancy.oc1..a")
for _region in REGIONS[:2]:
    _track = DAMAGED.stream("audit", _region)
    _track.cursors = {
        compartment_key(ocid): Cursor(
            BASE + number,
            BASE,
            BASE + 1,
            pending_rereads=(FirstRead(BASE - 5, BASE, BASE * 60_000),),
        )
        for number, ocid in enumerate(OCIDS)
    }
    for _number in range(6):
        _track.seen.commit(
            [bytes([_number] * 8)], tag_of(compartment_key(OCIDS[_number])), BASE - 5 * (_number % 2)
        )
DAMAGED.listed_at, DAMAGED.tree, DAMAGED.problems.read_at = BASE * 60, "0123456789abcdef", BASE * 60
DAMAGED.problems.listed = {b"12345678"}
TEXT = json.dumps(DAMAGED.checkpoint(), separators=(",", ":")).encode()


@pytest.mark.slow
@given(progresses(), st.integers(0, 3000))
@settings(max_examples=50)
def test_a_checkpoint_is_pure(progress, max_bytes):
    """Asked for twice it is the same, and nothing of the state changes by it; what does not fit is dropped by name."""
    before = copy.deepcopy(progress.streams), copy.deepcopy(progress.problems.to_json())
    first = progress.checkpoint()
    assert first == progress.checkpoint()
    assert {name: stream.cursors for name, stream in before[0].items()} == {
        name: stream.cursors for name, stream in progress.streams.items()
    }
    assert before[1] == progress.problems.to_json()
    is_too_large = len(json.dumps(first, separators=(",", ":"))) > max_bytes
    dropped = progress.compact(max_bytes)
    assert (progress.checkpoint() == first) or is_too_large
    assert bool(dropped) <= is_too_large


def test_leaps_of_an_older_version_are_read():
    """Where an older version noted that a clock was ahead, its checkpoint is read, and the note is not kept."""
    value = json.loads(TEXT)
    group = value["sources"]["audit"]["us-ashburn-1"]["positions"][0]
    group[9] = [[BASE - 70, BASE, BASE * 60_000]]
    assert parse(value).checkpoint() == json.loads(TEXT)


@pytest.mark.slow
@given(st.integers(0, len(TEXT) - 1), st.integers(0, 7))
@settings(max_examples=200)
def test_a_changed_bit_is_noticed_or_harmless(at, bit):
    """With one bit of its text changed, a checkpoint is refused, or a poll can go on from it."""
    changed = bytearray(TEXT)
    changed[at] ^= 1 << bit
    try:
        value = json.loads(changed)
    except ValueError:
        assume(False)  # noqa: FBT003  (such a text is not even the host's to hand over)
    progress = read(value)
    if progress is not None:
        usable(progress)


NUMBERS = [(place,) for place in range(8)] + [(place, 0, part) for place in (8,) for part in range(3)]
"""Where the numbers of a stored position stand."""


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NUMBERS),
            st.integers(-(2**70), 2**70) | st.integers(-10, 10) | st.integers(BASE - 10**6, BASE + 10**6),
        ),
        min_size=1,
        max_size=3,
    )
)
@pytest.mark.slow
def test_numbers_out_of_bounds_are_refused_or_harmless(changes):
    """A position with absurd numbers is refused, or a poll can go on from it."""
    value = json.loads(TEXT)
    for place, number in changes:
        part = value["sources"]["audit"]["us-ashburn-1"]["positions"][0]
        for step in place[:-1]:
            part = part[step]
        part[place[-1]] = number
    progress = read(value)
    if progress is not None:
        usable(progress)


@pytest.mark.parametrize("key", ["ääääääää", "!!!!!!!!", "a!a!a!a!", "        ", "abcdefg="])
def test_a_compartment_that_no_key_can_name_is_refused_or_harmless(key):
    """A damaged key in the table of compartments does not make every later poll fail."""
    value = json.loads(TEXT)
    value["compartments"] = key + value["compartments"][8:]
    progress = read(value)
    if progress is not None:
        usable(progress)


@pytest.mark.parametrize("part", ["tree", "tenancy"])
def test_a_text_that_is_none_is_refused_or_harmless(part):
    """Half a surrogate pair, which JSON can carry and UTF-8 cannot, does not make the next checkpoint fail."""
    value = json.loads(TEXT)
    value[part] = json.loads(r'"\ud800"')
    progress = read(value)
    if progress is not None:
        assert read(progress.checkpoint()) is not None


@pytest.mark.parametrize("ranges", ["0-1000000000000", "-5", "5-", "-", "a", "0,,1", "7-0", "0-8", "99"])
def test_places_outside_of_the_table_are_refused(ranges):
    """Members that name no compartment of the table are refused without running through them."""
    value = json.loads(TEXT)
    value["sources"]["audit"]["us-ashburn-1"]["positions"][0][-1] = ranges
    assert read(value) is None


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (VERSION + 1, "CHECKPOINT_VERSION"),
        (0, "CHECKPOINT_VERSION"),
        (-1, "CHECKPOINT_VERSION"),
        (None, "CHECKPOINT_UNREADABLE"),
        (True, "CHECKPOINT_UNREADABLE"),
        ("1", "CHECKPOINT_UNREADABLE"),
    ],
)
def test_another_version_is_told_from_damage(version, code):
    """Another version of the plugin's is named as such; anything that is no version is damage."""
    with pytest.raises(CheckpointError) as caught:
        parse({**json.loads(TEXT), "version": version})
    assert caught.value.code == code


def test_an_empty_object_is_damage():
    """`{}` has no version."""
    with pytest.raises(CheckpointError, match="CHECKPOINT_UNREADABLE"):
        parse({})


# --- size -----------------------------------------------------------------------------------------------------


def size(checkpoint):
    """The bytes of a checkpoint as the contract counts them."""
    return len(json.dumps(checkpoint, ensure_ascii=False, separators=(",", ":")).encode())


def spread(progress, regions, compartments, laggards, records):
    """Fill a progress: most compartments at one position, `laggards` each at its own, digests over all."""
    keys = [compartment_key(f"ocid1.compartment.oc1..{number}") for number in range(compartments)]
    common = start_at(BASE)._replace(
        begin=0, last_attempt=BASE, pending_rereads=tuple(FirstRead(BASE - n, BASE, 1) for n in (15, 10, 5))
    )
    for number in range(regions * 2):
        track = progress.stream(("audit", "logging")[number % 2], f"region-{number // 2}")
        track.cursors = dict.fromkeys(keys, common)
        for lag, key in enumerate(keys[:laggards]):
            track.cursors[key] = common._replace(read_until=BASE - lag * 7 - 1, last_attempt=BASE - lag)
        for record in range(records // (regions * 2)):
            digest = (number * 1_000_000 + record).to_bytes(8, "big")
            track.seen.add(digest)
            track.seen.commit([digest], tag_of(keys[record % compartments]), BASE - record % 4 * 5)
    return progress


@pytest.mark.parametrize("laggards", [0, 50])
@pytest.mark.slow
def test_what_is_promised_fits_without_loss(laggards):
    """50,000 records in the overlap of 2,000 compartments in three regions are all remembered."""
    progress = spread(PollState("ocid1.tenancy.oc1..a"), 3, 2000, laggards, 50_000)
    filed = sum(track.seen.committed() for track in progress.streams.values())
    assert size(progress.checkpoint()) <= MAX_BYTES
    assert not progress.compact(MAX_BYTES)
    assert sum(track.seen.committed() for track in progress.streams.values()) == filed == 49_998


SHAPES = {
    "many records": (1, 1, 0, 120_000),
    "records everywhere": (3, 2000, 0, 100_000),
    "every compartment at its own position": (3, 2000, 2000, 0),
    "everything at once": (3, 2000, 500, 100_000),
    "many regions": (30, 100, 100, 60_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.sampled(3)
def test_a_checkpoint_is_never_too_large(shape):
    """Whatever there is to remember, a checkpoint stays under its limit, says so, and can be read."""
    progress = spread(PollState("ocid1.tenancy.oc1..a"), *shape)
    assert progress.compact(MAX_BYTES)
    checkpoint = progress.checkpoint()
    assert size(checkpoint) <= MAX_BYTES < MAX_CHECKPOINT_BYTES
    assert parse(json.loads(json.dumps(checkpoint))).checkpoint() == checkpoint


@pytest.mark.slow
def test_what_nobody_reads_again_makes_room_for_what_is_needed():
    """Settled digests go first: those of one source never cost another those of its overlap."""
    progress = spread(PollState("ocid1.tenancy.oc1..a"), 1, 100, 0, 40_000)
    needed = progress.stream("audit", "region-0").seen.committed()
    settled = progress.stream("logging", "elsewhere")
    settled.cursors = {compartment_key("ocid1.compartment.oc1..0"): start_at(BASE)}
    for record in range(60_000):
        settled.seen.commit([(10**9 + record).to_bytes(8, "big")], b"ab", BASE - 500)
    assert not progress.compact(MAX_BYTES)
    assert size(progress.checkpoint()) <= MAX_BYTES
    assert progress.stream("audit", "region-0").seen.committed() == needed


@pytest.mark.slow
def test_the_digests_of_problems_are_bounded_too():
    """With more problems than fit, versions are forgotten (and delivered again), and the report can say so."""
    progress = PollState("ocid1.tenancy.oc1..a")
    progress.problems.listed = {number.to_bytes(8, "big") for number in range(120_000)}
    progress.problems.before = {number.to_bytes(8, "big") for number in range(200_000, 210_000)}
    dropped = progress.compact(MAX_BYTES)
    assert size(progress.checkpoint()) <= MAX_BYTES
    assert not progress.problems.before
    assert len(progress.problems.listed) >= 50_000
    assert dropped.problems


@pytest.mark.slow
def test_the_versions_of_a_scope_that_is_not_read_go_first():
    """They cost no digest that a poll needs, the report can say so, and that scope goes on from where it was left."""
    progress = spread(PollState("ocid1.tenancy.oc1..a"), 1, 100, 0, 50_000)
    delivered = frozenset(number.to_bytes(8, "big") for number in range(60_000))
    progress.problems.left = LeftScope("another", BASE * 60, BASE - 60, delivered)
    assert progress.compact(MAX_BYTES) == compaction.Dropped(problems=True)
    assert size(progress.checkpoint()) <= MAX_BYTES
    assert progress.problems.left == LeftScope("another", None, BASE)


def test_a_checkpoint_without_a_left_scope_is_read():
    """Such as one that was written before there was another scope to remember."""
    value = json.loads(TEXT)
    del value["cloud_guard"]["left"]
    assert parse(value).checkpoint() == json.loads(TEXT)


@pytest.mark.slow
@given(progresses(), st.integers(0, 1500))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_moved_forward_to_save_space(monkeypatch, progress, room):
    """However small the limit, no compartment is lost, and none is read from a later minute than before."""
    before = _all_starts(progress)
    monkeypatch.setattr(compaction, "_coarsen", _patient(compaction._coarsen))
    progress.compact(size(_least(progress).checkpoint()) + room)
    after = _all_starts(parse(stored(progress)))
    monkeypatch.undo()
    assert after.keys() == before.keys()
    assert not {key for key, start in after.items() if start > before[key]}


def _all_starts(progress):
    """(source and region, compartment) → the minute from which on it is read."""
    return {
        (name, key): due_window(position, 100_000_000, 15).start
        for name, track in progress.streams.items()
        for key, position in track.cursors.items()
    }


def _least(progress):
    """The same compartments, all at one position that takes much room, and nothing else."""
    least = PollState(progress.tenancy)
    least.listed_at, least.tree, least.backfill_from = 2**35, progress.tree, 60_000_000
    least.problems.scope, least.problems.since, least.problems.read_at = (
        progress.problems.scope,
        60_000_000,
        2**35,
    )
    least.problems.left = progress.problems.left._replace(
        read_at=2**35, since=60_000_000, delivered=frozenset()
    )
    first = FirstRead(60_000_000, 60_000_000, 2**42)
    minute = 60_000_000
    widest = Cursor(minute, minute, minute, 20160, minute, 1, minute, 2**42, (first,) * 3)
    for name, track in progress.streams.items():
        least.stream(*name).cursors = dict.fromkeys(track.cursors, widest)
    return least


def _patient(coarsen):
    """The same, but it gives up where it would go round for ever."""
    calls = iter(range(50))

    def counted(*given):
        assert next(calls, None) is not None, "no end"
        return coarsen(*given)

    return counted


def test_no_limit_can_hold_it_for_ever(monkeypatch):
    """Where the table of compartments is too large by itself, making a checkpoint comes to an end all the same."""
    progress = PollState("ocid1.tenancy.oc1..a")
    keys = [compartment_key(f"ocid1.compartment.oc1..{number}") for number in range(1000)]
    progress.stream("audit", "us-ashburn-1").cursors = dict.fromkeys(keys, start_at(BASE))
    monkeypatch.setattr(compaction, "_coarsen", _patient(compaction._coarsen))
    progress.compact(6000)
    assert parse(stored(progress)).streams


def test_keys_are_short_and_differ():
    """Two thousand compartments have two thousand keys of eight characters, and a tag of two bytes each."""
    keys = {compartment_key(f"ocid1.compartment.oc1..{number}") for number in range(2000)}
    assert len(keys) == 2000
    assert {len(key) for key in keys} == {8}
    assert {len(tag_of(key)) for key in keys} == {2}


def test_a_checkpoint_holds_no_ocid_of_a_compartment():
    """What is stored grows with short keys, not with OCIDs."""
    assert b"ocid1.compartment" not in TEXT
