"""Reads a file that may hold a secret, with a warning if other users of the machine can read it too."""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signal_client_oci.host.instances.instance import InstancesError
from signal_client_oci.host.instances.names import is_tellable
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SecretFile", "expanded", "read_key_file", "read_text"]

_MAX_FILE_BYTES: Final = 1024 * 1024
_LONGEST_PATH: Final = 512


@dataclass(frozen=True)
class SecretFile(HoldsSecret):
    """The text of a file, and what the operator should know about who else may read it (one line each)."""

    text: HiddenText = field(repr=False)
    warnings: tuple[str, ...]


def read_key_file(value: str, base: Path, where: str) -> SecretFile:
    """The key file that a setting names (`~`, or relative to `base`); raises `InstancesError`."""
    # Told apart before any text is made: what is not a path may be the key itself, and is not to be shown.
    if "\n" in value or "-----" in value or len(value) > _LONGEST_PATH:
        raise InstancesError(where, "is no path (is it the key itself?)", "name the file that holds the key")
    path = base / expanded(Path(value), where)
    # A word alone may be a pass phrase, and a long mixture of letters and digits a line of the key.
    is_path = re.search(r"[/\\.]", value) is not None and all(map(is_tellable, re.split(r"[/\\]", value)))
    place = f"{where}: {path}" if is_path or path.exists() else where
    return read_text(path, place, "name the PEM file of the API key")


def expanded(path: Path, where: str) -> Path:
    """The path with a leading `~` replaced by the home directory; raises `InstancesError`."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise InstancesError(where, "begins with the ~ of nobody", "give a full path") from None


def read_text(path: Path, where: str, remedy: str) -> SecretFile:
    """A file of UTF-8 text, at most 1 MiB (a pipe too); raises `InstancesError` at `where`."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            body = HiddenBytes(file.read(_MAX_FILE_BYTES + 1))
    except (OSError, ValueError) as error:
        raise InstancesError(where, _problem(error), remedy) from None
    if not body.strip() or len(body) > _MAX_FILE_BYTES:
        raise InstancesError(where, "is empty" if not body.strip() else "is too large", remedy)
    try:
        return SecretFile(HiddenText(body.decode("utf-8-sig")), tuple(_mode_warnings(path, mode)))
    except UnicodeDecodeError:
        pass  # the error holds the bytes of the file, so it must not become the context of ours
    raise InstancesError(where, "is not UTF-8 text", remedy)


def _mode_warnings(path: Path, mode: int) -> Iterable[str]:
    others = stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO)
    if stat.S_ISREG(mode) and others:
        yield f"{path}: other users may read the secret in this file; run: chmod 600 {shlex.quote(str(path))}"


def _problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "may not be read by this user"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    return (isinstance(error, OSError) and error.strerror) or "cannot be opened"
