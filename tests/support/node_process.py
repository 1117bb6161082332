"""A node of a cluster in a process of its own; run as a program, the node that trusts its leases and is not fenced."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from typing_extensions import Self

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from support.preloaded import Preloaded

__all__ = ["NodeProcess"]


class NodeProcess:
    """`signal-client-oci node`, or with `fenced=False` this file; a context manager that leaves no process.

    With `fresh` it is a Python of its own from its start, and not a copy of one that has loaded the program.
    """

    def __init__(
        self,
        url: str,
        name: str,
        log: Path,
        *,
        lease_seconds: float,
        fenced: bool = True,
        fresh: bool = False,
        appliance: str = "edge",
    ) -> None:
        words = ["node", "--nats", url, "--name", name, "--appliance", appliance]
        words += ["--lease-seconds", str(lease_seconds)]
        command = [sys.executable, "-m", "signal_client_oci", *words]
        if not fenced:
            command = [sys.executable, __file__, url, name, appliance, str(lease_seconds)]
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | Preloaded
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as output:
            if fresh or not fenced:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
                )
            else:
                self._process = Preloaded(words, environment, stdout=output, stderr=output)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it (-9), also when it is paused."""
        self._process.kill()
        self._process.wait(30)

    def pause(self) -> None:
        """Stop it (SIGSTOP) until `resume`."""
        assert self.is_running, f"{self.name} ended by itself: {self.log.read_text(encoding='utf-8')}"
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """Ask it to end (SIGTERM), wait for it, and return its exit code."""
        self._process.terminate()
        return self._process.wait(30)


def main() -> None:
    """Run an unfenced node until SIGTERM."""
    from signal_client_oci.host import Plugins  # noqa: PLC0415
    from signal_client_oci.host.nats.access import ServerAccess  # noqa: PLC0415
    from signal_client_oci.host.nats.node.node import NodeOptions  # noqa: PLC0415
    from signal_client_oci.host.nats.node.running import run_node  # noqa: PLC0415

    url, name, appliance, seconds = sys.argv[1:]
    options = NodeOptions(appliance, name, float(seconds), fencing=False)

    async def run() -> None:
        await run_node(ServerAccess((url,)), options, Plugins.discover(), asyncio.Event())

    asyncio.run(run())


if __name__ == "__main__":
    main()
