"""A proxy that lets the answers of a NATS server overtake what a consumer delivers."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import IO

from support.tcp_proxy import TcpProxy

__all__ = ["LateDeliveries"]

_LATE_SECONDS = 0.2
_DELIVERY = b" $JS.ACK."
"""In the reply subject of what a consumer delivers, and of nothing else."""


class LateDeliveries(TcpProxy):
    """Passes on a delivery 0.2 s after its turn, and everything else at once.

    A server sends both on different ways too: an answer may overtake what it counts as delivered.
    """

    def _pump(self, source: socket.socket, target: socket.socket, *, is_answer: bool) -> None:
        if not is_answer:
            super()._pump(source, target, is_answer=is_answer)
            return
        sending = threading.Lock()

        def send(frame: bytes) -> None:
            with sending, suppress(OSError):
                target.sendall(frame)

        with source.makefile("rb") as stream, suppress(OSError):
            while frame := _frame(stream):
                if _DELIVERY in frame.partition(b"\r\n")[0]:
                    threading.Timer(_LATE_SECONDS, send, [frame]).start()
                else:
                    send(frame)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def _frame(stream: IO[bytes]) -> bytes:
    """Read one operation of the protocol; the last number of MSG and HMSG is the size of what follows."""
    line = stream.readline()
    if line.startswith((b"MSG ", b"HMSG ")):
        return line + stream.read(int(line.split()[-1]) + 2)
    return line
