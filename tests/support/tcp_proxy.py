"""A TCP proxy on loopback that cuts, delays and swallows, for what lies between a node and its NATS server."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from typing_extensions import Self

__all__ = ["TcpProxy"]

_CHUNK = 65536


class TcpProxy:
    """Passes bytes between clients and one server until told otherwise.

    `hold_answers` lets requests through and keeps answers back, so that a publish is stored and its acknowledgement
    is not heard; `cut` then ends all connections, and what was kept back is gone.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._answers = threading.Event()
        self._answers.set()
        self.delay = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"nats://127.0.0.1:{self.port}"

    def hold_answers(self) -> None:
        """Keep back what the server sends from now on."""
        self._answers.clear()

    def release_answers(self) -> None:
        """Let through what was kept back, and what comes."""
        self._answers.set()

    def cut(self) -> None:
        """End every connection, and let new ones through."""
        with self._lock:
            open_now, self._open = self._open, set()
        for one in open_now:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._answers.set()

    def close(self) -> None:
        """End everything; harmless when repeated."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
            for source, target, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pump, args=(source, target), kwargs={"is_answer": is_answer}, daemon=True
                ).start()

    def _pump(self, source: socket.socket, target: socket.socket, *, is_answer: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if self.delay:
                    time.sleep(self.delay)
                if is_answer:
                    self._answers.wait()
                target.sendall(chunk)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            with self._lock:
                self._open.discard(one)
