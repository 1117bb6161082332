"""What a cluster does now: its nodes, and the instances with their owners, those with a problem first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.buckets.reading import (
    BucketEntry,
    read_bucket,
    server_time,
)
from signal_client_oci.host.nats.layout import (
    INTEGRATION_KEYS,
    INTEGRATIONS,
    LEASES,
    NODE_KEYS,
    STATUS,
    Lease,
    NodeStatus,
    Shard,
    TileStatus,
    from_value,
    integration_name,
)
from signal_client_oci.host.nats.session import CommandSession, NotPermittedError

__all__ = ["ORDER", "ClusterStatus", "NodeLine", "ShardLine", "read_cluster_status"]

ORDER: Final = ("failed", "unowned", "degraded", "waiting", "ok", "disabled")
"""States, the most troubled first. `unowned`: no live node has the lease, so nobody polls it."""
_INSTANCE_KEYS: Final = "instance.>"
_LOST_AFTER_LEASES: Final = 1.5
_REMEMBERED_SECONDS: Final = 86_400.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class NodeLine:
    """A node and the age of its last sign of life, by the server's clock."""

    status: NodeStatus
    seconds_ago: float

    @property
    def is_alive(self) -> bool:
        """Whether it wrote its status lately; one that was killed leaves it behind."""
        return self.seconds_ago <= self.status.lease_seconds * _LOST_AFTER_LEASES


@dataclass(frozen=True)
class ShardLine:
    """An instance, or one region of it, and the live node that has its lease ("" = none)."""

    shard: Shard
    status: TileStatus
    owner: str
    lag_seconds: float | None
    """Time since the moment that every source was read until, None where nothing was read yet."""

    @property
    def state(self) -> str:
        """One of `ORDER`: the last poll's status, unless delivery waits, or there is nobody to make the next one."""
        state = self.status.state
        if state not in {"disabled", "failed"} and not self.owner:
            return "unowned"
        return "degraded" if state == "ok" and self.status.back_pressure else state

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON: the status, with the state, owner and lag of now."""
        told = msgspec.to_builtins(self.status)
        return {**told, "state": self.state, "owner": self.owner, "lag_seconds": self.lag_seconds}


@dataclass(frozen=True)
class ClusterStatus:
    """Nodes by name; instances by `ORDER`, then by name; `at` is the server's time."""

    at: datetime
    nodes: tuple[NodeLine, ...]
    instances: tuple[ShardLine, ...]
    is_complete: bool = True
    """Whether the account may read the configuration; if not, only what nodes have reported on is here."""

    @property
    def counts(self) -> dict[str, int]:
        """How many instances are in each state that there is one in, in the order of `ORDER`."""
        states = [one.state for one in self.instances]
        return {state: states.count(state) for state in ORDER if state in states}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return {
            "at": self.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "nodes": [
                {
                    **msgspec.to_builtins(one.status),
                    "alive": one.is_alive,
                    "seconds_ago": round(one.seconds_ago, 1),
                }
                for one in self.nodes
            ],
            "complete": self.is_complete,
            "counts": self.counts,
            "instances": [one.as_dict() for one in self.instances],
        }


async def read_cluster_status(session: CommandSession) -> ClusterStatus:
    """Read statuses and leases, and of the configuration the names alone; raises `ClusterError`."""
    nodes = await read_bucket(session, STATUS, NODE_KEYS)
    statuses = await read_bucket(session, STATUS, _INSTANCE_KEYS)
    leases = await read_bucket(session, LEASES)
    names = await _configured(session)
    now = await server_time(session, STATUS)
    lines = _without_predecessors(_node_lines(nodes, now))
    alive = {one.status.identity: one.status.name for one in lines if one.is_alive}
    shards = _shard_lines(names, statuses, _owners(leases, alive), now)
    return ClusterStatus(now, lines, tuple(sorted(shards, key=_by_trouble)), names is not None)


async def _configured(session: CommandSession) -> set[str] | None:
    """Return the names of the instances, None if the account may not read the bucket that has their keys."""
    try:
        keys = await read_bucket(session, INTEGRATIONS, INTEGRATION_KEYS, keys_only=True)
    except NotPermittedError:
        return None
    return set(map(integration_name, keys))


def _by_trouble(line: ShardLine) -> tuple[int, Shard]:
    return ORDER.index(line.state), line.shard


def _node_lines(nodes: Mapping[str, BucketEntry], now: datetime) -> Iterable[NodeLine]:
    for key, entry in nodes.items():
        yield NodeLine(_read(entry, NodeStatus, key), max(0.0, (now - entry.created).total_seconds()))


def _without_predecessors(nodes: Iterable[NodeLine]) -> tuple[NodeLine, ...]:
    """Leave out what a node that was killed left behind, if it runs again or nobody has missed it for a day."""
    lines = list(nodes)
    running = {one.status.name for one in lines if one.is_alive}
    return tuple(
        one
        for one in lines
        if one.is_alive or (one.status.name not in running and one.seconds_ago < _REMEMBERED_SECONDS)
    )


def _owners(leases: Mapping[str, BucketEntry], alive: Mapping[str, str]) -> dict[Shard, str]:
    """Return the names of the live holders by shard."""
    held = {Shard.of_key(key): _read(entry, Lease, key).node for key, entry in leases.items()}
    return {shard: alive[node] for shard, node in held.items() if node in alive}


def _shard_lines(
    names: set[str] | None,
    statuses: Mapping[str, BucketEntry],
    owners: Mapping[Shard, str],
    now: datetime,
) -> Iterable[ShardLine]:
    """Yield a line for each status of an instance that is configured, and for each that has none yet."""
    unseen = set(names or ())
    for key, entry in statuses.items():
        status = _read(entry, TileStatus, key)
        shard = Shard(status.instance, status.region)
        if names is None or shard.instance in names:
            unseen.discard(shard.instance)
            yield ShardLine(shard, status, owners.get(shard, ""), _lag(status, now))
    for name in unseen:
        yield ShardLine(Shard(name), TileStatus(name), owners.get(Shard(name), ""), None)


def _lag(status: TileStatus, now: datetime) -> float | None:
    until = utc_moment(status.covered_until or "")
    return None if until is None else round(max(0.0, (now - until).total_seconds()), 1)


def _read(entry: BucketEntry, kind: type[_T], key: str) -> _T:
    try:
        return from_value(entry.value, kind)
    except msgspec.DecodeError:
        raise ClusterError(
            f"the entry {key} cannot be read; it is of a newer version of signal-client-oci, or not of a cluster"
        ) from None
