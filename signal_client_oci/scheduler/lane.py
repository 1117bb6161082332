"""One lane, (region, service): what waits in it, what is under way, and how much more may be sent.

Three things bound what is sent: the width that the settings allow, what the service accepts (`limit` in flight,
`rate_limiter` a second), and what the poll keeps up with (`window`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client
from signal_client_oci.scheduler.rate_limiter import RateLimiter
from signal_client_oci.scheduler.requests import Request

__all__ = ["Lane"]

REFUSALS_THAT_TRIP: Final = 3
THROTTLED_TOGETHER: Final = 2
THROTTLED_THAT_TRIP: Final = 20
_LONG_WAIT: Final = 0.02
_FIRST_WINDOW: Final = 4
_LEAST_WINDOW: Final = 2
_FEW_BYTES: Final = 2 * 1024 * 1024
_MANY_BYTES: Final = 3 * 1024 * 1024


@dataclass(eq=False)
class LaneThreads:
    """What sends a lane's requests.

    Attributes:
        client: The lane's client, once a worker has borrowed it under `lock`.
        threads: The lane's workers, fed by `jobs`; None ends one.
    """

    client: Client | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: list[threading.Thread] = field(default_factory=list)
    jobs: queue.SimpleQueue[Request | None] = field(default_factory=queue.SimpleQueue)


@dataclass(eq=False)
class Refusals:
    """How often a lane's requests were refused.

    Attributes:
        of_region: Answers that no request of the region is accepted; enough of them, and no good one, trip the lane.
        throttled: Different requests in a row that were answered 429. One alone may be refused for what it asks,
            several are about the user's rate, and after very many nothing more is sent.
        last_throttled: The last of them.
    """

    of_region: int = 0
    throttled: int = 0
    last_throttled: Request | None = None

    def end_throttling(self) -> None:
        """Note an answer that was not 429."""
        self.throttled, self.last_throttled = 0, None


@dataclass(eq=False)
class Lane:
    """A lane's state.

    Attributes:
        width: Requests in flight at most.
        limit: Requests in flight that the service seems to accept.
        window: Requests in flight that the poll keeps up with: large pages that wait would only fill the memory.
        backlog_bytes: Bytes of the pages that have arrived and wait.
        waiting: Requests that are still to be sent.
        sent: When each request was sent whose outcome was not taken yet.
        workers: What sends them.
        rate_limiter: How often requests may be sent.
        answered: True after the first good answer.
        refusals: What was refused.
        consecutive_failures: Final failures since the last good answer; after many, nothing is worth a second attempt
            in this poll.
        tripped_by: The failure with which everything that still waits is answered, unsent; None = the lane works.
    """

    width: int
    limit: float
    window: int = _FIRST_WINDOW
    backlog_bytes: int = 0
    waiting: deque[Request] = field(default_factory=deque)
    sent: dict[Request, float] = field(default_factory=dict)
    workers: LaneThreads = field(default_factory=LaneThreads)
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)
    answered: bool = False
    refusals: Refusals = field(default_factory=Refusals)
    consecutive_failures: int = 0
    tripped_by: Failure | None = None

    @property
    def in_flight(self) -> int:
        """Requests that were sent and whose outcome was not taken yet."""
        return len(self.sent)

    @property
    def has_room(self) -> bool:
        """True while fewer requests are in flight than may be."""
        return self._places > 0

    @property
    def _places(self) -> int:
        """How many more requests may be in flight."""
        return max(1, min(int(self.limit), self.window)) - len(self.sent)

    @property
    def free_places(self) -> int:
        """How many requests would be sent at once; one where the rate is limited, because each moves the next."""
        if self.waiting or self.tripped_by is not None or not self.may_send:
            return 0
        return self._places if self.rate_limiter.rate is None else 1

    @property
    def sends_from(self) -> float:
        """The moment from which on a request may be sent."""
        return self.rate_limiter.ready_at()

    @property
    def may_send(self) -> bool:
        """True if a request may be sent now."""
        return self._places > 0 and self.sends_from <= time.monotonic()

    def send(self, request: Request) -> None:
        """Hand a request to a worker."""
        now = time.monotonic()
        self.sent[request] = now
        self.rate_limiter.sent(now)
        self.workers.jobs.put(request)

    def adjust_window(self, size: int, waited: float) -> None:
        """Widen the window where pages are small or the poll had to wait for them; narrow it where they pile up.

        Args:
            size: Bytes of the page that is taken now.
            waited: Seconds for which the poll had nothing to do before it came.
        """
        if waited > _LONG_WAIT or size * self.window < _FEW_BYTES:
            self.window = min(self.width, self.window + 1)
        elif self.backlog_bytes > _MANY_BYTES:
            self.window = max(_LEAST_WINDOW, self.window - 1)

    def on_success(self) -> None:
        """Note a good answer."""
        self.limit = min(float(self.width), self.limit + 1.0 / max(1.0, self.limit))
        self.answered, self.consecutive_failures = True, 0
        self.refusals.end_throttling()
        self.rate_limiter.accepted(time.monotonic())

    def on_failure(self, request: Request, failure: Failure, sent_at: float, delay: float | None) -> None:
        """Note a failure; `delay` is how long the request waits for its next attempt, None = it has none."""
        if failure.recovery is Recovery.REGION and failure.code != "STOPPED":
            self.refusals.of_region += 1
            if self.refusals.of_region >= REFUSALS_THAT_TRIP and not self.answered:
                self.tripped_by = failure
        if failure.code == "THROTTLED":
            self._slow_down(request, failure, sent_at, delay)
        else:
            self.refusals.end_throttling()
        if delay is None:
            self.consecutive_failures += 1

    def _slow_down(self, request: Request, failure: Failure, sent_at: float, delay: float | None) -> None:
        """Send less where the lane as a whole is throttled; pause where the service says how long, or nothing goes."""
        self.refusals.throttled += request is not self.refusals.last_throttled
        self.refusals.last_throttled = request
        together = self.refusals.throttled >= THROTTLED_TOGETHER
        now = time.monotonic()
        if self.answered:
            fell = self.rate_limiter.refused(now, sent_at, first=request.attempt == 1, together=together)
        else:
            fell = together  # no rate is known while nothing is accepted
        if fell:
            self.limit = max(1.0, self.limit / 2)
        if together and delay is not None and (failure.retry_after is not None or not self.answered):
            self.rate_limiter.pause(now + delay)
        if self.refusals.throttled >= THROTTLED_THAT_TRIP:
            self.tripped_by = failure
