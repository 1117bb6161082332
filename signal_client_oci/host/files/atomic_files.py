"""Files that survive a crash at any moment: atomic replacement, exclusive locks, private modes.

When a function here returns, the bytes are on the disk (fsync of the file and, for a new name, of its directory).
Files are created with mode 0600, directories with 0700; existing ones must belong to this user (see
`file_safety`). POSIX only (`flock`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
from typing import TYPE_CHECKING, Final

from signal_client_oci.host.files.file_safety import (
    StateError,
    make_directories,
    open_own,
    require_own_directory,
    require_own_file,
)
from signal_client_oci.host.files.system_errors import named_error, way_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "StateError",
    "keep_aside",
    "last_line_start",
    "lock_file",
    "parent_directory",
    "private_directory",
    "read_file",
    "replace_file",
    "require_writable",
    "write_all",
    "write_some",
]

_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK: Final = 64 * 1024
_READ_AT_ONCE: Final = 1024 * 1024


def private_directory(path: Path) -> None:
    """Create a directory, with its parents, that nobody else can read; an existing one keeps its mode.

    Raises `StateError` if it is not this user's or others can write to it, OSError if it cannot be created.
    """
    make_directories(path)
    require_own_directory(path)


def parent_directory(path: Path) -> None:
    """Create the directory of a file like a private one; an existing one may be anybody's, such as `/tmp`.

    Raises `StateError` if every user can replace the files in it, OSError if it cannot be created.
    """
    make_directories(path)


def read_file(path: Path, max_bytes: int) -> bytes | None:
    """Return the first bytes of a file of this user, None if it does not exist; `StateError` for any other file."""
    try:
        descriptor = open_own(path, os.O_RDONLY, allow_hard_links=True)
    except FileNotFoundError:
        return None
    body = bytearray()
    try:
        while piece := os.read(descriptor, min(_READ_AT_ONCE, max_bytes - len(body))):
            body += piece
    except OSError as error:
        raise named_error(error, path) from error
    finally:
        os.close(descriptor)
    return bytes(body)


def replace_file(path: Path, body: bytes) -> None:
    """Replace the contents of a file so that a reader, after any crash, finds either the old or the new ones, whole.

    The temporary file has one fixed name in the same directory, so that crashes do not pile them up, and what a crash
    left is removed; the caller keeps two writers of one path apart. Raises OSError, and `StateError` if the path is
    not a file of this user; either way the old contents stay.
    """
    temporary = f".{path.name}.tmp"
    with _open_directory(path.parent) as directory:
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
            require_own_file(path, found, allow_hard_links=True)
        try:
            _remove_leftover(path.with_name(temporary), directory)
            _write_new(temporary, directory, body)
            os.replace(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise named_error(error, path) from error


def require_writable(path: Path) -> None:
    """Raise `StateError` unless `replace_file` can write beside a file, which need not exist; leaves nothing behind."""
    temporary = f".{path.name}.tmp"
    with _open_directory(path.parent) as directory:
        try:
            _remove_leftover(path.with_name(temporary), directory)
            _write_new(temporary, directory, b"can be written\n")
        except OSError as error:
            problem = f"no file can be written there ({error.strerror}), so no checkpoint could be kept"
            raise StateError(f"{path.parent}: {problem}; {way_out(error)}, or name another path") from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)


def _remove_leftover(path: Path, directory: int) -> None:
    """Remove what a crash left, or what somebody planted there; neither is written to."""
    try:
        os.unlink(path.name, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from None


def _write_new(name: str, directory: int, body: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | _NEW, 0o600, dir_fd=directory)
    try:
        os.fchmod(descriptor, 0o600)
        write_all(descriptor, body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep_aside(path: Path, suffix: str, limit: int) -> Path | None:
    """Rename a file to its name plus `suffix`, with a number from the second one on; None if all names are taken.

    No existing file is overwritten, and the renamed one is private. Raises OSError.
    """
    try:
        return _keep_aside(path, suffix, limit)
    except OSError as error:
        raise named_error(error, path) from error


def _keep_aside(path: Path, suffix: str, limit: int) -> Path | None:
    with _open_directory(path.parent) as directory:
        for number in range(1, limit + 1):
            name = f"{path.name}{suffix}" if number == 1 else f"{path.name}{suffix}.{number}"
            try:
                # The name is reserved first, because a rename alone would overwrite a file of that name.
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
    descriptor = open_own(path, os.O_RDONLY, allow_hard_links=True)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, body: bytes) -> None:
    """Write every byte, in several calls if the system takes fewer at once."""
    view = memoryview(body)
    while view:
        view = view[write_some(descriptor, view) :]


def write_some(descriptor: int, view: memoryview) -> int:
    """Write and return how many bytes were taken; waits for a pipe that is full."""
    while True:
        try:
            return os.write(descriptor, view)
        except BlockingIOError:  # another process that shares the pipe made it non-blocking
            select.select((), (descriptor,), ())


def last_line_start(descriptor: int, size: int) -> int:
    """Return where the last line of a file of `size` bytes begins: `size` if the line before it has its end."""
    end = size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def lock_file(path: Path) -> int:
    """Open or create a file of this user for reading and appending, and lock it exclusively.

    The caller closes the descriptor; the lock ends with it, and with the process. Raises `StateError` if another
    process holds the lock or the file is not this user's own, OSError if it cannot be opened.
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
            with _open_directory(path.parent) as directory:
                os.fsync(directory)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _take_lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StateError(
            f"{path}: is in use by another process; stop that process, or name another path"
        ) from None


@contextlib.contextmanager
def _open_directory(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
