"""Artifacts as JSON lines on a stream such as standard output, wherever the shell sends it."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import logging
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signal_client_oci.host.files.atomic_files import last_line_start, write_all, write_some
from signal_client_oci.host.files.system_errors import named_error
from signal_client_oci.host.storage import json_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from signal_client_oci.contract import Artifact

__all__ = ["StreamSink", "stream_name"]

_log = logging.getLogger(__name__)
_BEGINNING: Final = b'{"id":"'
_MAX_LINE_BYTES: Final = 64 * 1024 * 1024  # many times the largest record


class StreamSink:
    """Writes to a text stream past its buffer; a regular file is synced too.

    Where the stream appends to a regular file, an incomplete last line, which a crash or a full disk left, is
    removed at the start, so that the next artifact is a line of its own; its artifact comes again, because its batch
    has no stored checkpoint. A last line that is no artifact is only ended. After a failed write the file is truncated
    to its last whole batch. A reader that went away (`signal-client-oci poll | head`) raises BrokenPipeError.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._name = stream_name(stream)
        self._descriptor = _descriptor_of(stream)
        self._is_file = self._descriptor is not None and stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        if self._descriptor is not None and self._is_file:
            _end_last_line(self._descriptor, self._name)

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:  # noqa: ARG002  metadata names the instance
        """Write one line per artifact."""
        lines = "".join(map(json_line, artifacts))
        with self._lock:
            self._stream.flush()
            if self._descriptor is None:
                self._stream.write(lines)
                self._stream.flush()
                return
            try:
                self._write(self._descriptor, lines.encode("ascii"))
            except OSError as error:
                raise named_error(error, self._name) from error

    def _write(self, descriptor: int, body: bytes) -> None:
        if not self._is_file:
            write_all(descriptor, body)
            return
        start, view = _end(descriptor), memoryview(body)
        try:
            while view:
                view = view[write_some(descriptor, view) :]
            os.fsync(descriptor)
        except OSError:
            _cut_back(descriptor, start, len(body) - len(view))
            raise


def stream_name(stream: TextIO) -> str:
    """Return the name of the file that a standard stream was redirected to, or else words for the stream."""
    words = {1: "standard output", 2: "standard error"}
    descriptor = _descriptor_of(stream)
    if descriptor is None:
        return "the output"
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        with contextlib.suppress(OSError):  # only Linux can tell the name
            return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    return words.get(descriptor, "the output")


def _descriptor_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None  # a stream in memory


def _end(descriptor: int) -> int:
    """Return where the next write to a regular file begins."""
    if _appends(descriptor):
        return os.fstat(descriptor).st_size
    return os.lseek(descriptor, 0, os.SEEK_CUR)


def _appends(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)


def _cut_back(descriptor: int, start: int, written: int) -> None:
    """Remove what a failed write left, unless another process has appended to the file meanwhile."""
    if os.fstat(descriptor).st_size == start + written:
        os.ftruncate(descriptor, start)
        os.lseek(descriptor, start, os.SEEK_SET)


def _end_last_line(descriptor: int, name: str) -> None:
    """Make sure that what is written next begins a line."""
    size = os.fstat(descriptor).st_size
    if not size or _end(descriptor) != size:
        return
    try:
        # The stream itself is open for writing only.
        reading = os.open(f"/dev/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _log.warning("%s: its last line cannot be checked (%s)", name, error.strerror)
        return
    try:
        start = last_line_start(reading, size)
        if start < size:
            _end_line(descriptor, os.pread(reading, min(size - start, _MAX_LINE_BYTES), start), start, name)
    finally:
        os.close(reading)


def _end_line(descriptor: int, line: bytes, start: int, name: str) -> None:
    if line.startswith(_BEGINNING[: len(line)]) and not _is_whole(line):
        os.ftruncate(descriptor, start)
        os.lseek(descriptor, start, os.SEEK_SET)
        _log.warning(
            "%s: removed an incomplete last line of %d bytes, left by a failed write; its batch has no stored "
            "checkpoint, so its artifact comes again",
            name,
            len(line),
        )
        return
    write_all(descriptor, b"\n")
    _log.warning("%s: its last line had no end; a line feed was added before the artifacts", name)


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
