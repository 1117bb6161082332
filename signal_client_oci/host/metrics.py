"""Counters of the host, by instance, under the host's prefix `signal_client_`."""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["COUNTERS", "Metrics"]

COUNTERS: Final = ("signal_client_polls_completed", "signal_client_records_fetched", "signal_client_errors")


class Metrics:
    """Three counters for each instance, safe to use from many threads.

    `polls_completed`: polls that gave a report, whatever it says. `records_fetched`: artifacts that were
    published. `errors`: sources that a report calls failed, plus polls that were aborted without a report.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[str, int]] = {}

    def completed(self, instance: str, failed_sources: int) -> None:
        """Count a poll that gave its report."""
        self._add(instance, completed=1, errors=failed_sources)

    def published(self, instance: str, artifacts: int) -> None:
        """Count artifacts that the sink has taken."""
        self._add(instance, records=artifacts)

    def aborted(self, instance: str) -> None:
        """Count a poll that ended without a report."""
        self._add(instance, errors=1)

    def snapshot(self) -> dict[str, dict[str, int]]:
        """Return a copy: instance → counter name → value."""
        with self._lock:
            return {instance: dict(counters) for instance, counters in self._counters.items()}

    def _add(self, instance: str, completed: int = 0, records: int = 0, errors: int = 0) -> None:
        with self._lock:
            counters = self._counters.setdefault(instance, dict.fromkeys(COUNTERS, 0))
            for name, more in zip(COUNTERS, (completed, records, errors), strict=True):
                counters[name] += more
