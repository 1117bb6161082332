"""A token bucket for each tenancy, region and service, as the services throttle their users."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["RateLimit"]


@dataclass
class RateLimit:
    """Allows `per_second` requests and bursts of `burst`, to `services` (empty: all).

    `retry_after` is the text of that header of a 429, None for none.
    """

    per_second: float
    burst: int = 1
    services: frozenset[str] = frozenset()
    retry_after: str | None = None
    monotonic: Callable[[], float] = time.monotonic
    _buckets: dict[tuple[str, str, str], tuple[float, float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allows(self, tenancy: str, region: str, service: str) -> bool:
        """Return whether a request may pass, which takes a token of its bucket; refused ones take none."""
        if self.services and service not in self.services:
            return True
        key = (tenancy, region, service)
        with self._lock:
            now = self.monotonic()
            tokens, since = self._buckets.get(key, (float(self.burst), now))
            tokens = min(float(self.burst), tokens + (now - since) * self.per_second)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            return allowed
