"""`python -m tests.benchmarks.cluster`: what an instance costs a node of a cluster, and how fast others take over.

All instances run on one node, then on three, then one of the three is killed. Exits 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # the tests' `support`

from support.cluster_world import ClusterWorld, cluster_world, until
from support.nats_server import NatsServer
from support.node_process import NodeProcess

from signal_client_oci.host.nats.layout import LEASES, STATUS, Lease, TileStatus, from_value

__all__ = ["main"]

_TAKE_OVER_MARGIN = 2.0
_SETTLED_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Usage:
    """What the operating system says of a process."""

    cpu_seconds: float
    rss_mib: float

    @classmethod
    def of(cls, node: NodeProcess) -> _Usage:
        fields = Path(f"/proc/{node.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        status = Path(f"/proc/{node.pid}/status").read_text(encoding="ascii")
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        return cls((int(fields[11]) + int(fields[12])) / _TICKS, int(found[1]) / 1024 if found else 0.0)


@dataclass(frozen=True)
class _Plan:
    instances: int
    interval_seconds: float
    lease_seconds: float

    def name(self, number: int) -> str:
        return f"tenancy-{number:03}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and return 1 if taking over took too long, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cluster", description=__doc__)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--interval", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--lease", type=float, default=10.0, metavar="SECONDS")
    options = parser.parse_args(arguments)
    plan = _Plan(options.instances, options.interval, options.lease)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(NatsServer(Path(folder) / "nats"))
        return asyncio.run(_measure(plan, stack, server, Path(folder)))


async def _measure(plan: _Plan, stack: ExitStack, server: NatsServer, folder: Path) -> int:
    async with cluster_world([server.url]) as world:

        def start(name: str) -> NodeProcess:
            log = folder / f"{name}.log"
            node = NodeProcess(server.url, name, log, lease_seconds=plan.lease_seconds, fresh=True)
            return stack.enter_context(node)

        first = start("node-1")
        await _configure(world, plan, range(1))
        await until(lambda: _are_read(world, 1), 60)
        alone = _Usage.of(first)
        began = time.monotonic()
        await _configure(world, plan, range(1, plan.instances))
        await until(lambda: _are_read(world, plan.instances), 600)
        _say("all instances polled once", f"{time.monotonic() - began:.1f} s after they were configured")
        await _say_costs(plan, {"one node": [first]}, alone)

        nodes = [first, start("node-2"), start("node-3")]
        began = time.monotonic()
        shares, moved_at = await _settled_shares(world)
        _say("moved to three nodes", f"{moved_at - began:.1f} s ({_numbers(shares)} instances)")
        await _say_costs(plan, {"three nodes": nodes}, alone)

        nodes[1].kill()
        began = time.monotonic()
        await until(lambda: _is_taken_over(world, plan), 600)
        took = time.monotonic() - began
        limit = plan.lease_seconds + _TAKE_OVER_MARGIN
        verdict = "met" if took <= limit else "MISSED"
        _say(
            "taken over after kill -9",
            f"{took:.1f} s ({shares['node-2']} instances; at most {limit:.0f} s: {verdict})",
        )
        return 0 if took <= limit else 1


async def _configure(world: ClusterWorld, plan: _Plan, numbers: range) -> None:
    for number in numbers:
        world.tenancy(plan.name(number))
        world.emit(plan.name(number), 10)
        await world.configure(plan.name(number), minutes=plan.interval_seconds / 60)


async def _say_costs(plan: _Plan, groups: dict[str, list[NodeProcess]], alone: _Usage) -> None:
    """Watch the nodes for two intervals, and say what an instance costs."""
    for title, nodes in groups.items():
        before = [_Usage.of(node) for node in nodes]
        began = time.monotonic()
        await asyncio.sleep(2 * plan.interval_seconds)
        seconds = time.monotonic() - began
        after = [_Usage.of(node) for node in nodes]
        cpu = sum(two.cpu_seconds - one.cpu_seconds for one, two in zip(before, after, strict=True))
        rss = sum(one.rss_mib - alone.rss_mib for one in after)
        _say(
            f"processor time, {title}",
            f"{1000 * cpu / seconds / plan.instances:.2f} ms a second and instance",
        )
        _say(
            f"memory, {title}",
            f"{rss / plan.instances:.2f} MiB an instance, {alone.rss_mib:.0f} MiB for a node with one",
        )


async def _owners(world: ClusterWorld) -> dict[str, str]:
    leases = {one.subject: from_value(one.body, Lease) for one in await world.messages(f"KV_{LEASES}")}
    return {key: lease.node.partition("/")[0] for key, lease in leases.items()}


async def _are_read(world: ClusterWorld, count: int) -> bool:
    statuses = [
        from_value(one.body, TileStatus)
        for one in await world.messages(f"KV_{STATUS}")
        if ".instance." in one.subject
    ]
    return sum(one.state == "ok" for one in statuses) >= count


async def _settled_shares(world: ClusterWorld) -> tuple[Counter[str], float]:
    """Wait until no instance has moved for a while; return how many each node has, and since when."""
    owners, since = await _owners(world), time.monotonic()
    while len(set(owners.values())) < 3 or time.monotonic() - since < _SETTLED_SECONDS:
        await asyncio.sleep(0.2)
        now = await _owners(world)
        if now != owners:
            owners, since = now, time.monotonic()
    return Counter(owners.values()), since


async def _is_taken_over(world: ClusterWorld, plan: _Plan) -> bool:
    await asyncio.sleep(0.05)
    owners = await _owners(world)
    return len(owners) == plan.instances and not {"", "node-2"} & set(owners.values())


def _numbers(shares: Counter[str]) -> str:
    return ", ".join(str(shares[name]) for name in sorted(shares))


def _say(what: str, text: str) -> None:
    print(f"| {what} | {text} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
