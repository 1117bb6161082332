"""Files that survive a crash at any moment: atomic replacement, exclusive locks, private modes.

After a return from a function here the bytes are on the disk (fsync of the file and, for a new name, of its
directory). Every file is made with mode 0600, every directory with 0700; what exists has to be this user's own
(see `file_safety`). POSIX only (`flock`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

from signal_client_oci.host.file_safety import (
    StateError,
    make_directories,
    open_own,
    require_own_directory,
    require_own_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "StateError",
    "keep_aside",
    "lock_file",
    "named_error",
    "parent_directory",
    "private_directory",
    "read_file",
    "replace_file",
    "write_all",
]

_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_AT_ONCE: Final = 1024 * 1024


def private_directory(path: Path) -> None:
    """Make a directory, with its parents, that nobody else can read; one that exists keeps its mode.

    Raises `StateError` if it is not this user's, or if others may write to it; OSError if it cannot be made.
    """
    make_directories(path)
    require_own_directory(path)


def parent_directory(path: Path) -> None:
    """Make the directory of a file like a private one; one that exists may be anybody's, such as `/tmp`.

    Raises `StateError` if every user may exchange the files in it, OSError if it cannot be made.
    """
    make_directories(path)


def read_file(path: Path, most_bytes: int) -> bytes | None:
    """Return the first bytes of a file of this user's, None if there is none; `StateError` for any other file."""
    try:
        descriptor = open_own(path, os.O_RDONLY, may_have_more_names=True)
    except FileNotFoundError:
        return None
    body = bytearray()
    try:
        while piece := os.read(descriptor, min(_READ_AT_ONCE, most_bytes - len(body))):
            body += piece
    finally:
        os.close(descriptor)
    return bytes(body)


def replace_file(path: Path, body: bytes) -> None:
    """Give a file new contents so that a reader, after any crash, finds the old ones or the new ones whole.

    The temporary file stands in the same directory under one fixed name, so crashes leave no heap of them, and
    what one left is removed; two writers of one path must be kept apart by the caller. Raises OSError, and
    `StateError` if what stands there is no file of this user's; either way the old contents stand.
    """
    temporary = f".{path.name}.tmp"
    with _opened_directory(path.parent) as directory:
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
            require_own_file(path, found, may_have_more_names=True)
        try:
            _remove_rest(path.with_name(temporary), directory)
            _write_new(temporary, directory, body)
            os.replace(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise named_error(error, path) from error


def named_error(error: OSError, path: Path) -> OSError:
    """Return the error of a call that knew the file by its descriptor alone, with the file's path."""
    return OSError(error.errno, error.strerror or type(error).__name__, str(path))


def _remove_rest(path: Path, directory: int) -> None:
    """Remove what a crash left, or what somebody put there as a trap; neither is written to."""
    try:
        os.unlink(path.name, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"{path}: is in the way ({error.strerror}); remove it") from None


def _write_new(name: str, directory: int, body: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | _NEW, 0o600, dir_fd=directory)
    try:
        os.fchmod(descriptor, 0o600)
        write_all(descriptor, body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_aside(path: Path, suffix: str, most: int) -> Path | None:
    """Give a file another name, `suffix` behind its own and a number from the second one on; None if all are taken.

    Nothing that has such a name is overwritten, and the file is private afterwards.
    """
    with _opened_directory(path.parent) as directory:
        for number in range(1, most + 1):
            name = f"{path.name}{suffix}" if number == 1 else f"{path.name}{suffix}.{number}"
            try:
                # Taking the name first is what keeps it from being overwritten: a rename alone would not.
                descriptor = os.open(name, os.O_WRONLY | _NEW, 0o600, dir_fd=directory)
            except FileExistsError:
                continue
            os.close(descriptor)
            os.replace(path.name, name, src_dir_fd=directory, dst_dir_fd=directory)
            _make_private(path.with_name(name))
            os.fsync(directory)
            return path.with_name(name)
    return None


def _make_private(path: Path) -> None:
    descriptor = open_own(path, os.O_RDONLY, may_have_more_names=True)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, body: bytes) -> None:
    """Write every byte; the system may take fewer at once."""
    view = memoryview(body)
    while view:
        view = view[os.write(descriptor, view) :]


def lock_file(path: Path) -> int:
    """Open (or make) a file of this user's for reading and appending, locked against every other that locks it.

    The caller closes the descriptor; the lock ends with it, and with the process however it dies. Raises
    `StateError` if another process holds the lock or the file is not this user's own, OSError if it cannot be
    opened.
    """
    flags = os.O_RDWR | os.O_APPEND
    try:
        descriptor, is_new = os.open(path, flags | _NEW, 0o600), True
    except FileExistsError:
        descriptor, is_new = open_own(path, flags), False
    try:
        _take_lock(descriptor, path)
        if is_new:
            os.fchmod(descriptor, 0o600)
            with _opened_directory(path.parent) as directory:
                os.fsync(directory)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _take_lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StateError(f"{path}: is in use by another process; stop it or name another place") from None


@contextlib.contextmanager
def _opened_directory(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
