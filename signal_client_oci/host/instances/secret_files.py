"""Reads files that may hold a secret, and warns if other users of the machine can read them too."""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signal_client_oci.host.instances.instance import InstancesError
from signal_client_oci.host.instances.names import is_safe_to_show
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SecretFile", "expand_home", "read_key_file", "read_secret_file"]

_MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_PATH: Final = 512


@dataclass(frozen=True)
class SecretFile(HoldsSecret):
    """The text of a file, and warnings (one line each) about other users who can read it."""

    text: HiddenText = field(repr=False)
    warnings: tuple[str, ...]


def read_key_file(value: str, base: Path, where: str) -> SecretFile:
    """Read the key file that a setting names (`~`, or relative to `base`); raises `InstancesError`."""
    # Checked before the value gets into any message: what is not a path may be the key itself.
    if "\n" in value or "-----" in value or len(value) > _MAX_PATH:
        raise InstancesError(
            where, "is not a path (is it the key itself?)", "name the file that holds the key"
        )
    path = base / expand_home(Path(value), where)
    # A single word may be a passphrase, and a long mixture of letters and digits a line of the key.
    is_path = re.search(r"[/\\.]", value) is not None and all(map(is_safe_to_show, re.split(r"[/\\]", value)))
    place = f"{where}: {path}" if is_path or path.exists() else where
    return read_secret_file(path, place, "name the PEM file of the API key")


def expand_home(path: Path, where: str) -> Path:
    """Return the path with a leading `~` replaced by the home directory; raises `InstancesError`."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise InstancesError(
            where, "begins with ~ but there is no such home directory", "give a full path"
        ) from None


def read_secret_file(path: Path, where: str, remedy: str) -> SecretFile:
    """Read a file (or a pipe) of UTF-8 text, at most 1 MiB; raises `InstancesError` at `where`."""
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
        pass  # the error holds the bytes of the file, so it must not become the context of the next one
    raise InstancesError(where, "is not UTF-8 text", remedy)


def _mode_warnings(path: Path, mode: int) -> Iterable[str]:
    group = 0 if _is_credential(path) else stat.S_IRWXG
    others = stat.S_IMODE(mode) & (group | stat.S_IRWXO)
    if stat.S_ISREG(mode) and others:
        yield f"{path}: other users can read the secret in this file; run: chmod 600 {shlex.quote(str(path))}"


def _is_credential(path: Path) -> bool:
    """Return whether systemd made the file for this service alone (systemd.exec, `LoadCredential=`).

    An access list may give it to the service's user; its mask is then shown in the place of the group's rights.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    return directory is not None and path.parent == Path(directory)


def _problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "cannot be read by this user"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    return (isinstance(error, OSError) and error.strerror) or "cannot be opened"
