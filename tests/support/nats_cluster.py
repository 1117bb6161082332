"""Three NATS servers that form a cluster on loopback."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from typing_extensions import Self

from signal_client_oci.cli.demo.nats_process import lasting_port
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
        ports = [lasting_port() for _ in range(_SIZE)]  # a route has to be known before its server runs
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
        with ExitStack() as stack:
            for number, port in enumerate(ports, 1):
                config = (
                    f"server_name: server-{number}\n"
                    f"cluster {{ name: test, listen: 127.0.0.1:{port}, routes: [{routes}] }}\n"
                )
                server = NatsServer(self._folder / f"server-{number}", config)
                self.servers[f"server-{number}"] = stack.enter_context(server)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def urls(self) -> list[str]:
        """The addresses for clients."""
        return [server.url for server in self.servers.values()]
