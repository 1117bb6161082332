"""A node: watches the configuration, the leases and the other nodes, and owns its share of the shards."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from signal_client_oci import __version__
from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.buckets.bucket import open_bucket
from signal_client_oci.host.nats.buckets.mirror import BucketMirror
from signal_client_oci.host.nats.connection import TRANSIENT, Connection, explain
from signal_client_oci.host.nats.delivery.publisher import StreamPublisher
from signal_client_oci.host.nats.delivery.read_back import ReadBack
from signal_client_oci.host.nats.delivery.shard_delivery import ArtifactStream
from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    INTEGRATION_KEYS,
    INTEGRATIONS,
    LEASES,
    STATUS,
    NodeStatus,
    TileStatus,
    artifacts_subject,
    node_key,
    status_key,
    try_value,
)
from signal_client_oci.host.nats.node.configuration import Configuration, ShardConfig
from signal_client_oci.host.nats.node.ending import end_tasks
from signal_client_oci.host.nats.node.idle_statuses import IdleStatuses
from signal_client_oci.host.nats.node.observing import NodeObserver, SilentObserver
from signal_client_oci.host.nats.node.parts import NodeParts
from signal_client_oci.host.nats.node.shard_worker import ShardWorker
from signal_client_oci.host.nats.node.status import ShardStatus, rfc3339, time_now
from signal_client_oci.host.nats.node.status_writer import StatusWriter
from signal_client_oci.host.nats.ownership.lease_clock import lease_clock
from signal_client_oci.host.nats.ownership.leases import RENEWALS, HeldLease, LeaseTerms
from signal_client_oci.host.nats.ownership.live_nodes import LiveNodes
from signal_client_oci.host.nats.ownership.owner import LeaseTable, Owner
from signal_client_oci.host.plugins import Plugins

__all__ = ["Node", "NodeOptions"]

_log = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 1.0
_STEP_SECONDS: Final = 0.05
_AGAIN_SECONDS: Final = 2.0
_ENVELOPE_BYTES: Final = 2048
_TELLING: Final = 0.1
"""The part of its grace that a node which ends waits for a status to be stored, twice."""


@dataclass(frozen=True)
class NodeOptions:
    """What a node is told.

    Attributes:
        appliance: Part of the subject that artifacts are published on.
        name: The node's name, which decides its share; two nodes should not have the same one.
        lease_seconds: How long a node may be silent before others take over.
        grace_seconds: How long batches under way may take when the node ends.
        fencing: Whether checkpoints are fenced and leases doubted. Only a test of the tests switches it off.
    """

    appliance: str
    name: str
    lease_seconds: float = 30.0
    grace_seconds: float = 20.0
    fencing: bool = True


class Node:
    """Runs until it is told to stop, or until NATS refuses it for good."""

    def __init__(
        self,
        connection: Connection,
        options: NodeOptions,
        plugins: Plugins,
        observer: NodeObserver | None = None,
    ) -> None:
        self._connection = connection
        self._options = options
        self._plugins = plugins
        self._observer = observer or SilentObserver()
        self._monotonic = lease_clock
        self._news = asyncio.Event()
        self._configuration = Configuration()
        now = rfc3339(time_now())
        self._me = NodeStatus(
            options.name, secrets.token_hex(4), __version__, now, now, options.lease_seconds
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Poll this node's share until `stop` is set; then end batches under way and give up the leases.

        Raises:
            ClusterError: something that a cluster needs is missing, or NATS has closed the connection for good.
        """
        opened = await self._open(stop)
        if opened is None:
            return
        parts, table, entries, statuses = opened
        leases = table.mirror
        nodes = LiveNodes(self._me, self._monotonic)
        owner = Owner(table, nodes, self._starter(parts, statuses), self._news.set)
        idle = IdleStatuses(nodes, parts.statuses, self._monotonic)
        beating = asyncio.ensure_future(self._beat(parts, owner))
        background = [beating] + [
            asyncio.ensure_future(work)
            for work in (entries.run(), leases.run(), statuses.run(), parts.statuses.run())
        ]
        _log.info("node %s joins the cluster of appliance %s", self._me.name, self._options.appliance)
        try:
            while not stop.is_set():
                wait = _LOOK_SECONDS
                if entries.is_current and leases.is_current and statuses.is_current:
                    self._configuration.update(entries.entries)
                    nodes.update(statuses.entries)
                    wait = min(wait, owner.step(self._configuration.shards))
                    idle.step(self._configuration, statuses.entries, leases.entries)
                await self._wait_for_news(stop, wait, background)
        finally:
            beating.cancel()  # it would bring the node back into the ranking
            await self._end(parts, owner)
            await end_tasks(background)

    @property
    def _terms(self) -> LeaseTerms:
        return LeaseTerms(
            self._me.identity,
            self._options.lease_seconds,
            self._monotonic,
            trusting=not self._options.fencing,
        )

    async def _open(
        self, stop: asyncio.Event
    ) -> tuple[NodeParts, LeaseTable, BucketMirror, BucketMirror] | None:
        """Open stream and buckets, once NATS answers; None when the node is stopped before."""
        while not stop.is_set():
            try:
                parts = await self._parts()
                bucket = await open_bucket(self._connection, LEASES)
                return (
                    parts,
                    LeaseTable(bucket, await self._mirror(LEASES), self._terms),
                    await self._mirror(INTEGRATIONS, INTEGRATION_KEYS),
                    await self._mirror(STATUS),
                )
            except TRANSIENT as error:
                _log.warning("JetStream does not answer yet: %s", explain(error))
                await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=_AGAIN_SECONDS)
        return None

    async def _parts(self) -> NodeParts:
        limit = self._connection.client.max_payload
        if limit < MAX_CHECKPOINT_BYTES + _ENVELOPE_BYTES:
            raise ClusterError(
                f"the server takes messages of at most {limit:,} bytes, and a checkpoint may have "
                f"{MAX_CHECKPOINT_BYTES:,}; raise max_payload in the server's configuration, 1MB is its default"
            )
        subject = artifacts_subject(self._options.appliance)
        publisher = StreamPublisher(self._connection, subject)
        await publisher.refresh_limits()
        return NodeParts(
            self._plugins,
            await open_bucket(self._connection, CHECKPOINTS),
            ArtifactStream(publisher, ReadBack(self._connection, subject)),
            StatusWriter(await open_bucket(self._connection, STATUS)),
            self._observer,
            fencing=self._options.fencing,
            monotonic=self._monotonic,
        )

    async def _mirror(self, name: str, keys: str = ">") -> BucketMirror:
        bucket = await open_bucket(self._connection, name)
        return BucketMirror(bucket, self._news.set, keys=keys, monotonic=self._monotonic)

    def _starter(
        self, parts: NodeParts, statuses: BucketMirror
    ) -> Callable[[ShardConfig, HeldLease], ShardWorker]:
        def start(config: ShardConfig, held: HeldLease) -> ShardWorker:
            status = ShardStatus(config.shard, self._me.name, held.lease.epoch)
            told = statuses.entries.get(status_key(config.shard))
            status.take_over(try_value(told.value, TileStatus) if told else None)
            return ShardWorker(config, held, status, parts)

        return start

    async def _beat(self, parts: NodeParts, owner: Owner[ShardConfig]) -> None:
        """Say again and again that this node is alive."""
        while True:
            workers = list(owner.workers.values())
            status = msgspec.structs.replace(
                self._me,
                beat_at=rfc3339(time_now()),
                shards=len(workers),
                polling=sum(worker.is_polling for worker in workers),
                problem=self._connection.problem,
            )
            parts.statuses.tell(node_key(self._me.name, self._me.session), status)
            await asyncio.sleep(self._options.lease_seconds / RENEWALS)

    async def _wait_for_news(
        self, stop: asyncio.Event, seconds: float, background: Sequence[asyncio.Future[None]]
    ) -> None:
        """Wait until something was observed, a background task failed, or the time is over."""
        events = (self._news, stop, self._connection.closed)
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(one.wait()) for one in events]
        done, _ = await asyncio.wait(
            [*waits, *background], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for one in waits:
            one.cancel()
        for task in background:
            if task in done:
                task.result()
        if self._connection.closed.is_set():
            raise ClusterError(
                f"NATS has closed the connection for good: {self._connection.problem or 'no reason given'}; "
                "check the account, and start the node again"
            )
        if not stop.is_set():
            await asyncio.sleep(_STEP_SECONDS)  # changes come in crowds: look at them together
        self._news.clear()

    async def _end(self, parts: NodeParts, owner: Owner[ShardConfig]) -> None:
        """Leave the cluster: first out of the ranking, then out of the leases."""
        _log.info("node %s ends: batches under way are finished, then others take over", self._me.name)
        grace = self._options.grace_seconds
        asyncio.get_running_loop().call_later(grace / 2, parts.give_up.set)
        parts.statuses.forget(node_key(self._me.name, self._me.session))
        await self._tell_last(parts)
        await owner.stop(grace * (1 - 2 * _TELLING))
        await self._tell_last(parts)

    async def _tell_last(self, parts: NodeParts) -> None:
        """Write what there is to say, for as long as a node that ends can wait for an answer."""
        if self._connection.is_connected:
            telling = asyncio.ensure_future(parts.statuses.flush())
            await asyncio.wait([telling], timeout=self._options.grace_seconds * _TELLING)
