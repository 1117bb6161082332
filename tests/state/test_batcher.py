"""Batches: everything in order, within the host's limits, each with the checkpoint that it makes true."""

from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signal_client_oci.state import batcher as module
from signal_client_oci.state.batcher import Batcher


def artifact(number, raw):
    """An artifact of which only `id` and `raw` matter."""
    return {"id": str(number), "source": "oci-cloud", "timestamp": "", "raw": raw, "metadata": {}}


class Journal:
    """Effects in the order in which they took place; a checkpoint is a copy of it."""

    def __init__(self):
        self.done = []

    def effect(self, name):
        """An effect that notes its name."""
        return lambda: self.done.append(name)

    def one_by_one(self, names):
        """An effect like `done.extend`, but another one."""
        for name in names:
            self.done.append(name)

    def checkpoint(self):
        """What is true now."""
        return {"done": list(self.done)}


raws = st.text(max_size=12) | st.text("aä€😀", min_size=5, max_size=40)
steps = st.lists(
    st.tuples(st.sampled_from(["audit", "logging"]), st.just("add"), raws)
    | st.tuples(st.sampled_from(["audit", "logging"]), st.sampled_from(["note", "ready"]), st.none()),
    max_size=60,
)
limits = st.tuples(st.integers(1, 5), st.integers(1, 60))


def play(given_steps, max_artifacts, max_bytes):
    """Two batchers over one journal; returns what was queued, what came out, and the journal."""
    journal = Journal()
    batchers = {
        source: Batcher(source, journal.checkpoint, max_artifacts, max_bytes)
        for source in ("audit", "logging")
    }
    queued = {"audit": [], "logging": []}
    out = []
    for number, (source, step, raw) in enumerate(given_steps):
        name = (source, number, step)
        if step == "add":
            effect = journal.done.extend if number % 5 else journal.one_by_one
            batchers[source].add(artifact(number, raw), name, effect)
            queued[source].append(name)
        elif step == "note":
            batchers[source].note(journal.effect(name))
            queued[source].append(name)
        else:
            out += batchers[source].ready()
    for batcher in batchers.values():
        out += batcher.flush()
    return queued, out, journal, batchers


@given(steps, limits)
@example([("audit", "add", "x"), ("audit", "note", None), ("audit", "add", "x")], (1, 1))
def test_what_goes_in_comes_out_once_and_in_order(given_steps, given_limits):
    """Whatever the limits, the batches of a source are its input, and what was delivered is counted."""
    queued, out, journal, batchers = play(given_steps, *given_limits)
    for source, batcher in batchers.items():
        numbers = [int(one["id"]) for batch in out if batch["source"] == source for one in batch["artifacts"]]
        assert numbers == [number for _, number, step in queued[source] if step == "add"]
        assert batcher.delivered == len(numbers)
        assert [name for name in journal.done if name[0] == source] == queued[source]


@given(steps, limits)
def test_batches_keep_the_hosts_limits(given_steps, given_limits):
    """No batch has more artifacts or bytes than allowed; a larger record travels alone."""
    _, out, _, _ = play(given_steps, *given_limits)
    for batch in out:
        assert 1 <= len(batch["artifacts"]) <= given_limits[0]
        size = sum(len(one["raw"].encode()) for one in batch["artifacts"])
        assert size <= given_limits[1] or len(batch["artifacts"]) == 1


@given(steps, limits)
def test_a_checkpoint_covers_its_batch_and_nothing_after_it(given_steps, given_limits):
    """What a batch's checkpoint says is all that came up to its last artifact, and no artifact that came later.

    Of the other source it says what that one's own batches made true so far.
    """
    queued, out, _, _ = play(given_steps, *given_limits)
    handed_out = {"audit": set(), "logging": set()}
    for batch in out:
        source = batch["source"]
        handed_out[source] |= {int(one["id"]) for one in batch["artifacts"]}
        done = batch["checkpoint"]["done"]
        for name in ("audit", "logging"):
            mine = [one for one in done if one[0] == name]
            assert mine == queued[name][: len(mine)]
            assert {number for _, number, step in mine if step == "add"} == handed_out[name]
        last = max(handed_out[source])
        assert {(source, number, step) for _, number, step in queued[source] if number <= last} <= set(done)


def test_nothing_takes_effect_while_it_waits():
    """Between queueing and handing out, effects are not applied, and handing out is when the host asks."""
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, 2, 1000)
    batcher.add(artifact(1, "a"), 1, journal.done.extend)
    batcher.note(journal.effect("after 1"))
    assert list(batcher.ready()) == []
    batcher.add(artifact(2, "b"), 2, journal.done.extend)
    batcher.note(journal.effect("after 2"))
    coming = batcher.ready()
    assert journal.done == []
    assert batcher.delivered == 0
    assert len(next(coming)["artifacts"]) == 2
    assert journal.done == [1, "after 1", 2, "after 2"]


def test_a_note_behind_a_full_batch_goes_with_it():
    """A position that the batch's last record completes is in that batch's checkpoint, not only in the next."""
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, 1, 1000)
    batcher.add(artifact(1, "a"), 1, journal.done.extend)
    batcher.note(journal.effect("position"))
    batcher.add(artifact(2, "b"), 2, journal.done.extend)
    first, second = batcher.ready()
    assert first["checkpoint"] == {"done": [1, "position"]}
    assert second["checkpoint"] == {"done": [1, "position", 2]}


def test_a_record_over_the_limit_travels_alone():
    """It is neither dropped nor cut, and its neighbours go in batches of their own."""
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, 10, 10)
    for number, raw in enumerate(["a", "b", "c" * 50, "d", "e"]):
        batcher.add(artifact(number, raw), number, journal.done.extend)
    out = [*batcher.ready(), *batcher.flush()]
    assert [[one["raw"] for one in batch["artifacts"]] for batch in out] == [
        ["a", "b"],
        ["c" * 50],
        ["d", "e"],
    ]


@pytest.mark.parametrize(("raw", "count"), [("é" * 5, 1), ("e" * 5, 2)])
def test_bytes_are_counted_in_utf_8(raw, count):
    """Characters outside of ASCII count with all of their bytes."""
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, 10, 10)
    for number in range(2):
        batcher.add(artifact(number, raw), number, journal.done.extend)
    out = [*batcher.ready(), *batcher.flush()]
    assert [len(batch["artifacts"]) for batch in out] == [count] * (2 // count)


def test_a_position_does_not_wait_for_records_for_ever(monkeypatch):
    """What has waited for two seconds is handed out, as an empty batch if it is a position alone."""
    clock = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, 10, 1000)
    batcher.note(journal.effect("position"))
    assert list(batcher.ready()) == []
    clock[0] += 2.5
    (batch,) = batcher.ready()
    assert batch["artifacts"] == []
    assert batch["checkpoint"] == {"done": ["position"]}
    clock[0] += 2.5
    assert list(batcher.ready()) == []


def test_an_end_without_records_only_takes_effect():
    """When a poll ends, positions alone make no further batch: the report's checkpoint holds them."""
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, 10, 1000)
    batcher.note(journal.effect("position"))
    assert list(batcher.flush()) == []
    assert journal.done == ["position"]


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_of_nothing_still_delivers(limit):
    """A host that allows less than one artifact a batch gets them one by one."""
    journal = Journal()
    batcher = Batcher("audit", journal.checkpoint, limit, limit)
    for number in range(3):
        batcher.add(artifact(number, "x"), number, journal.done.extend)
    assert [len(batch["artifacts"]) for batch in [*batcher.ready(), *batcher.flush()]] == [1, 1, 1]
