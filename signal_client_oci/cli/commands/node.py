"""`node`: poll a share of a cluster's instances until stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
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
from signal_client_oci.cli.output.log_lines import all_lines
from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.status_page import HttpOption, status_page
from signal_client_oci.host.http.board import StatusBoard

if TYPE_CHECKING:
    from signal_client_oci.host.nats.access import ServerAccess
    from signal_client_oci.host.nats.node.node import NodeOptions

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci node --nats nats://broker:4222 --appliance edge-1
  signal-client-oci node --nats nats://a:4222,nats://b:4222 --appliance edge-1 \\
      --name node-2 --creds node.creds --tls-ca ca.pem
  NATS_PASSWORD=... signal-client-oci node --nats nats://broker:4222 \\
      --appliance edge-1 --user oci-node --http 127.0.0.1:9464

\b
Start as many nodes as you like; they share the instances between them. A node
that is killed is replaced after --lease-seconds, one that is stopped (Ctrl-C,
SIGTERM) within a second. Before the first node: signal-client-oci cluster init.

\b
Exit codes:
  0    stopped (Ctrl-C, SIGTERM)
  1    NATS refused the account, or lacks what a cluster needs
  2    a wrong option or file
  130  exited at once (a second Ctrl-C)
"""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def command(  # noqa: PLR0913  one parameter for each option
    *,
    servers: NatsOption,
    appliance: ApplianceOption,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The node's name, another one for each node (default: the host name).",
            show_default=False,
        ),
    ] = None,
    lease_seconds: Annotated[
        float,
        typer.Option(
            "--lease-seconds",
            min=1.0,
            max=3600.0,
            help="Take over from a node that was silent for so long; the same for all nodes.",
        ),
    ] = 30.0,
    creds: CredsOption = None,
    user: UserOption = None,
    nkey: NkeyOption = None,
    tls_ca: TlsCaOption = None,
    http: HttpOption = None,
) -> None:
    """Poll a share of the cluster's instances, until Ctrl-C.

    Instances, checkpoints and artifacts are in NATS JetStream; the node keeps nothing on disk.
    """
    access = server_access(servers, creds=creds, user=user, nkey=nkey, tls_ca=tls_ca)
    from signal_client_oci.host.nats.layout import artifacts_subject  # noqa: PLC0415  its client is optional
    from signal_client_oci.host.nats.node.node import NodeOptions  # noqa: PLC0415

    try:
        artifacts_subject(appliance)
    except ValueError as error:
        raise CommandError(f"--appliance: {error}") from None
    options = NodeOptions(appliance, name or socket.gethostname(), lease_seconds)
    screen, board = Screen.out(), StatusBoard()
    with status_page(http, board, screen), cluster_errors(), all_lines(screen.print):
        asyncio.run(_run(access, options, board))
    screen.print("stopped")


async def _run(access: ServerAccess, options: NodeOptions, board: StatusBoard) -> None:
    from signal_client_oci.host import Plugins  # noqa: PLC0415  loads the SDK
    from signal_client_oci.host.nats.node.running import run_node  # noqa: PLC0415  its client is optional

    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)  # a second one ends the process at once
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    await run_node(access, options, Plugins.discover(), stop, board)
