"""Bounded concurrency: requests in, answers out in order of arrival; how many and how often adapts to 429.

The poll's own thread decides everything; workers only send. One lane for each (region, service), so that what is
slow or throttled there holds no other lane's places. A request that may succeed later waits here without holding a
worker. Nothing is in flight that the poll has not asked for, and all lanes share one memory for what has arrived, so
the host's pace bounds what is held.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.scheduler.lane import Lane
from signal_client_oci.scheduler.requests import LaneHealth, LaneKey, Request, RequestCounts, Task
from signal_client_oci.scheduler.workers import Arrival, Workers

__all__ = ["Dispatcher", "Outcome"]

ATTEMPTS: Final = 4
ATTEMPTS_AFTER_TIMEOUT: Final = 2
FAILURES_THAT_END_RETRIES: Final = 10
FAILURES_THAT_ARE_THE_SERVICE: Final = 3
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 60.0
_SECONDS_AT_END: Final = 1.0
_ORDER: Final = itertools.count()  # of requests that wait for the same moment


class Outcome(NamedTuple):
    """A task and what came of it: what its `call` returned, or a Failure."""

    task: Task
    result: Any


class Dispatcher:
    """Sends the tasks of one poll, and hands out what comes of them.

    Args:
        borrow: Lends the client of a region and service for the time of a `with` block.
        width: Requests in flight in one lane at most.
        until: `time.monotonic()` at which everything has to be over, None = no such time.

    Attributes:
        counts: How many requests were sent, by source.
        unanswered: Source → seconds for which the longest request had waited when everything was aborted.
    """

    def __init__(
        self,
        borrow: Callable[[str, str], AbstractContextManager[Client]],
        width: int,
        until: float | None,
    ) -> None:
        self.counts = RequestCounts()
        self.unanswered: dict[str, float] = {}
        self._width = width
        self._until = until
        self._lanes: dict[LaneKey, Lane] = {}
        self._workers = Workers(borrow, PageMemory())
        self._arrived: deque[Arrival] = deque()
        self._later: list[tuple[float, int, Request]] = []
        self._open = 0
        self._pending: dict[str, int] = {}
        self._in_hand = 0

    def submit(self, tasks: Iterable[Task]) -> None:
        """Queue tasks; each is sent as soon as its lane has a place. After `abort`, nothing is sent or waited for."""
        for task in () if self._workers.is_aborted else tasks:
            self._open += 1
            self._pending[task.source] = self._pending.get(task.source, 0) + 1
            self._lane(task.lane).waiting.append(Request(task))
            self._dispatch(task.lane)

    @property
    def memory(self) -> PageMemory:
        """The bytes of answers that were received and not yet mapped."""
        return self._workers.memory

    def free_places(self) -> dict[LaneKey, int]:
        """Return how many tasks each lane would send at once if they were submitted now."""
        if self.memory.is_full or self._workers.is_aborted:
            return {}
        return {key: places for key, lane in self._lanes.items() if (places := lane.free_places)}

    def has_pending(self, source: str) -> bool:
        """True while an outcome for `source` is still to come."""
        return self._pending.get(source, 0) > 0

    def health(self, key: LaneKey) -> LaneHealth:
        """Return how a lane fares."""
        lane = self._lane(key)
        return LaneHealth(lane.answered or lane.consecutive_failures < FAILURES_THAT_ARE_THE_SERVICE)

    def next_outcome(self, timeout: float) -> Outcome | None:
        """Return the next final outcome, None if there is none within about `timeout` seconds.

        A failure that may pass comes out only when its attempts are used up. Whoever asks for the next outcome is
        done with the one before, whose memory is given back.
        """
        self._let_go()
        self._wake()
        if refused := self._next_refused():
            return refused
        began = time.monotonic()
        arrival = self._next_arrived(_pause(self._later, self._lanes.values(), timeout))
        if arrival is None:
            return None
        request, result, size = arrival
        key = request.task.lane
        lane = self._lanes[key]
        sent_at = lane.sent.pop(request)
        lane.adjust_window(size, time.monotonic() - began)
        self._in_hand = self._workers.take_over(request)
        final = self._classify(lane, request, result, sent_at)
        self._dispatch(key)
        return self._handed_out(request, result) if final else None

    def _next_arrived(self, seconds: float) -> Arrival | None:
        """Return what came first, None if nothing comes within `seconds`."""
        with contextlib.suppress(queue.Empty):
            if not self._arrived:
                self._arrive(self._workers.arrivals.get(timeout=seconds))
            while True:
                self._arrive(self._workers.arrivals.get_nowait())
        if not self._arrived:
            return None
        arrival = self._arrived.popleft()
        self._lanes[arrival.request.task.lane].backlog_bytes -= arrival.size
        return arrival

    def _arrive(self, arrival: Arrival) -> None:
        if isinstance(arrival.result, Failure) and arrival.result.code == "THROTTLED":
            _count(self.counts.throttled, arrival.request)
        self._arrived.append(arrival)
        self._lanes[arrival.request.task.lane].backlog_bytes += arrival.size

    def _let_go(self) -> None:
        """Give back the memory of the outcome that was handed out last."""
        self.memory.give_back(self._in_hand)
        self._in_hand = 0

    def abort(self) -> None:
        """End what is under way and send nothing more; outcomes that are already here still come."""
        now = time.monotonic()
        self._open -= len(self._later)
        self._later.clear()
        for lane in self._lanes.values():
            for request, sent_at in lane.sent.items():
                source = request.task.source
                self.unanswered[source] = max(self.unanswered.get(source, 0.0), now - sent_at)
            self._open -= len(lane.waiting)
            lane.waiting.clear()
        self._workers.abort(self._lanes.values())

    def last_outcomes(self) -> Iterator[Outcome]:
        """After `abort`, yield what is here or arrives within a second, and what was interrupted as it arrived."""
        end = time.monotonic() + _SECONDS_AT_END
        while self._open > 0:
            self._let_go()
            arrival = self._next_arrived(max(0.0, end - time.monotonic()))
            if arrival is None:
                return
            request, result, _ = arrival
            self._open -= 1
            self._in_hand = self._workers.take_over(request)
            if not isinstance(result, Failure) or result.has_begun:
                yield Outcome(request.task, result)

    def close(self) -> None:
        """End the threads and give the clients back."""
        if self._open > 0 and not self._workers.is_aborted:
            self.abort()
        self._workers.close(self._lanes.values(), _SECONDS_AT_END)

    def _lane(self, name: LaneKey) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = Lane(self._width, float(self._width))
        return self._lanes[name]

    def _dispatch(self, name: LaneKey) -> None:
        lane = self._lanes[name]
        while lane.waiting and lane.tripped_by is None and not self._workers.is_aborted and lane.may_send:
            if self.memory.is_full:
                return
            if len(lane.workers.threads) <= lane.in_flight:
                self._workers.start(name, lane)
                if lane.tripped_by is not None:
                    return
            request = lane.waiting.popleft()
            _count(self.counts.sent, request)
            if request.attempt > 1:
                _count(self.counts.retries, request)
            lane.send(request)

    def _classify(self, lane: Lane, request: Request, result: Any, sent_at: float) -> bool:
        """Adapt the lane to what came; True if it is final, False if the request waits for another attempt."""
        if not isinstance(result, Failure):
            lane.on_success()
            return True
        delay = None
        if lane.consecutive_failures < FAILURES_THAT_END_RETRIES and not self._workers.is_aborted:
            delay = _delay(request, result, self._until)
        lane.on_failure(request, result, sent_at, delay)
        if delay is None:
            return True
        request.attempt += 1
        heapq.heappush(self._later, (time.monotonic() + delay, next(_ORDER), request))
        return False

    def _wake(self) -> None:
        """Send what has waited long enough."""
        while self._later and self._later[0][0] <= time.monotonic():
            request = heapq.heappop(self._later)[2]
            self._lane(request.task.lane).waiting.append(request)
        for name, lane in self._lanes.items():
            if lane.waiting:
                self._dispatch(name)

    def _next_refused(self) -> Outcome | None:
        """Return a waiting request of a lane that sends nothing more, with the lane's failure."""
        for lane in self._lanes.values():
            if lane.tripped_by is not None and lane.waiting:
                return self._handed_out(lane.waiting.popleft(), lane.tripped_by)
        return None

    def _handed_out(self, request: Request, result: Any) -> Outcome:
        self._open -= 1
        self._pending[request.task.source] -= 1
        return Outcome(request.task, result)


def _count(counts: dict[str, int], request: Request) -> None:
    source = request.task.source
    counts[source] = counts.get(source, 0) + 1


def _delay(request: Request, failure: Failure, until: float | None) -> float | None:
    """Return the seconds to wait before the next attempt, None if there is none."""
    attempts = ATTEMPTS_AFTER_TIMEOUT if failure.code == "TIMEOUT" else ATTEMPTS
    if failure.recovery is not Recovery.RETRY or request.attempt >= attempts:
        return None
    delay = _FIRST_DELAY * 2 ** (request.attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311
    if failure.retry_after is not None:
        delay = max(delay, failure.retry_after)
    if delay > _LONGEST_DELAY:
        return None
    return delay if until is None or time.monotonic() + delay < until else None


def _pause(later: Sequence[tuple[float, int, Request]], lanes: Iterable[Lane], timeout: float) -> float:
    """Return how long to wait for what arrives, so that nothing that becomes due is late."""
    now = time.monotonic()
    moments = [ready for ready, _, _ in later[:1]]
    moments += [lane.sends_from for lane in lanes if lane.waiting and lane.sends_from > now and lane.has_room]
    return max(0.001, min([timeout, *(moment - now for moment in moments)]))
