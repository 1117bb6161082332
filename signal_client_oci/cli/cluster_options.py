"""The options by which the commands of a cluster reach its NATS server."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer

from signal_client_oci.cli.options import expand_path
from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host.instances import InstancesError
from signal_client_oci.host.instances.secret_files import read_secret_file
from signal_client_oci.settings.secrecy import HiddenText

if TYPE_CHECKING:
    from signal_client_oci.host.nats.access import ServerAccess

__all__ = [
    "PASSWORD_VARIABLE",
    "ApplianceOption",
    "CredsOption",
    "NatsOption",
    "NkeyOption",
    "TlsCaOption",
    "UserOption",
    "cluster_errors",
    "need_cluster_extra",
    "server_access",
]

PASSWORD_VARIABLE: Final = "NATS_PASSWORD"  # noqa: S105  the name of a variable
_NEEDED: Final = ("nats",)
_NEEDED_FOR_KEYS: Final = ("nkeys",)
_SCHEMES: Final = ("nats", "tls", "ws", "wss")

NatsOption = Annotated[
    str,
    typer.Option(
        "--nats",
        metavar="URL",
        envvar="NATS_URL",
        show_envvar=False,
        help="The NATS server, such as nats://HOST:4222; several with commas (or NATS_URL).",
        show_default=False,
    ),
]
ApplianceOption = Annotated[
    str,
    typer.Option(
        "--appliance",
        metavar="ID",
        help="The appliance; artifacts are published on ID.data.artifacts.raw.",
        show_default=False,
    ),
]
CredsOption = Annotated[
    Path | None,
    typer.Option(
        "--creds",
        metavar="FILE",
        envvar="NATS_CREDS",
        show_envvar=False,
        help="Credentials file of the NATS account (or NATS_CREDS).",
        show_default=False,
    ),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--user",
        metavar="NAME",
        envvar="NATS_USER",
        show_envvar=False,
        help=f"NATS user; the password is read from {PASSWORD_VARIABLE} (or NATS_USER).",
        show_default=False,
    ),
]
NkeyOption = Annotated[
    Path | None,
    typer.Option(
        "--nkey",
        metavar="FILE",
        envvar="NATS_NKEY",
        show_envvar=False,
        help="File with the seed of an NKey user (or NATS_NKEY).",
        show_default=False,
    ),
]
TlsCaOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        metavar="FILE",
        envvar="NATS_CA",
        show_envvar=False,
        help="Certificate authority of the server's certificate, if it is not a public one (or NATS_CA).",
        show_default=False,
    ),
]


def server_access(  # noqa: PLR0913  one parameter for each option
    servers: str,
    *,
    creds: Path | None = None,
    user: str | None = None,
    nkey: Path | None = None,
    tls_ca: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ServerAccess:
    """Return what the options say, after checking them and their files; raises `CommandError`."""
    need_cluster_extra(_NEEDED_FOR_KEYS if creds or nkey else ())
    from signal_client_oci.host.nats.access import ServerAccess  # noqa: PLC0415  its client is optional

    given = [name for name, value in (("--creds", creds), ("--user", user), ("--nkey", nkey)) if value]
    if len(given) > 1:
        raise CommandError(f"{' and '.join(given)} cannot be combined; use one of them")
    password = HiddenText(environ.get(PASSWORD_VARIABLE, ""))
    if user and not password:
        raise CommandError(
            f"--user needs a password; put it into the environment variable {PASSWORD_VARIABLE}"
        )
    return ServerAccess(
        servers=_servers(servers),
        user=user or None,
        password=password if user else None,
        creds=_secret_file(creds, "--creds", "name the credentials file of the account"),
        nkey=_secret_file(nkey, "--nkey", "name the file with the seed of the NKey"),
        tls_ca=_readable(tls_ca, "--tls-ca", "name the PEM file of the certificate authority"),
    )


def need_cluster_extra(further: Iterable[str] = ()) -> None:
    """Raise `CommandError` if the NATS client, or a `further` package of the extra, is not installed."""
    if not all(map(find_spec, (*_NEEDED, *further))):
        raise CommandError("this command needs the extra `cluster`: pip install 'signal-client-oci[cluster]'")


@contextmanager
def cluster_errors() -> Iterator[None]:
    """Turn what a server refused or does not have into a `CommandError`."""
    from signal_client_oci.host.nats.access import ClusterError  # noqa: PLC0415  its client is optional

    try:
        yield
    except ClusterError as error:
        raise CommandError(str(error), FAILED) from None


def _servers(text: str) -> tuple[str, ...]:
    """Return the addresses; one with a password is refused, because other users see the command line."""
    servers = tuple(one.strip() for one in text.split(",") if one.strip())
    if not servers:
        raise CommandError("--nats: is empty; give the server's address, such as nats://HOST:4222")
    return tuple(map(_server, servers))


def _server(text: str) -> str:
    address = text if "://" in text else f"nats://{text}"
    try:
        parts = urlsplit(address)
        valid = parts.scheme in _SCHEMES and parts.hostname and (parts.port or parts.port is None)
    except ValueError:
        valid = False
    if not valid:
        raise CommandError("--nats: not the address of a server; give one such as nats://HOST:4222")
    if "@" in parts.netloc:
        raise CommandError(
            "--nats: other users can see an account on the command line; "
            f"use --user with the password in the environment variable {PASSWORD_VARIABLE}"
        )
    return address


def _secret_file(path: Path | None, option: str, remedy: str) -> Path | None:
    """Return a file that can be read; warns if other users of the machine can read it too."""
    if path is None:
        return None
    path = expand_path(path, option)
    try:
        opened = read_secret_file(path, f"{option} {path}", remedy)
    except InstancesError as error:
        raise CommandError(str(error)) from None
    Screen.err().warn(opened.warnings)
    return path


def _readable(path: Path | None, option: str, remedy: str) -> Path | None:
    if path is None:
        return None
    path = expand_path(path, option)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise CommandError(f"{option} {path}: {error.strerror or 'cannot be read'}; {remedy}") from None
