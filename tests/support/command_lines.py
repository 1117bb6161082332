"""Ways of calling the command line, and instances that lead into a sandbox."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pytest
import typer.main

from signal_client_oci.cli import main
from support.preloaded import Preloaded

COMMAND = (sys.executable, "-m", "signal_client_oci")
WAIT_SECONDS = 30.0
# Typer would look at the parameters of all commands for each call, which takes longer than most commands
typer.main.get_command = lru_cache(typer.main.get_command)
_begun: list[Preloaded] = []


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def artifacts(self) -> list[dict[str, Any]]:
        """The JSON lines of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    """Run a command in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return Ended(code, captured.out, captured.err)


def environment(**changes: str) -> dict[str, str]:
    """The process's environment with `changes`, without what changes how a terminal or the interpreter is used."""
    without = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM")
    without += (
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    )  # the latter would compile everything each time
    return {name: value for name, value in os.environ.items() if name not in without} | changes


def run(*arguments: object, **changes: str) -> Ended:
    """Run a command in a process of its own; both outputs are pipes."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
        env=environment(**changes),
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def begin(
    arguments: Sequence[object],
    *,
    stdout: IO[str] | int = subprocess.PIPE,
    stderr: IO[str] | int = subprocess.PIPE,
    file_bytes: tuple[int, int] | None = None,
    **changes: str,
) -> Preloaded:
    """Start a command that reads nothing; `kill_what_is_left` ends it if nothing else does."""
    process = Preloaded(
        arguments, environment(**changes), stdout=stdout, stderr=stderr, file_bytes=file_bytes
    )
    _begun.append(process)
    return process


def start(*arguments: object, **changes: str) -> Preloaded:
    """Start a command whose outputs are pipes."""
    return begin(arguments, **changes)


def kill_what_is_left() -> None:
    """Kill the commands that still run, and close their pipes."""
    while _begun:
        process = _begun.pop()
        process.kill()
        process.wait(WAIT_SECONDS)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def killed_after(process: Preloaded, seconds: float) -> Iterator[None]:
    """Kill the process when the block takes longer, so that what waits for its output ends."""
    too_long = threading.Timer(seconds, process.kill)
    too_long.daemon = True
    too_long.start()
    try:
        yield
    finally:
        too_long.cancel()


def finished(process: Preloaded) -> Ended:
    """The rest of what a started command writes (after what was read of it), and its exit code."""
    written = ["", ""]
    with killed_after(process, WAIT_SECONDS):
        for number, pipe in enumerate((process.stdout, process.stderr)):
            if pipe is not None:
                with pipe:
                    written[number] = pipe.read()
    return Ended(process.wait(WAIT_SECONDS), *written)


def lines_until(process: Preloaded, is_last: Callable[[list[str]], bool]) -> list[str]:
    """Read lines of a started command until they are those that are waited for."""
    assert process.stdout is not None
    lines: list[str] = []
    with killed_after(process, WAIT_SECONDS):
        while not is_last(lines):
            lines.append(process.stdout.readline())
            assert lines[-1], f"it ended, or wrote no more for {WAIT_SECONDS:g} seconds: {lines}"
    return lines


class Terminal:
    """A command on a terminal of some size, which can change; `written` is what it has written so far."""

    def __init__(self, *arguments: object, columns: int, lines: int) -> None:
        self._master, self._slave = pty.openpty()
        self.resize(columns, lines)
        self.process = begin(arguments, stdout=self._slave, stderr=self._slave, TERM="xterm-256color")
        self.written = ""

    def resize(self, columns: int, lines: int) -> None:
        """Change the size."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def drawing(self, *words: str, most_lines: int) -> list[str]:
        """Wait until a whole drawing of the screen has these words and not more lines; return its lines."""
        until = time.monotonic() + WAIT_SECONDS
        while (left := until - time.monotonic()) > 0 and select.select([self._master], [], [], left)[0]:
            self.written += _read(self._master)
            for drawn in self.written.split("\x1b[H")[1:-1][-2:]:
                plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).replace("\r", "")
                lines = [line.rstrip() for line in plain.split("\n")]
                if all(word in plain for word in words) and len(lines) <= most_lines:
                    return lines
        raise AssertionError(f"not seen: {words}: {self.written[-3000:]}")

    def close(self) -> None:
        """Close the terminal, whatever runs on it."""
        os.close(self._slave)
        os.close(self._master)

    def interrupt(self) -> Ended:
        """Press Ctrl-C; return what was written in all."""
        self.process.send_signal(signal.SIGINT)
        os.close(self._slave)
        with killed_after(self.process, WAIT_SECONDS):
            while piece := _read(self._master):
                self.written += piece
        os.close(self._master)
        return Ended(self.process.wait(WAIT_SECONDS), self.written, "")


def on_terminal(*arguments: object, columns: int = 80, until: str = "", **changes: str) -> Ended:
    """Run a command on a terminal of this width, with Ctrl-C once it has written `until`."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = begin(arguments, stdout=slave, stderr=slave, TERM="xterm-256color", **changes)
    os.close(slave)
    written = ""
    with killed_after(process, WAIT_SECONDS):
        while piece := _read(master):
            written += piece
            if until and until in written:
                process.send_signal(signal.SIGINT)
                until = ""
    os.close(master)
    return Ended(process.wait(WAIT_SECONDS), written, "")


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        return ""  # Linux tells so that the other side was closed


def one_line(ended: Ended) -> str:
    """The only line of stderr of a command that refused its options or files."""
    assert ended.code == 2, ended
    assert ended.out == ""
    assert ended.err.endswith("\n")
    assert ended.err.count("\n") == 1, ended.err
    return ended.err


def write_instances(folder: Path, **settings: dict[str, Any]) -> Path:
    """A private TOML file with these instances, whose keys lie beside it."""
    lines = []
    for name, one in settings.items():
        key = folder / f"{name}.pem"
        key.touch(mode=0o600)
        key.write_text(one["private_key"])
        lines.append(f"[instances.{name}]")
        lines += [f"{field} = {json.dumps(value)}" for field, value in one.items() if field != "private_key"]
        lines.append(f'private_key_file = "{key.name}"')
    path = folder / "oci.toml"
    path.write_text("\n".join(lines))
    return path
