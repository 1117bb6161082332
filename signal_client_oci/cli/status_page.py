"""The option `--http` of the commands that keep polling: serve metrics, health and the status page meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.output.screen import Screen

if TYPE_CHECKING:
    from signal_client_oci.host.http.board import StatusBoard

__all__ = ["HttpOption", "status_page"]

HttpOption = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="HOST:PORT",
        help="Serve a status page, /metrics, /healthz and /readyz here, e.g. 127.0.0.1:9464.",
        show_default=False,
    ),
]


@contextmanager
def status_page(address: str | None, board: StatusBoard, screen: Screen) -> Iterator[str]:
    """Serve the board at the option's address while the context lasts, print and yield where; None serves nothing.

    Raises `CommandError` if the extra is missing or the address cannot be listened on.
    """
    if address is None:
        yield ""
        return
    if find_spec("prometheus_client") is None:
        raise CommandError("--http needs the extra `metrics`: pip install 'signal-client-oci[metrics]'")
    from signal_client_oci.host.http.addresses import ListenAddressError, parse_address  # noqa: PLC0415
    from signal_client_oci.host.http.server import serve  # noqa: PLC0415  its dependency is optional

    try:
        server = serve(board, parse_address(address))
    except ListenAddressError as error:
        raise CommandError(f"--http: {error}") from None
    except OSError as error:
        raise CommandError(
            f"--http {address}: {os.strerror(error.errno or 0)}; name another address"
        ) from None
    with closing(server):
        screen.print(f"status page: {server.url}")
        if not server.address.is_loopback:
            screen.warn(["everyone who can reach this address can read the status page; it has no sign-in"])
        yield server.url
