"""Ctrl-C, SIGTERM and a terminal that is closed, during a poll: the first ends it in order, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["stop_on_signals", "terminate_like_interrupt"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_HANG_UP: Final = signal.SIGHUP


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; a second one raises KeyboardInterrupt."""
    stop = threading.Event()

    def handle(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in _signals()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def terminate_like_interrupt() -> Iterator[None]:
    """Treat SIGTERM, which supervisors send, like Ctrl-C, also in the background of a script."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signals() -> tuple[signal.Signals, ...]:
    """Return the signals that stop a command; `nohup` has asked that closing the terminal does not."""
    is_ignored = signal.getsignal(_HANG_UP) is signal.SIG_IGN
    return _SIGNALS if is_ignored else (*_SIGNALS, _HANG_UP)
