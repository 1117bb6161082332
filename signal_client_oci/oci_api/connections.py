"""The connections that requests go over: verified by TLS, or plain to this machine, and nowhere else.

They take what decides about security from the transport that sends, and nothing from pools, sessions, adapters and the
environment, so that nothing done to those can weaken it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from typing import Any, Final, Protocol

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from signal_client_oci.errors.failure import Failure

__all__ = ["POOL_CLASSES", "Sender", "reset_connection", "sending"]

_RESET_WHEN_CLOSED: Final = struct.pack("ii", 1, 0)


class Sender(Protocol):
    """What a connection needs of the transport that sends over it."""

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS settings to verify the server with."""
        ...

    def watch_socket(self, sock: socket.socket) -> None:
        """Take note of the socket that the current thread's request waits on."""
        ...


class _Current(threading.local):
    """Of the request that the current thread sends: urllib3 makes connections without a way to pass it."""

    sender: Sender | None = None
    target = ""


_current: Final = _Current()


@contextlib.contextmanager
def sending(sender: Sender, target: str) -> Iterator[None]:
    """Let connections that are used by this thread belong to `sender` until the end of the `with` block.

    `target` is the path and query that they send, as they were signed: urllib3 would encode what it is told once more.
    """
    _current.sender, _current.target = sender, target
    try:
        yield
    finally:
        _current.sender, _current.target = None, ""


class _Connection(HTTPConnection):
    """A connection that sends the target that was signed, and whose socket can be shut from outside."""

    debuglevel = 0  # `log_requests` of another user of the SDK in this process would print signatures

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  (see `sending`)
        super().request(method, _current.target, *args, **kwargs)
        _watch(self.sock)


class _PlainConnection(_Connection):
    """A connection without TLS, which leads to this machine or nowhere."""

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if self.proxy is not None or not ipaddress.ip_address(sock.getpeername()[0]).is_loopback:
            sock.close()
            raise Failure("PLAIN_HTTP_REFUSED")
        return sock


class _VerifiedConnection(_Connection, HTTPSConnection):
    """A connection over TLS to a server, and through a proxy, whose certificates were verified."""

    def connect(self) -> None:
        """Connect and verify, or raise before a byte of a request is sent."""
        if _current.sender is None:
            raise Failure("TLS_FAILED", detail="the connection belongs to no transport")
        self.ssl_context, self.cert_reqs = _current.sender.tls_context(), ssl.CERT_REQUIRED
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


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _VerifiedConnection


POOL_CLASSES: Final[dict[str, Any]] = {"http": _HTTPPool, "https": _HTTPSPool}
"""The pools of these connections, by scheme, for urllib3's `pool_classes_by_scheme`."""


def reset_connection(sock: socket.socket) -> None:
    """End a socket's connection, so that a thread that waits on it fails at once; from any thread."""
    with contextlib.suppress(OSError):  # already closed by its own side
        # closing resets the connection: a service that still sends a large answer would not notice otherwise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_WHEN_CLOSED)
        sock.shutdown(socket.SHUT_RDWR)


def _watch(sock: socket.socket | None) -> None:
    if _current.sender is not None and sock is not None:
        # TLS through a proxy's TLS is a wrapper: the socket below both is what can be shut
        _current.sender.watch_socket(getattr(sock, "socket", sock))
