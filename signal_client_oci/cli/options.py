"""The options that several commands share, and the instances that they name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from signal_client_oci.cli.output.one_line_errors import Fault
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host.instances import (
    Instance,
    InstancesError,
    InstanceSet,
    from_oci_profile,
    read_instances,
)
from signal_client_oci.host.instances.names import word_told
from signal_client_oci.settings.schema import FIELDS

__all__ = [
    "Chosen",
    "FileArgument",
    "InstanceOption",
    "InstancesOption",
    "JsonOption",
    "OciConfigOption",
    "ProfileOption",
    "SetOption",
    "SourceChoice",
    "SourceOption",
    "StrictOption",
    "expanded",
]

FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="TOML file with a table [instances.NAME] for each instance. Without it: a profile of ~/.oci/config.",
        show_default=False,
    ),
]
InstanceOption = Annotated[
    str | None,
    typer.Option(
        "--instance",
        "-i",
        metavar="NAME",
        help="The instance of FILE, where it has several.",
        show_default=False,
    ),
]
InstancesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--instance",
        "-i",
        metavar="NAME",
        help="Only this instance of FILE; may be repeated.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="NAME",
        help="Profile of the OCI tools' configuration file (default: DEFAULT).",
        show_default=False,
    ),
]
OciConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--oci-config",
        metavar="PATH",
        help="That configuration file, if it is not ~/.oci/config.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a setting for this call, e.g. additional_regions=all; may be repeated.",
        show_default=False,
    ),
]


class SourceChoice(str, Enum):
    """The sources as an option takes them."""

    audit = "audit"
    logging = "logging"
    cloud_guard = "cloud_guard"


SourceOption = Annotated[
    list[SourceChoice] | None,
    typer.Option(
        "--source",
        "-s",
        metavar="SOURCE",
        case_sensitive=False,
        help="Only this source (audit, logging, cloud_guard), on or off in the settings; may be repeated.",
        show_default=False,
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 1 if degraded, too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text.")]


@dataclass(frozen=True)
class Chosen:
    """What the shared options say; instances are read from their file when asked for."""

    file: Path | None
    profile: str | None = None
    oci_config: Path | None = None
    changes: Sequence[str] = field(default=())

    def one(self, name: str | None, screen: Screen) -> Instance:
        """Return the named or only instance; prints warnings about files that others may read, raises `Fault`."""
        return self.several(None if name is None else [name], screen, only=True)[0]

    def several(
        self, names: Sequence[str] | None, screen: Screen, *, only: bool = False
    ) -> tuple[Instance, ...]:
        """Return the named instances, or all; `only` is for commands that take one."""
        changes = dict(map(_change, self.changes))
        try:
            found = self._read(names)
            instances = (found.only(),) if only else found.instances
        except InstancesError as error:
            remedy = error.remedy
            if only and names is None and self.file and remedy.startswith("name one of"):
                remedy = f"add --instance and {remedy}"
            raise Fault(f"{error.where}: {error.problem}; {remedy}") from None
        screen.warn(found.warnings)
        return tuple(instance.with_settings(**changes) for instance in instances)

    def _read(self, names: Sequence[str] | None) -> InstanceSet:
        if self.file is None:
            if names:
                raise Fault(
                    "--instance: needs the FILE that the instance is in; a profile is named by --profile"
                )
            return from_oci_profile(self.oci_config, self.profile or "DEFAULT")
        if self.profile or self.oci_config:
            raise Fault("FILE and --profile or --oci-config exclude each other; keep one of them")
        return read_instances(self.file, names=names or None)


def expanded(path: Path, option: str) -> Path:
    """Return the path of an option with a leading `~` replaced by the home directory; raises `Fault`."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise Fault(f"{option} {path}: begins with the ~ of nobody; give a full path") from None


def _change(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`; the connector itself reads the value, as it does what a form sends."""
    name, separator, value = text.partition("=")
    if not separator:
        raise Fault("--set: is not NAME=VALUE; for example --set logging_enabled=false")
    if name not in FIELDS:
        close = difflib.get_close_matches(name, FIELDS, n=1)
        place = f"--set {word_told(name)}".rstrip()
        raise Fault(f"{place}: is no setting; {f'did you mean {close[0]}?' if close else 'see: schema'}")
    if FIELDS[name].is_secret:
        raise Fault(f"--set {name}: a secret on the command line can be seen by others; put it into a file")
    return name, value
