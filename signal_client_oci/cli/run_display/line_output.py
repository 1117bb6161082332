"""Lines on an output that may be slow, full or gone: whoever prints them is never held up and never fails.

A thread of its own writes. While a disk is full it tries again, so that lines printed meanwhile appear once there is
space; a reader that does not read delays only the lines. What does not fit into memory is counted, and said.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO

from signal_client_oci.cli.output.safe_text import printable

__all__ = ["LineOutput", "is_gone"]

_RETRY_SECONDS: Final = 0.5
_GONE: Final = frozenset(
    # a reader that went away, a terminal that was hung up, a socket whose other side was closed
    {errno.EPIPE, errno.EBADF, errno.EIO, errno.ENXIO, errno.ECONNRESET, errno.ENOTCONN}
)


def is_gone(error: OSError) -> bool:
    """Return whether an output that failed like this can never be written to again."""
    return error.errno in _GONE


class LineOutput:
    """Writes lines in order; `on_failure` is called once, from the writing thread, when it can write no more.

    Attributes:
        failure: Why lines could not be written, None if all were.
    """

    def __init__(
        self, stream: TextIO, on_failure: Callable[[OSError], None], max_lines: int = 10_000
    ) -> None:
        self.failure: OSError | None = None
        self._write = _writer(stream)
        self._encoding = stream.encoding or "utf-8"
        self._on_failure = on_failure
        self._max_lines = max_lines
        self._lines: deque[str] = deque()
        self._left_out = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        # A daemon, because a reader that does not read must not keep the process from ending.
        self._thread = threading.Thread(target=self._keep_writing, name="log lines", daemon=True)
        self._thread.start()

    def print(self, text: str) -> None:
        """Take one line; it is made printable."""
        with self._changed:
            if len(self._lines) >= self._max_lines or self.failure:
                self._left_out += 1
                return
            if self._left_out:
                self._lines.append(f"{self._left_out:,} lines were left out: the output took none meanwhile")
                self._left_out = 0
            self._lines.append(printable(text))
            self._changed.notify()

    def close(self, timeout_seconds: float) -> int:
        """Write what was taken, at most so long; return how many lines were not written."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return self._left_out + len(self._lines)

    def _keep_writing(self) -> None:
        while (line := self._next()) is not None and self._write_line(line):
            with self._changed:
                self._lines.popleft()

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closing.is_set())
            return self._lines[0] if self._lines else None

    def _write_line(self, line: str) -> bool:
        """Write one line, and again from where a failed attempt ended; return False once there is no way."""
        view = memoryview(f"{line}\n".encode(self._encoding, "backslashreplace"))
        is_last_attempt = False
        while view:
            try:
                view = view[self._write(view) :]
            except OSError as error:
                if is_gone(error) or is_last_attempt:
                    self.failure = error
                    self._on_failure(error)
                    return False
                is_last_attempt = self._closing.wait(_RETRY_SECONDS)
        return True


def _writer(stream: TextIO) -> Callable[[memoryview], int]:
    """Return what writes bytes past the stream's buffer, which would keep what could not be written."""
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        return lambda view: stream.write(bytes(view).decode())
    return lambda view: os.write(descriptor, view)
