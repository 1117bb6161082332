"""Which files and directories the host may use: its user's own, which nobody else can change or exchange.

Owners and modes are compared, never tried out, because root may open everything. Root is held to the same rule:
what belongs to another user could be exchanged by that user at any moment, so it is refused with the way out.
Directories above the host's own may belong to anybody and are never changed; only one in which every user may
rename what is not theirs (writable by all, without the sticky bit) is refused. Links to directories are followed if
this user or root made them; a link in the place of a file never is.
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
_NO_SURPRISES: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class StateError(Exception):
    """The host's own files cannot be used as they are; the text is one line with the file and the way out."""


def make_directories(path: Path) -> None:
    """Make a directory and those above it that do not exist, each with mode 0700 and durable.

    Those that exist are left as they are. Raises `StateError` if another user could exchange one of them, or if
    something else stands in the place, OSError if one cannot be made.
    """
    _require_safe_way(path)
    missing = []
    place = path
    while not place.exists():
        missing.append(place)
        place = place.parent
    for directory in reversed(missing):
        _make(directory)
    if not path.is_dir():
        _refuse(path, "is a file", "name a directory")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not directory.is_dir():  # another process may have been faster
            _refuse(directory, "is not a directory", "remove it, or name another place")
        return
    descriptor = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_own_directory(path: Path) -> None:
    """Raise `StateError` unless a directory is this user's, and only this user may write to it."""
    _require_own(path, path.stat())


def require_own_file(path: Path, found: os.stat_result, *, may_have_more_names: bool = False) -> None:
    """Raise `StateError` unless what was found at `path` (not behind a link) is a file of this user's alone.

    With a second name it could be any other file of the user's, so only what is replaced, never what is written
    to, may have one.
    """
    if stat.S_ISLNK(found.st_mode):
        _refuse(path, "is a symbolic link", "name the file that it leads to, or remove the link")
    if stat.S_ISDIR(found.st_mode):
        _refuse(path, "is a directory", "name a file")
    if not stat.S_ISREG(found.st_mode):
        _refuse(path, "is not a regular file", "name a file")
    _require_own(path, found)
    if found.st_nlink > 1 and not may_have_more_names:
        _refuse(path, f"has {found.st_nlink} names (hard links)", "remove the others, or name another place")


def open_own(path: Path, flags: int, *, may_have_more_names: bool = False) -> int:
    """Open an existing file of this user's; raises `StateError` for any other, OSError if it cannot be opened."""
    # Looked at before it is opened, for a device acts on that and a pipe waits, and after, for it may be another.
    require_own_file(path, path.lstat(), may_have_more_names=may_have_more_names)
    descriptor = os.open(path, flags | _NO_SURPRISES)
    try:
        require_own_file(path, os.fstat(descriptor), may_have_more_names=may_have_more_names)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_own(path: Path, found: os.stat_result) -> None:
    me = os.geteuid()
    place = shlex.quote(str(path))
    if found.st_uid != me:
        remedy = f"run this command as that user, or give it to this one: chown {me} {place}"
        _refuse(path, f"belongs to another user (uid {found.st_uid})", remedy)
    if found.st_mode & _WRITABLE_BY_OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        _refuse(path, f"may be written by other users (mode {mode:04o})", f"run: chmod go-w {place}")


def _require_safe_way(path: Path) -> None:
    for directory in _way(path):
        found = _looked_at(directory, follow=True)
        if found is not None and _lets_all_exchange(found.st_mode):
            problem = (
                "every user may exchange the files in it (it is writable by all, without the sticky bit)"
            )
            remedy = f"run: chmod o-w {shlex.quote(str(directory))}, or name another place"
            _refuse(directory, problem, remedy)
        link = _looked_at(directory, follow=False)
        if link is not None and stat.S_ISLNK(link.st_mode) and link.st_uid not in {0, os.geteuid()}:
            problem = f"is a symbolic link of another user (uid {link.st_uid})"
            _refuse(directory, problem, "name the directory that it leads to")


def _lets_all_exchange(mode: int) -> bool:
    return bool(stat.S_ISDIR(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX)


def _way(path: Path) -> Iterator[Path]:
    """Yield a directory and those above it, as they are named and where links lead."""
    named, real = path.absolute(), Path(os.path.realpath(path))
    yield from dict.fromkeys((named, *named.parents, real, *real.parents))


def _looked_at(path: Path, *, follow: bool) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _refuse(path: Path, problem: str, remedy: str) -> NoReturn:
    raise StateError(f"{path}: {problem}; {remedy}")
