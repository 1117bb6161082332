"""Where artifacts go: a file of JSON lines, a stream such as stdout, or memory for tests.

A line is ASCII (everything else escaped), so no reader that splits at exotic line ends can cut a record in
two.
"""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import threading
from typing import TYPE_CHECKING, Protocol

from signal_client_oci.host.atomic_files import (
    StateError,
    lock_file,
    named_error,
    parent_directory,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TextIO

    from typing_extensions import Self

    from signal_client_oci.contract import Artifact

__all__ = ["JsonLinesSink", "MemorySink", "Sink", "StreamSink", "json_line"]

_log = logging.getLogger(__name__)
_BLOCK = 64 * 1024


class Sink(Protocol):
    """Takes the artifacts of one batch."""

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:
        """Deliver all of them; returns only when they are durable, raises OSError when they may not be."""


def json_line(artifact: Artifact) -> str:
    """One artifact as one line, with its line feed."""
    return json.dumps(artifact, allow_nan=False, separators=(",", ":")) + "\n"


class JsonLinesSink:
    """Appends to a file (mode 0600 if new) that this process alone holds; instances may share it.

    A line that a crash left unfinished is cut off at opening (`cut_bytes` says how much), so that later lines
    are whole; its artifact comes again, because its batch had no stored checkpoint. After a failed write the
    file is cut back to its last durable batch before the next one. Raises `StateError` for a file in use, one
    that is not regular or not this user's own (see `file_safety`), or one that does not begin like a file of
    artifacts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        self._intact: int | None = None
        parent_directory(path.parent)
        self._descriptor: int | None = lock_file(path)
        try:
            self.cut_bytes = _cut_unfinished_line(self._descriptor, path)
        except BaseException:
            self.close()
            raise

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:  # noqa: ARG002  metadata names the instance
        """Append one line per artifact, and sync."""
        body = "".join(map(json_line, artifacts)).encode("ascii")
        with self._turn:
            if self._descriptor is None:
                raise ValueError("the sink is closed")
            if body:
                self._append(self._descriptor, body)

    def close(self) -> None:
        """Let another process have the file."""
        with self._turn:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, descriptor: int, body: bytes) -> None:
        try:
            if self._intact is not None:
                os.ftruncate(descriptor, self._intact)
            self._intact = os.fstat(descriptor).st_size
            write_all(descriptor, body)
            os.fsync(descriptor)
        except OSError as error:
            raise named_error(error, self.path) from error
        self._intact = None


class StreamSink:
    """Writes to a text stream and flushes; a stream that is a regular file is synced too.

    A reader that went away (`signal-client-oci poll | head`) shows as BrokenPipeError.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._turn = threading.Lock()

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:  # noqa: ARG002  metadata names the instance
        """Write one line per artifact."""
        with self._turn:
            self._stream.writelines(map(json_line, artifacts))
            self._stream.flush()
            _sync_if_file(self._stream)


class MemorySink:
    """Keeps what was published, in order, for tests."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[Artifact]]] = []

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:
        """Keep the artifacts, as they would read back from a file."""
        self.batches.append((instance, [json.loads(json_line(artifact)) for artifact in artifacts]))

    def artifacts(self, instance: str | None = None) -> list[Artifact]:
        """Everything published so far, of one instance or of all."""
        return [
            artifact
            for name, batch in self.batches
            if instance is None or name == instance
            for artifact in batch
        ]


def _cut_unfinished_line(descriptor: int, path: Path) -> int:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, 0) != b"{":
        raise StateError(f"{path}: is not a file of artifacts; name another file")
    end = size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
        _log.warning("%s: cut off %d bytes of a line that a crash left unfinished", path, size - end)
    return size - end


def _sync_if_file(stream: TextIO) -> None:
    try:
        descriptor = stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return  # a stream in memory has nothing to sync
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fsync(descriptor)
