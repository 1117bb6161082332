"""How a NATS server is reached: its addresses, the credentials, the certificate authority; and why it is not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import NoServersError
from nats.protocol.parser import AUTHORIZATION_VIOLATION

from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret

__all__ = ["ClusterError", "ServerAccess", "abandon", "connect_once", "connection_problem"]

_CONNECT_SECONDS: Final = 5
_ATTEMPTS: Final = 1
_CREDENTIALS_MARKS: Final = (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED")
_CLOSE_SECONDS: Final = 0.3
_PROBLEMS: Final[dict[type[BaseException], str]] = {
    ssl.SSLError: "the TLS handshake failed; check that the server speaks TLS, and which certificates it expects",
    asyncio.TimeoutError: f"no answer in {_CONNECT_SECONDS} seconds; check the address, and firewalls on the way",
    socket.gaierror: "the name cannot be resolved; check the address",
    ConnectionRefusedError: "nothing listens there; check the address, and start the server: nats-server --jetstream",
}


class ClusterError(Exception):
    """What a server refused or does not have; one line: what happened, then what to do."""


@dataclass(frozen=True)
class ServerAccess(HoldsSecret):
    """The servers of one NATS cluster and the account on them; at most one of user, `creds` and `nkey` is given."""

    servers: tuple[str, ...]
    user: str | None = None
    password: HiddenText | None = field(default=None, repr=False)
    creds: Path | None = None
    nkey: Path | None = None
    tls_ca: Path | None = None

    @property
    def shown(self) -> str:
        """The addresses for a message, without what may be a secret in them."""
        return ", ".join(map(_without_account, self.servers))

    def options(self) -> dict[str, Any]:
        """Return the arguments of `nats.connect` for these servers and this account; raises `ClusterError`."""
        chosen: dict[str, Any] = {"servers": list(self.servers)}
        if self.user is not None:
            chosen |= {"user": self.user, "password": str(self.password or "")}
        if self.creds is not None:
            _check_credentials(self.creds)
            chosen["user_credentials"] = str(self.creds)
        if self.nkey is not None:
            _check_seed(self.nkey)
            chosen["nkeys_seed"] = str(self.nkey)
        if self.tls_ca is not None:
            chosen["tls"] = _tls_context(self.tls_ca)
        return chosen


async def connect_once(
    access: ServerAccess, name: str, on_error: Callable[[Exception], Awaitable[None]]
) -> Client:
    """Return a connection for one command: it tries each server once, and does not reconnect.

    `name` is what the server's monitoring shows; `on_error` gets what the server says outside of answers. Raises
    `ClusterError`.
    """
    failures: list[Exception] = []

    async def note(error: Exception) -> None:
        failures.append(error)
        await on_error(error)

    client = Client()
    options = access.options()
    try:
        await client.connect(
            **options,
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=_ATTEMPTS,
            reconnect_time_wait=0,
            connect_timeout=_CONNECT_SECONDS,
            error_cb=note,
        )
    except Exception as error:  # noqa: BLE001  the client raises what its parts raise, and each is a connection lost
        await abandon(client)
        last = failures[-1] if isinstance(error, NoServersError) and failures else error
        raise ClusterError(connection_problem(last, access)) from None
    return client


async def abandon(client: Client, seconds: float = _CLOSE_SECONDS) -> None:
    """Close a client in any state; after a failed TLS handshake its own `close` would wait for ever."""
    # AssertionError: it had not begun to connect. AttributeError: no server had answered (nats-py before 2.15).
    with suppress(asyncio.TimeoutError, AssertionError, AttributeError):
        await asyncio.wait_for(client.close(), seconds)


def connection_problem(error: BaseException, access: ServerAccess) -> str:
    """Return why a connection could not be made, and the way out, in one line without a secret."""
    return f"{access.shown}: {_problem(error, access)}"


def _problem(error: BaseException, access: ServerAccess) -> str:
    if AUTHORIZATION_VIOLATION in str(error).lower():
        return f"the server refused {_account(access)}; {_other_account(access)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message}); use --tls-ca FILE"
    for kind, text in _PROBLEMS.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, OSError):
        return f"cannot be reached ({error.strerror or type(error).__name__}); check the address"
    return "did not answer like a NATS server; give the address of its client port, such as nats://HOST:4222"


def _account(access: ServerAccess) -> str:
    if access.creds is not None:
        return f"the credentials of {access.creds}"
    if access.nkey is not None:
        return f"the NKey of {access.nkey}"
    return (
        f"the user {access.user!r} with this password" if access.user else "a connection without an account"
    )


def _other_account(access: ServerAccess) -> str:
    if access.creds is not None or access.nkey is not None:
        return "check that the file belongs to an account of this server"
    if access.user is not None:
        return "check --user and the password in the environment variable NATS_PASSWORD"
    return "give --creds FILE, --nkey FILE, or --user with the password in the environment variable NATS_PASSWORD"


def _tls_context(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        problem = "is not a PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ClusterError(
            f"--tls-ca {path}: {problem}; name the PEM file of the certificate authority"
        ) from None


def _check_credentials(path: Path) -> None:
    content = _content(path, "--creds")
    if not all(mark in content for mark in _CREDENTIALS_MARKS):
        raise ClusterError(
            f"--creds {path}: does not hold the JWT and the seed of a user; name the file that nsc or the "
            "operator has written"
        )


def _check_seed(path: Path) -> None:
    import nkeys  # noqa: PLC0415  only this needs it

    # what is not base32 is reported by the errors of the parts
    with suppress(nkeys.NkeysError, ValueError, IndexError):
        nkeys.from_seed(bytearray(_content(path, "--nkey").strip()))
        return
    raise ClusterError(f"--nkey {path}: does not hold the seed of an NKey; name a file with a line SU...")


def _content(path: Path, option: str) -> bytes:
    try:
        return HiddenBytes(path.read_bytes())
    except OSError as error:
        raise ClusterError(
            f"{option} {path}: {error.strerror or 'cannot be read'}; name another file"
        ) from None


def _without_account(server: str) -> str:
    parts = urlsplit(server)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
