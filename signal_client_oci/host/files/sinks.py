"""Artifacts as JSON lines in a file that is held."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING

from signal_client_oci.host.files.atomic_files import (
    StateError,
    last_line_start,
    lock_file,
    parent_directory,
    write_all,
)
from signal_client_oci.host.files.system_errors import named_error
from signal_client_oci.host.storage import json_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from typing_extensions import Self

    from signal_client_oci.contract import Artifact

__all__ = ["JsonLinesSink"]

_log = logging.getLogger(__name__)


class JsonLinesSink:
    """Appends to a file (mode 0600 if new) that only this process holds; instances may share it.

    An incomplete last line, left by a crash, is removed at opening (`cut_bytes` is its length), so that later
    lines are whole; its artifact comes again, because its batch had no stored checkpoint. After a failed write the
    file is truncated to its last durable batch, at once or before the next one. Raises `StateError` for a file in
    use, one that is not regular or not this user's own (see `file_safety`), or one that does not begin like a file
    of artifacts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._intact: int | None = None
        parent_directory(path.parent)
        self._descriptor: int | None = lock_file(path)
        try:
            self.cut_bytes = _remove_incomplete_line(self._descriptor, path)
        except BaseException:
            self.close()
            raise

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:  # noqa: ARG002  metadata names the instance
        """Append one line per artifact, and sync."""
        body = "".join(map(json_line, artifacts)).encode("ascii")
        with self._lock:
            if self._descriptor is None:
                raise ValueError("the sink is closed")
            if body:
                self._append(self._descriptor, body)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
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
            self._cut_back(descriptor)
            raise named_error(error, self.path) from error
        self._intact = None

    def _cut_back(self, descriptor: int) -> None:
        """Remove what a failed write left, at once: it takes space on a full disk, and readers see half a line."""
        if self._intact is not None:
            with contextlib.suppress(OSError):  # tried again before the next write
                os.ftruncate(descriptor, self._intact)


def _remove_incomplete_line(descriptor: int, path: Path) -> int:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, 0) != b"{":
        raise StateError(f"{path}: is not a file of artifacts; name another file")
    end = last_line_start(descriptor, size)
    if end < size:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
        _log.warning("%s: removed an incomplete last line of %d bytes, left by a crash", path, size - end)
    return size - end
