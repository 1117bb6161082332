"""Nodes in real processes on a real NATS server: whatever dies or sleeps, every record arrives, and none twice.

More seeds: `CLUSTER_SEEDS=2,3,4 pytest tests/host/nats/test_cluster_faults.py -k whatever`.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.cluster_world import ClusterWorld, cluster_world, until
from support.nats_cluster import NatsCluster
from support.nats_server import NatsServer
from support.node_process import NodeProcess
from support.running_node import RunningNode
from support.tcp_proxy import TcpProxy

from signal_client_oci.host.nats.layout import STREAM

SEEDS = [int(seed) for seed in os.environ.get("CLUSTER_SEEDS", "1").split(",")]
LEASE_SECONDS = 3.0
NODES = 3
NAMES = ("alpha", "beta", "gamma", "delta")
BACKLOG = 1200
BATCH = 1000
PER_FAULT = 20
PATIENCE_SECONDS = 120.0
"""Only how long a busy machine may take; nothing waits for it to pass."""


class Faults:
    """A server, nodes behind proxies, and what can happen to them."""

    def __init__(self, stack: ExitStack, server: NatsServer, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.world: ClusterWorld
        self._stack = stack
        self._server = server
        self._folder = folder
        self._started = 0
        self.nodes: dict[NodeProcess, TcpProxy] = {}

    def start_node(self) -> NodeProcess:
        """Start one more node, behind a proxy of its own."""
        self._started += 1
        proxy = self._stack.enter_context(TcpProxy(self._server.port))
        name = f"node-{self._started}"
        log = self._folder / f"{name}.log"
        node = self._stack.enter_context(NodeProcess(proxy.url, name, log, lease_seconds=LEASE_SECONDS))
        self.nodes[node] = proxy
        return node

    def any_node(self) -> NodeProcess:
        """Return one of those that run."""
        return self.random.choice(sorted(self.nodes, key=lambda node: node.name))

    async def kill_node(self) -> None:
        """A node is killed (-9), and another one started."""
        node = self.any_node()
        node.kill()
        del self.nodes[node]
        self.start_node()

    async def end_node(self) -> None:
        """A node is asked to end, and another one started."""
        node = self.any_node()
        node.terminate()
        del self.nodes[node]
        self.start_node()

    async def sleep_node(self) -> None:
        """A node is stopped for longer than its leases, and goes on."""
        node = self.any_node()
        node.pause()
        await self._rest(LEASE_SECONDS * 1.7)
        node.resume()

    async def lose_answers(self) -> None:
        """What a node publishes is stored, and its acknowledgements are lost with the connection."""
        proxy = self.nodes[self.any_node()]
        proxy.hold_answers()
        await self._rest(1.2)
        proxy.cut()

    async def delay(self) -> None:
        """Everything between a node and the server takes a while."""
        proxy = self.nodes[self.any_node()]
        proxy.delay = 0.1
        await self._rest(1.5)
        proxy.delay = 0.0

    async def kill_server(self) -> None:
        """The server is killed and restarted."""
        self._server.kill()
        await asyncio.to_thread(self._server.start)

    async def fill_stream(self) -> None:
        """The stream takes nothing for a while."""
        info = await self.world.js.stream_info(STREAM)
        info.config.max_bytes = max(1, info.state.bytes)
        await self.world.js.update_stream(info.config)
        await self._rest(2.0)
        info.config.max_bytes = -1
        await self.world.js.update_stream(info.config)

    async def change_entry(self) -> None:
        """An instance is polled more often."""
        await self.world.configure(self.random.choice(NAMES), minutes=0.015)

    async def remove_entry(self) -> None:
        """An instance is removed, and comes back."""
        name = self.random.choice(NAMES)
        await self.world.remove(name)
        await self._rest(1.0)
        await self.world.configure(name)

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def all(self) -> list[Callable[[], Awaitable[None]]]:
        """Return every fault once, in the order of the seed."""
        faults = [
            self.kill_node,
            self.end_node,
            self.sleep_node,
            self.lose_answers,
            self.delay,
            self.kill_server,
            self.fill_stream,
            self.change_entry,
            self.remove_entry,
            self.lose_answers,
        ]
        self.random.shuffle(faults)
        return faults


async def _run(faults: Faults, server: NatsServer) -> None:
    async with cluster_world([server.url]) as world:
        faults.world = world
        for name in NAMES:
            world.tenancy(name)
            world.emit(name, BACKLOG // 2)
            await world.configure(name)
        for _ in range(NODES):
            faults.start_node()
        await until(world.count, PATIENCE_SECONDS)
        for fault in faults.all():
            for name in NAMES:
                world.emit(name, PER_FAULT)
            await fault()
            await asyncio.sleep(faults.random.uniform(0.1, 0.8))
        await until(world.has_all, PATIENCE_SECONDS, lambda: f"logs in {faults._folder}", pause=0.1)
        await world.assert_exactly_once()
        await world.assert_one_owner_at_a_time()


async def _sleeper_wakes(
    server: NatsServer, proxy: TcpProxy, start: Callable[[str, str], NodeProcess]
) -> list[str]:
    """Let the owner sleep in the middle of a batch until another one has read everything; return what it broke."""
    async with cluster_world([server.url]) as world:
        world.tenancy("alpha")
        world.emit("alpha", 3 * BATCH)
        await world.configure("alpha")
        sleeper = start("sleeper", proxy.url)
        await until(world.count, PATIENCE_SECONDS)
        proxy.hold_answers()
        sleeper.pause()
        start("second", server.url)
        await until(lambda: _is_read_by(world, "second"), PATIENCE_SECONDS, pause=0.1)
        sleeper.resume()
        proxy.release_answers()
        await until(lambda: _has_noticed(world, sleeper), PATIENCE_SECONDS, pause=0.2)
        return await world.fencing_violations()


async def _is_read_by(world: ClusterWorld, node: str) -> bool:
    status = await world.status("alpha")
    return status is not None and status.node == node and status.state == "ok" and await world.has_all()


async def _has_noticed(world: ClusterWorld, sleeper: NodeProcess) -> bool:
    """Whether the sleeper knows that it has lost the lease, or has written nevertheless."""
    is_lost = "another node has taken the lease" in sleeper.log.read_text(encoding="utf-8")
    return is_lost or bool(await world.fencing_violations())


@pytest.mark.slow
@pytest.mark.parametrize("fenced", [True, pytest.param(False, marks=pytest.mark.deep)])
def test_a_node_that_slept_writes_no_checkpoint_unless_it_is_not_fenced(fenced, tmp_path):
    """The owner that slept through its lease breaks nothing; a node without fencing does, and the test sees it."""
    with ExitStack() as stack:
        server = stack.enter_context(NatsServer(tmp_path / "nats"))
        proxy = stack.enter_context(TcpProxy(server.port))

        def start(name: str, url: str) -> NodeProcess:
            log = tmp_path / f"{name}.log"
            node = NodeProcess(url, name, log, lease_seconds=LEASE_SECONDS, fenced=fenced)
            return stack.enter_context(node)

        violations = asyncio.run(_sleeper_wakes(server, proxy, start))
        assert (violations == []) is fenced


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_record_arrives_once_whatever_happens_to_nodes_and_server(seed, tmp_path):
    """Read from the stream alone: all records, no id twice, epochs that never fall, one writer for each."""
    with ExitStack() as stack:
        server = stack.enter_context(NatsServer(tmp_path / "nats"))
        asyncio.run(_run(Faults(stack, server, tmp_path, seed), server))


async def _leader_dies(cluster: NatsCluster) -> None:
    async with cluster_world(cluster.urls, replicas=3) as world:
        nodes = [RunningNode(cluster.urls, name, 5.0) for name in ("one", "two")]
        try:
            for name in NAMES:
                world.tenancy(name)
                world.emit(name, BACKLOG)
                await world.configure(name)
            await until(world.count, PATIENCE_SECONDS)
            info = await world.js.stream_info(STREAM)
            await asyncio.to_thread(cluster.servers[info.cluster.leader].kill)
            for name in NAMES:
                world.emit(name, PER_FAULT)
            await until(world.has_all, PATIENCE_SECONDS, pause=0.1)
            await world.assert_exactly_once()
            await world.assert_one_owner_at_a_time()
        finally:
            for node in nodes:
                await node.stop()


@pytest.mark.deep
@pytest.mark.slow
def test_every_record_arrives_once_when_the_streams_leader_dies(tmp_path):
    """Of three servers with three replicas, the one that leads the stream is killed in the middle of a batch."""
    with NatsCluster(tmp_path) as cluster:
        asyncio.run(_leader_dies(cluster))
