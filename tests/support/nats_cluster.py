"""Three NATS servers that form a cluster on loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

from typing_extensions import Self

from support.nats_server import NatsServer

__all__ = ["NatsCluster"]

_SIZE = 3


class NatsCluster:
    """Servers with JetStream by name; a context manager that leaves no process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.servers: dict[str, NatsServer] = {}

    def __enter__(self) -> Self:
        ports = _free_ports()
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
        for number, port in enumerate(ports, 1):
            config = (
                f"server_name: server-{number}\n"
                f"cluster {{ name: test, listen: 127.0.0.1:{port}, routes: [{routes}] }}\n"
            )
            server = NatsServer(self._folder / f"server-{number}", config)
            self.servers[f"server-{number}"] = self._stack.enter_context(server)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def urls(self) -> list[str]:
        """The addresses for clients."""
        return [server.url for server in self.servers.values()]


def _free_ports() -> list[int]:
    """Return ports that were free a moment ago: a route has to be known before its server runs."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(_SIZE)]
        return [one.getsockname()[1] for one in taken]
