"""The requests that reached the sandbox, without their signatures."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

__all__ = ["RecordedRequest", "RequestLog"]

_KEPT = 50_000


@dataclass(slots=True)
class RecordedRequest:
    """One request; `status` is 0 until it is answered, and for good if it never is.

    `page` is 1 for a first page and for operations without pages; `tenancy` is the claimed tenancy's OCID,
    unverified; `fault` the kind of the fault that it met. `started` is on the monotonic clock, in
    seconds.
    """

    service: str
    operation: str
    region: str
    tenancy: str
    compartments: tuple[str, ...]
    params: dict[str, str]
    body: dict[str, Any]
    headers: dict[str, str]
    page: int
    status: int = 0
    fault: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def compartment(self) -> str:
        """The first compartment, empty if there is none."""
        return self.compartments[0] if self.compartments else ""


class RequestLog:
    """The last requests, oldest first; thread-safe. `enabled` off keeps none, the counts go on."""

    def __init__(self) -> None:
        self.enabled = True
        self.total = 0
        self._kept: deque[RecordedRequest] = deque(maxlen=_KEPT)
        self._by_status: Counter[int] = Counter()
        self._lock = threading.Lock()

    def open(self, request: RecordedRequest) -> None:
        """Note a request as soon as it has been read."""
        with self._lock:
            self.total += 1
            if self.enabled:
                self._kept.append(request)

    def close(self, request: RecordedRequest, status: int) -> None:
        """Note with which status it is being answered."""
        with self._lock:
            request.status = status
            self._by_status[status] += 1

    def snapshot(self) -> list[RecordedRequest]:
        """Return the requests that are kept."""
        with self._lock:
            return list(self._kept)

    def counts(self) -> dict[int, int]:
        """Return status → number of responses."""
        with self._lock:
            return dict(self._by_status)

    def clear(self) -> None:
        """Forget all requests and counts."""
        with self._lock:
            self._kept.clear()
            self._by_status.clear()
            self.total = 0
