"""`cluster init`: make what a cluster needs in JetStream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import typer

from signal_client_oci.cli.cluster_options import (
    ApplianceOption,
    CredsOption,
    NatsOption,
    NkeyOption,
    TlsCaOption,
    UserOption,
    cluster_errors,
    server_access,
)
from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen, word

if TYPE_CHECKING:
    from signal_client_oci.host.nats.access import ServerAccess
    from signal_client_oci.host.nats.initialisation import Initialised
    from signal_client_oci.host.nats.resources import Resource

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci cluster init --nats nats://broker:4222 --appliance edge-1
  signal-client-oci cluster init --nats nats://a,nats://b,nats://c \\
      --appliance edge-1 --replicas 3 --creds admin.creds

\b
What exists is never changed: it may be the host's. What does not fit is
named, with the command that changes it.

\b
Exit codes:
  0  everything a cluster needs is there
  1  something cannot work (nothing was made), or the server refused
  2  a wrong option or file
"""
_GIB: Final = 1024**3


def command(  # noqa: PLR0913  one parameter for each option
    *,
    servers: NatsOption,
    appliance: ApplianceOption,
    replicas: Annotated[
        int, typer.Option("--replicas", metavar="N", min=1, max=5, help="On how many servers each is kept.")
    ] = 1,
    max_gib: Annotated[
        float | None,
        typer.Option(
            "--max-gib",
            metavar="GIB",
            min=0.001,
            help="Size of a new stream; when it is full, nodes wait (default: no limit).",
            show_default=False,
        ),
    ] = None,
    max_days: Annotated[
        float | None,
        typer.Option(
            "--max-days",
            metavar="DAYS",
            min=0.01,
            help="Days after which a new stream drops an artifact, read or not (default: never).",
            show_default=False,
        ),
    ] = None,
    creds: CredsOption = None,
    user: UserOption = None,
    nkey: NkeyOption = None,
    tls_ca: TlsCaOption = None,
) -> None:
    """Make the stream and the buckets of a cluster that are missing.

    The stream DATA for the artifacts, buckets for configuration, checkpoints, leases and statuses, and an object
    store for records that are larger than a message.
    """
    access = server_access(servers, creds=creds, user=user, nkey=nkey, tls_ca=tls_ca)
    from signal_client_oci.host.nats.resources import (  # noqa: PLC0415  its client is optional
        StreamLimits,
        needed_resources,
    )

    limits = StreamLimits(None if max_gib is None else int(max_gib * _GIB), max_days)
    try:
        needed = needed_resources(appliance, replicas, limits)
    except ValueError as error:
        raise CommandError(f"--appliance: {error}") from None
    with cluster_errors():
        done = asyncio.run(_initialise(access, needed))
    print_initialised(Screen.out(), Screen.err(), done)
    raise typer.Exit(FAILED if done.problems else 0)


async def _initialise(access: ServerAccess, needed: tuple[Resource, ...]) -> Initialised:
    from signal_client_oci.host.nats.initialisation import initialise  # noqa: PLC0415
    from signal_client_oci.host.nats.session import open_session  # noqa: PLC0415

    async with open_session(access, "signal-client-oci cluster init") as session:
        return await initialise(session, needed)


def print_initialised(screen: Screen, notes: Screen, done: Initialised) -> None:
    """Print a line for each stream and bucket, then on `notes` what does not fit."""
    table = screen.table("Kind", "Name", "State", "For")
    for one in done.found:
        state = (
            "failed" if one.fit.problems else "there" if one.was_there else "made" if one.made else "missing"
        )
        resource = one.resource
        table.add_row(resource.kind, resource.name, word(state), printable(resource.purpose))
    screen.print(table)
    notes.warn(done.warnings)
    for problem in done.problems:
        notes.print(f"cannot work: {problem}")
    if done.problems:
        notes.print("nothing was made; run the command again when this is changed")
