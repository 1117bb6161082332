"""A proxy that lets the answers of a NATS server overtake what a consumer delivers."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import IO

from support.tcp_proxy import TcpProxy

__all__ = ["LateDeliveries"]

_LATE_SECONDS = 0.2
_DELIVERY = b" $JS.ACK."
"""In the reply subject of what a consumer delivers, and of nothing else."""


class LateDeliveries(TcpProxy):
    """Passes on deliveries in their order, each 0.2 s late, and everything else at once.

    A server sends both on different ways too: an answer may overtake what it counts as delivered. `lost` has the
    numbers of the deliveries, from 1, that never arrive.
    """

    def __init__(self, port: int, lost: Collection[int] = ()) -> None:
        self._lost = lost
        self._numbers = itertools.count(1)
        super().__init__(port)

    def _pump(self, source: socket.socket, target: socket.socket, *, is_answer: bool) -> None:
        if not is_answer:
            super()._pump(source, target, is_answer=is_answer)
            return
        sending, late = threading.Lock(), queue.SimpleQueue[tuple[float, bytes]]()

        def send(frame: bytes) -> None:
            with sending, suppress(OSError):
                target.sendall(frame)

        def send_late() -> None:
            while (due := late.get())[1]:
                time.sleep(max(0.0, due[0] - time.monotonic()))
                send(due[1])

        sender = threading.Thread(target=send_late, daemon=True)
        sender.start()
        with source.makefile("rb") as stream, suppress(OSError):
            while frame := _frame(stream):
                if _DELIVERY not in frame.partition(b"\r\n")[0]:
                    send(frame)
                elif next(self._numbers) not in self._lost:
                    late.put((time.monotonic() + _LATE_SECONDS, frame))
        late.put((0.0, b""))
        sender.join()
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def _frame(stream: IO[bytes]) -> bytes:
    """Read one operation of the protocol; the last number of MSG and HMSG is the size of what follows."""
    line = stream.readline()
    if line.startswith((b"MSG ", b"HMSG ")):
        return line + stream.read(int(line.split()[-1]) + 2)
    return line
