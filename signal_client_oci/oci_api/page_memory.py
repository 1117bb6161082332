"""Bounds the memory for answers that a poll has received and not yet mapped, over all of its lanes.

A worker claims memory before it reads bytes, and waits where there is none: the service's data then stay in the
network. The poll's own thread gives the memory back when it has mapped an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from signal_client_oci.oci_api.limits import IN_FLIGHT_BYTES

__all__ = ["PageMemory"]

_TICK_SECONDS: Final = 0.05  # how soon a waiting worker notices that nobody wants its answer any more


class _Reading(threading.local):
    """What the current thread has claimed for the answer that it is reading."""

    claimed = 0


class PageMemory:
    """Bounds the bytes in flight by `limit`.

    One answer at a time may exceed the limit, and only while no complete one waits to be mapped. Without that, answers
    that are half received could wait for each other forever. So the bound is `limit` and one answer more.

    Attributes:
        most: The most bytes that were claimed at the same time.
    """

    def __init__(self, limit: int = IN_FLIGHT_BYTES) -> None:
        self.most = 0
        self._limit = limit
        self._claimed = 0
        self._complete = 0
        self._exceeding: int | None = None
        self._changed = threading.Condition()
        self._reading = _Reading()

    @property
    def is_full(self) -> bool:
        """True while nothing more should be requested."""
        return self._claimed >= self._limit

    def claim(self, size: int, is_awaited: Callable[[], bool]) -> float:
        """Claim memory for `size` more bytes of the answer that this thread reads; return the seconds waited.

        The wait ends when `is_awaited` returns False, since nobody wants the answer any more; the bytes count anyway.
        """
        began = time.monotonic()
        with self._changed:
            while not self._has_room(size) and is_awaited():
                self._changed.wait(_TICK_SECONDS)
            self._claimed += size
            self.most = max(self.most, self._claimed)
        self._reading.claimed += size
        return time.monotonic() - began

    def finish(self) -> int:
        """Mark this thread's answer as complete; return the bytes that have to be given back for it."""
        size, self._reading.claimed = self._reading.claimed, 0
        with self._changed:
            self._complete += size
            if self._exceeding == threading.get_ident():
                self._exceeding = None
            self._changed.notify_all()
        return size

    def give_back(self, size: int) -> None:
        """Give back the memory of an answer that was mapped, or that failed."""
        if size:
            with self._changed:
                self._claimed -= size
                self._complete -= size
                self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        if self._claimed + size <= self._limit:
            return True
        me = threading.get_ident()
        if self._exceeding is None and not self._complete:
            self._exceeding = me
        return self._exceeding == me
