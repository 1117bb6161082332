"""Which nodes are alive, as this process sees it: those whose status changed within the length of their leases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import NodeStatus, Shard, try_value
from signal_client_oci.host.nats.ownership.placement import rank_of

__all__ = ["LiveNodes"]

SETTLE_SECONDS: Final = 1.0
_NODE: Final = "node."


class LiveNodes:
    """The nodes of a cluster; this one is always among them.

    Attributes:
        me: The status of this node, with the identity under which it holds leases.
    """

    def __init__(self, me: NodeStatus, monotonic: Callable[[], float]) -> None:
        self.me = me
        self._monotonic = monotonic
        self._started = monotonic()
        self._first_seen: dict[str, float] = {}
        self._live: Sequence[NodeStatus] = (me,)
        self._ranks: dict[tuple[Shard, str], int] = {}

    @property
    def identities(self) -> frozenset[str]:
        """The live processes."""
        return frozenset(node.identity for node in self._live)

    def update(self, entries: Mapping[str, Observed]) -> None:
        """Take the statuses as they are now."""
        now = self._monotonic()
        seen = {one.identity: one for one in _alive(entries, now)} | {self.me.identity: self.me}
        live = tuple(seen[identity] for identity in sorted(seen))
        if [one.identity for one in live] != [one.identity for one in self._live]:
            self._ranks.clear()
        self._live = live
        self._first_seen = {identity: self._first_seen.get(identity, now) for identity in seen}

    def my_rank(self, shard: Shard, without: str = "") -> int:
        """Return this node's place among those that should own a shard; `without`: a holder that is not alive."""
        key = (shard, without)
        if key not in self._ranks:
            nodes = [node for node in self._live if node.identity != without]
            self._ranks[key] = rank_of(self.me.identity, shard, nodes)
        return self._ranks[key]

    @property
    def are_settled(self) -> bool:
        """Whether no node has come within the last moment, this one included."""
        newest = max(self._first_seen.values(), default=self._started)
        return self._monotonic() - max(newest, self._started) >= SETTLE_SECONDS


def _alive(entries: Mapping[str, Observed], now: float) -> Iterable[NodeStatus]:
    for key, entry in entries.items():
        if key.startswith(_NODE):
            status = try_value(entry.value, NodeStatus)
            if status is not None and now - entry.since < status.lease_seconds:
                yield status
