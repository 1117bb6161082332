"""The statuses of what nobody polls: disabled instances, bad entries, and those of instances that are gone.

One node writes them, the one that would own the instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import (
    Shard,
    TileStatus,
    status_key,
    to_value,
    try_value,
)
from signal_client_oci.host.nats.node.configuration import Configuration
from signal_client_oci.host.nats.node.status_writer import StatusWriter
from signal_client_oci.host.nats.ownership.leases import free_since
from signal_client_oci.host.nats.ownership.live_nodes import LiveNodes

__all__ = ["IdleStatuses"]

_EACH_SECONDS: Final = 1.0
_GONE_SECONDS: Final = 15.0
_DEAD_SECONDS: Final = 24 * 3600.0


class IdleStatuses:
    """Keeps `OCI_STATUS` true where no owner does."""

    def __init__(self, nodes: LiveNodes, writer: StatusWriter, monotonic: Callable[[], float]) -> None:
        self._nodes = nodes
        self._writer = writer
        self._monotonic = monotonic
        self._gone_since: dict[str, float] = {}
        self._next = float("-inf")

    def step(
        self,
        configuration: Configuration,
        statuses: Mapping[str, Observed],
        leases: Mapping[str, Observed],
    ) -> None:
        """Write what is not there yet, and delete what is of nothing any more; once a second is enough."""
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + _EACH_SECONDS
        for shard, status in configuration.idle.items():
            told = statuses.get(status_key(shard))
            is_free = free_since(leases.get(shard.key), "") <= now
            if (
                is_free
                and self._nodes.my_rank(shard) == 0
                and (told is None or told.value != to_value(status))
            ):
                self._writer.tell(status_key(shard), status)
        gone = {key for key, told in statuses.items() if self._is_gone(key, told, configuration, now)}
        self._gone_since = {key: self._gone_since.get(key, now) for key in gone}
        for key, since in self._gone_since.items():
            if now - since >= _GONE_SECONDS:
                self._writer.forget(key)

    def _is_gone(self, key: str, told: Observed, configuration: Configuration, now: float) -> bool:
        """Return whether a status is one that this node has to delete."""
        if key.startswith("node."):
            return now - told.since > _DEAD_SECONDS
        status = try_value(told.value, TileStatus)
        if status is None:
            return False
        shard = Shard(status.instance, status.region)
        return not configuration.is_wanted(shard) and self._nodes.my_rank(shard) == 0
