"""Which node should own which shard: rendezvous hashing, so that a node that joins or leaves moves only its share.

Every node computes the same ranking from the same names. Whoever is first takes a free shard at once; the next ones
wait, so that a ranking that differs for a moment does not make two nodes race.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from signal_client_oci.host.nats.layout import NodeStatus, Shard

__all__ = ["RANK_SECONDS", "rank_of", "ranking"]

RANK_SECONDS: Final = 0.5
"""How much longer than the one before it each node waits to take a shard."""


def ranking(shard: Shard, nodes: Iterable[NodeStatus]) -> Sequence[NodeStatus]:
    """Return the nodes, the one that should own the shard first.

    The weight is by a node's name, so that a restarted node gets its own shards back.
    """
    return sorted(nodes, key=lambda node: (_weight(shard, node.name), node.session), reverse=True)


def rank_of(identity: str, shard: Shard, nodes: Iterable[NodeStatus]) -> int:
    """Return the place of a node in the ranking; one that is not among the nodes comes last."""
    ranked = [node.identity for node in ranking(shard, nodes)]
    return ranked.index(identity) if identity in ranked else len(ranked)


def _weight(shard: Shard, name: str) -> bytes:
    return blake2b(f"{shard.key}\n{name}".encode(), digest_size=8).digest()
