"""A node in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from signal_client_oci.host import Plugins
from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.node.node import NodeOptions
from signal_client_oci.host.nats.node.running import run_node
from support.cluster_world import APPLIANCE

__all__ = ["RunningNode"]


class RunningNode:
    """Runs from the start on; `stop` ends it as SIGTERM does."""

    def __init__(self, urls: Sequence[str], name: str, lease_seconds: float) -> None:
        self.name = name
        self._stop = asyncio.Event()
        options = NodeOptions(APPLIANCE, name, lease_seconds)
        self._task = asyncio.ensure_future(
            run_node(ServerAccess(tuple(urls)), options, Plugins.discover(), self._stop)
        )

    async def stop(self) -> None:
        """End it, and raise what ended it before."""
        self._stop.set()
        await self._task
