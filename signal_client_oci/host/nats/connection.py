"""The connection of a node to NATS, and what it is told when the connection is lost and comes back.

Nothing is queued while the connection is down: a publish is refused at once, so that whoever sends it knows that it
was not sent. The client reconnects by itself for as long as it takes; `closed` says that it gave up for good,
which it does when the server refuses the account.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.js.client import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.protocol.parser import AUTHORIZATION_VIOLATION

from signal_client_oci.host.nats.access import ClusterError, ServerAccess, abandon, connection_problem

__all__ = ["TRANSIENT", "Connection", "connect", "explain"]

_log = logging.getLogger(__name__)
_RECONNECT_SECONDS: Final = 0.5

TRANSIENT: Final = (
    nats.errors.Error,
    JetStreamError,
    asyncio.TimeoutError,
    OSError,
)
"""What a request to NATS raises when it could not be sent or was not answered; trying again may help."""


class _NodeClient(Client):
    """A client that forgets what it could not send when the connection is lost.

    nats-py 2.16 sends it after the reconnect, when another node may have stored the same, and before that waits until
    the lost connection has taken what was written to it, which one to a dead machine does not for many minutes.
    """

    def drop_unsent(self) -> None:
        """Forget what was not sent, and cut the connection."""
        self._pending, self._pending_data_size = [], 0
        writer: asyncio.StreamWriter | None = getattr(
            self._transport, "_io_writer", None
        )  # not a WebSocket's
        if writer is not None:
            writer.transport.abort()

    async def _attempt_reconnect(self) -> None:
        self.drop_unsent()
        await super()._attempt_reconnect()


class Connection:
    """A connected client and its JetStream context.

    Attributes:
        client: The client.
        js: JetStream, whose requests wait `request_seconds` for their answer.
        closed: Set when the client has given up for good.
        problem: The last error that the server or the socket reported, "" = none since the last (re)connect.
        last_error: The same as the client raised it.
    """

    def __init__(self, client: _NodeClient, request_seconds: float) -> None:
        self.client = client
        self.request_seconds = request_seconds
        self.js: JetStreamContext = client.jetstream(timeout=request_seconds)
        self.closed = asyncio.Event()
        self.problem = ""
        self.last_error: Exception | None = None
        self._listeners: list[Callable[[bool], None]] = []

    @property
    def is_connected(self) -> bool:
        """Whether requests can be sent at the moment."""
        return bool(self.client.is_connected)

    def on_change(self, listener: Callable[[bool], None]) -> None:
        """Call the listener in the event loop with False when the connection is lost, with True when it is back."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Close the connection; what was not sent yet is dropped."""
        self.client.drop_unsent()
        await abandon(self.client)  # in the middle of a TLS handshake, or after one that failed, too

    async def disconnected(self) -> None:
        """Tell the listeners that the connection is lost."""
        self._notify(is_connected=False)

    async def reconnected(self) -> None:
        """Tell the listeners that the connection is back."""
        self.problem = ""
        _log.info("connected to NATS again")
        self._notify(is_connected=True)

    async def failed(self, error: Exception) -> None:
        """Keep what the client reports, and log it when it is news."""
        self.last_error, problem = error, explain(error)
        if problem != self.problem:
            self.problem = problem
            _log.warning("NATS: %s", problem)

    async def gave_up(self) -> None:
        """Note that the client will not reconnect any more."""
        self.closed.set()
        self._notify(is_connected=False)

    def _notify(self, *, is_connected: bool) -> None:
        for listener in self._listeners:
            listener(is_connected)


async def connect(
    access: ServerAccess,
    name: str,
    *,
    request_seconds: float = 5.0,
    ping_seconds: float = 5.0,
    give_up_seconds: float | None = 10.0,
) -> Connection:
    """Return a connection that is made again whenever it is lost.

    Args:
        access: Servers and account.
        name: What the server's monitoring shows.
        request_seconds: How long a request waits for its answer.
        ping_seconds: How often a silent connection is tested; two missed answers end it.
        give_up_seconds: How long to try while no server answers; None = for as long as it takes.

    Raises:
        ClusterError: no server answered in time, or one refused the account.
    """
    client = _NodeClient()
    connection = Connection(client, request_seconds)
    refused: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def on_error(error: Exception) -> None:
        is_final = isinstance(error, ssl.SSLError) or AUTHORIZATION_VIOLATION in str(error).lower()
        if is_final and not refused.done():
            refused.set_result(error)
        await connection.failed(error)

    opening = asyncio.ensure_future(
        client.connect(
            **access.options(),
            name=name,
            error_cb=on_error,
            disconnected_cb=connection.disconnected,
            reconnected_cb=connection.reconnected,
            closed_cb=connection.gave_up,
            pending_size=0,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # it is slept, so fractions work
            connect_timeout=request_seconds,  # type: ignore[arg-type]
            ping_interval=ping_seconds,  # type: ignore[arg-type]
            max_outstanding_pings=2,
        )
    )
    either: set[asyncio.Future[Any]] = {opening, refused}
    await asyncio.wait(either, timeout=give_up_seconds, return_when=asyncio.FIRST_COMPLETED)
    if opening.done() and opening.exception() is None:
        refused.cancel()
        connection.problem = ""  # of attempts before
        return connection
    error = refused.result() if refused.done() else opening.exception() if opening.done() else None
    refused.cancel()
    opening.cancel()
    await asyncio.gather(opening, abandon(client), return_exceptions=True)
    raise ClusterError(connection_problem(error or connection.last_error or asyncio.TimeoutError(), access))


def explain(error: BaseException) -> str:
    """Return an error of the client in one line."""
    text = " ".join(str(error).split()).removeprefix("nats: ")
    return text or type(error).__name__
