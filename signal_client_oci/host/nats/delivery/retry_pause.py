"""How long a delivery that cannot go on is tried again: as long as its shard is owned and its node runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from signal_client_oci.host.nats.buckets.bucket import NotOwnerError
from signal_client_oci.host.nats.ownership.leases import HeldLease

__all__ = ["DeliveryStoppedError", "RetryPause"]

_log = logging.getLogger(__name__)
_FIRST_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 5.0
_TELL_AFTER_SECONDS: Final = 1.0


class DeliveryStoppedError(Exception):
    """The node ends before a batch could be stored; the next owner delivers what is missing of it."""


class RetryPause:
    """Waits between two attempts, longer each time, and tells why once it takes more than a moment.

    `on_wait` is given the reason, and "" once the delivery goes on. `give_up` is set when the node has no more time.
    """

    def __init__(self, held: HeldLease, give_up: asyncio.Event, on_wait: Callable[[str], None]) -> None:
        self._held = held
        self._give_up = give_up
        self._on_wait = on_wait
        self._pause = _FIRST_SECONDS
        self._waited = 0.0
        self._told = ""

    async def wait(self, reason: str) -> None:
        """Wait before the next attempt.

        Raises:
            NotOwnerError: another node has the lease.
            DeliveryStoppedError: there is no more time.
        """
        label = self._held.shard.label
        if self._held.is_lost:
            raise NotOwnerError(f"the lease of {label} was taken by another node")
        if self._give_up.is_set():
            raise DeliveryStoppedError(f"{label}: {reason}")
        if self._waited >= _TELL_AFTER_SECONDS and reason != self._told:
            _log.warning("%s: delivery waits: %s", label, reason)
            self._told = reason
            self._on_wait(reason)
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_SECONDS)
        self._waited += pause
        try:
            await asyncio.wait_for(self._give_up.wait(), pause)
        except asyncio.TimeoutError:
            return

    def over(self) -> None:
        """Note that an attempt succeeded."""
        self._pause, self._waited = _FIRST_SECONDS, 0.0
        if self._told:
            self._told = ""
            self._on_wait("")
