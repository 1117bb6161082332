"""Promise 3: killed at any moment, nothing is lost, and only the batch without a stored checkpoint comes again."""

import json
import random
import select
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from crash_runner import BATCH, HUNG
from support.world import FAR, HOME, SERVICES, Instance, assert_nothing_missing, emit_everywhere, key_of

KILLS = 25  # in each mode
LONGEST = 0.12
SHORTEST = 0.001


class Runner:
    """The process that forks the polls."""

    def __init__(self, directory, instance):
        self._instance = instance
        runner = Path(__file__).with_name("crash_runner.py")
        self._process = subprocess.Popen(
            [sys.executable, runner, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def poll(self, now, delay, lines=0):
        """Poll in a child; return how it ended.

        It is killed `delay` seconds (None = never) after it began, or after it wrote so many lines.
        """
        command = {
            "now": now.timestamp(),
            "settings": self._instance.settings,
            "delay": delay,
            "lines": lines,
        }
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], 2 * HUNG)[0]:
            self._process.kill()
            pytest.fail(f"the process that forks the polls answered nothing in {2 * HUNG} seconds")
        return self._process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._process.communicate(timeout=20)
        finally:
            self._process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["events", "search"])
@pytest.mark.sampled(2)
def test_killed_at_fifty_random_moments_everything_arrives(world, tmp_path, mode):
    """Fifty polls, half in each mode, die by SIGKILL while they read, write and store; what they left is complete."""
    chance = random.Random(20261)
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    tenancy.audit.page_size = 6
    instance = Instance(tenancy, cloud_guard_interval_minutes=1, audit_mode=mode)
    killed = 0
    with Runner(tmp_path, instance) as runner:
        for number in range(3 * KILLS):
            emit_everywhere(tenancy, 3, problems=2)
            world.clock.advance(minutes=1)
            # every other one while it writes, however fast or slow the machine is
            lines = chance.randint(1, 4 * BATCH) if number % 2 else 0
            delay = chance.uniform(0, SHORTEST if lines else LONGEST)
            killed += runner.poll(world.clock(), delay, lines) == "killed"
            if killed == KILLS:
                break
        world.clock.advance(minutes=5)
        assert runner.poll(world.clock(), None) == "exit 0"
        assert runner.poll(world.clock(), None) == "exit 0"
    assert killed == KILLS
    lines = [json.loads(line) for line in (tmp_path / "artifacts.jsonl").read_text().splitlines()]
    _assert_complete(tenancy, lines)
    _assert_repeats_are_of_open_batches(lines, tmp_path / "stored.txt")


def _source_of(artifact):
    return {"oci_cloud_audit": "audit", "oci_cloud_logging": "logging"}.get(
        artifact["metadata"]["streamName"], "cloud_guard"
    )


def _assert_complete(tenancy, lines):
    for source, service in SERVICES.items():
        arrived = {key_of(source, one) for one in lines if _source_of(one) == source}
        assert arrived == set(tenancy.ground_truth.keys(service))


def _assert_repeats_are_of_open_batches(lines, journal):
    """What comes twice is the same artifact, and all but the last copy were in a batch without a checkpoint."""
    stored = set()
    for entry in journal.read_text().splitlines():
        begin, end = map(int, entry.split())
        stored |= set(range(begin, end))
    places = defaultdict(list)
    for place, artifact in enumerate(lines):
        places[artifact["id"]].append(place)
    repeated = [where for where in places.values() if len(where) > 1]
    assert repeated, "no kill hit a batch half-way: the moments prove nothing"
    assert sum(len(where) - 1 for where in repeated) <= KILLS * BATCH
    for where in repeated:
        assert len({lines[place]["raw"] for place in where}) == 1
        assert not stored & set(where[:-1])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("store_last", [True, False])
@pytest.mark.parametrize("mode", ["events", "search"])
@pytest.mark.sampled(3)
def test_dropped_after_any_item_everything_arrives(world, seed, store_last, mode):
    """The host dies right before or right after storing, after any number of batches, again and again."""
    chance = random.Random(seed)
    tenancy = world.tenancy(HOME, FAR, compartments=1)
    tenancy.audit.page_size = 4
    instance = Instance(tenancy, audit_mode=mode)
    for _ in range(5):
        emit_everywhere(tenancy, 4, problems=2)
        world.clock.advance(minutes=5)
        batch = chance.choice([1, 3, 50])
        instance.poll(drop_after=chance.randrange(1, 8), store_last=store_last, max_batch_artifacts=batch)
    instance.catch_up(polls=2)
    assert_nothing_missing(instance)
    copies = Counter(artifact["id"] for _, artifact in instance.published)
    assert store_last is (max(copies.values()) == 1)


def test_every_item_is_a_place_to_die(world):
    """For each k: the host dies after k items and starts again from the checkpoint of the k-th."""
    tenancy = world.tenancy(compartments=1)
    tenancy.audit.page_size = 3
    emit_everywhere(tenancy, 6, problems=3)
    world.clock.advance(minutes=2)
    whole = Instance(tenancy, "whole")
    whole.poll(max_batch_artifacts=2)
    items = len(whole.published) // 2
    for k in range(1, items + 1):
        instance = Instance(tenancy, f"dies after {k}")
        instance.poll(drop_after=k, max_batch_artifacts=2)
        instance.poll(max_batch_artifacts=2)
        for source in SERVICES:
            assert instance.keys(source) == whole.keys(source)


def test_checkpoints_only_advance(world):
    """From batch to batch, no position that is stored lies before the one stored earlier."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    tenancy.audit.page_size = 3
    instance = Instance(tenancy, cloud_guard_enabled=False)
    throughs = []
    for _ in range(3):
        emit_everywhere(tenancy, 5)
        world.clock.advance(minutes=30)
        with instance.polling({"now": world.clock, "max_batch_artifacts": 2}) as items:
            for item in items:
                instance.publish(item)
                instance.store(item)
                throughs.append(_throughs(item["checkpoint"]))
    for before, after in pairwise(throughs):
        assert all(after[place] >= minute for place, minute in before.items())
    assert throughs[0] != throughs[-1]


def _throughs(checkpoint):
    """Return the least position of each (source, region): the first number of each group."""
    return {
        (source, region): min(group[0] for group in track["positions"])
        for source, regions in checkpoint["sources"].items()
        for region, track in regions.items()
    }


@pytest.mark.slow
def test_another_process_takes_up_the_checkpoint(world, tmp_path):
    """The checkpoint is all that is needed: a fresh process delivers the rest and nothing again."""
    tenancy = world.tenancy(compartments=2)
    instance = Instance(tenancy, cloud_guard_interval_minutes=1)
    for _ in range(2):
        emit_everywhere(tenancy, 3, problems=1)
        world.clock.advance(minutes=3)
        with Runner(tmp_path, instance) as runner:
            assert runner.poll(world.clock(), None) == "exit 0"
    lines = [json.loads(line) for line in (tmp_path / "artifacts.jsonl").read_text().splitlines()]
    _assert_complete(tenancy, lines)
    assert len(lines) == len(tenancy.ground_truth)
