"""A cluster on loopback: a real NATS server, tenancies of the sandbox, and what the server has in the end."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext

from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    INTEGRATIONS,
    LEASES,
    MSG_ID_HEADER,
    STATUS,
    STREAM,
    CheckpointEnvelope,
    IntegrationEntry,
    Lease,
    Shard,
    TileStatus,
    from_value,
    integration_key,
    status_key,
    to_value,
)
from signal_client_oci.host.nats.resources import StreamLimits, needed_resources
from signal_client_oci.sandbox import Sandbox, Tenancy
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from support.world import SERVICES, key_of

APPLIANCE = "edge"
HOME = "us-ashburn-1"
_ALL_REVISIONS = 1_000_000


@dataclass(frozen=True)
class StoredMessage:
    """A message of a stream."""

    sequence: int
    subject: str
    headers: dict[str, str]
    body: bytes


class ClusterWorld:
    """What a test does with a cluster that is not a node's own work; made by `cluster_world`."""

    def __init__(self, client: Client, sandbox: Sandbox) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=5)
        self.sandbox = sandbox
        self.tenancies: dict[str, Tenancy] = {}
        self._minutes_ago = 0
        self._emitted_count = 0

    async def initialise(self, replicas: int = 1, **stream: Any) -> None:
        """Make streams and buckets as `cluster init` does, with every revision of the checkpoints kept."""
        soon = self.client.jetstream(timeout=1)  # servers that still look for each other do not answer
        for resource in needed_resources(APPLIANCE, replicas, StreamLimits()):
            config = resource.config
            if resource.name == CHECKPOINTS:
                config = replace(config, max_msgs_per_subject=_ALL_REVISIONS)
            if resource.name == STREAM:
                config = replace(config, **stream)
            await until(lambda config=config: soon.add_stream(config))

    def tenancy(self, name: str, *regions: str) -> Tenancy:
        """Add a tenancy."""
        tenancy = self.sandbox.add_tenancy(
            name, regions or (HOME,), private_key_pem=shared_private_key_pem(0)
        )
        self.tenancies[name] = tenancy
        return tenancy

    def emit(self, name: str, count: int, **fields: Any) -> None:
        """Emit audit events and log records that are visible at once; polls read whole minutes that are over."""
        tenancy = self.tenancies[name]
        self._emitted_count += count
        for number in range(count):
            self._minutes_ago = self._minutes_ago % 8 + 1
            now = tenancy.clock()
            then = now - timedelta(minutes=1 + self._minutes_ago, milliseconds=number)
            region = tenancy.regions[number % len(tenancy.regions)]
            if number % 2:
                tenancy.emit_log_record(region, tenancy.ocid, time=then, visible=now, **fields)
            else:
                tenancy.emit_audit_event(region, tenancy.ocid, processed=then, visible=now, **fields)

    async def configure(
        self,
        name: str,
        *,
        minutes: float = 0.02,
        enabled: bool = True,
        by_region: bool = False,
        **settings: Any,
    ) -> None:
        """Put an instance into the configuration."""
        settings = self.tenancies[name].settings(
            **{"cloud_guard_enabled": False, "max_concurrency": 2, "lookback_minutes": 30, **settings}
        )
        entry = IntegrationEntry(enabled, "oci-cloud", minutes, settings, by_region)
        await self.put(INTEGRATIONS, integration_key(name), to_value(entry))

    async def put(self, bucket: str, key: str, value: bytes) -> None:
        """Store a value."""
        kv = await self.js.key_value(bucket)
        await kv.put(key, value)

    async def remove(self, name: str) -> None:
        """Remove an instance from the configuration."""
        kv = await self.js.key_value(INTEGRATIONS)
        await kv.delete(integration_key(name))

    async def status(self, name: str, region: str = "") -> TileStatus | None:
        """Return the status of an instance."""
        return await self._value(STATUS, status_key(Shard(name, region)), TileStatus)

    async def lease(self, name: str, region: str = "") -> Lease | None:
        """Return the lease of an instance."""
        return await self._value(LEASES, Shard(name, region).key, Lease)

    async def count(self) -> int:
        """Return how many artifacts are in the stream."""
        return (await self.js.stream_info(STREAM)).state.messages

    async def messages(self, stream: str = STREAM) -> list[StoredMessage]:
        """Return everything in a stream, in order."""
        info = await self.js.stream_info(stream)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE)
        found: list[StoredMessage] = []
        if not info.state.messages:
            return found
        (subject,) = info.config.subjects or ()
        pull = await self.js.pull_subscribe(subject, stream=stream, config=config)
        try:
            left = (await pull.consumer_info()).num_pending
            while left:
                for message in await pull.fetch(500, timeout=10):
                    place = message.metadata
                    left = place.num_pending
                    headers = dict(message.headers or {})
                    found.append(StoredMessage(place.sequence.stream, message.subject, headers, message.data))
        finally:
            await pull.unsubscribe()
        return found

    async def artifacts(self) -> list[dict[str, Any]]:
        """Return the artifacts in the stream."""
        return [json.loads(message.body) for message in await self.messages()]

    async def has_all(self) -> bool:
        """Return whether every record that was emitted is in the stream, which is read only once it may be so."""
        if await self.count() < self._emitted_count:
            return False
        return self._emitted() <= set(map(_identity, await self.artifacts()))

    async def assert_exactly_once(self) -> None:
        """Every record that was emitted is in the stream, no id is there twice, and nothing else is there."""
        messages = await self.messages()
        ids = Counter(message.headers[MSG_ID_HEADER] for message in messages)
        assert [one for one, count in ids.items() if count > 1] == [], "an id is there twice"
        artifacts = [json.loads(message.body) for message in messages]
        assert [one["id"] for one in artifacts] == [message.headers[MSG_ID_HEADER] for message in messages]
        assert set(map(_identity, artifacts)) == self._emitted(), "a record is missing, or one too many"

    async def assert_one_owner_at_a_time(self) -> None:
        """Along each checkpoint the epoch never falls, and each epoch has one writer."""
        assert await self.fencing_violations() == []

    async def fencing_violations(self) -> list[str]:
        """Return where a checkpoint was written by an owner whose time was over."""
        found: list[str] = []
        newest: dict[str, tuple[int, str]] = {}
        for message in await self.messages(f"KV_{CHECKPOINTS}"):
            envelope = from_value(message.body, CheckpointEnvelope)
            now = (envelope.epoch, envelope.node)
            before = newest.setdefault(message.subject, now)
            if now[0] < before[0] or (now[0] == before[0] and now[1] != before[1]):
                found.append(f"{message.subject} at {message.sequence}: {now} after {before}")
            newest[message.subject] = now
        return found

    def _emitted(self) -> set[tuple[str, str]]:
        sources = {service: source for source, service in SERVICES.items()}
        return {
            (sources[record.service], record.key)
            for tenancy in self.tenancies.values()
            for record in tenancy.ground_truth
            if not record.copy_of_audit and record.service != "cloudguard"
        }

    async def _value(self, bucket: str, key: str, kind: type[Any]) -> Any:
        message = await last_value(self.js, bucket, key)
        return None if message is None else from_value(message, kind)


async def last_value(js: JetStreamContext, bucket: str, key: str) -> bytes | None:
    """Return what a bucket has under a key, None where there is nothing."""
    try:
        message = await js.get_last_msg(f"KV_{bucket}", f"$KV.{bucket}.{key}")
    except nats.js.errors.NotFoundError:
        return None
    return None if "KV-Operation" in (message.headers or {}) else message.data or b""


def _identity(artifact: dict[str, Any]) -> tuple[str, str]:
    source = {"oci_cloud_audit": "audit", "oci_cloud_logging": "logging"}[artifact["metadata"]["streamName"]]
    return source, key_of(source, artifact)


@asynccontextmanager
async def cluster_world(urls: Sequence[str], **initialise: Any) -> AsyncIterator[ClusterWorld]:
    """Lend a world on a server that runs; its streams and buckets are made."""
    client = await nats.connect(
        list(urls), max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_ignore, connect_timeout=2
    )
    try:
        with Sandbox() as sandbox:
            world = ClusterWorld(client, sandbox)
            await world.initialise(**initialise)
            yield world
    finally:
        await client.close()


async def _ignore(_error: Exception) -> None:
    """The server is killed on purpose."""


async def until(
    condition: Callable[[], Awaitable[Any]],
    seconds: float = 15.0,
    what: Callable[[], str] = str,
    *,
    pause: float = 0.02,
) -> Any:
    """Wait until a condition holds, looked at with pauses, and return its value; fail after so many seconds."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            if value := await condition():
                return value
        except (nats.errors.Error, nats.js.errors.Error, asyncio.TimeoutError):
            pass  # the server is away for a moment
        assert asyncio.get_running_loop().time() < end, f"not within {seconds} s: {what()}"
        await asyncio.sleep(pause)
