"""Promise 8: a poll ends in time, delivers what it read, goes on fairly, and leaves nothing open."""

import gc
import itertools
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from support.generated_load import generate_audit_events, generate_log_records
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    codes,
    emit_everywhere,
    nothing_left,
    statuses,
)

SLACK = 10.0  # of a busy machine; a request that nobody ends takes a minute


@pytest.mark.parametrize("kind", ["hang", "hang_mid_body", "slow_drip"])
@pytest.mark.parametrize("service", ["audit", "logging", "cloudguard", "identity", None])
@pytest.mark.sampled(4)
def test_the_deadline_is_kept_while_endpoints_hang(world, service, kind):
    """One service or all of them never answer; the poll is over in time and tells which source was cut off."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    instance = Instance(tenancy)
    emit_everywhere(tenancy, problems=1)
    world.clock.advance(minutes=2)
    world.fault(kind, service=service)
    with nothing_left(world):
        began = time.monotonic()
        report = instance.poll(deadline_seconds=0.5)
        assert time.monotonic() - began < 0.5 + SLACK
    assert report["status"] != "ok"
    world.sandbox.faults.clear()
    report = instance.catch_up(polls=3)
    assert report["status"] == "ok"
    assert_exactly_once(instance)


def test_what_was_read_before_the_deadline_is_delivered(world):
    """One source hangs; what the others read is in the batches of this very poll."""
    tenancy = world.tenancy(compartments=2)
    instance = Instance(tenancy)
    emit_everywhere(tenancy, 3, problems=2)
    world.clock.advance(minutes=2)
    world.fault("hang", service="audit")
    report = instance.poll(deadline_seconds=1.0)
    assert statuses(report) == {"audit": "partial", "logging": "ok", "cloud_guard": "ok"}
    assert_exactly_once(instance, "logging", "cloud_guard")


def test_a_deadline_of_nothing_reads_nothing_and_loses_nothing(world):
    """A budget that is used up before the first request still gives a report and a checkpoint to go on from."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, lookback_minutes=30)
    emit_everywhere(tenancy, problems=1)
    for seconds in (0, -5, 0.001):
        report = instance.poll(deadline_seconds=seconds)
        assert set(statuses(report).values()) <= {"partial", "failed"}
        assert report["status"] != "ok"
        world.clock.advance(minutes=60)
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


@pytest.mark.parametrize("answers", [0, 1, 5, 20])
@pytest.mark.sampled(2)
def test_should_stop_ends_the_poll(world, answers):
    """Asked between requests, it stops the poll at once; what was read is delivered and the rest comes later."""
    tenancy = world.tenancy(HOME, FAR, compartments=3)
    tenancy.audit.page_size = 1
    instance = Instance(tenancy, max_concurrency=1)
    emit_everywhere(tenancy, 4, problems=3)
    world.clock.advance(minutes=2)
    asked = itertools.count()
    with nothing_left(world):
        report = instance.poll(should_stop=lambda: next(asked) >= answers)
    assert "partial" in statuses(report).values()
    assert "STOPPED" in codes(report)
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_should_stop_is_asked_while_requests_hang(world):
    """The host need not wait for a request's timeout."""
    tenancy = world.tenancy(compartments=1)
    world.fault("hang")
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    began = time.monotonic()
    with nothing_left(world):
        timer.start()
        report = Instance(tenancy).poll(should_stop=stop.is_set)
        assert time.monotonic() - began < 0.2 + SLACK
        timer.join()
    assert report["status"] != "ok"


@pytest.mark.parametrize("items", [1, 2, 7])
@pytest.mark.parametrize("how", ["close", "drop"])
@pytest.mark.sampled(5)
def test_a_generator_given_up_leaves_nothing(world, items, how):
    """Closed or forgotten half-way, it ends its threads and connections, and the next poll goes on."""
    tenancy = world.tenancy(HOME, FAR, compartments=3)
    instance = Instance(tenancy, max_concurrency=4)
    emit_everywhere(tenancy, 4, problems=3)
    world.clock.advance(minutes=2)
    world.fault("hang", service="audit", region=FAR)
    with nothing_left(world):
        poll = instance.start({"now": world.clock, "max_batch_artifacts": 2})
        for item in itertools.islice(poll, items):
            instance.publish(item)
            instance.store(item)
        if how == "close":
            poll.close()
        del poll
        gc.collect()
    world.sandbox.faults.clear()
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_a_generator_that_was_never_started_leaves_nothing(world):
    """Asking for a poll does nothing yet."""
    tenancy = world.tenancy()
    with nothing_left(world), Instance(tenancy).polling({"now": world.clock}):
        pass
    assert not world.sandbox.requests


def test_many_polls_leave_nothing(world):
    """Threads, sockets and files do not add up over polls that end in every way."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    instance = Instance(tenancy)
    instance.poll()
    with nothing_left(world):
        for number in range(6):
            emit_everywhere(tenancy, problems=1)
            fault = world.fault(("reset", "html", "hang")[number % 3], probability=0.5)
            instance.catch_up(polls=1, deadline_seconds=0.4)
            world.sandbox.faults.remove(fault)
            instance.poll(drop_after=1)
    instance.catch_up(polls=3)
    assert_exactly_once(instance)


def test_no_compartment_starves(world):
    """A slow server, one request at a time and a short deadline: over several polls every compartment is read."""
    tenancy = world.tenancy(compartments=11)
    tenancy.latency = {"audit": 0.03}
    instance = Instance(tenancy, logging_enabled=False, cloud_guard_enabled=False, max_concurrency=1)
    instance.poll()  # now the compartments are known
    reads: Counter[str] = Counter()
    for _ in range(12):
        world.clock.advance(minutes=5)
        emit_everywhere(tenancy)
        before = len(instance.artifacts("audit"))
        report = instance.poll(deadline_seconds=0.2)
        assert statuses(report)["audit"] == "partial"
        new = instance.artifacts("audit")[before:]
        reads.update({artifact["metadata"]["oci.compartmentId"] for artifact in new})
    assert len(reads) == 12
    assert min(reads.values()) >= reads.total() // 12 - 1
    tenancy.latency = None
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit")


@pytest.mark.slow
@pytest.mark.parametrize("service", ["audit", "logging"])
@pytest.mark.sampled(2)
def test_a_window_that_no_deadline_is_long_enough_for_is_read_in_parts(world, service):
    """One compartment holds more than a poll can read; pieces shrink until they fit, and it is read completely."""
    tenancy = world.tenancy()
    tenancy.audit.page_size = 50
    instance = Instance(
        tenancy,
        max_concurrency=1,
        cloud_guard_enabled=False,
        **{("logging_enabled" if service == "audit" else "audit_enabled"): False},
    )
    instance.poll()
    world.clock.advance(minutes=62)
    end = world.clock() - timedelta(minutes=2)
    generate = {"audit": generate_audit_events, "logging": generate_log_records}[service]
    count, tenancy.latency = {"audit": (2000, 0.03), "logging": (8000, 0.1)}[service]
    made = generate(tenancy, (HOME, tenancy.ocid), (end - timedelta(minutes=59), end), count)
    progress = []
    for _ in range(40):
        report = instance.poll(deadline_seconds=0.4)
        progress.append(len(instance.published))
        if statuses(report)[service] == "ok":
            break
    assert statuses(report)[service] == "ok"
    assert len(progress) > 2, "the test must not fit into one poll"
    assert instance.keys(service) == sorted(made.keys())


def test_a_window_that_fails_half_way_shrinks(world):
    """The service gives up on long answers (504); shorter windows go through, so there is progress."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, logging_enabled=False, cloud_guard_enabled=False)
    instance.poll()
    tenancy.audit.page_size = 10
    world.clock.advance(minutes=120)
    for age in range(2, 120):
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=world.clock() - timedelta(minutes=age))
    fault = world.fault(status=504, service="audit", page=4)
    for _ in range(8):
        report = instance.poll()
        if statuses(report)["audit"] == "ok":
            break
    assert fault.hits
    assert statuses(report)["audit"] == "ok"
    assert_exactly_once(instance, "audit")
