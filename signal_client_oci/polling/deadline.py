"""When a poll has to end: its time is up, or the host asks for it."""

from __future__ import annotations

import time

from signal_client_oci.oci_api.limits import LAST_CALL_SECONDS
from signal_client_oci.polling.context import Limits

__all__ = ["Deadline"]


class Deadline:
    """Knows whether a poll has to end; `is_interrupted` stays True once it has.

    Attributes:
        is_stopped: It was the host that wanted the poll to end, not its time that was up.
    """

    def __init__(self, limits: Limits) -> None:
        self.is_stopped = False
        self._limits = limits
        self._last_call: float | None = None

    @property
    def is_interrupted(self) -> bool:
        """True once the poll was interrupted; asks nobody."""
        return self._last_call is not None

    def ask(self) -> bool:
        """Ask clock and host whether the poll has to end; True if it has."""
        if self._last_call is None:
            until = self._limits.until
            is_late = until is not None and time.monotonic() >= until
            self.is_stopped = not is_late and bool(self._limits.should_stop())
            if is_late or self.is_stopped:
                self.interrupt()
        return self.is_interrupted

    def interrupt(self) -> None:
        """End the poll, whatever the clock says."""
        if self._last_call is None:
            self._last_call = time.monotonic() + LAST_CALL_SECONDS

    def is_over(self) -> bool:
        """True once the time is up too in which the poll may still map what it has received."""
        return self.ask() and self._last_call is not None and time.monotonic() >= self._last_call

    def has_passed(self, share: float, seconds: float) -> bool:
        """True once this share of the poll's time is gone, or so many seconds, whichever comes first."""
        limits = self._limits
        if limits.until is not None:
            seconds = min(seconds, (limits.until - limits.began) * share)
        return time.monotonic() - limits.began >= seconds

    def lasted(self) -> float:
        """Return the seconds since the poll began."""
        return time.monotonic() - self._limits.began
