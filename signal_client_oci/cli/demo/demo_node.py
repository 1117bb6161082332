"""A node of the demo's cluster: the command `node` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

__all__ = ["DemoNode"]


class DemoNode:
    """A running node; a context manager that leaves no process. Its output goes to `NAME.log` in `folder`."""

    def __init__(self, name: str, url: str, appliance: str, lease_seconds: float, folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        options = {
            "--nats": url,
            "--appliance": appliance,
            "--name": name,
            "--lease-seconds": f"{lease_seconds:g}",
        }
        words = [word for option in options.items() for word in option]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  this program, with options of our own
                [sys.executable, "-m", "signal_client_oci", "node", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("NATS_")},
                start_new_session=True,  # Ctrl-C on the terminal is for the demo, which kills it in turn
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the process (-9), also while it is paused."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Stop the process (SIGSTOP) until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._process.send_signal(signal.SIGCONT)
