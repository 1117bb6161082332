"""Nodes that share instances on a real NATS server: who polls what, and what they tell."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from support.cluster_world import APPLIANCE, ClusterWorld, cluster_world, until
from support.running_node import RunningNode

from signal_client_oci.host import Plugins
from signal_client_oci.host.nats.access import ClusterError, ServerAccess
from signal_client_oci.host.nats.connection import connect
from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    INTEGRATIONS,
    LEASES,
    STATUS,
    STREAM,
    integration_key,
)
from signal_client_oci.host.nats.node.node import Node, NodeOptions
from signal_client_oci.host.nats.node.running import run_node

LEASE_SECONDS = 5.0
CONFIGURED_SECONDS = 10.0
TAKEN_OVER_SECONDS = 1.0
GRACE_SECONDS = 2.0
HOME, FAR = "us-ashburn-1", "eu-frankfurt-1"


@asynccontextmanager
async def nodes(
    server: Any, *names: str, **stream: Any
) -> AsyncIterator[tuple[ClusterWorld, list[RunningNode]]]:
    """Lend a world and nodes that run on it; streams and buckets are gone afterwards."""
    async with cluster_world([server.url], **stream) as world:
        running = [RunningNode([server.url], name, LEASE_SECONDS) for name in names]
        try:
            yield world, running
        finally:
            for node in running:
                await node.stop()
            await remove_everything(world)


async def remove_everything(world: ClusterWorld) -> None:
    """Remove streams and buckets."""
    for name in [STREAM, *(f"KV_{one}" for one in (INTEGRATIONS, CHECKPOINTS, LEASES, STATUS))]:
        await world.js.delete_stream(name)
    await world.js.delete_stream("OBJ_OCI_LARGE_ARTIFACTS")


async def owner(world: ClusterWorld, name: str, region: str = "") -> str:
    """Return the name of the node that holds the lease, "" = nobody."""
    lease = await world.lease(name, region)
    return lease.node.partition("/")[0] if lease else ""


async def everything_read(world: ClusterWorld, *names: str) -> bool:
    """Whether each instance's last poll was ok, and nothing is missing."""
    statuses = [await world.status(name) for name in names]
    return all(one is not None and one.state == "ok" for one in statuses) and await world.has_all()


@pytest.mark.slow
@pytest.mark.untraced
def test_nodes_share_the_instances_and_one_that_ends_is_replaced_within_a_second(nats_server, caplog):
    """Each instance has one owner; what the leaving node had is polled on by the others, and nothing repeats."""

    async def run() -> None:
        async with nodes(nats_server, "one", "two") as (world, running):
            names = [f"tenancy-{number}" for number in range(6)]
            for name in names:
                world.tenancy(name)
                world.emit(name, 20)
                await world.configure(name)
            await until(lambda: everything_read(world, *names), 20)
            before = {name: await owner(world, name) for name in names}
            assert set(before.values()) == {"one", "two"}
            for name in names:
                world.emit(name, 20)
            started = time.monotonic()
            await running[0].stop()

            async def are_taken_over() -> bool:
                return {await owner(world, name) for name in names} == {"two"}

            await until(are_taken_over, 5)
            assert time.monotonic() - started < TAKEN_OVER_SECONDS
            await until(lambda: everything_read(world, *names), 20)
            await world.assert_exactly_once()
            await world.assert_one_owner_at_a_time()

    with caplog.at_level(logging.INFO, "signal_client_oci"):
        asyncio.run(run())
    assert "node one ends" in caplog.text


@pytest.mark.slow
def test_a_node_that_joins_gets_its_share_and_no_more(nats_server):
    """Shards move to it one at a time; those that stay keep their epoch."""

    async def run() -> None:
        async with nodes(nats_server, "one") as (world, running):
            names = [f"tenancy-{number}" for number in range(8)]
            for name in names:
                world.tenancy(name)
                await world.configure(name, minutes=1)
            await until(lambda: everything_read(world, *names), 20)
            running.append(RunningNode([nats_server.url], "two", LEASE_SECONDS))

            async def is_shared() -> bool:
                held = [await owner(world, name) for name in names]
                return "" not in held and len(set(held)) > 1 and await is_settled(world)

            await until(is_shared, 20)
            leases = {name: await world.lease(name) for name in names}
            assert {lease.epoch for lease in leases.values() if lease.node.startswith("one/")} == {1}
            assert {lease.epoch for lease in leases.values() if lease.node.startswith("two/")} == {2}

    async def is_settled(world: ClusterWorld) -> bool:
        before = [await owner(world, f"tenancy-{number}") for number in range(8)]
        await asyncio.sleep(1.0)
        return before == [await owner(world, f"tenancy-{number}") for number in range(8)]

    asyncio.run(run())


@pytest.mark.slow
def test_a_changed_entry_counts_within_ten_seconds_and_a_bad_one_hurts_nobody(nats_server):
    """New, wrong, mended, disabled, removed: each is told in the status, and the other instance is polled on."""

    async def run() -> None:
        async with nodes(nats_server, "one") as (world, _):

            def shows(name: str, **wanted: Any) -> Callable[[], Any]:
                async def is_shown() -> bool:
                    status = await world.status(name)
                    return status is not None and all(
                        getattr(status, key) == value for key, value in wanted.items()
                    )

                return is_shown

            for name in ("good", "bad"):
                world.tenancy(name)
                await world.configure(name)
            await until(shows("bad", state="ok"), CONFIGURED_SECONDS)
            await world.configure("bad", region="nowhere")
            await until(shows("bad", state="failed", code="SETTINGS_INVALID"), CONFIGURED_SECONDS)
            status = await world.status("bad")
            assert list(status.field_errors) == ["region"]
            assert status.remedy
            world.emit("good", 10)
            await until(lambda: everything_read(world, "good"), CONFIGURED_SECONDS)
            await world.configure("bad")
            await until(shows("bad", state="ok", field_errors={}), CONFIGURED_SECONDS)
            await world.configure("bad", enabled=False)
            await until(shows("bad", state="disabled"), CONFIGURED_SECONDS)
            assert await owner(world, "bad") == ""
            await world.remove("good")

            async def is_free() -> bool:
                return not await owner(world, "good")

            await until(is_free, CONFIGURED_SECONDS)

    asyncio.run(run())


@pytest.mark.slow
def test_a_tenancy_that_is_split_by_region_while_it_is_polled_loses_and_repeats_nothing(nats_server):
    """Each region has an owner of its own, and begins where the whole instance was; the other way round too.

    What is read again is not stored again, although the server has forgotten the ids.
    """

    async def run() -> None:
        async with nodes(nats_server, "one", "two", duplicate_window=0.1) as (world, _):
            world.tenancy("wide", HOME, FAR)
            settings = {"additional_regions": [FAR], "cloud_guard_enabled": True}
            world.emit("wide", 40)
            await world.configure("wide", **settings)
            await until(lambda: everything_read(world, "wide"), 20)
            world.emit("wide", 40)
            await world.configure("wide", by_region=True, **settings)

            async def is_split() -> bool:
                statuses = [await world.status("wide", region) for region in (HOME, FAR)]
                return all(one and one.state == "ok" for one in statuses) and await world.has_all()

            await until(is_split, 20)
            assert await owner(world, "wide") == ""
            world.emit("wide", 40)
            await world.configure("wide", **settings)
            await until(lambda: everything_read(world, "wide"), 20)
            await world.assert_exactly_once()
            await world.assert_one_owner_at_a_time()

    asyncio.run(run())


@pytest.mark.slow
def test_a_tenancy_that_was_always_split_is_joined_without_a_gap(nats_server):
    """It has no checkpoint as a whole; what its regions had not read yet is older than its lookback, and arrives."""

    async def run() -> None:
        async with nodes(nats_server, "one") as (world, _):
            tenancy = world.tenancy("wide", HOME, FAR)
            settings = {"additional_regions": [FAR], "lookback_minutes": 5}
            await world.configure("wide", by_region=True, **settings)

            async def is_split() -> bool:
                statuses = [await world.status("wide", region) for region in (HOME, FAR)]
                return all(one and one.state == "ok" for one in statuses)

            await until(is_split, 20)
            await world.configure("wide", by_region=True, enabled=False, **settings)
            now = tenancy.clock()
            for region in (HOME, FAR):
                tenancy.emit_audit_event(
                    region, tenancy.ocid, processed=now - timedelta(hours=2), visible=now
                )
            await world.configure("wide", **settings)
            await until(lambda: everything_read(world, "wide"), 20)
            await world.assert_exactly_once()

    asyncio.run(run())


@pytest.mark.slow
def test_no_secret_leaves_the_configuration(nats_server, caplog):
    """Neither statuses, checkpoints, leases, artifacts nor log lines hold a line of a private key or a passphrase."""

    async def run() -> list[bytes]:
        async with nodes(nats_server, "one") as (world, _):
            key = world.tenancy("prod").settings()["private_key"]
            lines = [line.encode() for line in key.splitlines() if len(line) > 40]
            world.emit("prod", 10)
            await world.configure("prod", private_key_passphrase="passphrase-of-the-key")
            entry = {"enabled": True, "credentials": {"private_key": key}, "integration_type": key}
            await world.put(INTEGRATIONS, integration_key("odd"), json.dumps(entry).encode())
            await until(lambda: world.status("odd"), 20)
            await until(lambda: world.status("prod"), 20)
            await until(lambda: everything_read(world, "prod"), 20)
            stored = b"".join(
                [
                    message.body
                    for stream in (STREAM, f"KV_{STATUS}", f"KV_{CHECKPOINTS}", f"KV_{LEASES}")
                    for message in await world.messages(stream)
                ]
            )
            found = stored + caplog.text.encode()
            return [line for line in [*lines, b"passphrase-of-the-key"] if line in found]

    with caplog.at_level(logging.DEBUG):
        assert asyncio.run(run()) == []


@pytest.mark.slow
def test_buckets_that_cannot_be_written_are_told_in_the_log(nats_server, caplog):
    """Nothing is polled without a lease; the log says so once, and polling goes on when the server takes it again."""

    async def run() -> None:
        async with nodes(nats_server, "one") as (world, _):
            world.tenancy("prod")
            await world.configure("prod")
            await until(lambda: everything_read(world, "prod"), 20)
            for bucket in (LEASES, STATUS):
                await limit(world, bucket, 10)

            async def is_told() -> bool:
                return "prod: not polled, because its lease cannot be renewed: " in caplog.text

            await until(is_told, LEASE_SECONDS * 3)
            for bucket in (LEASES, STATUS):
                await limit(world, bucket, -1)
            world.emit("prod", 10)
            await until(lambda: everything_read(world, "prod"), 20)
            await world.assert_exactly_once()

    async def limit(world: ClusterWorld, bucket: str, size: int) -> None:
        info = await world.js.stream_info(f"KV_{bucket}")
        info.config.max_msg_size = size
        await world.js.update_stream(info.config)

    asyncio.run(run())
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len([line for line in told if line.startswith("prod: not polled")]) == 1
    assert len([line for line in told if line.startswith(f"{STATUS} cannot be written")]) == 1


@pytest.mark.slow
def test_a_node_ends_in_time_although_the_server_does_not_answer(nats_server):
    """What cannot be told any more is not waited for."""

    async def run() -> float:
        async with cluster_world([nats_server.url]) as world:
            stop = asyncio.Event()
            options = NodeOptions(APPLIANCE, "one", lease_seconds=15.0, grace_seconds=GRACE_SECONDS)
            node = asyncio.ensure_future(
                run_node(ServerAccess((nats_server.url,)), options, Plugins.discover(), stop)
            )
            await until(lambda: world.messages(f"KV_{STATUS}"))
            nats_server.pause()
            try:
                stop.set()
                started = time.monotonic()
                await node
                return time.monotonic() - started
            finally:
                nats_server.resume()
                await remove_everything(world)

    assert asyncio.run(run()) < GRACE_SECONDS + 1.0


async def start_node(server: Any, appliance: str = APPLIANCE) -> None:
    """Run a node that does not get far."""
    connection = await connect(ServerAccess((server.url,)), "test")
    try:
        await Node(connection, NodeOptions(appliance, "one"), Plugins.discover()).run(asyncio.Event())
    finally:
        await connection.close()


@pytest.mark.slow
def test_a_node_says_what_a_cluster_lacks(nats_server):
    """Without streams and buckets it does not start, and names the command that makes them."""
    with pytest.raises(ClusterError, match=f"no stream {STREAM}; make it: signal-client-oci cluster init"):
        asyncio.run(start_node(nats_server))


@pytest.mark.slow
def test_a_node_of_another_appliance_does_not_start(nats_server):
    """It would own instances whose artifacts no stream takes; it names the option."""

    async def run() -> None:
        async with nodes(nats_server):
            await asyncio.wait_for(start_node(nats_server, "edge-2"), CONFIGURED_SECONDS)

    with pytest.raises(ClusterError, match=r"does not take the subject edge-2\.data\..*check --appliance"):
        asyncio.run(run())
