"""How often a lane may ask: as often as it likes until it is throttled, then at a rate that adapts.

Against a service that answers fast, few requests in flight are still many requests a second, so their number cannot
keep a limit of requests a second. The rate is found as TCP CUBIC finds a bandwidth (RFC 9438; the AWS SDKs' adaptive
retry mode): a refusal takes it down at once to seven tenths of what was accepted; from there it rises fast towards
the rate at which it was refused, slowly around it, and fast again beyond, in search of what has become free.
"""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["RateLimiter"]

_KEPT: Final = 0.7
_RISE_SECONDS: Final = 4.0
_RISE_REQUESTS: Final = 10.0
_LEAST_FIRST_RATE: Final = 10.0
_LEAST_RATE: Final = 0.5
_LONGEST_DOUBLING: Final = 30.0
_SECOND: Final = 1.0
_CATCH_UP_SECONDS: Final = 0.1
_REFUSALS_OF_THE_RATE: Final = 3
_REFUSALS_WITHIN: Final = 10.0


class RateLimiter:
    """The moments at which one lane sends; all times are those of `time.monotonic()`."""

    def __init__(self) -> None:
        self._rate: float | None = None
        self._ready = 0.0
        self._paused_until = 0.0
        self._plateau = 0.0
        self._rise_seconds = 0.0
        self._lowered_at = 0.0
        self._falls = 0
        self._accepted: deque[float] = deque()
        self._refused: deque[float] = deque(maxlen=_REFUSALS_OF_THE_RATE)

    @property
    def rate(self) -> float | None:
        """Requests a second, None = as many as one likes."""
        return self._rate

    def ready_at(self) -> float:
        """Return the moment from which on the next request may be sent."""
        return max(self._ready, self._paused_until)

    def pause(self, until: float) -> None:
        """Send nothing before this moment, because the service said so."""
        self._paused_until = max(self._paused_until, until)

    def sent(self, now: float) -> None:
        """Note that a request is sent; a late caller may catch up on a tenth of a second at most."""
        if self._rate is not None:
            self._ready = max(self._ready, now - _CATCH_UP_SECONDS) + 1.0 / self._rate

    def accepted(self, now: float) -> None:
        """Note that a request was not refused, and rise."""
        self._accepted.append(now)
        self._forget(now)
        if self._rate is None:
            return
        self._set(min(self._risen(now - self._lowered_at), max(2.0 * len(self._accepted), self._plateau)))

    def refused(self, now: float, sent_at: float, *, first: bool, together: bool) -> bool:
        """Note a refusal (429), and fall if it is about the rate; True if the lane falls.

        Args:
            now: When the refusal came.
            sent_at: When the request was sent; what was sent before the last fall says nothing about the rate since.
            first: It was the request's first attempt; one that is refused again and again may be so for its own sake.
            together: Another request was refused right before it.
        """
        if first:
            self._refused.append(now)
        many = len(self._refused) == _REFUSALS_OF_THE_RATE and now - self._refused[0] < _REFUSALS_WITHIN
        about_the_rate = together or (first and (many or self._rate is not None))
        if not about_the_rate or sent_at < self._lowered_at:
            return False
        self._fall(now)
        return True

    def _risen(self, seconds: float) -> float:
        """Return the rate so long after a fall: doubling every second until the second fall, then along the cubic."""
        if self._falls == 1:
            return float(self._plateau * _KEPT * 2.0 ** min(seconds, _LONGEST_DOUBLING))
        past_plateau = seconds / self._rise_seconds - 1.0
        return self._plateau * (1.0 + (1.0 - _KEPT) * past_plateau**3)

    def _fall(self, now: float) -> None:
        self._forget(now)
        self._falls += 1
        measured = float(max(1, len(self._accepted)))
        if self._rate is None:
            self._plateau = max(measured, _LEAST_FIRST_RATE)
        else:
            self._plateau = self._rate if measured > _KEPT * self._rate else measured
        self._rise_seconds = max(_RISE_SECONDS, _RISE_REQUESTS / self._plateau)
        self._lowered_at = now
        self._set(self._plateau * _KEPT)
        self._ready = now + 1.0 / (self._rate or _LEAST_RATE)

    def _set(self, rate: float) -> None:
        self._rate = max(_LEAST_RATE, rate)

    def _forget(self, now: float) -> None:
        while self._accepted and self._accepted[0] <= now - _SECOND:
            self._accepted.popleft()
