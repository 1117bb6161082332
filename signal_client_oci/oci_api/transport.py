"""The HTTP transport under the SDK's clients: verified, bounded in time and size, never redirected, interruptible.

Signed requests go to the hosts that the client was made for, over the connections of `connections`. Whatever the
session, the SDK or the environment says, this holds.

The SDK carries its own copy of `requests` (`oci._vendor.requests`) on the installed `urllib3`. What its sessions
lack for a poll with a deadline is added at the adapter: a limit for the whole answer (a server that drips bytes
never hits a read timeout), a limit for its decoded size, and a way to abort requests that another thread waits on.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from typing import Any, Final

from oci._vendor.requests.adapters import HTTPAdapter
from oci._vendor.requests.exceptions import InvalidSchema
from oci._vendor.requests.models import Response
from oci._vendor.requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.connections import POOL_CLASSES, reset_connection, sending
from signal_client_oci.oci_api.limits import MAX_BODY_BYTES
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.oci_api.response_body import BodyLimits, read_body
from signal_client_oci.oci_api.tls import tls_context

__all__ = ["CONNECT_SECONDS", "MAX_BODY_BYTES", "READ_SECONDS", "TOTAL_SECONDS", "Transport"]

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
TOTAL_SECONDS: Final = 120.0
_SHORTEST_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 0.5  # the poll aborts its requests itself; this is for one that nobody aborts
_SAFE_TO_QUOTE: Final = re.compile(r"[A-Za-z0-9.:/_-]{1,300}")


class Transport(HTTPAdapter):  # type: ignore[misc]  # the SDK has no types
    """An adapter for `http://` and `https://` of one SDK client, borrowed by one poll at a time.

    Args:
        connections: Connections kept for each host.
        origins: What scheme and host of every request must match.
        direct: True where no proxy is to be used.
        max_bytes: Decoded bytes of an answer at most, None for `MAX_BODY_BYTES`.

    Attributes:
        until: `time.monotonic()` at which every request has to be over; None = only the limits of a request.
        aborted: True from `abort()` to `reopen()`; requests fail with STOPPED then.
        memory: Where memory for what is received is claimed, None = nowhere.
        sockets_in_use: The socket that each thread's request waits on, by the thread's number.
    """

    def __init__(
        self,
        *,
        connections: int,
        origins: re.Pattern[str],
        direct: bool,
        max_bytes: int | None = None,
    ) -> None:
        self.until: float | None = None
        self.aborted = False
        self.memory: PageMemory | None = None
        self.sockets_in_use: dict[int, socket.socket] = {}
        self._origins = origins
        self._direct = direct
        self._max_bytes = max_bytes
        self._pools: dict[str, Any] = {}
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()
        super().__init__(pool_connections=2, pool_maxsize=connections)

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
                raise Failure("FOREIGN_ENDPOINT", detail=host if _SAFE_TO_QUOTE.fullmatch(host) else "")
            found = {} if self._direct else get_environ_proxies(url)
            self._pools[host] = super().get_connection(url, found)
        return self._pools[host]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """Read the trusted authorities before a connection is opened. That certificates are verified is not negotiable.

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

    def request_url(self, request: Any, proxies: Any) -> str:  # noqa: ARG002
        """Return a stand-in: the connection sends the target that was signed, a path also through a proxy's tunnel."""
        return "/"

    def build_response(self, req: Any, resp: Any) -> Response:
        """Return an answer whose body is not read yet."""
        return _Answer(req, resp)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use the connections of `connections`."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOL_CLASSES

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Use the connections of `connections` through a proxy too.

        Raises:
            InvalidSchema: it is a SOCKS proxy, which makes connections of its own classes.
        """
        if proxy.lower().startswith("socks"):
            raise InvalidSchema("SOCKS is not supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOL_CLASSES
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

        A session's or a caller's `verify`, `cert` and `proxies` are ignored: certificates are always verified, and
        proxies are the environment's.

        Raises:
            Failure: STOPPED, TIMEOUT, REDIRECTED, RESPONSE_TOO_LARGE or RESPONSE_CUT_OFF; FOREIGN_ENDPOINT,
                PLAIN_HTTP_REFUSED, CA_BUNDLE_UNREADABLE or TLS_FAILED, and nothing was sent; what else goes wrong
                before there is an answer comes as the exceptions of the SDK's `requests`.
        """
        end = self._end_of_request()
        try:
            with sending(self, request.path_url):
                response = super().send(request, stream=True, timeout=_timeouts(end))
                try:
                    read_body(response, self._body_limits(end))
                finally:
                    if not response._content_consumed:  # noqa: SLF001
                        response.raw.close()  # an unread answer must not go back to the pool
        finally:
            self.sockets_in_use.pop(threading.get_ident(), None)
        return response

    def watch_socket(self, sock: socket.socket) -> None:
        """Note the socket that the current thread's request waits on, so that `abort` can end it."""
        self.sockets_in_use[threading.get_ident()] = sock
        if self.aborted:  # `abort` may have looked just before
            reset_connection(sock)

    def abort(self) -> None:
        """End the requests that are in flight, from another thread; new ones fail until `reopen()`."""
        self.aborted = True
        for sock in list(self.sockets_in_use.values()):
            reset_connection(sock)

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

    def _body_limits(self, end: float) -> BodyLimits:
        max_bytes = MAX_BODY_BYTES if self._max_bytes is None else min(self._max_bytes, MAX_BODY_BYTES)
        return BodyLimits(end, max_bytes, self._claim, lambda: self.aborted)

    def _is_awaited(self) -> bool:
        return not self.aborted and (self.until is None or time.monotonic() < self.until + _GRACE_SECONDS)

    def _claim(self, size: int) -> float:
        """Wait for memory for what is received; return the seconds waited."""
        return self.memory.claim(size, self._is_awaited) if self.memory is not None and size else 0.0


class _Answer(Response):  # type: ignore[misc]  # as above
    """A response as `requests` has it, without cookies, history and a character set, which nobody looks for here."""

    encoding = None

    def __init__(self, request: Any, raw: Any) -> None:
        self.request, self.url = request, request.url
        self.raw, self.status_code, self.reason, self.headers = raw, raw.status, raw.reason, raw.headers
        self._content, self._content_consumed = False, False


def _host_of(url: str) -> str:
    return url[: url.find("/", len("https://"))]


def _timeouts(end: float) -> tuple[float, float]:
    left = max(_SHORTEST_SECONDS, end - time.monotonic())
    return min(CONNECT_SECONDS, left), min(READ_SECONDS, left)
