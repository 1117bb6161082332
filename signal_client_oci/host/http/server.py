"""The server of a status board: read-only, bounded in connections, sizes and time, from the standard library alone."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from signal_client_oci.host.http.addresses import ListenAddress
from signal_client_oci.host.http.requests import RefusedRequestError, read_request
from signal_client_oci.host.http.responses import HEADERS, Pages, Response, text_response
from signal_client_oci.host.plugins import describe

if TYPE_CHECKING:
    from signal_client_oci.host.http.board import StatusBoard

__all__ = ["StatusServer", "serve"]

_log = logging.getLogger(__name__)
_MAX_CONNECTIONS: Final = 32
_SECONDS_TO_ASK: Final = 5.0
_SECONDS_TO_ANSWER: Final = 10.0
_SECONDS_AFTER_FAILURE: Final = 1.0
_SECONDS_TO_DISCARD: Final = 1.0
_SECONDS_TO_CLOSE: Final = 2.0
_MAX_LEFT_OVER: Final = 256 * 1024


def serve(board: StatusBoard, address: ListenAddress) -> StatusServer:
    """Start to serve a board until `close`; raises OSError if the address cannot be listened on."""
    server = StatusServer(Pages(board), address)
    server.start()
    return server


class StatusServer:
    """One thread accepts, one for each connection answers one request; `close` ends them all.

    Attributes:
        address: Where it listens, with the port that was taken.
    """

    def __init__(self, pages: Pages, address: ListenAddress) -> None:
        self._pages = pages
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._listener = socket.create_server(
            (address.ip, address.port), family=address.family, backlog=_MAX_CONNECTIONS
        )
        self._listener.setblocking(False)  # noqa: FBT003  the socket's own signature
        self._wakeup, self._waker = socket.socketpair()
        self.address = ListenAddress(address.ip, self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept_until_closed, name="status server", daemon=True)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{self.address}/"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening, break open connections and wait for the threads, some seconds at most; may be repeated."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._waker.send(b"x")
        self._thread.join(_SECONDS_TO_CLOSE)
        for one in (self._listener, self._wakeup, self._waker):
            one.close()
        with self._lock:
            still_open = dict(self._open)
            for connection in still_open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open.values():
            thread.join(_SECONDS_TO_CLOSE)

    def _accept_until_closed(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wakeup, selectors.EVENT_READ)
            is_failing = False
            while not self._stopping.is_set():
                selector.select()
                try:
                    self._begin(self._listener.accept()[0])
                    is_failing = False
                except BlockingIOError:
                    continue
                except (
                    OSError,
                    RuntimeError,
                ) as error:  # out of files or threads: the next try would fail too
                    if not is_failing:
                        _log.warning("the status server cannot answer: %s", error)
                    is_failing = True
                    self._stopping.wait(_SECONDS_AFTER_FAILURE)

    def _begin(self, connection: socket.socket) -> None:
        """Answer in a thread of its own; with too many connections open, close this one unanswered."""
        thread = threading.Thread(target=self._answer, args=(connection,), name="status request", daemon=True)
        with self._lock:
            if is_full := len(self._open) >= _MAX_CONNECTIONS:
                connection.close()
            else:
                self._open[connection] = thread
        if is_full:
            return
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                del self._open[connection]
            connection.close()
            raise

    def _answer(self, connection: socket.socket) -> None:
        try:
            self._exchange(connection)
        except OSError:
            pass  # the client went away or was too slow, which is no error of the server
        except Exception as error:  # noqa: BLE001  a request must not end the server
            _log.warning("the status server failed: %s", describe(error))
        finally:
            with self._lock:
                del self._open[connection]
                connection.close()

    def _exchange(self, connection: socket.socket) -> None:
        """Read a request within its time, answer it, and leave nothing of it unread."""
        is_loopback = self.address.is_loopback
        try:
            asked = read_request(connection, _SECONDS_TO_ASK, only_loopback_names=is_loopback)
            if asked is not None:
                response = self._response(asked.path, asked.accept)
                _send(connection, response, is_head=asked.is_head)
        except RefusedRequestError as refusal:
            _send(connection, text_response(refusal.status, str(refusal)), is_head=refusal.is_head)
            _discard_rest(connection)

    def _response(self, path: str, accept: str) -> Response:
        try:
            return self._pages.response(path, accept)
        except Exception as error:  # noqa: BLE001  a client must be told, whatever it is
            _log.warning("the status server failed to make %s: %s", path, describe(error))
            return text_response(HTTPStatus.INTERNAL_SERVER_ERROR, "this page could not be made; see the log")


def _send(connection: socket.socket, response: Response, *, is_head: bool) -> None:
    lines = {
        "Date": formatdate(usegmt=True),
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "close",
        **HEADERS,
    }
    if response.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines["Allow"] = "GET, HEAD"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    status = f"HTTP/1.1 {response.status.value} {response.status.phrase}\r\n"
    connection.settimeout(_SECONDS_TO_ANSWER)
    connection.sendall(f"{status}{head}\r\n".encode("latin-1") + (b"" if is_head else response.body))


def _discard_rest(connection: socket.socket) -> None:
    """Read what a refused client still sends, within limits: closed at once, it might never see the answer."""
    connection.shutdown(socket.SHUT_WR)
    until, left = time.monotonic() + _SECONDS_TO_DISCARD, _MAX_LEFT_OVER
    while left > 0 and time.monotonic() < until:
        connection.settimeout(_SECONDS_TO_DISCARD)
        rest = connection.recv(65_536)
        if not rest:
            return
        left -= len(rest)
