"""Connects a node and runs it until it is stopped."""

from __future__ import annotations

import asyncio
from typing import Final

from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.connection import connect
from signal_client_oci.host.nats.node.node import Node, NodeOptions
from signal_client_oci.host.nats.node.observing import NodeObserver
from signal_client_oci.host.plugins import Plugins

__all__ = ["run_node"]

_LONGEST_REQUEST_SECONDS: Final = 5.0


async def run_node(
    access: ServerAccess,
    options: NodeOptions,
    plugins: Plugins,
    stop: asyncio.Event,
    observer: NodeObserver | None = None,
) -> None:
    """Run a node until `stop` is set; NATS may come later than the node.

    Raises:
        ClusterError: NATS refuses the account, or something that a cluster needs is missing.
    """
    # a renewal that is not answered can be repeated before the lease is in doubt
    seconds = min(_LONGEST_REQUEST_SECONDS, options.lease_seconds / 3)
    connecting = asyncio.ensure_future(
        connect(
            access,
            f"signal-client-oci node {options.name}",
            request_seconds=seconds,
            ping_seconds=seconds,
            give_up_seconds=None,
        )
    )
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not connecting.done():
        connecting.cancel()
        return
    connection = connecting.result()
    try:
        await Node(connection, options, plugins, observer).run(stop)
    finally:
        await connection.close()
