"""`lanes`: how much more is sent adapts to what the service accepts and to what the poll keeps up with."""

from __future__ import annotations

import heapq
import itertools
import queue
import random
import threading
import time
import weakref
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.scheduler import dispatcher as workers
from signal_client_oci.scheduler import lane as lanes
from signal_client_oci.scheduler.dispatcher import Dispatcher
from signal_client_oci.scheduler.lane import Lane
from signal_client_oci.scheduler.requests import LaneKey, Request, Task
from signal_client_oci.scheduler.workers import Arrival

HERE = LaneKey("us-ashburn-1", "audit")
MIB = 1024 * 1024


@contextmanager
def _borrowed(region, service):
    yield SimpleNamespace(name=(region, service), transport=SimpleNamespace(abort=lambda: None))


@pytest.fixture
def dispatcher(monkeypatch):
    """A dispatcher of eight whose second attempts come quickly."""
    monkeypatch.setattr(workers, "_FIRST_DELAY", 0.01)
    made = Dispatcher(_borrowed, 8, None)
    yield made
    made.close()


def _outcomes(dispatcher, handle=lambda _: None):
    while dispatcher._open:
        outcome = dispatcher.next_outcome(1.0)
        if outcome is not None:
            handle(outcome)
            yield outcome


def _throttled(retry_after=None):
    return Failure("THROTTLED", recovery=Recovery.RETRY, retry_after=retry_after)


class VirtualWorkers:
    """The workers and the clock of a dispatcher in virtual time: each request takes 20 ms, waiting takes none."""

    def __init__(self, dispatcher, monkeypatch):
        self.now = 0.0
        self._crew = dispatcher
        self._order = itertools.count()
        self._flying = []
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(workers, "time", clock)
        monkeypatch.setattr(lanes, "time", clock)
        monkeypatch.setattr(workers.random, "uniform", random.Random(1).uniform)
        monkeypatch.setattr(dispatcher._workers, "start", lambda *_: None)
        monkeypatch.setattr(dispatcher._workers, "arrivals", self)

    def get(self, timeout):
        """Let time pass until the next answer comes, `timeout` seconds at most."""
        for lane in self._crew._lanes.values():
            while not lane.workers.jobs.empty():
                heapq.heappush(self._flying, (self.now + 0.02, next(self._order), lane.workers.jobs.get()))
        if not self._flying or self._flying[0][0] > self.now + timeout:
            self.now += timeout
            raise queue.Empty
        moment, _, request = heapq.heappop(self._flying)
        self.now = max(self.now, moment)
        try:
            return Arrival(request, request.task.call(None), 0)
        except Failure as failure:
            return Arrival(request, failure, 0)

    def get_nowait(self):
        """Return an answer that has come already."""
        return self.get(0.0)


@pytest.mark.slow
def test_a_rate_is_kept(dispatcher, monkeypatch):
    """Requests that a service refuses above its rate are all answered, in time, and few of them are refused."""
    monkeypatch.setattr(workers, "_FIRST_DELAY", 0.5)
    virtual, answers = VirtualWorkers(dispatcher, monkeypatch), []
    tokens, since = 10.0, 0.0

    def send(_client):
        nonlocal tokens, since
        tokens, since = min(10.0, tokens + (virtual.now - since) * 100), virtual.now
        answers.append(tokens >= 1)
        if tokens < 1:
            raise _throttled()
        tokens -= 1
        return "good"

    for number in range(1000):
        dispatcher.submit([Task("audit", HERE, send, number)])
    assert [outcome.result for outcome in _outcomes(dispatcher)] == ["good"] * 1000
    assert virtual.now < 1.4 * 10
    assert answers.count(False) <= 50


@pytest.mark.slow
def test_what_is_refused_for_good_is_left_alone(dispatcher):
    """After twenty refusals in a row nothing more is sent, and everything that waits comes out as throttled."""
    sent = []

    def send(_client):
        sent.append(1)
        raise _throttled()

    for number in range(100):
        dispatcher.submit([Task("audit", HERE, send, number)])
    assert {outcome.result.code for outcome in _outcomes(dispatcher)} == {"THROTTLED"}
    assert len(sent) <= lanes.THROTTLED_THAT_TRIP + 8


@pytest.mark.slow
def test_one_that_fails_waits_behind_the_others(dispatcher):
    """A second attempt goes to the end of its lane, so that those that fail do not hold up those that never tried."""
    order = []

    def send_failing(_client):
        order.append("failing")
        raise Failure("SERVICE_ERROR", recovery=Recovery.RETRY)

    def send(_client):
        time.sleep(0.02)
        order.append("sound")
        return "good"

    dispatcher.submit([Task("audit", HERE, send_failing, 0)])
    for number in range(1, 40):
        dispatcher.submit([Task("audit", HERE, send, number)])
    list(_outcomes(dispatcher))
    assert order.index("failing", 1) >= 30


@pytest.mark.parametrize(("size", "most"), [(10_000, 9), (2 * MIB, 5)])
@pytest.mark.slow
def test_large_pages_do_not_pile_up(dispatcher, size, most):
    """Small pages are asked for eight at a time, one more while one is taken; of large ones what a slow poll can do."""
    text, lock, flying, peak = b"x" * size, threading.Lock(), 0, 0

    def send(_client):
        nonlocal flying, peak
        with lock:
            flying += 1
            peak = max(peak, flying)
        return Page([text])

    def handle(_outcome):
        nonlocal flying
        with lock:
            flying -= 1
        time.sleep(0.01)

    for number in range(60):
        dispatcher.submit([Task("audit", HERE, send, number)])
    assert len(list(_outcomes(dispatcher, handle))) == 60
    assert peak <= most


def test_a_service_that_makes_the_poll_wait_is_asked_for_more():
    """Large pages that are slow to come widen the window again, one that waits in the queue narrows it."""
    lane = Lane(8, 8.0)
    for _ in range(6):
        lane.adjust_window(2 * MIB, waited=0.5)
    assert lane.window == 8
    lane.backlog_bytes = 5 * MIB
    for _ in range(20):
        lane.adjust_window(2 * MIB, waited=0.0)
    assert lane.window == 2


def test_a_worker_keeps_no_page(dispatcher):
    """A page is gone once the poll is done with it, although its worker lives on."""

    class Texts(list):
        """A list that can be watched."""

    watched = []

    def send(_client):
        texts = Texts([b"x"])
        watched.append(weakref.ref(texts))
        return Page(texts, None, None)

    dispatcher.submit([Task("audit", HERE, send, 0)])
    for outcome in _outcomes(dispatcher):
        assert outcome.result.items == [b"x"]
    del outcome
    end = time.monotonic() + 10
    while watched[0]() is not None and time.monotonic() < end:
        time.sleep(0.001)
    assert watched[0]() is None


def test_one_fall_for_one_burst():
    """Eight refusals of what was sent together halve the number in flight once."""
    lane = Lane(8, 8.0)
    lane.on_success()
    sent_at = time.monotonic()
    for number in range(8):
        request = Request(Task("audit", HERE, None, number))
        lane.on_failure(request, _throttled(), sent_at, 0.5)
    assert lane.limit == 4.0
    assert lane.rate_limiter.rate is not None
    assert lane.rate_limiter._paused_until == 0.0


def test_retry_after_stops_the_lane():
    """Where several are refused and the service says how long, nothing is sent before."""
    lane = Lane(8, 8.0)
    lane.on_success()
    now = time.monotonic()
    for number in range(2):
        lane.on_failure(Request(Task("audit", HERE, None, number)), _throttled(30.0), now, 30.0)
    assert lane.sends_from >= now + 30.0
    assert not lane.may_send
