"""One connection for one command, which says in one line what the server did not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from nats.aio.client import Client
from nats.errors import Error, TimeoutError  # noqa: A004  the client's own
from nats.js import JetStreamContext
from nats.js.errors import APIError, ServiceUnavailableError

from signal_client_oci.host.nats.access import ClusterError, ServerAccess, abandon, connect_once

__all__ = ["ANSWER_SECONDS", "CommandSession", "NotPermittedError", "open_session"]

_T = TypeVar("_T")
ANSWER_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 2.0
_PERMISSIONS: Final = "permissions violation"
_OFF: Final = "JetStream is not enabled; start the server with --jetstream, or enable it for the account"
_OFF_CODES: Final = (None, 10076, 10039)
"""Of a server and of an account without JetStream; None where nothing answered at all."""
_NO_LEADER: Final = (
    "JetStream has no leader; wait until most servers of the cluster run, and repeat the command"
)
_NO_LEADER_CODES: Final = (10008, 10009)
_REMEDIES: Final = {
    10074: "a server that stands alone keeps one replica; leave --replicas out, or start a cluster of servers",
    10023: "give the server more memory and storage for JetStream, or remove what is not needed",
    10077: "raise max_bytes or max_msgs of the bucket or stream, or remove what is not needed",
    10005: "the cluster has too few servers with JetStream; start more, or ask for fewer with --replicas",
    10027: "raise max_streams of the account, or remove a stream",
    10047: "raise the storage that the account or the server may use",
    10065: "remove the subject from the other stream, or name another appliance",
}
"""JetStream's error codes (server/errors.json of nats-server) → what to do."""


class NotPermittedError(ClusterError):
    """The account may not do what was asked for."""


class CommandSession:
    """A connection and JetStream on it; `ask` turns every refusal into a `ClusterError`."""

    def __init__(self, client: Client, access: ServerAccess, violations: asyncio.Queue[str]) -> None:
        self.access = access
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=ANSWER_SECONDS)
        self._violations = violations

    async def ask(self, what: str, request: Awaitable[_T]) -> _T:
        """Return the answer to a request of JetStream; `what` is what was not possible without it.

        The client's `NotFoundError` and other API errors that have a meaning for the caller are to be caught by it:
        this method raises `ClusterError` for the failures that can hit each request.
        """
        answer = asyncio.ensure_future(request)
        violation = asyncio.ensure_future(self._violations.get())
        try:
            # A request without permission is never answered: the server says so on the connection.
            await asyncio.wait({answer, violation}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise NotPermittedError(
                    f"{what}: {violation.result()}; use an account that may do this, or give it the right"
                )
            return answer.result()
        except ServiceUnavailableError as error:
            raise self.refused(what, error) from None
        except (TimeoutError, asyncio.TimeoutError):
            raise ClusterError(
                f"{what}: no answer in {ANSWER_SECONDS:g} seconds; check that most servers of the cluster run"
            ) from None
        finally:
            answer.cancel()
            violation.cancel()

    def refused(self, what: str, error: APIError) -> ClusterError:
        """Return what to raise for an answer that has no other meaning than a refusal."""
        if isinstance(error, ServiceUnavailableError) and error.err_code in _OFF_CODES:
            return ClusterError(f"{what}: {_OFF}")
        if error.err_code in _NO_LEADER_CODES:
            return ClusterError(f"{what}: {_NO_LEADER}")
        remedy = _REMEDIES.get(error.err_code or 0, "see the server's log")
        return ClusterError(f"{what}: {error.description or 'refused'} (code {error.err_code}); {remedy}")


@asynccontextmanager
async def open_session(access: ServerAccess, name: str) -> AsyncIterator[CommandSession]:
    """Connect, and close the connection in the end; raises `ClusterError`."""
    violations: asyncio.Queue[str] = asyncio.Queue()

    async def note(error: Exception) -> None:
        words = str(error).removeprefix("nats: ")
        if words.lower().startswith(_PERMISSIONS):
            violations.put_nowait(words)

    client = await connect_once(access, name, note)
    session = CommandSession(client, access, violations)
    try:
        yield session
    except APIError as error:
        raise session.refused(access.shown, error) from None
    except (Error, OSError):
        raise ClusterError(f"{access.shown}: the connection was lost; run the command again") from None
    finally:
        await abandon(client, _CLOSE_SECONDS)  # whatever was asked has been answered, or never will be
