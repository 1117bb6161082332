"""Checkpoints on disk: a directory for many instances, a file for one.

A file that is not JSON is moved aside (suffix `.unreadable`, then `.unreadable.2` and so on: ten at most, none of
which is overwritten), logged at WARNING and taken as no checkpoint, so that the connector starts at its lookback.
JSON is handed over unchanged, whatever its shape: validating a checkpoint is the plugin's part of the contract. An
I/O error, or a file that another user could have written, is raised, never taken for "no checkpoint".
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.host.files.atomic_files import (
    StateError,
    keep_aside,
    lock_file,
    parent_directory,
    private_directory,
    read_file,
    replace_file,
    require_writable,
)

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from signal_client_oci.contract import Checkpoint

__all__ = ["CheckpointFile", "StateDirectory", "file_stem"]

_log = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^a-z0-9_-]+")
_MAX_FILE_BYTES: Final = 16 * 1024 * 1024  # many times what the contract allows
_MAX_UNREADABLE: Final = 10


class _LockedStore:
    """A store on disk that one process holds at a time; close it, or use it in a `with`."""

    def __init__(self, lock: Path) -> None:
        self._lock: int | None = lock_file(lock)

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_writable(self, path: Path) -> None:
        """Find out before anything is read, not after the first batch was delivered."""
        try:
            require_writable(path)
        except BaseException:
            self.close()
            raise

    def _require_open(self) -> None:
        if self._lock is None:
            raise ValueError("the checkpoint store is closed")


class StateDirectory(_LockedStore):
    """A directory with one checkpoint file per instance: `lock` and `checkpoints/<stem>.json`.

    Raises `StateError` if another process holds the directory, if it belongs to another user or if others can
    write to it. An existing directory keeps its mode; every file, and `checkpoints` itself, is private.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        private_directory(path)
        super().__init__(path / "lock")
        self._checkpoints = path / "checkpoints"
        private_directory(self._checkpoints)
        self._require_writable(self._checkpoints / "checkpoint.json")

    def load(self, instance: str) -> Any:
        """Return the instance's last checkpoint, or None."""
        self._require_open()
        return _read(self._file(instance), instance)

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Replace the instance's checkpoint atomically and durably."""
        self._require_open()
        replace_file(self._file(instance), compact_json(checkpoint))

    def _file(self, instance: str) -> Path:
        return self._checkpoints / f"{file_stem(instance)}.json"


class CheckpointFile(_LockedStore):
    """One file with the checkpoint of one instance, for a single poll; `.<name>.lock` lies beside it.

    Raises `StateError` if another process holds it, or if another user could have written or replaced it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.name in {"", ".."}:
            raise StateError(f"{path}: is a directory; name a file")
        parent_directory(path.parent)
        super().__init__(path.with_name(f".{path.name}.lock"))
        self._require_writable(path)

    def content(self) -> bytes:
        """Return the contents of the file, empty if there is none."""
        self._require_open()
        return read_file(self.path, _MAX_FILE_BYTES + 1) or b""

    def load(self, instance: str) -> Any:
        """Return what the file holds, or None."""
        self._require_open()
        return _read(self.path, instance)

    def save(self, instance: str, checkpoint: Checkpoint) -> None:  # noqa: ARG002  the file is the instance's own
        """Replace the file atomically and durably."""
        self._require_open()
        replace_file(self.path, compact_json(checkpoint))


def file_stem(instance: str) -> str:
    """Return a file name for an instance: readable, without a path, and different from that of any other instance.

    The digest of the whole name distinguishes what the readable part cannot (case, other alphabets, length).
    """
    digest = hashlib.sha256(instance.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    readable = _UNSAFE.sub("_", instance.lower())[:40].strip("_-")
    return f"{readable or 'instance'}.{digest}"


def _read(path: Path, instance: str) -> Any:
    body = read_file(path, _MAX_FILE_BYTES + 1)
    if body is None:
        return None
    try:
        return _decoded(body)
    except (ValueError, RecursionError) as error:
        _log.warning(
            "%s: the checkpoint cannot be read (%s), %s; the next poll starts at its lookback",
            instance,
            type(error).__name__,
            _move_aside(path),
        )
        return None


def _decoded(body: bytes) -> Any:
    if len(body) > _MAX_FILE_BYTES:
        raise ValueError("the file is much larger than any checkpoint")
    return json.loads(body)


def _move_aside(path: Path) -> str:
    """Rename a damaged checkpoint; return in words what became of it."""
    aside = keep_aside(path, ".unreadable", _MAX_UNREADABLE)
    if aside is None:
        return f"not kept: there are {_MAX_UNREADABLE} already; remove {path}.unreadable and those after it"
    return f"moved to {aside}"
