"""Real processes killed with SIGKILL at random moments: nothing lost, only the open batch again."""

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.host_fakes import artifact

TOTAL = 1500
BATCH = 5
KILLS = 12


@contextmanager
def started(directory):
    """A process that polls into the directory; killed in the end."""
    child = Path(__file__).with_name("crash_child.py")
    command = [sys.executable, child, str(directory), str(TOTAL)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_killed_at_random_moments_everything_arrives(tmp_path):
    """The union is complete, every line whole, and each kill repeats one batch at most, with the same ids."""
    chance = random.Random(20240501)
    for _kill in range(KILLS):
        with started(tmp_path) as process:
            for _ in range(chance.randrange(1, 40)):
                process.stdout.readline()
        assert process.returncode == -signal.SIGKILL
    with started(tmp_path) as last:
        last.communicate(timeout=60)
    assert last.returncode == 0
    arrived = [json.loads(line) for line in (tmp_path / "artifacts.jsonl").read_text().splitlines()]
    assert all(item == artifact(int(item["id"], 16), item["metadata"]["instance"]) for item in arrived)
    counts = Counter((item["metadata"]["instance"], int(item["id"], 16)) for item in arrived)
    assert set(counts) == {(name, number) for name in ("one", "two") for number in range(TOTAL)}
    assert sum(counts.values()) - len(counts) <= KILLS * BATCH
