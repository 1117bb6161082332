"""Several observers of one schedule, such as the table on a terminal and the board behind the status page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from signal_client_oci.host.plugins import describe
from signal_client_oci.host.schedule import Observer

if TYPE_CHECKING:
    from signal_client_oci.host.runner import BatchProgress
    from signal_client_oci.host.schedule import PollOutcome

__all__ = ["Observers"]

_log = logging.getLogger(__name__)


class Observers(Observer):
    """Passes every call on to each of `observers`; one that raises is logged and does not affect the others."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def started(self, instance: str) -> None:
        """Pass on that a poll begins."""
        self._each(lambda observer: observer.started(instance))

    def progress(self, progress: BatchProgress) -> None:
        """Pass on that a batch was published."""
        self._each(lambda observer: observer.progress(progress))

    def finished(self, outcome: PollOutcome) -> None:
        """Pass on that a poll ended."""
        self._each(lambda observer: observer.finished(outcome))

    def _each(self, tell: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                tell(observer)
            except Exception as error:  # noqa: BLE001  one that fails must not keep the news from the others
                _log.warning("the observer failed: %s", describe(error))
