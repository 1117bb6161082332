"""Commands in processes of their own that need not start Python and import the SDK each time.

Run as a program, this file loads what commands need and then copies itself (`fork`) for each command; only how the
first statement of `signal_client_oci` is reached differs from `python -m signal_client_oci`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

__all__ = ["Preloaded"]

_NEEDED = ("cli.app", "cli.commands.run", "cli.commands.poll", "cli.commands.node", "polling.poll")
_NEEDED_OF_A_NODE = ("host.nats.node.running", "cli.status_page")
_MESSAGE_BYTES = 128 * 1024
_NUMBER = 4
_LOOK_SECONDS = 60.0


class Preloaded:
    """A command that runs, with what the tests use of `subprocess.Popen`.

    `file_bytes` limits the size of the files that it writes: (limit that it meets, limit up to which that can be
    raised).
    """

    def __init__(
        self,
        arguments: Sequence[object],
        environment: Mapping[str, str],
        *,
        stdout: IO[Any] | int,
        stderr: IO[Any] | int,
        file_bytes: tuple[int, int] | None = None,
    ) -> None:
        self.returncode: int | None = None
        self.stdout, out = _piped(stdout)
        self.stderr, err = _piped(stderr)
        self._told, told = os.pipe()
        task = {"arguments": [str(one) for one in arguments], "environment": dict(environment)}
        task["file_bytes"] = file_bytes
        socket.send_fds(_server(), [json.dumps(task).encode()], [out, err, told])
        os.close(told)
        for given, descriptor in ((stdout, out), (stderr, err)):
            if given == subprocess.PIPE:
                os.close(descriptor)
        self.pid = self._read(_LOOK_SECONDS)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self._end(self._read(0))
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit code."""
        if self.returncode is None:
            self._end(self._read(timeout))
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float) -> int:
        if not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("signal-client-oci", timeout)
        told = os.read(self._told, _NUMBER)
        assert told, "the process that forks has ended"
        return int.from_bytes(told, "little", signed=True)

    def _end(self, returncode: int) -> None:
        self.returncode = returncode
        os.close(self._told)


def _piped(wanted: IO[Any] | int) -> tuple[IO[str] | None, int]:
    """Return what to read from, if it is to be a pipe, and what the command writes to."""
    if wanted == subprocess.PIPE:
        reading, writing = os.pipe()
        return os.fdopen(reading, encoding="utf-8"), writing
    return None, wanted if isinstance(wanted, int) else wanted.fileno()


@lru_cache(maxsize=1)
def _server() -> socket.socket:
    """Start the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, __file__, str(theirs.fileno())]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=kept)

    def end() -> None:
        ours.close()
        server.wait(_LOOK_SECONDS)

    atexit.register(end)
    return ours


def _load() -> None:
    for name in _NEEDED:
        importlib.import_module(f"signal_client_oci.{name}")
    try:
        for name in _NEEDED_OF_A_NODE:
            importlib.import_module(f"signal_client_oci.{name}")
    except ImportError:
        return  # without the extras of a cluster the command itself says so


def _serve(requests: socket.socket) -> list[str]:
    """Fork for each request; return in the fork, with its arguments."""
    running: dict[int, int] = {}
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, _MESSAGE_BYTES)
            _tell_ended(running)
        if requests not in ready:
            continue
        message, (*standard, told), *_ = _received(requests)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (requests.detach(), woken, wake, told, *running.values()):
                os.close(descriptor)
            return _become(json.loads(message), standard)
        running[pid] = told
        os.write(told, pid.to_bytes(_NUMBER, "little"))
        for descriptor in standard:
            os.close(descriptor)


def _received(requests: socket.socket) -> tuple[bytes, list[int]]:
    message, descriptors, *_ = socket.recv_fds(requests, _MESSAGE_BYTES, 3)
    if not message:
        os._exit(0)  # the tests are over
    return message, descriptors


def _tell_ended(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        told = running.pop(pid)
        with suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(told, os.waitstatus_to_exitcode(status).to_bytes(_NUMBER, "little", signed=True))
        os.close(told)


def _become(task: dict[str, Any], standard: Sequence[int]) -> list[str]:
    """Take over outputs, environment and limits of the command; return its arguments."""
    for number, descriptor in zip((1, 2), standard, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(task["environment"])
    time.tzset()
    if task["file_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, tuple(task["file_bytes"]))
    sys.stdout = sys.__stdout__ = _text(1, "strict")
    sys.stderr = sys.__stderr__ = _text(2, "backslashreplace")
    return list(task["arguments"])


def _text(descriptor: int, errors: str) -> io.TextIOWrapper:
    """Return a standard output as Python makes it at its start."""
    is_buffered = not os.environ.get("PYTHONUNBUFFERED")
    binary: Any = open(descriptor, "wb", -1 if is_buffered else 0, closefd=False)  # noqa: SIM115  the process's own
    by_line = is_buffered and (descriptor == sys.stderr.fileno() or binary.isatty())
    return io.TextIOWrapper(binary, "utf-8", errors, line_buffering=by_line, write_through=not is_buffered)


if __name__ == "__main__":
    _load()
    gc.collect()
    gc.freeze()
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = ["signal-client-oci", *arguments]
    importlib.import_module("signal_client_oci.cli").main(arguments)
