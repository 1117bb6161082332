"""What the package logs while a command runs: the command shows it, or keeps it off the screen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Final

from signal_client_oci.cli.output.safe_text import shown
from signal_client_oci.cli.output.screen import Screen

__all__ = ["all_lines", "host_lines", "only_host_warnings"]

_PACKAGE: Final = "signal_client_oci"
_HOST: Final = "signal_client_oci.host"


class _Teller(logging.Handler):
    """Passes each record on as one safe line."""

    def __init__(self, tell: Callable[[logging.LogRecord, str], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record, shown(record.getMessage()))


@contextmanager
def only_host_warnings(screen: Screen) -> Iterator[None]:
    """Show what the host warns of; what the connector logs stands in its report."""
    with _told(_HOST, logging.WARNING, lambda _record, line: screen.warn([line])):
        yield


@contextmanager
def host_lines(tell: Callable[[str], None]) -> Iterator[None]:
    """Hand the host's own log lines to `tell`, without those of the connector."""
    with _told(_HOST, logging.INFO, lambda _record, line: tell(line)):
        yield


@contextmanager
def all_lines(tell: Callable[[str], None]) -> Iterator[None]:
    """Hand every log line of the package to `tell`, as the host prints it: time, level, message."""

    def line(record: logging.LogRecord, message: str) -> None:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        tell(f"{moment:%Y-%m-%dT%H:%M:%SZ} [{record.levelname}] {message}")

    with _told(_PACKAGE, logging.INFO, line):
        yield


@contextmanager
def _told(name: str, level: int, tell: Callable[[logging.LogRecord, str], None]) -> Iterator[None]:
    """Hand one logger's records to `tell` and keep all others off the screen, where Python would print warnings."""
    with _attached("", logging.NullHandler(), logging.WARNING), _attached(name, _Teller(tell), level):
        yield


@contextmanager
def _attached(name: str, handler: logging.Handler, level: int) -> Iterator[None]:
    """Add a handler to a logger for a while."""
    logger = logging.getLogger(name)
    before = logger.level
    handler.setLevel(level)
    logger.addHandler(handler)
    if name:
        logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
