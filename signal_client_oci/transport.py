"""The HTTP transport under the SDK's clients: bounded in time and size, never redirected, and interruptible.

The SDK carries its own copy of `requests` (`oci._vendor.requests`) on the installed `urllib3`. What its sessions
lack for a poll with a deadline is added at the adapter: a limit for the whole answer (a server that drips bytes
never hits a read timeout), a limit for its decoded size, and a way to end requests that another thread waits on.
"""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import urllib3
from oci._vendor.requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from signal_client_oci.errors import Failure, Recovery
from signal_client_oci.limits import ERROR_BYTES, MAX_BODY_BYTES
from signal_client_oci.page_memory import PageMemory

__all__ = ["CONNECT_SECONDS", "MAX_BODY_BYTES", "READ_SECONDS", "TOTAL_SECONDS", "Transport"]

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
TOTAL_SECONDS: Final = 120.0
_CHUNK_BYTES: Final = 256 * 1024
_SHORTEST_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 0.5  # the poll ends its requests itself; this is for one that nobody ends

_RESET_WHEN_CLOSED: Final = struct.pack("ii", 1, 0)

_sending = threading.local()


class _WatchedHTTPConnection(HTTPConnection):
    """A connection whose socket is known to the transport that uses it."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _watch(self.sock)


class _WatchedHTTPSConnection(HTTPSConnection):
    """The same over TLS."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _watch(self.sock)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


_POOLS: Final[dict[str, Any]] = {"http": _HTTPPool, "https": _HTTPSPool}


def _watch(sock: socket.socket | None) -> None:
    transport: Transport | None = getattr(_sending, "transport", None)
    if transport is not None and sock is not None:
        transport.sockets_in_use[threading.get_ident()] = sock
        if transport.aborted:
            _shut(sock)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already closed by its own side
        # closing resets the connection: a service that still sends a large answer would not notice otherwise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
        sock.shutdown(socket.SHUT_RDWR)


class Transport(HTTPAdapter):  # type: ignore[misc]  # the SDK has no types
    """An adapter for `http://` and `https://` of one SDK client, borrowed by one poll at a time.

    Attributes:
        until: `time.monotonic()` at which every request has to be over; None = only the limits of a request.
        aborted: True from `abort()` to `reopen()`; requests fail with STOPPED then.
        max_bytes: Decoded bytes of an answer at most, None = `MAX_BODY_BYTES`.
        memory: Where room for what is received is claimed, None = nowhere.
    """

    def __init__(self, *, connections: int, direct: bool) -> None:
        self.until: float | None = None
        self.aborted = False
        self.max_bytes: int | None = None
        self.memory: PageMemory | None = None
        self.sockets_in_use: dict[int, socket.socket] = {}
        self._direct = direct
        self._environment: dict[str, dict[str, Any]] = {}
        self._pools: dict[str, Any] = {}
        super().__init__(pool_connections=2, pool_maxsize=connections)

    def attach(self, session: Any) -> None:
        """Carry a session's requests, and look up proxies and CA bundle in the environment once a host and poll.

        `requests` walks through the whole environment twice for every request, which takes a tenth of its time.
        """
        for prefix in ("https://", "http://"):
            session.mount(prefix, self)
        look_up = session.merge_environment_settings

        def remembered(url: str, *given: Any) -> dict[str, Any]:
            host = _host_of(url)
            if host not in self._environment:
                self._environment[host] = look_up(url, *given)
            return self._environment[host]

        session.merge_environment_settings = remembered

    def get_connection(self, url: str, proxies: Any = None) -> Any:
        """Give the pool of a URL's host, looked up once a host and poll: that takes another tenth of a request."""
        host = _host_of(url)
        if host not in self._pools:
            self._pools[host] = super().get_connection(url, proxies)
        return self._pools[host]

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use the watched connection classes."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Use the watched connection classes through a proxy too."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(  # noqa: PLR0913  (the signature of requests' adapters)
        self,
        request: Any,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002
        timeout: Any = None,  # noqa: ARG002
        verify: Any = True,  # noqa: FBT002
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Send one signed request and read its whole answer within the limits.

        Raises:
            Failure: STOPPED, TIMEOUT, REDIRECTED, RESPONSE_TOO_LARGE or RESPONSE_CUT_OFF; what goes wrong before
                there is an answer comes as the exceptions of the SDK's `requests`.
        """
        end = self._end_of_request()
        _sending.transport = self
        try:
            response = super().send(
                request,
                stream=True,
                timeout=_timeouts(end),
                verify=verify,
                cert=cert,
                proxies={} if self._direct else proxies,
            )
            try:
                self._read(response, end)
            finally:
                if not response._content_consumed:  # noqa: SLF001
                    response.raw.close()  # an unread answer must not go back to the pool
        finally:
            self.sockets_in_use.pop(threading.get_ident(), None)
            _sending.transport = None
        return response

    def abort(self) -> None:
        """End the requests that are under way, from another thread; new ones fail until `reopen()`."""
        self.aborted = True
        for sock in list(self.sockets_in_use.values()):
            _shut(sock)

    def reopen(self, until: float | None) -> None:
        """Allow requests again, all of them over at `until` (`time.monotonic()`)."""
        self.aborted = False
        self.until = until
        self.memory = None
        self._environment.clear()
        self._pools.clear()

    def check(self) -> None:
        """Raise `Failure` (STOPPED) once requests are aborted or their time is over."""
        if not self._is_awaited():
            raise Failure("STOPPED", recovery=Recovery.REGION)

    def close(self) -> None:
        """Close every connection now; urllib3 alone would wait for its pools to be collected."""
        self._pools.clear()
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118  (urllib3's container refuses to be iterated)
                if (pool := manager.pools.get(key)) is not None:
                    pool.close()
        super().close()

    def _end_of_request(self) -> float:
        now = time.monotonic()
        if self.aborted or (self.until is not None and self.until <= now):
            raise Failure("STOPPED", recovery=Recovery.REGION)
        end = now + TOTAL_SECONDS
        return end if self.until is None else min(end, self.until + _GRACE_SECONDS)

    def _is_awaited(self) -> bool:
        return not self.aborted and (self.until is None or time.monotonic() < self.until + _GRACE_SECONDS)

    def _claim(self, size: int) -> float:
        """Claim memory for what is received; return the seconds waited for it, which are not the service's."""
        return self.memory.claim(size, self._is_awaited) if self.memory is not None and size else 0.0

    def _chunks(self, response: Any, body: io.BytesIO) -> Iterator[int]:
        """Read an answer into a buffer piece by piece, and yield the size of each."""
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body.write(chunk)
            yield len(chunk)
        if self.aborted:
            raise Failure("STOPPED", recovery=Recovery.REGION, has_begun=body.tell() > 0)

    def _read(self, response: Any, end: float) -> None:
        """Read the body as `requests` would have, but never longer than `end` nor more than the limit.

        Of an error's body only the beginning is read.
        """
        status, named = response.status_code, (response.headers, response.request.headers)
        request_id = next((found for each in named if (found := each.get("opc-request-id"))), None)
        if 300 <= status < 400:  # noqa: PLR2004
            raise Failure("REDIRECTED", detail=f"HTTP {status}", status=status, opc_request_id=request_id)
        is_error = status >= 400  # noqa: PLR2004
        most = MAX_BODY_BYTES if self.max_bytes is None else min(self.max_bytes, MAX_BODY_BYTES)
        expected = 0 if is_error else _expected_bytes(response)
        if expected > most:
            raise _too_large(most, status, request_id)
        end += self._claim(expected)
        body = _buffer_of(expected)
        try:
            for size in self._chunks(response, body):
                end += self._claim(min(size, max(0, body.tell() - expected)))
                if is_error and body.tell() >= ERROR_BYTES:
                    break
                if body.tell() > most:
                    raise _too_large(most, status, request_id)
                if time.monotonic() > end:
                    raise Failure(
                        "TIMEOUT",
                        recovery=Recovery.RETRY,
                        status=status,
                        opc_request_id=request_id,
                        has_begun=True,
                    )
        except ReadTimeoutError as error:
            raise Failure(
                "TIMEOUT", recovery=Recovery.RETRY, status=status, opc_request_id=request_id
            ) from error
        except (ProtocolError, DecodeError, OSError) as error:
            code = "STOPPED" if self.aborted else "RESPONSE_CUT_OFF"
            raise Failure(
                code,
                recovery=Recovery.RETRY,
                status=status,
                opc_request_id=request_id,
                has_begun=body.tell() > 0,
            ) from error
        body.truncate()
        response._content = body.getvalue()  # noqa: SLF001  (the buffer itself, not a copy)
        if is_error and body.tell() >= ERROR_BYTES:
            response.raw.close()  # the rest stays unread
        response._content_consumed = True  # noqa: SLF001
        response.raw.release_conn()


def _host_of(url: str) -> str:
    return url[: url.find("/", len("https://"))]


def _timeouts(end: float) -> tuple[float, float]:
    left = max(_SHORTEST_SECONDS, end - time.monotonic())
    return min(CONNECT_SECONDS, left), min(READ_SECONDS, left)


def _too_large(most: int, status: int, request_id: str | None) -> Failure:
    detail = f"of more than {most >> 20} MiB"
    return Failure("RESPONSE_TOO_LARGE", detail=detail, status=status, opc_request_id=request_id)


def _expected_bytes(response: Any) -> int:
    """Return how many bytes the decoded body will have, 0 where that is not told."""
    return 0 if "content-encoding" in response.headers else response.raw.length_remaining or 0


def _buffer_of(length: int) -> io.BytesIO:
    """Return a buffer as large as the body will be, where that is told: growing it would leave holes in memory."""
    body = io.BytesIO()
    if length:
        body.seek(length - 1)
        body.write(b"\0")
        body.seek(0)
    return body
