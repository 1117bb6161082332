"""`cluster apply`: put the instances of a file into the cluster's configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from signal_client_oci.cli.cluster_options import (
    CredsOption,
    NatsOption,
    NkeyOption,
    TlsCaOption,
    UserOption,
    cluster_errors,
    server_access,
)
from signal_client_oci.cli.options import Chosen, InstancesOption
from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.host.instances import Instance
from signal_client_oci.host.instances.names import shown_names

if TYPE_CHECKING:
    from signal_client_oci.host.nats.access import ServerAccess
    from signal_client_oci.host.nats.entries import Applied

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci cluster apply oci.toml --nats nats://broker:4222
  signal-client-oci cluster apply oci.toml --dry-run --nats nats://broker:4222
  signal-client-oci cluster apply --disable staging --nats nats://broker:4222
  signal-client-oci cluster apply --remove old --nats nats://broker:4222

\b
The keys that FILE names are copied into the bucket INTEGRATIONS: whoever may
read it has them. Nodes see a change within seconds. Instances that FILE does
not have are left as they are. A removed instance keeps its checkpoint, and
resumes from it if it is added again.

\b
Exit codes:
  0  the configuration is as asked for
  1  settings are wrong (nothing was written), or the server refused
  2  a wrong option or file
"""
_FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="TOML file with a table [instances.NAME] for each instance.",
        show_default=False,
    ),
]
_RemoveOption = Annotated[
    list[str] | None,
    typer.Option("--remove", metavar="NAME", help="Remove an instance; can be repeated.", show_default=False),
]
_DisableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--disable", metavar="NAME", help="Switch an instance off; can be repeated.", show_default=False
    ),
]


def command(  # noqa: PLR0913  one parameter for each option
    file: _FileArgument = None,
    *,
    servers: NatsOption,
    names: InstancesOption = None,
    remove: _RemoveOption = None,
    disable: _DisableOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare, but write nothing.")] = False,
    creds: CredsOption = None,
    user: UserOption = None,
    nkey: NkeyOption = None,
    tls_ca: TlsCaOption = None,
) -> None:
    """Write the instances of FILE into the cluster's configuration.

    All settings and keys are checked before anything is written.
    """
    access = server_access(servers, creds=creds, user=user, nkey=nkey, tls_ca=tls_ca)
    if file is None and not remove and not disable:
        raise CommandError(
            "nothing to do; name a FILE with instances, or use --disable NAME or --remove NAME"
        )
    notes = Screen.err()
    instances = Chosen(file).several(names, notes) if file is not None else ()
    _check_names(instances, remove or (), disable or ())
    _check_settings(instances, notes)
    with cluster_errors():
        applied = asyncio.run(_apply(access, instances, remove or (), disable or (), dry_run=dry_run))
    print_applied(Screen.out(), notes, applied)
    if dry_run:
        notes.print("nothing was written (--dry-run)")


def _check_names(instances: Sequence[Instance], remove: Sequence[str], disable: Sequence[str]) -> None:
    """Refuse a name that two different things are asked for."""
    asked = [*(one.name for one in instances), *dict.fromkeys(remove), *dict.fromkeys(disable)]
    if twice := [name for name in asked if asked.count(name) > 1]:
        raise CommandError(
            f"{shown_names(twice[:1])}: FILE, --remove and --disable cannot name the same instance; "
            "choose one of them (in FILE, enabled = false switches an instance off)"
        )


def _check_settings(instances: Sequence[Instance], notes: Screen) -> None:
    from signal_client_oci.host.nats.entries import instance_errors  # noqa: PLC0415  loads the SDK

    wrong = {one.name: errors for one in instances if (errors := instance_errors(one))}
    for name, errors in wrong.items():
        notes.print(Text(f"{shown_names([name])}: the settings are wrong", style="bold"))
        for field, message in errors.items():
            notes.print(notes.labelled(field, message, max(map(len, errors)) + 2))
    if wrong:
        raise CommandError(
            "nothing was written; correct the settings above and run the command again", FAILED
        )


async def _apply(
    access: ServerAccess,
    instances: Sequence[Instance],
    remove: Sequence[str],
    disable: Sequence[str],
    *,
    dry_run: bool,
) -> Applied:
    from signal_client_oci.host.nats.entries import apply_entries  # noqa: PLC0415
    from signal_client_oci.host.nats.session import open_session  # noqa: PLC0415

    async with open_session(access, "signal-client-oci cluster apply") as session:
        return await apply_entries(
            session, instances, tuple(dict.fromkeys(remove)), tuple(dict.fromkeys(disable)), dry_run=dry_run
        )


def print_applied(screen: Screen, notes: Screen, applied: Applied) -> None:
    """Print a line for each instance, with the names of what changed, and never a value."""
    table = screen.table("Instance", "Change", "What changed")
    for change in applied.changes:
        table.add_row(printable(change.name), word(change.action), printable(", ".join(change.fields)))
    screen.print(table)
    if applied.others:
        notes.print(f"left as they are: {', '.join(map(printable, applied.others))}")
