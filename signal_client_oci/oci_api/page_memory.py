"""The memory for answers that a poll has received and not yet mapped: one number for all of its lanes.

A worker claims room before it keeps bytes, and waits where there is none: the service's data then stay in the
network. The poll's own thread gives the room back when it is done with an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from signal_client_oci.oci_api.limits import IN_FLIGHT_BYTES

__all__ = ["PageMemory"]

_TICK_SECONDS: Final = 0.05


class _Reading(threading.local):
    """What the current thread has claimed for the answer that it is reading."""

    claimed = 0


class PageMemory:
    """Bounds the bytes in flight by `limit`.

    One answer at a time may exceed the limit, and only while no finished one waits to be mapped. Otherwise answers
    that are half received could wait for each other for ever. So the bound is `limit` and one answer more.

    Attributes:
        most: The most bytes that were claimed at a time.
    """

    def __init__(self, limit: int = IN_FLIGHT_BYTES) -> None:
        self.most = 0
        self._limit = limit
        self._claimed = 0
        self._finished = 0
        self._exceeding: int | None = None
        self._room = threading.Condition()
        self._reading = _Reading()

    @property
    def is_full(self) -> bool:
        """True while nothing more should be asked for."""
        return self._claimed >= self._limit

    def claim(self, size: int, goes_on: Callable[[], bool]) -> float:
        """Claim room for `size` bytes more of the answer that this thread reads; return the seconds waited.

        `goes_on` ends the waiting when it is False; the bytes are counted then too.
        """
        began = time.monotonic()
        with self._room:
            while not self._has_room(size) and goes_on():
                self._room.wait(_TICK_SECONDS)
            self._claimed += size
            self.most = max(self.most, self._claimed)
        self._reading.claimed += size
        return time.monotonic() - began

    def finish(self) -> int:
        """Say that this thread has read its answer; return the bytes that have to be given back for it."""
        size, self._reading.claimed = self._reading.claimed, 0
        with self._room:
            self._finished += size
            if self._exceeding == threading.get_ident():
                self._exceeding = None
            self._room.notify_all()
        return size

    def give_back(self, size: int) -> None:
        """Give back the room of an answer that is mapped, or that came to nothing."""
        if size:
            with self._room:
                self._claimed -= size
                self._finished -= size
                self._room.notify_all()

    def _has_room(self, size: int) -> bool:
        if self._claimed + size <= self._limit:
            return True
        me = threading.get_ident()
        if self._exceeding is None and not self._finished:
            self._exceeding = me
        return self._exceeding == me
