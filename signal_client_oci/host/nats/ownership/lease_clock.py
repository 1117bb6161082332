"""The clock by which leases are judged: it never goes back, and counts the time in which the machine slept."""

from __future__ import annotations

import time

__all__ = ["lease_clock"]


def lease_clock() -> float:
    """Return seconds since some moment, by a clock that goes on while the machine is suspended, where there is one.

    A holder whose clock stood still would rely on a lease that others have taken long since.
    """
    if hasattr(
        time, "CLOCK_BOOTTIME"
    ):  # Linux; its CLOCK_MONOTONIC stands still meanwhile (clock_gettime(2))
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
