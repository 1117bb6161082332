"""The package's log lines while a command runs: shown by the command, or kept off the screen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Final

from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen

__all__ = ["all_lines", "host_lines", "only_host_warnings"]

_PACKAGE: Final = "signal_client_oci"
_HOST: Final = "signal_client_oci.host"


class _LineHandler(logging.Handler):
    """Passes each record on as one safe line."""

    def __init__(self, show: Callable[[logging.LogRecord, str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._show(record, printable(record.getMessage()))
        except Exception:  # noqa: BLE001  as every handler does: a log line never stops what it tells of
            self.handleError(record)


@contextmanager
def only_host_warnings(screen: Screen) -> Iterator[None]:
    """Show the host's warnings; what the connector logs is in its report."""
    with _handled(_HOST, logging.WARNING, lambda _record, line: screen.warn([line])):
        yield


@contextmanager
def host_lines(show: Callable[[str], None]) -> Iterator[None]:
    """Pass the host's own log lines to `show`, without those of the connector."""
    with _handled(_HOST, logging.INFO, lambda _record, line: show(line)):
        yield


@contextmanager
def all_lines(show: Callable[[str], None]) -> Iterator[None]:
    """Pass every log line of the package to `show` in the format of the host: time, level, message."""

    def line(record: logging.LogRecord, message: str) -> None:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        show(f"{moment:%Y-%m-%dT%H:%M:%SZ} [{record.levelname}] {message}")

    with _handled(_PACKAGE, logging.INFO, line):
        yield


@contextmanager
def _handled(name: str, level: int, show: Callable[[logging.LogRecord, str], None]) -> Iterator[None]:
    """Pass one logger's records to `show`; keep all others off the screen, where Python would print warnings."""
    with _attached("", logging.NullHandler(), logging.WARNING), _attached(name, _LineHandler(show), level):
        yield


@contextmanager
def _attached(name: str, handler: logging.Handler, level: int) -> Iterator[None]:
    """Add a handler to a logger while the context lasts."""
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
