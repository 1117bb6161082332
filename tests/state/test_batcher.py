"""Batches: everything in order, within the host's limits, each with the changes that it makes true."""

from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signal_client_oci.state import batcher as module
from signal_client_oci.state.batch_limits import BatchLimits
from signal_client_oci.state.batcher import Batcher, Pending
from signal_client_oci.state.changes import PROBLEMS, Delivery, MarkSeen, RecordsKey, SetBackfill
from signal_client_oci.state.stream_state import StreamKey


def artifact(number, raw):
    """An artifact of which only `id` and `raw` matter."""
    return {"id": str(number), "source": "oci-cloud", "timestamp": "", "raw": raw, "metadata": {}}


STREAM = StreamKey("audit", "us-ashburn-1")
KEYS = (RecordsKey(STREAM, b"aa", 1), PROBLEMS)


def delivery(*numbers, raws=None, key=KEYS[0]):
    """Artifacts with these numbers, remembered by them."""
    texts = raws or ["x"] * len(numbers)
    artifacts = [artifact(number, raw) for number, raw in zip(numbers, texts, strict=True)]
    return Delivery(artifacts, [b"%d" % number for number in numbers], key)


def note(number):
    """A change that can be told by its number."""
    return SetBackfill(number)


def numbers_of(changes):
    """The numbers that changes are about, in order."""
    found = []
    for change in changes:
        found += [change.minute] if isinstance(change, SetBackfill) else [int(one) for one in change.digests]
    return found


raws = st.text(max_size=12) | st.text("aä€😀", min_size=5, max_size=40)
steps = st.lists(
    st.tuples(st.just("add"), raws) | st.tuples(st.sampled_from(["note", "ready", "empty"]), st.none()),
    max_size=60,
)
limits = st.tuples(st.integers(1, 5), st.integers(1, 60))


def play(given_steps, max_artifacts, max_bytes):
    """One batcher; returns the numbers that were queued, what came out, and which of them are artifacts."""
    batcher = Batcher(BatchLimits(max_artifacts, max_bytes))
    queued, artifacts, out = [], set(), []
    for number, (step, raw) in enumerate(given_steps):
        if step == "add":
            batcher.push(delivery(number, raws=[raw], key=KEYS[number % 5 == 0]))
            queued.append(number)
            artifacts.add(number)
        elif step == "note":
            batcher.push(note(number))
            queued.append(number)
        elif step == "empty":
            batcher.push(delivery())
        else:
            out += batcher.ready()
    out += batcher.flush()
    return queued, out, artifacts


@given(steps, limits)
@example([("add", "x"), ("note", None), ("add", "x")], (1, 1))
@pytest.mark.slow
def test_what_goes_in_comes_out_once_and_in_order(given_steps, given_limits):
    """Whatever the limits, artifacts and changes come out in the order in which they went in."""
    queued, out, artifacts = play(given_steps, *given_limits)
    delivered = [int(one["id"]) for pending in out for one in pending.artifacts]
    assert delivered == [number for number in queued if number in artifacts]
    assert [number for pending in out for number in numbers_of(pending.changes)] == queued


@given(steps, limits)
@pytest.mark.slow
def test_batches_keep_the_hosts_limits(given_steps, given_limits):
    """No batch has more artifacts or bytes than allowed; a larger record travels alone."""
    _, out, _ = play(given_steps, *given_limits)
    for pending in out:
        assert len(pending.artifacts) <= given_limits[0]
        size = sum(len(one["raw"].encode()) for one in pending.artifacts)
        assert size <= given_limits[1] or len(pending.artifacts) == 1


@given(steps, limits)
@pytest.mark.slow
def test_changes_cover_their_batch_and_nothing_after_it(given_steps, given_limits):
    """What a batch makes true is all that came up to its last artifact, and no artifact that came later."""
    queued, out, artifacts = play(given_steps, *given_limits)
    handed_out, done = set(), []
    for pending in out:
        handed_out |= {int(one["id"]) for one in pending.artifacts}
        done += numbers_of(pending.changes)
        assert done == queued[: len(done)]
        assert {number for number in done if number in artifacts} == handed_out
        assert {number for number in queued if number <= max(handed_out, default=-1)} <= set(done)


def test_a_delivery_is_handed_out_in_parts():
    """Each part of a delivery remembers its own digests, under the delivery's key."""
    batcher = Batcher(BatchLimits(2, 1000))
    batcher.push(delivery(1, 2, 3))
    first, second = [*batcher.ready(), *batcher.flush()]
    assert first.changes == [MarkSeen(KEYS[0], [b"1", b"2"])]
    assert second.changes == [MarkSeen(KEYS[0], [b"3"])]


def test_a_change_behind_a_full_batch_goes_with_it():
    """A position that the batch's last record completes goes with that batch, not only with the next."""
    batcher = Batcher(BatchLimits(1, 1000))
    for item in (delivery(1), note(10), delivery(2)):
        batcher.push(item)
    first, second = batcher.ready()
    assert numbers_of(first.changes) == [1, 10]
    assert numbers_of(second.changes) == [2]


def test_nothing_comes_before_the_host_asks():
    """What waits is no batch yet: handing out is when the host asks."""
    batcher = Batcher(BatchLimits(2, 1000))
    batcher.push(delivery(1))
    batcher.push(note(10))
    assert list(batcher.ready()) == []
    assert not batcher.is_full
    batcher.push(delivery(2))
    assert batcher.is_full
    assert len(next(batcher.ready()).artifacts) == 2


def test_a_record_over_the_limit_travels_alone():
    """It is neither dropped nor cut, and its neighbours go in batches of their own."""
    batcher = Batcher(BatchLimits(10, 10))
    for number, raw in enumerate(["a", "b", "c" * 50, "d", "e"]):
        batcher.push(delivery(number, raws=[raw]))
    out = [*batcher.ready(), *batcher.flush()]
    assert [[one["raw"] for one in pending.artifacts] for pending in out] == [
        ["a", "b"],
        ["c" * 50],
        ["d", "e"],
    ]


@pytest.mark.parametrize(("raw", "count"), [("é" * 5, 1), ("e" * 5, 2)])
def test_bytes_are_counted_in_utf_8(raw, count):
    """Characters outside of ASCII count with all of their bytes."""
    batcher = Batcher(BatchLimits(10, 10))
    batcher.push(delivery(1, 2, raws=[raw, raw]))
    out = [*batcher.ready(), *batcher.flush()]
    assert [len(pending.artifacts) for pending in out] == [count] * (2 // count)


def test_a_change_does_not_wait_for_records_for_ever(monkeypatch):
    """What has waited for two seconds is handed out, without artifacts if it is a change alone."""
    clock = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    batcher = Batcher(BatchLimits(10, 1000))
    batcher.push(note(10))
    assert list(batcher.ready()) == []
    clock[0] += 2.5
    assert list(batcher.ready()) == [Pending([], [note(10)])]
    clock[0] += 2.5
    assert list(batcher.ready()) == []


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_of_nothing_still_delivers(limit):
    """A host that allows less than one artifact a batch gets them one by one."""
    batcher = Batcher(BatchLimits(limit, limit))
    batcher.push(delivery(1, 2, 3))
    assert [len(pending.artifacts) for pending in [*batcher.ready(), *batcher.flush()]] == [1, 1, 1]
