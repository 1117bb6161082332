"""Which files and directories the host uses: those of its user, which nobody else can change or replace.

Owners and modes are compared; opening a file proves nothing, because root can open everything. The same rule holds
for root: what belongs to another user could be replaced by that user at any moment, so it is refused with the way
out. Directories above the host's own may belong to anybody and are never changed; only one in which every user can
rename the files of others (writable by all, without the sticky bit) is refused. Links to directories are followed
if this user or root created them; a link in place of a file never is.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StateError", "make_directories", "open_own", "require_own_directory", "require_own_file"]

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_SAFE_OPEN: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class StateError(Exception):
    """The host's own files cannot be used as they are; one line: the file, what is wrong, the way out."""


def make_directories(path: Path) -> None:
    """Create a directory and its missing parents, each with mode 0700 and durable.

    Existing ones stay as they are. Raises `StateError` if another user could replace one of them or if the path is
    not a directory, OSError if one cannot be created.
    """
    _require_safe_path(path)
    missing = []
    directory = path
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for directory in reversed(missing):
        _make(directory)
    if not path.is_dir():
        _refuse(path, "is a file", "name a directory")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not directory.is_dir():  # another process may have been faster
            _refuse(directory, "is not a directory", "remove it, or name another path")
        return
    descriptor = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_own_directory(path: Path) -> None:
    """Raise `StateError` unless a directory belongs to this user and only this user can write to it."""
    _require_own(path, path.stat())


def require_own_file(path: Path, found: os.stat_result, *, allow_hard_links: bool = False) -> None:
    """Raise `StateError` unless `found`, the status of `path` itself (not of a link's target), is a file of this user.

    A file with a second name could be any other file of the user, so only a file that is replaced, never one that is
    written to, may have one.
    """
    if stat.S_ISLNK(found.st_mode):
        _refuse(path, "is a symbolic link", "name the file that it points to, or remove the link")
    if stat.S_ISDIR(found.st_mode):
        _refuse(path, "is a directory", "name a file")
    if not stat.S_ISREG(found.st_mode):
        _refuse(path, "is not a regular file", "name a file")
    _require_own(path, found)
    if found.st_nlink > 1 and not allow_hard_links:
        _refuse(
            path, f"has {found.st_nlink} names (hard links)", "remove the other names, or name another path"
        )


def open_own(path: Path, flags: int, *, allow_hard_links: bool = False) -> int:
    """Open an existing file of this user; raises `StateError` for any other, OSError if it cannot be opened."""
    # Checked before it is opened, for a device acts on that and a pipe blocks, and after, for it may be another file.
    require_own_file(path, path.lstat(), allow_hard_links=allow_hard_links)
    descriptor = os.open(path, flags | _SAFE_OPEN)
    try:
        require_own_file(path, os.fstat(descriptor), allow_hard_links=allow_hard_links)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_own(path: Path, found: os.stat_result) -> None:
    me = os.geteuid()
    quoted = shlex.quote(str(path))
    if found.st_uid != me:
        remedy = f"run this command as that user, or change the owner: chown {me} {quoted}"
        _refuse(path, f"belongs to another user (uid {found.st_uid})", remedy)
    if found.st_mode & _WRITABLE_BY_OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        _refuse(path, f"can be written by other users (mode {mode:04o})", f"run: chmod go-w {quoted}")


def _require_safe_path(path: Path) -> None:
    for directory in _directories_to(path):
        found = _status(directory, follow=True)
        if found is not None and _everybody_can_replace(found.st_mode):
            problem = "every user can replace the files in it (it is writable by all, without the sticky bit)"
            remedy = f"run: chmod o-w {shlex.quote(str(directory))}, or name another path"
            _refuse(directory, problem, remedy)
        link = _status(directory, follow=False)
        if link is not None and stat.S_ISLNK(link.st_mode) and link.st_uid not in {0, os.geteuid()}:
            problem = f"is a symbolic link of another user (uid {link.st_uid})"
            _refuse(directory, problem, "name the directory that it points to")


def _everybody_can_replace(mode: int) -> bool:
    return bool(stat.S_ISDIR(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX)


def _directories_to(path: Path) -> Iterator[Path]:
    """Yield a directory and its parents, as they are named and where links lead."""
    named, real = path.absolute(), Path(os.path.realpath(path))
    yield from dict.fromkeys((named, *named.parents, real, *real.parents))


def _status(path: Path, *, follow: bool) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _refuse(path: Path, problem: str, remedy: str) -> NoReturn:
    raise StateError(f"{path}: {problem}; {remedy}")
