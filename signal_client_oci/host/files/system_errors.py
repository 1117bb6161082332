"""Errors of the system in words for an operator: which file, and what to do."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["named_error", "way_out"]

_REMEDIES: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EFBIG: "raise the limit on the size of files, or move the file away",
    errno.EROFS: "mount it for writing",
    errno.EACCES: "let this user write to it",
    errno.EPERM: "let this user write to it",
    errno.EIO: "look at the system's log",
}


def named_error(error: OSError, path: Path | str) -> OSError:
    """Return the error of a call on a descriptor, with the path of its file."""
    return OSError(error.errno, error.strerror or type(error).__name__, str(path))


def way_out(error: OSError) -> str:
    """Return what an operator can do about an error of the system, in a few words."""
    return _REMEDIES.get(error.errno or 0, "repair it")
