"""The threads that make calls, and the clients that they borrow for it. They decide nothing."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.scheduler.lane import Lane
from signal_client_oci.scheduler.requests import LaneKey, Request

__all__ = ["Arrival", "Workers"]


class Arrival(NamedTuple):
    """A request and what came of this attempt; `size` is the bytes of its records."""

    request: Request
    result: Any
    size: int


class Workers:
    """The threads of one poll, as many in each lane as requests are in flight there.

    They are daemons, and the sockets that they wait for can be closed from outside, so that no service can keep a
    process from ending.

    Args:
        borrow: Lends the client of a region and service for the time of a `with` block.
        memory: Bounds the bytes of what is received.

    Attributes:
        arrivals: What came of each attempt, in order of arrival.
        is_aborted: Nothing more is sent.
        memory: The bytes of answers that were received and not yet mapped.
    """

    def __init__(
        self, borrow: Callable[[str, str], AbstractContextManager[Client]], memory: PageMemory
    ) -> None:
        self.arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self.is_aborted = False
        self._borrow = borrow
        self.memory = memory
        self._borrowed = ExitStack()
        self._held: dict[Request, int] = {}

    def start(self, key: LaneKey, lane: Lane) -> None:
        """Start one more thread for a lane; where the system has none, those that there are do the work."""
        thread = threading.Thread(
            target=self._work, args=(key, lane), name=f"oci-cloud {key.service} {key.region}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            if not lane.workers.threads:
                lane.tripped_by = Failure("CLIENT_ERROR", detail="the system starts no more threads")
        else:
            lane.workers.threads.append(thread)

    def take_over(self, request: Request) -> int:
        """Return the bytes of memory that the answer of a request holds; the caller gives them back."""
        return self._held.pop(request, 0)

    def abort(self, lanes: Iterable[Lane]) -> None:
        """End what is under way."""
        self.is_aborted = True
        for lane in lanes:
            if lane.workers.client is not None:
                lane.workers.client.transport.abort()

    def close(self, lanes: Iterable[Lane], seconds: float) -> None:
        """End the threads and give the clients back; one whose request does not end is not used again."""
        there = list(lanes)
        for lane in there:
            for _ in lane.workers.threads:
                lane.workers.jobs.put(None)
        end = time.monotonic() + seconds
        for lane in there:
            for thread in lane.workers.threads:
                thread.join(max(0.0, end - time.monotonic()))
                if thread.is_alive() and lane.workers.client is not None:
                    lane.workers.client.is_lost = True
        self._borrowed.close()

    def _work(self, key: LaneKey, lane: Lane) -> None:
        while (request := lane.workers.jobs.get()) is not None:
            try:
                result: Any = request.task.call(self._client(key, lane))
            except Failure as failure:
                result = failure.without_frames()
            except Exception as error:  # noqa: BLE001  (a dead worker would leave the poll waiting; reported by name)
                result = Failure("CLIENT_ERROR", detail=type(error).__name__)
            self._hold(request, result)
            self.arrivals.put(Arrival(request, result, _size(result)))
            del request, result  # a worker that waits must not keep its last page

    def _hold(self, request: Request, result: Any) -> None:
        """Keep the memory of an answer until it is mapped; what failed needs none."""
        claimed = self.memory.finish()
        if isinstance(result, Failure):
            self.memory.give_back(claimed)
        elif claimed:
            self._held[request] = claimed

    def _client(self, key: LaneKey, lane: Lane) -> Client:
        with lane.workers.lock:
            if self.is_aborted:
                raise Failure("STOPPED", recovery=Recovery.REGION)
            if lane.workers.client is None:
                lane.workers.client = self._borrowed.enter_context(self._borrow(*key))
                lane.workers.client.transport.memory = self.memory
                if self.is_aborted:
                    lane.workers.client.transport.abort()
            return lane.workers.client


def _size(result: Any) -> int:
    """Return the bytes of a page's records; lists of rows and other answers are small."""
    if isinstance(result, Page) and result.items and isinstance(result.items[0], bytes):
        return sum(map(len, result.items))
    return 0
