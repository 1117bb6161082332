"""`cluster status`: the nodes, the instances and who polls them, and what is wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import typer

from signal_client_oci.cli.cluster_options import (
    CredsOption,
    NatsOption,
    NkeyOption,
    TlsCaOption,
    UserOption,
    cluster_errors,
    server_access,
)
from signal_client_oci.cli.options import JsonOption, StrictOption
from signal_client_oci.cli.output.one_line_errors import FAILED
from signal_client_oci.cli.output.screen import Screen

if TYPE_CHECKING:
    from signal_client_oci.host.nats.access import ServerAccess
    from signal_client_oci.host.nats.cluster_status import ClusterStatus

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci cluster status --nats nats://broker:4222
  signal-client-oci cluster status --nats nats://broker:4222 --json \\
      | jq -r '.instances[] | select(.error != "") | .instance, .error'

\b
States, the most troubled first: failed, unowned (no live node polls it),
degraded, waiting (for its first poll), ok, disabled.

\b
Exit codes:
  0  every instance is polled and none failed (with --strict: all are ok)
  1  one failed or is unowned, or the server refused
  2  a wrong option or file
"""
_TROUBLED: Final = ("failed", "unowned")


def command(  # noqa: PLR0913  one parameter for each option
    *,
    servers: NatsOption,
    strict: StrictOption = False,
    as_json: JsonOption = False,
    creds: CredsOption = None,
    user: UserOption = None,
    nkey: NkeyOption = None,
    tls_ca: TlsCaOption = None,
) -> None:
    """Show nodes and instances, those with a problem first."""
    access = server_access(servers, creds=creds, user=user, nkey=nkey, tls_ca=tls_ca)
    with cluster_errors():
        status = asyncio.run(_read(access))
    if as_json:
        typer.echo(json.dumps(status.as_dict(), indent=2))
    else:
        from signal_client_oci.cli.output.cluster_views import print_cluster_status  # noqa: PLC0415

        print_cluster_status(Screen.out(), status)
    bad = (*_TROUBLED, "degraded", "waiting") if strict else _TROUBLED
    raise typer.Exit(FAILED if any(state in status.counts for state in bad) else 0)


async def _read(access: ServerAccess) -> ClusterStatus:
    from signal_client_oci.host.nats.cluster_status import read_cluster_status  # noqa: PLC0415
    from signal_client_oci.host.nats.session import open_session  # noqa: PLC0415

    async with open_session(access, "signal-client-oci cluster status") as session:
        return await read_cluster_status(session)
