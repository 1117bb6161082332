"""When this node may take a shard: a function of what it has observed and of its own clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import Shard, encode_name
from signal_client_oci.host.nats.ownership.leases import free_since, read_lease
from signal_client_oci.host.nats.ownership.live_nodes import LiveNodes
from signal_client_oci.host.nats.ownership.placement import RANK_SECONDS

__all__ = ["Claims"]

_AFTER_REFUSAL_SECONDS = 1.0


class Claims:
    """Says when each shard that this node does not own may be taken.

    The node that the ranking names first takes a free shard at once, the others later one after another. The holder
    of a lease that has run out is left out of the ranking: it may be counted as alive for a moment longer.
    """

    def __init__(self, nodes: LiveNodes, monotonic: Callable[[], float]) -> None:
        self._nodes = nodes
        self._monotonic = monotonic
        self._unowned_since: dict[Shard, float] = {}
        self._not_before: dict[Shard, float] = {}
        self._leases: Mapping[str, Observed] = {}
        self._regions: dict[str, list[Observed]] = {}

    def observe(self, leases: Mapping[str, Observed]) -> None:
        """Take the leases as they are now."""
        self._leases = leases
        self._regions = {}
        for key, observed in leases.items():
            name, dot, _ = key.partition(".")
            if dot:
                self._regions.setdefault(name, []).append(observed)

    def seconds_until(self, shard: Shard) -> float:
        """Return how long to wait before the shard may be taken, 0 or less = it may be taken now."""
        now = self._monotonic()
        observed = self._leases.get(shard.key)
        identity = self._nodes.me.identity
        free = free_since(observed, identity)
        if free == float("-inf"):
            free = self._unowned_since.setdefault(shard, now)
        lease = read_lease(observed)
        rank = self._nodes.my_rank(shard, without=lease.node if lease else "")
        times = [free + rank * RANK_SECONDS, self._not_before.get(shard, now)]
        times += [free_since(other, identity) for other in self._overlapping(shard)]
        return max(times) - now

    def has_overlap(self, shard: Shard) -> bool:
        """Return whether there is, or was, a lease under which the same records are read."""
        return bool(self._overlapping(shard))

    def refused(self, shard: Shard) -> None:
        """Note that it could not be taken: wait before the next attempt."""
        self._not_before[shard] = self._monotonic() + _AFTER_REFUSAL_SECONDS

    def taken(self, shard: Shard) -> None:
        """Note that it is owned: what was remembered of it is over."""
        self._unowned_since.pop(shard, None)
        self._not_before.pop(shard, None)

    def _overlapping(self, shard: Shard) -> Sequence[Observed]:
        """Return the leases that read the same records: of the whole instance, or of its regions."""
        name = encode_name(shard.instance)
        if not shard.region:
            return self._regions.get(name, ())
        return (self._leases[name],) if name in self._leases else ()
