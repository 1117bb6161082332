"""Where checkpoints are kept: a directory for many instances, a file for one, memory for tests.

What cannot be read as JSON is moved aside (suffix `.unreadable`), logged at WARNING and taken as no
checkpoint, so the connector starts again at its lookback. What is JSON is handed over as it is, whatever its
shape: judging a checkpoint is the plugin's part of the contract. An I/O error is raised, never taken for "no
checkpoint".
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from typing import TYPE_CHECKING, Any, Protocol

from signal_client_oci.devhost.breach import compact_json
from signal_client_oci.devhost.durable import lock_file, private_directory, replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from signal_client_oci.contract import Checkpoint

__all__ = ["CheckpointFile", "CheckpointStore", "MemoryCheckpoints", "StateDirectory", "file_stem"]

_log = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^a-z0-9_-]+")


class CheckpointStore(Protocol):
    """The last checkpoint of each instance."""

    def load(self, instance: str) -> Any:
        """What was saved last, or None; raises OSError if the medium cannot be read."""

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; returns only when it is durable, raises OSError when it is not."""


class _Held:
    """Something on disk that one process holds at a time; close it, or use it in a `with`."""

    def __init__(self, lock: Path) -> None:
        private_directory(lock.parent)
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

    Raises `StateError` when another process holds the directory. A directory that exists keeps its mode;
    every file, and `checkpoints` itself, is private.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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
    """One file with the checkpoint of one instance, for a poll by hand; `.<name>.lock` lies beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(path.with_name(f".{path.name}.lock"))

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
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        aside = path.with_name(f"{path.name}.unreadable")
        path.replace(aside)
        _log.warning(
            "%s: the checkpoint is not readable (%s), moved to %s; the next poll starts at its lookback",
            instance,
            type(error).__name__,
            aside,
        )
        return None
