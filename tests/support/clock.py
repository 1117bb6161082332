"""A monotonic clock that is moved by hand."""

from __future__ import annotations

__all__ = ["Ticks"]


class Ticks:
    """Seconds, as `time.monotonic` returns them."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start

    def __call__(self) -> float:
        """Return the time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
