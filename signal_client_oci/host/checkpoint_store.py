"""Where checkpoints are kept: a directory for many instances, a file for one, memory for tests.

What cannot be read as JSON is moved aside (suffix `.unreadable`, then `.unreadable.2` and so on: ten at most, none
of which is overwritten), logged at WARNING and taken as no checkpoint, so the connector starts again at its
lookback. What is JSON is handed over as it is, whatever its shape: judging a checkpoint is the plugin's part of the
contract. An I/O error, or a file that another user could have written, is raised, never taken for "no checkpoint".
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from signal_client_oci.host.atomic_files import (
    StateError,
    keep_aside,
    lock_file,
    parent_directory,
    private_directory,
    read_file,
    replace_file,
)
from signal_client_oci.host.contract_checks import compact_json

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from signal_client_oci.contract import Checkpoint

__all__ = ["CheckpointFile", "CheckpointStore", "MemoryCheckpoints", "StateDirectory", "file_stem"]

_log = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^a-z0-9_-]+")
_LARGEST_FILE: Final = 16 * 1024 * 1024  # many times what the contract allows
_MOST_UNREADABLE: Final = 10


class CheckpointStore(Protocol):
    """The last checkpoint of each instance."""

    def load(self, instance: str) -> Any:
        """What was saved last, or None; raises OSError or `StateError` if it cannot be read."""

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; returns only when it is durable, raises OSError or `StateError` when it is not."""


class _Held:
    """Something on disk that one process holds at a time; close it, or use it in a `with`."""

    def __init__(self, lock: Path) -> None:
        self._lock: int | None = lock_file(lock)

    def close(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_open(self) -> None:
        if self._lock is None:
            raise ValueError("the checkpoint store is closed")


class StateDirectory(_Held):
    """A directory with one checkpoint file per instance: `lock` and `checkpoints/<stem>.json`.

    Raises `StateError` when another process holds the directory, when it belongs to another user or when others
    may write to it. A directory that exists keeps its mode; every file, and `checkpoints` itself, is private.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        private_directory(path)
        super().__init__(path / "lock")
        self._checkpoints = path / "checkpoints"
        private_directory(self._checkpoints)

    def load(self, instance: str) -> Any:
        """The instance's last checkpoint, or None."""
        self._require_open()
        return _read(self._file(instance), instance)

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Replace the instance's checkpoint atomically and durably."""
        self._require_open()
        replace_file(self._file(instance), compact_json(checkpoint))

    def _file(self, instance: str) -> Path:
        return self._checkpoints / f"{file_stem(instance)}.json"


class CheckpointFile(_Held):
    """One file with the checkpoint of one instance, for a poll by hand; `.<name>.lock` lies beside it.

    Raises `StateError` when another process holds it, or when another user could have written or exchanged it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.name in {"", ".."}:
            raise StateError(f"{path}: is a directory; name a file")
        parent_directory(path.parent)
        super().__init__(path.with_name(f".{path.name}.lock"))

    def content(self) -> bytes:
        """The file as it stands, empty if there is none."""
        self._require_open()
        return read_file(self.path, _LARGEST_FILE + 1) or b""

    def load(self, instance: str) -> Any:
        """What the file holds, or None."""
        self._require_open()
        return _read(self.path, instance)

    def save(self, instance: str, checkpoint: Checkpoint) -> None:  # noqa: ARG002  the file is the instance's own
        """Replace the file atomically and durably."""
        self._require_open()
        replace_file(self.path, compact_json(checkpoint))


class MemoryCheckpoints:
    """Checkpoints as JSON text in memory, so that nothing a plugin does later to its dicts changes them."""

    def __init__(self) -> None:
        self.saved: dict[str, bytes] = {}

    def load(self, instance: str) -> Any:
        """What was saved last, or None."""
        return json.loads(self.saved.get(instance, b"null"))

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Keep a copy."""
        self.saved[instance] = compact_json(checkpoint)


def file_stem(instance: str) -> str:
    """A file name for an instance: readable, without any path in it, and never that of another instance.

    The digest of the whole name tells apart what the readable part cannot (case, other alphabets, length).
    """
    digest = hashlib.sha256(instance.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    readable = _UNSAFE.sub("_", instance.lower())[:40].strip("_-")
    return f"{readable or 'instance'}.{digest}"


def _read(path: Path, instance: str) -> Any:
    body = read_file(path, _LARGEST_FILE + 1)
    if body is None:
        return None
    try:
        return _decoded(body)
    except (ValueError, RecursionError) as error:
        _log.warning(
            "%s: the checkpoint is not readable (%s), %s; the next poll starts at its lookback",
            instance,
            type(error).__name__,
            _put_aside(path),
        )
        return None


def _decoded(body: bytes) -> Any:
    if len(body) > _LARGEST_FILE:
        raise ValueError("the file is far larger than any checkpoint")
    return json.loads(body)


def _put_aside(path: Path) -> str:
    """Move a damaged checkpoint out of the way; return in words what became of it."""
    aside = keep_aside(path, ".unreadable", _MOST_UNREADABLE)
    if aside is None:
        return f"not kept: there are {_MOST_UNREADABLE} already; remove {path}.unreadable and those after it"
    return f"moved to {aside}"
