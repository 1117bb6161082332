"""A real NATS server with JetStream on loopback, for the tests of the cluster."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import nats
from nats.js import JetStreamContext

from signal_client_oci.cli.demo.nats_process import NatsProcess

__all__ = ["NatsServer", "ask"]

T = TypeVar("T")


class NatsServer(NatsProcess):
    """The server of the demo, of another version if the environment variable NATS_SERVER names one."""

    def __init__(self, folder: Path, config: str = "", executable: Path | None = None) -> None:
        named = os.environ.get("NATS_SERVER")
        super().__init__(folder, config, executable or (Path(named) if named else None))

    def pause(self) -> None:
        """Stop the process (SIGSTOP) until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        os.kill(self.pid, signal.SIGCONT)


def ask(server: NatsServer, request: Callable[[JetStreamContext], Awaitable[T]], **account: Any) -> T:
    """The answer to requests of JetStream, made on a connection of their own."""

    async def connected() -> T:
        client = await nats.connect(server.url, **account)
        try:
            return await request(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(connected())
