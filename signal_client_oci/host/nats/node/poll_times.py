"""When a shard is polled."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats.layout import Lease, Shard
from signal_client_oci.host.nats.ownership.leases import HeldLease

__all__ = ["PollTimes", "first_poll_in", "second_poll_after"]


class PollTimes:
    """When the next poll of a shard is due, by the clock of its node."""

    def __init__(self, held: HeldLease, instance: Instance, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._due_at = monotonic() + first_poll_in(held.before, instance)
        self._next_part = second_poll_after(held.before, held.shard)

    @property
    def seconds_left(self) -> float:
        """How long to wait, 0 = it is due."""
        return max(0.0, self._due_at - self._monotonic())

    def make_due(self) -> None:
        """Let the next poll begin at once."""
        self._due_at = self._monotonic()

    def schedule(self, began: float, instance: Instance) -> None:
        """Let the next poll begin an interval after the last one began."""
        self._due_at = began + instance.poll_interval_minutes * 60.0 * self._next_part
        self._next_part = 1.0


def first_poll_in(before: Lease | None, instance: Instance) -> float:
    """Return in how many seconds the first poll is due: at once, unless the owner before gave up between two."""
    if before is None or before.node:
        return 0.0
    return min(before.due_in_seconds, instance.poll_interval_minutes * 60.0)


def second_poll_after(before: Lease | None, shard: Shard) -> float:
    """Return after which part of its interval the second poll is due: a half to the whole of it.

    Shards that a node begins at the same time, after a start or a take-over, are polled apart from then on. One that
    was given up keeps its turn.
    """
    if before is not None and not before.node:
        return 1.0
    return 0.5 + crc32(shard.key.encode()) / (1 << 33)
