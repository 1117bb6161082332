"""The HTTP transport under the SDK's clients: verified, bounded in time and size, never redirected, interruptible.

Signed requests go to the hosts that the client was made for, over connections whose certificate was verified, or to
this machine. This holds at the connection itself, whatever the session, the SDK or the environment says.

The SDK carries its own copy of `requests` (`oci._vendor.requests`) on the installed `urllib3`. What its sessions
lack for a poll with a deadline is added at the adapter: a limit for the whole answer (a server that drips bytes
never hits a read timeout), a limit for its decoded size, and a way to end requests that another thread waits on.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import urllib3
from oci._vendor.requests.adapters import HTTPAdapter
from oci._vendor.requests.exceptions import InvalidSchema
from oci._vendor.requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.limits import ERROR_BYTES, MAX_BODY_BYTES
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.oci_api.tls import tls_context

__all__ = ["CONNECT_SECONDS", "MAX_BODY_BYTES", "READ_SECONDS", "TOTAL_SECONDS", "Transport"]

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
TOTAL_SECONDS: Final = 120.0
_CHUNK_BYTES: Final = 256 * 1024
_SHORTEST_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 0.5  # the poll ends its requests itself; this is for one that nobody ends
_ECHOABLE: Final = re.compile(r"[A-Za-z0-9.:/_-]{1,300}")

_RESET_WHEN_CLOSED: Final = struct.pack("ii", 1, 0)

_sending = threading.local()


class _PlainConnection(HTTPConnection):
    """A connection without TLS, which leads to this machine or nowhere; its socket is known to its transport."""

    debuglevel = 0  # `log_requests` of another user of the SDK in this process would print signatures

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self.proxy is not None or not ipaddress.ip_address(sock.getpeername()[0]).is_loopback:
            sock.close()
            raise Failure("PLAIN_HTTP_REFUSED")
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _watch(self.sock)


class _VerifiedConnection(HTTPSConnection):
    """A connection over TLS to a server, and through a proxy, whose certificates were verified.

    It takes nothing about TLS from pools, sessions and adapters, so that nothing done to them can weaken it.
    """

    debuglevel = 0

    def connect(self) -> None:
        """Connect and verify, or raise before a byte of a request is sent."""
        transport: Transport = _sending.transport
        self.ssl_context, self.cert_reqs = transport.tls_context(), ssl.CERT_REQUIRED
        self.ca_certs = self.ca_cert_dir = self.ca_cert_data = None
        self.assert_hostname = self.assert_fingerprint = self.server_hostname = None
        if self.proxy_config is not None:  # without a tunnel the proxy alone would see OCI's certificate
            self.proxy_config = self.proxy_config._replace(
                ssl_context=self.ssl_context,
                use_forwarding_for_https=False,
                assert_hostname=None,
                assert_fingerprint=None,
            )
        super().connect()
        connected: Any = self.sock
        # a cipher without certificates (OPENSSL_CONF can allow those) leaves nothing to verify
        if not (self.is_verified and connected.getpeercert(binary_form=True)):
            self.close()
            raise Failure("TLS_FAILED", detail="the server showed no certificate")

    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        _watch(self.sock)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _VerifiedConnection


_POOLS: Final[dict[str, Any]] = {"http": _HTTPPool, "https": _HTTPSPool}


def _watch(sock: socket.socket | None) -> None:
    transport: Transport | None = getattr(_sending, "transport", None)
    if transport is not None and sock is not None:
        sock = getattr(sock, "socket", sock)  # TLS through a proxy's TLS: the socket below both
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

    def __init__(self, *, connections: int, origins: re.Pattern[str], direct: bool) -> None:
        self.until: float | None = None
        self.aborted = False
        self.max_bytes: int | None = None
        self.memory: PageMemory | None = None
        self.sockets_in_use: dict[int, socket.socket] = {}
        self._origins = origins
        self._direct = direct
        self._pools: dict[str, Any] = {}
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()
        super().__init__(pool_connections=2, pool_maxsize=connections)

    def attach(self, session: Any) -> None:
        """Carry a session's requests; the session itself then reads nothing from the environment, nor `.netrc`."""
        for prefix in ("https://", "http://"):
            session.mount(prefix, self)
        session.trust_env = False

    def get_connection(self, url: str, proxies: Any = None) -> Any:  # noqa: ARG002  (the session's, see `send`)
        """Return the pool of a URL's host.

        Whether requests may go there, and through which proxy of the environment, is looked up once a host and poll:
        `requests` walks through the whole environment twice for every request, which takes a tenth of its time.

        Raises:
            Failure: FOREIGN_ENDPOINT, before anything is sent.
        """
        host = _host_of(url)
        if host not in self._pools:
            if not self._origins.fullmatch(host.lower()):
                raise Failure("FOREIGN_ENDPOINT", detail=host if _ECHOABLE.fullmatch(host) else "")
            found = {} if self._direct else get_environ_proxies(url)
            self._pools[host] = super().get_connection(url, found)
        return self._pools[host]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Read the trusted authorities before a connection is opened; whether to verify is no question here.

        Raises:
            Failure: CA_BUNDLE_UNREADABLE.
        """
        if url.lower().startswith("https:"):
            self.tls_context()

    def tls_context(self) -> ssl.SSLContext:
        """Return the poll's TLS settings; which authorities the environment names is looked up once a poll."""
        with self._tls_lock:
            if self._tls is None:
                self._tls = tls_context(DEFAULT_CA_BUNDLE_PATH)
            return self._tls

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use the connection classes of this module."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Use the connection classes of this module through a proxy too.

        Raises:
            InvalidSchema: it is a SOCKS proxy, which makes connections of its own classes.
        """
        if proxy.lower().startswith("socks"):
            raise InvalidSchema("SOCKS is not supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(  # noqa: PLR0913  (the signature of requests' adapters)
        self,
        request: Any,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002
        timeout: Any = None,  # noqa: ARG002
        verify: Any = True,  # noqa: FBT002, ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Any = None,  # noqa: ARG002
    ) -> Any:
        """Send one signed request and read its whole answer within the limits.

        What a session or a caller wants of `verify`, `cert` and `proxies` does not count: certificates are always
        verified, and proxies are the environment's.

        Raises:
            Failure: STOPPED, TIMEOUT, REDIRECTED, RESPONSE_TOO_LARGE or RESPONSE_CUT_OFF; FOREIGN_ENDPOINT,
                PLAIN_HTTP_REFUSED, CA_BUNDLE_UNREADABLE or TLS_FAILED, and nothing was sent; what else goes wrong
                before there is an answer comes as the exceptions of the SDK's `requests`.
        """
        end = self._end_of_request()
        _sending.transport = self
        try:
            response = super().send(request, stream=True, timeout=_timeouts(end))
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
        self._pools.clear()
        self._tls = None

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
