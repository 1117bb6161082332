"""The demo of a cluster: nodes and server are killed while records appear, and everything arrives once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from rich.text import Text

from signal_client_oci.cli.commands.cluster_apply import print_applied
from signal_client_oci.cli.commands.cluster_init import print_initialised
from signal_client_oci.cli.demo.cluster_tenancies import ClusterTenancies
from signal_client_oci.cli.demo.demo_node import DemoNode
from signal_client_oci.cli.demo.demo_verification import Comparison
from signal_client_oci.cli.demo.nats_process import NatsProcess
from signal_client_oci.cli.output.cluster_views import print_cluster_status
from signal_client_oci.cli.output.demo_views import print_cluster_comparison
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host.nats.access import ClusterError, ServerAccess
from signal_client_oci.host.nats.cluster_status import ClusterStatus, read_cluster_status
from signal_client_oci.host.nats.connection import TRANSIENT
from signal_client_oci.host.nats.entries import apply_entries
from signal_client_oci.host.nats.initialisation import initialise
from signal_client_oci.host.nats.observation import Onlooker, onlooker
from signal_client_oci.host.nats.resources import StreamLimits, needed_resources
from signal_client_oci.host.nats.session import open_session

__all__ = ["ClusterShow", "cluster_verdict"]

APPLIANCE: Final = "demo"
LEASE_SECONDS: Final = 3.0
_FIRST_NODES: Final = ("node-1", "node-2", "node-3")
_HISTORY: Final = 100
_BURST: Final = 600
_ATTEMPTS: Final = 5
"""How often to try to stop a node between storing artifacts and storing their checkpoint."""
_STREAM_OF_RECORDS: Final = 4
_EMIT_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 60.0
_SERVER_AWAY_SECONDS: Final = 2.0
_QUIET_SECONDS: Final = 4.0


class ClusterShow:
    """Runs the demo on `screen`; server and nodes keep their files in `place`."""

    def __init__(self, screen: Screen, tenancies: ClusterTenancies, server: NatsProcess, place: Path) -> None:
        self._screen = screen
        self._tenancies = tenancies
        self._server = server
        self._place = place
        self._access = ServerAccess((server.url,))
        self._nodes: dict[str, DemoNode] = {}

    async def run(self) -> bool:
        """Show all scenes; return whether everything arrived exactly once."""
        screen = self._screen
        screen.print(
            f"A NATS server at {self._server.url}; a sandbox simulates Oracle Cloud: no account, no network."
        )
        await self._set_up()
        self._tenancies.emit_everywhere(_HISTORY)
        async with AsyncExitStack() as stack:
            watcher = await stack.enter_async_context(onlooker(self._access, APPLIANCE))
            stack.callback(self._kill_all)
            await self._start_nodes(watcher)
            async with self._records_appearing():
                await self._kill_in_a_batch(watcher)
                await self._pause_beyond_the_lease()
                await self._kill_the_server(watcher)
            await self._until(lambda: self._has_all(watcher), "every record is in the stream")
            await asyncio.sleep(_QUIET_SECONDS)  # what comes a second time would come with the next polls
            return await self._verify(watcher)

    async def _set_up(self) -> None:
        screen = self._screen
        async with open_session(self._access, "signal-client-oci demo") as session:
            screen.heading("1. cluster init: what a cluster needs in JetStream")
            needed = needed_resources(APPLIANCE, 1, StreamLimits())
            print_initialised(screen, screen, await initialise(session, needed))
            screen.heading("2. cluster apply: six tenancies")
            print_applied(screen, screen, await apply_entries(session, self._tenancies.instances()))

    async def _start_nodes(self, watcher: Onlooker) -> None:
        self._screen.heading(f"3. Three nodes, each a process, with leases of {LEASE_SECONDS:g} s")
        for name in _FIRST_NODES:
            self._start(name)
        await self._until(lambda: self._has_all(watcher), "the nodes have read what there was")
        await self._until(self._is_well, "every instance is polled")
        print_cluster_status(self._screen, await self._status())

    async def _kill_in_a_batch(self, watcher: Onlooker) -> None:
        instance = self._tenancies.names[0]
        self._screen.heading(f"4. kill -9 of the node that polls {instance}, in the middle of a batch")
        name = await self._owner_of(instance)
        for _ in range(_ATTEMPTS):
            uncovered = await self._pause_in_a_batch(name, instance, watcher)
            if uncovered:
                break
            self._nodes[name].resume()
        self._nodes.pop(name).kill()
        killed_at = time.monotonic()
        self._screen.print(
            f"{name} was killed; {uncovered:,} artifacts were stored, but not in the checkpoint yet"
        )
        await self._tell_take_over(name, killed_at)
        self._start(name)
        await self._until(lambda: self._owns_something(name), f"{name} has its share again")
        self._screen.print(f"{name} was started again, and has its share")

    async def _pause_in_a_batch(self, name: str, instance: str, watcher: Onlooker) -> int:
        """Stop a node that delivers; return how many artifacts it has stored, but not in the checkpoint."""
        async with watcher.next_artifact(instance) as published:
            self._tenancies.emit(instance, _BURST)
            await asyncio.wait_for(published.wait(), _PATIENCE_SECONDS)
            self._nodes[name].pause()
        return await watcher.uncovered(instance)

    async def _pause_beyond_the_lease(self) -> None:
        self._screen.heading("5. A node stops (SIGSTOP) for longer than its leases, and goes on")
        instance = self._tenancies.names[-1]
        name = await self._owner_of(instance)
        self._nodes[name].pause()
        paused_at = time.monotonic()
        self._screen.print(f"{name} stands still, and believes that it owns {instance}")
        await self._tell_take_over(name, paused_at)
        self._nodes[name].resume()
        self._screen.print(f"{name} goes on: what it still wants to write is fenced off")
        await self._until(lambda: self._owns_something(name), f"{name} has its share again")
        self._screen.print(f"{name} has taken new leases, and its share")

    async def _kill_the_server(self, watcher: Onlooker) -> None:
        self._screen.heading(f"6. kill -9 of the NATS server, for {_SERVER_AWAY_SECONDS:g} s")
        self._server.kill()
        await asyncio.sleep(_SERVER_AWAY_SECONDS)
        self._server.start()
        began = time.monotonic()
        before = await self._until(watcher.stored, "the server is back")

        async def has_more() -> bool:
            return await watcher.stored() > before

        await self._until(has_more, "the nodes deliver again")
        seconds = time.monotonic() - began
        self._screen.print(
            f"it has all {before:,} artifacts; nodes deliver again, {seconds:.1f} s after its start"
        )

    async def _verify(self, watcher: Onlooker) -> bool:
        screen = self._screen
        screen.heading("7. The cluster now")
        print_cluster_status(screen, await self._status())
        screen.heading("Emitted by the sandbox, and in the stream")
        comparisons = self._tenancies.comparisons(await watcher.artifacts())
        print_cluster_comparison(screen, comparisons.values())
        verdict = cluster_verdict(comparisons.values())
        screen.blank()
        if verdict is None:
            screen.print(Text("Every record arrived exactly once.", style="bold green"))
        else:
            screen.print(Text(f"The demo failed: {printable(verdict)}", style="bold red"))
            screen.print(Text(f"Logs: {printable(self._place)}", overflow="fold"))
        return verdict is None

    async def _tell_take_over(self, name: str, since: float) -> None:
        """Wait until no instance is left to a node, and say how long that took since it was stopped."""

        async def is_taken_over() -> bool:
            status = await self._status()
            return all(one.owner not in {"", name} for one in status.instances)

        await self._until(is_taken_over, f"others take over from {name}")
        self._screen.print(f"the others took over its instances in {time.monotonic() - since:.1f} s")

    @asynccontextmanager
    async def _records_appearing(self) -> AsyncIterator[None]:
        """Emit records in every tenancy all the time."""

        async def emit() -> None:
            while True:
                self._tenancies.emit_everywhere(_STREAM_OF_RECORDS)
                await asyncio.sleep(_EMIT_SECONDS)

        emitting = asyncio.ensure_future(emit())
        try:
            yield
        finally:
            emitting.cancel()
            with suppress(asyncio.CancelledError):
                await emitting

    async def _status(self) -> ClusterStatus:
        async with open_session(self._access, "signal-client-oci demo") as session:
            return await read_cluster_status(session)

    async def _owner_of(self, instance: str) -> str:
        status = await self._status()
        return next(one.owner for one in status.instances if one.shard.instance == instance)

    async def _is_well(self) -> bool:
        return all(one.state == "ok" for one in (await self._status()).instances)

    async def _owns_something(self, name: str) -> bool:
        return any(one.owner == name for one in (await self._status()).instances)

    async def _has_all(self, watcher: Onlooker) -> bool:
        return await watcher.stored() >= self._tenancies.emitted

    async def _until(self, condition: Callable[[], Awaitable[int]], what: str) -> int:
        """Wait until a condition holds and return its value; the server may be away meanwhile."""
        end = time.monotonic() + _PATIENCE_SECONDS
        with self._screen.waiting(f"waiting until {what}"):
            while time.monotonic() < end:
                with suppress(ClusterError, *TRANSIENT):
                    if value := await condition():
                        return value
                if ended := [name for name, node in self._nodes.items() if not node.is_running]:
                    raise ClusterError(f"{ended[0]} ended by itself; its log is {self._nodes[ended[0]].log}")
                await asyncio.sleep(_LOOK_SECONDS)
        raise ClusterError(
            f"the demo waited {_PATIENCE_SECONDS:g} s until {what}; see the logs in {self._place}"
        )

    def _start(self, name: str) -> None:
        self._nodes[name] = DemoNode(name, self._server.url, APPLIANCE, LEASE_SECONDS, self._place)

    def _kill_all(self) -> None:
        for node in self._nodes.values():
            node.kill()


def cluster_verdict(comparisons: Iterable[Comparison]) -> str | None:
    """Return what went wrong, None if every record of every instance arrived exactly once."""
    wrong = [one for one in comparisons if not one.agrees or not one.emitted]
    if not wrong:
        return None
    return f"what was delivered of {', '.join(one.source for one in wrong)} is not what was emitted"
