"""Promise 9: a tenancy that is throttled, hanging or broken for ever changes nothing for another instance."""

import gc
import json
import logging
import subprocess
import sys
import threading
import time

import pytest
from support.world import FAR, HOME, Instance, assert_exactly_once, emit_everywhere, eventually, statuses

from signal_client_oci.sandbox import RateLimit
from signal_client_oci.sandbox.data.keys import shared_private_key_pem

ILLNESSES = {
    "throttled": {"status": 429},
    "refused": {"status": 401},
    "broken": {"kind": "html"},
    "hanging": {"kind": "hang"},
    "dripping": {"kind": "slow_drip"},
    "reset": {"kind": "reset"},
    "failing": {"status": 500},
}


class Neighbour(threading.Thread):
    """Polls a sick instance over and over until told to stop."""

    def __init__(self, instance):
        super().__init__(name="neighbour")
        self.instance = instance
        self.stop = threading.Event()
        self.polls = 0

    def run(self):
        """Poll until the end of the test."""
        while not self.stop.is_set():
            self.instance.poll(should_stop=self.stop.is_set, deadline_seconds=5.0)
            self.polls += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join(10)
        assert not self.is_alive()


def _seconds_of_polls(instance, count):
    """Return what the quickest of some polls took; the quickest is the least disturbed by the machine."""
    seconds = []
    for _ in range(count):
        instance.tenancy.clock.advance(minutes=5)
        emit_everywhere(instance.tenancy, 3, problems=1)
        began = time.monotonic()
        report = instance.poll()
        seconds.append(time.monotonic() - began)
        assert report["status"] == "ok"
        assert sum(one["retries"] for one in report["sources"].values()) == 0
    return min(seconds)


@pytest.mark.parametrize("illness", ILLNESSES)
@pytest.mark.sampled(3)
def test_a_sick_neighbour_changes_nothing(world, monkeypatch, illness):
    """Results and latency of the sound instance are what they are alone, while the other is ill for ever."""
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher._FIRST_DELAY", 0.05)
    sound_tenancy = world.tenancy(HOME, FAR, compartments=2)
    sick_tenancy = world.tenancy(HOME, FAR, compartments=2)
    sound, sick = Instance(sound_tenancy, "sound"), Instance(sick_tenancy, "sick")
    sound.poll()
    alone = _seconds_of_polls(sound, 3)
    world.fault(tenancy=sick_tenancy.ocid, **ILLNESSES[illness])
    with Neighbour(sick) as neighbour:
        assert eventually(lambda: any(one.tenancy == sick_tenancy.ocid for one in world.sandbox.requests))
        beside = _seconds_of_polls(sound, 4)
        assert neighbour.is_alive()
    assert beside < alone * 5 + 0.3
    sound.catch_up(polls=1)
    assert_exactly_once(sound)
    assert not sick.published


def test_two_tenancies_in_one_process_share_nothing(world):
    """Two instances with other keys, polled at once in threads: each gets all of its own and nothing else's."""
    tenancies = [world.tenancy(HOME, FAR, compartments=2) for _ in range(2)]
    tenancies.append(world.sandbox.add_tenancy("another", (HOME,), private_key_pem=shared_private_key_pem(1)))
    instances = [Instance(tenancy, "the same name") for tenancy in tenancies]
    for _ in range(4):
        for tenancy in tenancies:
            emit_everywhere(tenancy, 2, problems=1)
        world.clock.advance(minutes=5)
        threads = [threading.Thread(target=instance.poll) for instance in instances]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a poll comes to no end"
    for instance in instances:
        instance.catch_up(polls=2)
        assert {one["status"] for one in instance.reports} == {"ok"}
        assert_exactly_once(instance)
        mine = instance.tenancy.ocid
        others = [tenancy.ocid for tenancy in tenancies if tenancy.ocid != mine]
        assert not [one for _, one in instance.published if any(ocid in one["raw"] for ocid in others)]


def test_a_throttled_neighbour_keeps_its_rate_to_itself(world):
    """The rate limit that one tenancy meets slows down that one alone."""
    quick, slow = world.tenancy(compartments=8), world.tenancy(compartments=8)
    for tenancy in (quick, slow):
        emit_everywhere(tenancy)
    world.clock.advance(minutes=2)
    limit = RateLimit(per_second=5, burst=1)
    always = limit.allows
    limit.allows = lambda tenancy, region, service: tenancy != slow.ocid or always(tenancy, region, service)
    world.sandbox.rate_limit = limit
    throttled, free = Instance(slow, "slow"), Instance(quick, "quick")
    with Neighbour(throttled):
        for _ in range(3):
            report = free.catch_up(polls=1)
            assert set(statuses(report).values()) == {"ok"}
            assert sum(one["retries"] for one in report["sources"].values()) == 0
    assert_exactly_once(free)


@pytest.mark.slow
@pytest.mark.usefixtures("few_attempts")
@pytest.mark.untraced
def test_a_broken_tenancy_does_not_eat_memory(world, monkeypatch):
    """Poll after poll of endless failure, what is kept in memory does not grow."""
    monkeypatch.setattr(
        logging.getLogger("signal_client_oci"), "disabled", True
    )  # pytest keeps what is logged
    instance = Instance(world.tenancy())
    world.sandbox.request_log.enabled = False
    for kind in ("html", "reset", "cut_json", "null"):
        world.fault(kind, probability=0.3)

    def kept_after_polls(count):
        for _ in range(count):
            instance.catch_up(polls=1)
            instance.reports.clear()
        gc.collect()
        return len(gc.get_objects())

    warm = kept_after_polls(8)
    assert kept_after_polls(20) - warm < 200


FIRST_POLLS = """
import json, sys, threading
from datetime import datetime
from signal_client_oci import plugin
calls, starts, ended = json.load(sys.stdin), threading.Barrier(8), []
sys.setswitchinterval(1e-6)
def poll(call):
    context = {"now": lambda: datetime.fromisoformat(call["now"])}
    starts.wait()
    *_, report = plugin.signal_client_poll(connector="oci-cloud", context=context, **call["arguments"])
    ended.append(report["status"])
threads = [threading.Thread(target=poll, args=[call]) for call in calls]
for each in threads: each.start()
for each in threads: each.join()
print(*ended)
"""


@pytest.mark.slow
def test_first_polls_that_begin_at_once_end(world):
    """Eight instances that go on from their checkpoints in the same moment, in a process that has just started.

    What is found out at the first use alone must not be found out by two threads at once: msgspec then crashes Python.
    """
    calls = []
    for number in range(8):
        instance = Instance(world.tenancy(HOME), f"instance-{number}")
        instance.poll()
        settings, stored = instance.settings, json.loads(instance.stored)
        arguments = {"instance": instance.name, "settings": settings, "checkpoint": stored}
        calls.append({"arguments": arguments, "now": world.clock().isoformat()})
    command = [sys.executable, "-c", FIRST_POLLS]
    done = subprocess.run(
        command, input=json.dumps(calls), capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["ok"] * 8, "")
