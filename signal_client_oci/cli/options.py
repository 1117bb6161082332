"""The options that several commands share, and the instances that they name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.redirections import refuse_redirection
from signal_client_oci.host.instances import (
    Instance,
    InstancesError,
    InstanceSet,
    SeveralInstancesError,
    from_oci_profile,
    read_instances,
)
from signal_client_oci.host.instances.names import shown_setting
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
    "expand_path",
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
        help="The instance of FILE, if it has several.",
        show_default=False,
    ),
]
InstancesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--instance",
        "-i",
        metavar="NAME",
        help="Only this instance of FILE; can be repeated.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="NAME",
        help="Profile of the OCI configuration file (default: DEFAULT).",
        show_default=False,
    ),
]
OciConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--oci-config",
        metavar="PATH",
        help="The OCI configuration file, if it is not ~/.oci/config.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a setting for this call, e.g. additional_regions=all; can be repeated.",
        show_default=False,
    ),
]


class SourceChoice(str, Enum):
    """The values of `--source`."""

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
        help="Only this source (audit, logging, cloud_guard), even if it is switched off; can be repeated.",
        show_default=False,
    ),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 1 also if degraded.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dataclass(frozen=True)
class Chosen:
    """The values of the shared options; instances are read from their file on demand."""

    file: Path | None
    profile: str | None = None
    oci_config: Path | None = None
    changes: Sequence[str] = field(default=())

    def one(self, name: str | None, screen: Screen) -> Instance:
        """Return the named or only instance; prints warnings about unsafe files, raises `CommandError`."""
        return self.several(None if name is None else [name], screen, only=True)[0]

    def several(
        self, names: Sequence[str] | None, screen: Screen, *, only: bool = False
    ) -> tuple[Instance, ...]:
        """Return the named instances, or all; `only` is for commands that take a single one."""
        changes = dict(map(_change, self.changes))
        try:
            found = self._read(names)
            instances = (found.only(),) if only else found.instances
        except SeveralInstancesError as error:
            raise CommandError(f"{error.where}: {error.problem}; add --instance and {error.remedy}") from None
        except InstancesError as error:
            raise CommandError(str(error)) from None
        screen.warn(found.warnings)
        return tuple(instance.with_settings(**changes) for instance in instances)

    def _read(self, names: Sequence[str] | None) -> InstanceSet:
        if self.file is None:
            if names:
                raise CommandError(
                    "--instance needs the FILE that has the instance; for a profile, use --profile"
                )
            return from_oci_profile(self.oci_config, self.profile or "DEFAULT")
        if self.profile or self.oci_config:
            raise CommandError("FILE cannot be combined with --profile or --oci-config; use one of them")
        refuse_redirection(self.file, f"{self.file}")
        return read_instances(self.file, names=names or None)


def expand_path(path: Path, option: str) -> Path:
    """Return the path of an option with a leading `~` replaced by the home directory; raises `CommandError`."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise CommandError(
            f"{option} {path}: begins with ~ but there is no such home directory; give a full path"
        ) from None


def _change(text: str) -> tuple[str, Any]:
    """Split `NAME=VALUE`; the connector parses the value like one from the form."""
    name, separator, value = text.partition("=")
    if not separator:
        raise CommandError("--set: not NAME=VALUE; for example --set logging_enabled=false")
    if name not in FIELDS:
        close = difflib.get_close_matches(name, FIELDS, n=1)
        place = f"--set {shown_setting(name)}".rstrip()
        raise CommandError(
            f"{place}: not a setting; {f'did you mean {close[0]}?' if close else 'see: signal-client-oci schema'}"
        )
    if FIELDS[name].is_secret:
        raise CommandError(
            f"--set {name}: other users can see a secret on the command line; put it into a file"
        )
    return name, value
