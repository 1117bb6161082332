"""Promise 2: no repeats while 50,000 records lie in the overlap, never loss beyond, and a bounded checkpoint."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.generated_load import generate_audit_events, generate_log_records
from support.world import FAR, HOME, Instance, assert_exactly_once, codes, emit_everywhere

from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.polling import loop
from signal_client_oci.state.batch_limits import BatchLimits
from signal_client_oci.state.batcher import Batcher
from signal_client_oci.state.changes import Delivery, RecordsKey
from signal_client_oci.state.checkpoint import MAX_BYTES, parse
from signal_client_oci.state.cursor import Cursor, FirstRead, due_window
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_records import SeenRecords
from signal_client_oci.state.stream_state import StreamKey, compartment_key, tag_of

PROMISED = 50_000
LIMIT = 921_600
NOW = 29_000_000


def test_nothing_comes_again_in_steady_polling(world):
    """Every poll re-reads the overlap of two regions and four compartments, and delivers only what is new."""
    tenancy = world.tenancy(HOME, FAR, compartments=3)
    instance = Instance(tenancy)
    for _ in range(8):
        emit_everywhere(tenancy, 3, problems=1)
        report = instance.catch_up(polls=1)
    assert sum(report["sources"][source]["counts"]["duplicates"] for source in ("audit", "logging")) > 0
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


@pytest.mark.deep
@pytest.mark.slow
def test_fifty_thousand_records_in_the_overlap_come_once(world):
    """Audit and Logging together fill the overlap; the next polls re-read all of it and deliver nothing."""
    tenancy = world.tenancy()
    tenancy.audit.page_size = 5000
    instance = Instance(tenancy, cloud_guard_enabled=False, lookback_minutes=15)
    world.clock.advance(minutes=15)
    period = (world.clock() - timedelta(minutes=12), world.clock() - timedelta(minutes=2))
    made = [
        generate(tenancy, (HOME, tenancy.ocid), period, PROMISED // 2)
        for generate in (generate_audit_events, generate_log_records)
    ]
    report = instance.poll()
    assert [one["fetched"] for one in report["sources"].values()] == [PROMISED // 2, PROMISED // 2, 0]
    assert not codes(report)
    assert len(instance.stored) <= LIMIT
    again = instance.catch_up(polls=1, minutes=1)
    assert [one["counts"].get("duplicates", 0) for one in again["sources"].values()] == [
        *[PROMISED // 2] * 2,
        0,
    ]
    assert [one["fetched"] for one in again["sources"].values()] == [0, 0, 0]
    for source, timeline in zip(("audit", "logging"), made, strict=True):
        assert instance.keys(source) == sorted(timeline.keys())


def test_beyond_the_limit_records_repeat_with_their_ids_and_a_warning(world, monkeypatch):
    """What the checkpoint cannot remember comes again under the same id; nothing is lost, and the report says so."""
    monkeypatch.setattr(loop, "MAX_BYTES", 30_000)
    tenancy = world.tenancy()
    instance = Instance(tenancy, cloud_guard_enabled=False, logging_enabled=False, lookback_minutes=15)
    world.clock.advance(minutes=15)
    period = (world.clock() - timedelta(minutes=12), world.clock() - timedelta(minutes=2))
    timeline = generate_audit_events(tenancy, (HOME, tenancy.ocid), period, 5000)
    report = instance.poll()
    assert "OVERLAP_TOO_FULL" in codes(report)
    assert report["sources"]["audit"]["fetched"] == 5000
    instance.catch_up(polls=1, minutes=1)
    ids = Counter((artifact["id"], artifact["raw"]) for artifact in instance.artifacts("audit"))
    assert len(ids) == len({identity for identity, _ in ids}) == 5000
    assert set(instance.keys("audit")) == set(timeline.keys())
    assert max(ids.values()) == 2
    assert len(instance.stored) <= 30_000


def test_problems_that_cannot_be_remembered_are_told(world, monkeypatch):
    """They come again under the same ids, and the report says so."""
    monkeypatch.setattr(loop, "MAX_BYTES", 600)
    tenancy = world.tenancy()
    instance = Instance(
        tenancy, audit_enabled=False, logging_enabled=False, cloud_guard_details=False, lookback_minutes=15
    )
    for _ in range(60):
        tenancy.add_problem()
    assert "OVERLAP_TOO_FULL" in codes(instance.poll())
    assert len(instance.artifacts("cloud_guard")) == 60


def _varied_position(chance: random.Random, kinds: int) -> Cursor:
    """One of `kinds` states that a compartment may be in: steady, behind, denied, deleted."""
    kind = chance.randrange(kinds)
    own = random.Random(kind)
    through = NOW - own.choice([1, 6, own.randrange(1, 20_000)])
    pace = own.choice([1, 5, 12])
    reads = [FirstRead(through - (n + 1) * pace, through - n * pace, NOW * 60_000) for n in (2, 1, 0)]
    return Cursor(
        through,
        begin=own.choice([0, through - 30]),
        last_attempt=NOW - own.randrange(30),
        slice_minutes=own.choice([0, 1, 60]),
        deleted=own.choice([0, 0, NOW - 9]),
        denied=own.choice([0, 0, 1]),
        pending_rereads=tuple(reads[own.randrange(4) :]),
    )


def _large_progress(kinds: int, digests: int, windows: int = 3) -> PollState:
    """2,000 compartments in three regions and two sources, in `kinds` states, and `digests` digests among them."""
    chance = random.Random(7)
    progress = PollState("ocid1.tenancy.oc1..aaaa")
    ocids = [f"ocid1.compartment.oc1..{number:060d}" for number in range(2000)]
    keys = [compartment_key(ocid) for ocid in ocids]
    tracks = [
        progress.stream(source, region) for source in ("audit", "logging") for region in ("a", "b", "c")
    ]
    for track in tracks:
        track.cursors = {key: _varied_position(chance, kinds) for key in keys}
    for _ in range(digests):
        track, digest = chance.choice(tracks), chance.randbytes(8)
        if track.seen.add(digest):
            track.seen.commit([digest], tag_of(chance.choice(keys)), NOW - chance.randrange(windows))
    return progress


@pytest.mark.parametrize(("kinds", "windows"), [(1, 15), (20, 15), (100, 3)])
@pytest.mark.sampled(3)
def test_fifty_thousand_digests_and_twelve_thousand_positions_fit(kinds, windows):
    """The promised digests are kept beside 2,000 compartments x 3 regions x 2 sources, however they are spread."""
    progress = _large_progress(kinds, PROMISED, windows)
    stored = progress.checkpoint()
    assert len(compact_json(stored)) <= LIMIT
    assert not progress.compact(MAX_BYTES)
    assert sum(track.seen.committed() for track in parse(stored).streams.values()) == PROMISED


@pytest.mark.parametrize(("kinds", "digests"), [(12_000, 20_000), (1, 150_000)])
@pytest.mark.sampled(2)
def test_a_checkpoint_is_never_too_large(kinds, digests):
    """Where nothing fits any more, digests go and positions fall back; nothing is read from a later minute on."""
    progress = _large_progress(kinds, digests)
    before = {name: dict(track.cursors) for name, track in progress.streams.items()}
    assert progress.compact(MAX_BYTES)
    stored = progress.checkpoint()
    assert len(compact_json(stored)) <= LIMIT
    after = {name: track.cursors for name, track in parse(stored).streams.items()}
    for name, positions in before.items():
        assert positions.keys() == after[name].keys()
        assert all(_next_start(after[name][key]) <= _next_start(one) for key, one in positions.items())


def _next_start(position: Cursor) -> int:
    window = due_window(position, NOW + 1, 15)
    assert window is not None
    return window.start


def test_what_is_stored_does_not_grow_with_the_number_of_compartments(world):
    """Thirty compartments at the same position take a few bytes each, whichever regions and sources read them."""
    sizes = []
    for compartments in (10, 40):
        tenancy = world.tenancy(HOME, FAR, compartments=compartments)
        instance = Instance(tenancy)
        instance.poll()
        instance.catch_up(polls=2)
        sizes.append(len(instance.stored))
    assert sizes[1] - sizes[0] <= 30 * 12


@given(
    sizes=st.lists(st.integers(0, 400), max_size=60),
    max_artifacts=st.integers(1, 20),
    max_bytes=st.integers(1, 1000),
)
def test_the_batches_are_the_input_whatever_their_size(sizes, max_artifacts, max_bytes):
    """Cutting loses, repeats and reorders nothing, keeps the limits, and each batch remembers what is in it."""
    batcher = Batcher(BatchLimits(max_artifacts, max_bytes))
    key = RecordsKey(StreamKey("audit", HOME), b"aa", 1)
    batches = []
    for number, size in enumerate(sizes):
        artifact = {
            "id": str(number),
            "source": "oci-cloud",
            "timestamp": "",
            "raw": "x" * size,
            "metadata": {},
        }
        batcher.push(Delivery([artifact], [b"%d" % number], key))
        batches += batcher.ready()
    batches += batcher.flush()
    arrived: list[int] = []
    for artifacts, changes in batches:
        ids = [int(artifact["id"]) for artifact in artifacts]
        assert [int(digest) for change in changes for digest in change.digests] == ids
        arrived += ids
        assert len(artifacts) <= max_artifacts
        assert len(artifacts) == 1 or sum(len(a["raw"]) for a in artifacts) <= max_bytes
    assert arrived == list(range(len(sizes)))


@settings(max_examples=30)
@given(
    records=st.lists(st.tuples(st.binary(min_size=8, max_size=8), st.integers(0, 5), st.integers(0, 9))),
    settled=st.integers(0, 10),
)
def test_digests_are_forgotten_exactly_when_their_window_is_settled(records, settled):
    """What may come again is known, also after a round trip; what cannot come again takes no room."""
    digests = SeenRecords()
    kept: set[bytes] = set()
    for digest, tag, end in records:
        if digests.add(digest):
            digests.commit([digest], bytes([0, tag]), end)
            if end > settled:
                kept.add(digest)
    digests.expire(lambda _tag: settled)
    again = SeenRecords.from_json(digests.to_json())
    assert digests.committed() == again.committed() == len(again) == len(kept)
    assert all(digest in again for digest in kept)
