"""Delivery to a real JetStream: each artifact once, the checkpoint fenced, nothing cut, nothing dropped."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from nats.js.api import RetentionPolicy
from support.clock import Ticks
from support.cluster_world import last_value, until

from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.buckets.bucket import Bucket, NotOwnerError, OwnedKey, open_bucket
from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.connection import Connection, connect
from signal_client_oci.host.nats.delivery.checkpoints import UnreadableCheckpointError, fence
from signal_client_oci.host.nats.delivery.messages import to_messages, wire_bytes
from signal_client_oci.host.nats.delivery.publisher import StreamPublisher
from signal_client_oci.host.nats.delivery.read_back import ReadBack
from signal_client_oci.host.nats.delivery.retry_pause import DeliveryStoppedError, RetryPause
from signal_client_oci.host.nats.delivery.shard_delivery import ArtifactStream, ShardDelivery
from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    INSTANCE_HEADER,
    LARGE_ARTIFACTS,
    LEASES,
    MSG_ID_HEADER,
    STREAM,
    CheckpointEnvelope,
    Shard,
    artifacts_subject,
    from_value,
)
from signal_client_oci.host.nats.ownership.leases import HeldLease, LeaseTerms, take_lease
from signal_client_oci.host.nats.resources import StreamLimits, needed_resources

SHARD = Shard("prod")
SUBJECT = artifacts_subject("edge")
LEASE_SECONDS = 30.0
WINDOW_SECONDS = 0.1
FIRST, SECOND = {"n": 1}, {"n": 2}


def artifact(number: int, raw: str = "{}", **metadata: Any) -> Any:
    """An artifact."""
    return {
        "id": f"{number:032x}",
        "source": "oci-cloud",
        "timestamp": "2026-03-02T09:00:00Z",
        "raw": raw,
        "metadata": {"instance": "prod", **metadata},
    }


class Stage:
    """One connection to a server, and owners of one shard on it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.leases: Bucket
        self.checkpoints: Bucket
        self.ticks = Ticks()
        self.give_up = asyncio.Event()
        self.reasons: list[str] = []
        self.publisher = StreamPublisher(connection, SUBJECT)
        self.read_back = ReadBack(connection, SUBJECT)

    async def take(self, node: str) -> HeldLease:
        """Take the lease away from whoever has it."""
        stored = await self.leases.get(SHARD.key)
        observed = Observed(stored.revision, stored.value, 0.0) if stored else None
        return await take_lease(
            self.leases, SHARD, observed, LeaseTerms(f"{node}/1", LEASE_SECONDS, self.ticks)
        )

    async def owner(self, node: str) -> ShardDelivery:
        """Take the shard over as a node does."""
        held = await self.take(node)
        newest = await self.publisher.refresh_limits()
        checkpoint = await fence(self.checkpoints, held, newest)

        def new_pause() -> RetryPause:
            return RetryPause(held, self.give_up, self.reasons.append)

        return ShardDelivery(held, checkpoint, ArtifactStream(self.publisher, self.read_back), new_pause)

    async def ids(self) -> list[int]:
        """Return the numbers of the artifacts in the stream, in order."""
        found = await self.read_back.ids_after(SHARD, 0)
        return [int(identity, 16) for identity in sorted(found, key=lambda one: found[one])]

    async def count(self) -> int:
        """Return how many messages the stream has."""
        info = await self.connection.js.stream_info(STREAM)
        return info.state.messages

    async def stored(self) -> CheckpointEnvelope:
        """Return the checkpoint that the bucket has."""
        value = await last_value(self.connection.js, CHECKPOINTS, SHARD.key)
        return from_value(value or b"", CheckpointEnvelope)


@asynccontextmanager
async def stage(server: Any, **stream: Any) -> Any:
    """Make everything that a cluster needs, with the shortest window of duplicates; remove it in the end."""
    connection = await connect(ServerAccess((server.url,)), "test")
    needed = needed_resources("edge", 1, StreamLimits())
    try:
        for resource in needed:
            resource.config.duplicate_window = WINDOW_SECONDS if resource.name == STREAM else None
            await connection.js.add_stream(resource.config, **(stream if resource.name == STREAM else {}))
        made = Stage(connection)
        made.leases = await open_bucket(connection, LEASES)
        made.checkpoints = await open_bucket(connection, CHECKPOINTS)
        yield made
    finally:
        for resource in needed:
            await connection.js.delete_stream(resource.stream)
        await connection.close()


async def deliver(owner: ShardDelivery, *numbers: int) -> None:
    """Deliver artifacts, without their checkpoint."""
    await owner.deliver(owner.encode([artifact(number) for number in numbers]))


@pytest.mark.slow
def test_what_was_delivered_and_not_checkpointed_is_not_sent_again(nats_server):
    """Beyond the server's window of duplicates too; and what comes after it is."""

    async def run() -> None:
        async with stage(nats_server) as here:
            dead = await here.owner("dead")
            await deliver(dead, 1, 2)
            await dead.save(FIRST)
            await deliver(dead, 3, 4)
            await asyncio.sleep(WINDOW_SECONDS * 3)
            heir = await here.owner("heir")
            assert heir.load() == FIRST
            await deliver(heir, 3)
            await heir.save(SECOND)
            envelope = await here.stored()
            assert envelope.stream_sequence == 3, "the fourth is not covered yet"
            await deliver(heir, 4, 5)
            assert await here.ids() == [1, 2, 3, 4, 5]
            assert await here.count() == 5
            assert (heir.counts.delivered, heir.counts.already_delivered) == (1, 2)

    asyncio.run(run())


@pytest.mark.slow
def test_an_heir_of_an_heir_does_not_send_it_again_either(nats_server):
    """The sequence in the envelope stays before what has not come again."""

    async def run() -> None:
        async with stage(nats_server) as here:
            await deliver(await here.owner("first"), 1, 2)
            second = await here.owner("second")
            await deliver(second, 2, 3)
            await second.save(FIRST)
            await asyncio.sleep(WINDOW_SECONDS * 3)
            third = await here.owner("third")
            await deliver(third, 1, 2, 3, 4)
            assert await here.count() == 4

    asyncio.run(run())


@pytest.mark.slow
def test_an_owner_before_writes_no_checkpoint_however_late_it_wakes_up(nats_server):
    """From the take-over on each of its writes fails, and the epoch in the bucket is the new one's."""

    async def run() -> None:
        async with stage(nats_server) as here:
            sleeper = await here.owner("sleeper")
            await sleeper.save(FIRST)
            heir = await here.owner("heir")
            with pytest.raises(NotOwnerError):
                await sleeper.save(SECOND)
            envelope = await here.stored()
            assert (envelope.epoch, envelope.node, envelope.checkpoint) == (2, "heir/1", FIRST)
            await heir.save(SECOND)
            with pytest.raises(NotOwnerError):
                await sleeper.save(FIRST)
            assert (await here.stored()).checkpoint == SECOND

    asyncio.run(run())


def test_epochs_rise_although_the_leases_were_lost(nats_server):
    """A bucket of leases that was emptied does not take the fence away."""

    async def run() -> None:
        async with stage(nats_server) as here:
            for number in range(3):
                await here.owner(f"node-{number}")
            await here.leases.delete(SHARD.key)
            await here.owner("after")
            envelope = await here.stored()
            assert (envelope.epoch, envelope.node) == (4, "after/1")

    asyncio.run(run())


@pytest.mark.slow
def test_a_take_over_goes_on_although_a_work_queue_cannot_be_read_back(nats_server, caplog):
    """What was not checkpointed may be repeated, as `cluster init` has warned, and the log says so."""

    async def run() -> None:
        async with stage(nats_server, retention=RetentionPolicy.WORK_QUEUE) as here:
            await deliver(await here.owner("dead"), 1)
            await asyncio.wait_for(deliver(await here.owner("heir"), 2), 5)
            assert await here.count() == 2

    asyncio.run(run())
    assert f"the stream {STREAM} is a work queue and cannot be read back" in caplog.text


@pytest.mark.slow
def test_a_checkpoint_that_is_gone_is_told_and_what_was_delivered_is_not_sent_again(nats_server, caplog):
    """The shard begins with its lookback, and the whole stream is read back."""

    async def run() -> None:
        async with stage(nats_server) as here:
            before = await here.owner("before")
            await deliver(before, 1, 2)
            await before.save(FIRST)
            await here.checkpoints.delete(SHARD.key)
            await asyncio.sleep(WINDOW_SECONDS * 3)
            after = await here.owner("after")
            assert after.load() is None
            await deliver(after, 1, 2, 3)
            assert await here.count() == 3

    asyncio.run(run())
    assert f"prod: there is no checkpoint in {CHECKPOINTS}" in caplog.text


def test_a_lost_acknowledgement_is_told_from_a_lost_race(nats_server):
    """A write after one whose acknowledgement was lost goes on; one after another node's write does not."""

    async def run() -> None:
        async with stage(nats_server) as here:
            key = OwnedKey(here.leases, "key", 0, lambda value: value.startswith(b"mine"))
            await key.write(b"mine 1")
            await here.leases.compare_and_set("key", b"mine 2", key.revision)  # nobody hears of it
            await key.write(b"mine 3")
            assert await last_value(here.connection.js, LEASES, "key") == b"mine 3"
            await here.leases.put("key", b"another's")
            with pytest.raises(NotOwnerError):
                await key.write(b"mine 4")
            assert await last_value(here.connection.js, LEASES, "key") == b"another's"

    asyncio.run(run())


def test_a_checkpoint_that_is_not_one_is_not_overwritten(nats_server):
    """The error names the key and the way out."""

    async def run() -> None:
        async with stage(nats_server) as here:
            await here.checkpoints.put(SHARD.key, b"?")
            with pytest.raises(UnreadableCheckpointError, match=f"{SHARD.key} in {CHECKPOINTS}.*delete"):
                await here.owner("node")

    asyncio.run(run())


def test_a_lease_in_doubt_sends_nothing_until_it_is_renewed(nats_server):
    """Two thirds of its length after the last renewal nothing is published any more."""

    async def run() -> None:
        async with stage(nats_server) as here:
            held = await here.take("node")
            assert held.is_certain
            here.ticks.advance(LEASE_SECONDS * 0.67)
            assert not held.is_certain
            message = to_messages(SHARD, [artifact(1)], 10_000)
            sent = await here.publisher.send(message, lambda: held.is_certain)
            assert (sent.stored, sent.problem) == ({}, "the lease has to be renewed first")
            await held.renew()
            assert held.is_certain
            await here.take("other")
            with pytest.raises(NotOwnerError):
                await held.renew()
            assert held.is_lost
            assert not held.is_certain

    asyncio.run(run())


@pytest.mark.slow
def test_a_full_stream_is_back_pressure_and_drops_nothing(nats_server):
    """The delivery waits, says why, and goes on when there is room; what was there stays."""

    async def run() -> None:
        async with stage(nats_server) as here:
            owner = await here.owner("node")
            await deliver(owner, 1)
            info = await here.connection.js.stream_info(STREAM)
            info.config.max_bytes = info.state.bytes
            await here.connection.js.update_stream(info.config)
            waiting = asyncio.ensure_future(deliver(owner, 2, 3))
            (reason,) = await until(lambda: _value(here.reasons), 10)
            assert reason.startswith(f"the stream {STREAM} is full (maximum bytes exceeded)")
            info.config.max_bytes = -1
            await here.connection.js.update_stream(info.config)
            await waiting
            assert await here.ids() == [1, 2, 3]
            assert here.reasons == [reason, ""]

    asyncio.run(run())


def test_a_node_that_ends_does_not_wait_for_room(nats_server):
    """The batch is left to the next owner; nothing of it is checkpointed."""

    async def run() -> None:
        async with stage(nats_server) as here:
            owner = await here.owner("node")
            await here.connection.js.delete_stream(STREAM)
            here.give_up.set()
            with pytest.raises(DeliveryStoppedError):
                await deliver(owner, 1)
            await here.connection.js.add_stream(needed_resources("edge", 1, StreamLimits())[0].config)
            assert (await here.stored()).checkpoint is None

    asyncio.run(run())


@pytest.mark.slow
def test_a_record_larger_than_a_message_is_stored_whole_beside_it(nats_server):
    """The artifact refers to the object by name, size and digest; the sum with the headers counts."""

    async def run() -> None:
        async with stage(nats_server) as here:
            owner = await here.owner("node")
            limit = here.publisher.max_message_bytes
            raw = json.dumps({"text": "é" * (limit // 2)}, ensure_ascii=False)
            small = artifact(1)
            (fits,) = owner.encode([small])
            room = limit - wire_bytes(fits.headers, fits.body)
            just, over = artifact(2, "{}" + " " * room), artifact(3, "{}" + " " * (room + 1))
            await owner.deliver(owner.encode([just, over, artifact(4, raw)]))
            assert await here.ids() == [2, 3, 4]
            assert owner.counts.large_artifacts == 2
            store = await here.connection.js.object_store(LARGE_ARTIFACTS)
            stored = await store.get(f"{4:032x}")
            assert stored.data == raw.encode()
            message = await here.connection.js.get_msg(STREAM, 3)
            refers = json.loads(message.data or b"")["metadata"]
            assert refers["oci.rawObject"] == f"{LARGE_ARTIFACTS}/{4:032x}"
            assert refers["oci.rawBytes"] == len(raw.encode())
            assert refers["oci.rawSha256"] == sha256(raw.encode()).hexdigest()
            assert here.connection.is_connected

    asyncio.run(run())


@pytest.mark.slow
def test_metadata_larger_than_a_message_is_stored_whole_too():
    """The message keeps what the contract always has, and names both objects."""
    large = artifact(1, "{}", streamName="oci_cloud_audit", tags=["x" * 100] * 100)
    (message,) = to_messages(SHARD, [large], 2000)
    assert wire_bytes(message.headers, message.body) <= 2000
    metadata = json.loads(message.body)["metadata"]
    assert metadata["streamName"] == "oci_cloud_audit"
    assert "tags" not in metadata
    name = metadata["oci.metadataObject"].removeprefix(f"{LARGE_ARTIFACTS}/")
    assert json.loads(message.objects[name]) == large["metadata"]
    assert message.objects[large["id"]] == b"{}"


@pytest.mark.slow
def test_read_backs_that_are_wanted_together_are_one_read(nats_server):
    """Two instances read the messages once, and each gets its own."""

    async def run() -> None:
        async with stage(nats_server) as here:
            js = here.connection.js
            whole, home, other = Shard("a"), Shard("a", "us-ashburn-1"), Shard("b")
            for number, shard in enumerate((whole, other, home, other)):
                headers = {MSG_ID_HEADER: str(number), INSTANCE_HEADER: shard.key}
                await js.publish(SUBJECT, b"", headers=headers)
            ids_after = here.read_back.ids_after
            first = asyncio.ensure_future(ids_after(whole, 1))
            both = await asyncio.gather(ids_after(home, 0), ids_after(other, 2))
            assert await first == {"2": 3}
            assert both == [{"0": 1, "2": 3}, {"3": 4}]
            assert await ids_after(Shard("a", "eu-frankfurt-1"), 0) == {"0": 1}
            assert await ids_after(whole, 99) == {"0": 1, "2": 3}, "a stream that was made anew"

    asyncio.run(run())


async def _value(value: Any) -> Any:
    return value
