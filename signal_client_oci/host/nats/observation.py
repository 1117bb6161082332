"""What an onlooker sees of a cluster: artifacts as they come, and everything that the stream has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from signal_client_oci.contract import Artifact
from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.buckets.bucket import open_bucket
from signal_client_oci.host.nats.connection import Connection, connect
from signal_client_oci.host.nats.delivery.read_back import ReadBack
from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    INSTANCE_HEADER,
    STREAM,
    CheckpointEnvelope,
    Shard,
    artifacts_subject,
    encode_name,
    try_value,
)

__all__ = ["Onlooker", "onlooker"]

_FETCH = 500


class Onlooker:
    """Reads a cluster through a connection of its own; its methods raise `TRANSIENT` while the server is away."""

    def __init__(self, connection: Connection, appliance: str) -> None:
        self._connection = connection
        self._subject = artifacts_subject(appliance)

    async def stored(self) -> int:
        """Return how many artifacts the stream has."""
        return int((await self._connection.js.stream_info(STREAM)).state.messages)

    async def uncovered(self, instance: str) -> int:
        """Return how many artifacts of an instance are in the stream, but not in its checkpoint."""
        stored = await (await open_bucket(self._connection, CHECKPOINTS)).get(Shard(instance).key)
        envelope = try_value(stored.value, CheckpointEnvelope) if stored else None
        after = envelope.stream_sequence if envelope else 0
        return len(await ReadBack(self._connection, self._subject).ids_after(Shard(instance), after))

    async def artifacts(self) -> list[Artifact]:
        """Return everything that the stream has, in order."""
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, inactive_threshold=30.0
        )
        pull = await self._connection.js.pull_subscribe(self._subject, stream=STREAM, config=config)
        found: list[Artifact] = []
        try:
            left = (await pull.consumer_info()).num_pending or 0
            while left:
                for message in await pull.fetch(_FETCH):
                    left = message.metadata.num_pending
                    found.append(json.loads(message.data))
        finally:
            await pull.unsubscribe()
        return found

    @asynccontextmanager
    async def next_artifact(self, instance: str) -> AsyncIterator[asyncio.Event]:
        """Lend an event that is set as soon as an artifact of the instance is published."""
        seen, name = asyncio.Event(), encode_name(instance)

        async def look(message: Msg) -> None:
            if (message.headers or {}).get(INSTANCE_HEADER) == name:
                seen.set()

        subscription = await self._connection.client.subscribe(self._subject, cb=look)
        await self._connection.client.flush()
        try:
            yield seen
        finally:
            await subscription.unsubscribe()


@asynccontextmanager
async def onlooker(access: ServerAccess, appliance: str) -> AsyncIterator[Onlooker]:
    """Connect, also again whenever the server was away, and close the connection in the end; raises `ClusterError`."""
    connection = await connect(access, "signal-client-oci onlooker")
    try:
        yield Onlooker(connection, appliance)
    finally:
        await connection.close()
