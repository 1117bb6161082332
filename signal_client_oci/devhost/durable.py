"""Files that survive a crash at any moment: atomic replacement, exclusive locks, private modes.

After a return from a function here the bytes are on the disk (fsync of the file and, for a new name, of its
directory). Every file is made with mode 0600, every directory with 0700. POSIX only (`flock`).
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StateError", "lock_file", "private_directory", "replace_file", "sync_directory", "write_all"]


class StateError(Exception):
    """The host's own files cannot be used as they are; the text is one line with the file and the way out."""


def private_directory(path: Path) -> None:
    """Make a directory, with its parents, that nobody else can read; one that exists is left as it is."""
    if path.is_dir():
        return
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise StateError(f"{path}: is a file; name a directory") from None
    sync_directory(path.parent)


def replace_file(path: Path, body: bytes) -> None:
    """Give a file new contents so that a reader, after any crash, finds the old ones or the new ones whole.

    The temporary file stands in the same directory under one fixed name, so crashes leave no heap of them;
    two writers of one path must be kept apart by the caller. Raises OSError, and then the old contents stand.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        write_all(descriptor, body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


def write_all(descriptor: int, body: bytes) -> None:
    """Write every byte; the system may take fewer at once."""
    view = memoryview(body)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_file(path: Path) -> int:
    """Open (or make) a regular file for reading and appending, locked against every other opener that locks.

    The caller closes the descriptor; the lock ends with it, and with the process however it dies. Raises
    `StateError` if another process holds the lock or the path is no regular file, OSError if it cannot be
    opened.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _take_lock(descriptor, path)
        if is_new:
            sync_directory(path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _take_lock(descriptor: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise StateError(f"{path}: is no regular file; name a file")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StateError(f"{path}: is in use by another process; stop it or name another place") from None
