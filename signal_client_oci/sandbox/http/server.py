"""A threaded socket server on loopback that can always be closed, whatever its handlers are doing."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable

from signal_client_oci.sandbox.http.http_connection import HttpConnection, HttpRequest, MalformedRequestError

__all__ = ["SocketServer"]

_JOIN_SECONDS = 10.0
_BACKLOG = 1024

Serve = Callable[[HttpRequest, HttpConnection], bool]


class SocketServer:
    """Listens on 127.0.0.1; one daemon thread per connection, kept alive between requests.

    `serve(request, connection)` writes the response and returns whether the connection is kept. `close()` ends
    every thread and socket, also those that hang on purpose; it raises `RuntimeError` if one would not end.
    With a `tls` context it speaks TLS.
    """

    def __init__(
        self, serve: Serve, port: int = 0, name: str = "sandbox", tls: ssl.SSLContext | None = None
    ) -> None:
        self._stopping = threading.Event()
        self._serve = serve
        self._name = name
        self._tls = tls
        self.scheme = "https" if tls else "http"
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
        self._listener.settimeout(0.0)
        self._wakeup, self._waker = socket.socketpair()
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept_loop, name=f"{name}-accept", daemon=True)
        self._accepting.start()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Stop listening, break every connection and wait for the threads; harmless when repeated."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._waker.send(b"x")
        self._accepting.join(_JOIN_SECONDS)
        for closing in (self._listener, self._wakeup, self._waker):
            closing.close()
        with self._lock:
            serving = list(self._open.items())
        for sock, _thread in serving:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for _sock, thread in serving:
            thread.join(_JOIN_SECONDS)
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} did not end")

    def _accept_loop(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wakeup, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    self._start(self._listener.accept()[0])

    def _start(self, sock: socket.socket) -> None:
        if self._stopping.is_set():
            sock.close()
            return
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(
            target=self._serve_connection, args=(sock,), name=f"{self._name}-connection", daemon=True
        )
        with self._lock:
            self._open[sock] = thread
        thread.start()

    def _serve_connection(self, sock: socket.socket) -> None:
        connection = HttpConnection(sock, self._stopping)
        try:
            while not self._stopping.is_set() and self._serve_one(connection):
                pass
        finally:
            with self._lock:
                del self._open[sock]
            sock.close()

    def _serve_one(self, connection: HttpConnection) -> bool:
        try:
            request = connection.read_request()
            return request is not None and self._serve(request, connection)
        except MalformedRequestError:
            with contextlib.suppress(OSError):
                connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return False
        except OSError:
            return False  # the client closed the connection, which is no error of the server
