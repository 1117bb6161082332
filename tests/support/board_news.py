"""A status board with clocks that tests move, and the polls that it is told of."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from signal_client_oci.host import BatchProgress, PollOutcome, PollResult
from signal_client_oci.host.http.board import StatusBoard
from support.host_fakes import check, report, source_report

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
INTERVAL = 300.0


class BoardNews:
    """A board, and the news of polls for it; `pass_time` moves both clocks."""

    def __init__(self, *instances: str) -> None:
        self.seconds = 0.0
        self.board = StatusBoard(
            lambda: NOON + timedelta(seconds=self.seconds), lambda: 1000.0 + self.seconds
        )
        for name in instances:
            self.board.watch(name, INTERVAL)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def poll(
        self, name: str, status: str = "ok", *, took: float = 2.0, records: int = 0, **sources: dict[str, Any]
    ) -> None:
        """A poll that ends with a report; `records` are audit events in one batch."""
        self.board.started(name)
        if records:
            self.board.progress(BatchProgress(name, "audit", records, records, 1))
        self.pass_time(took)
        self.end(name, status, took=took, **sources)

    def end(self, name: str, status: str = "ok", *, took: float = 0.0, **sources: dict[str, Any]) -> None:
        """End a poll that was started with a report."""
        warnings = sources.pop("warnings", [])
        told = report(status, {"version": 1, "next": 7}, **sources) | {"warnings": warnings}
        result = PollResult(name, told, {}, 1, 0, took)
        self.board.finished(PollOutcome(name, result, None, INTERVAL - took))

    def abort(self, name: str, problem: str = "No space left on device") -> None:
        """A poll that ends without a report."""
        self.board.started(name)
        self.board.finished(PollOutcome(name, None, problem, INTERVAL))


def read_until(seconds_ago: float, at: float, **counts: int) -> dict[str, Any]:
    """A source's report that was read to `seconds_ago` before the moment `at` (seconds after noon)."""
    moment = NOON + timedelta(seconds=at - seconds_ago)
    text = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    return source_report() | {"covered_until": text, "counts": counts}


def failed_with(code: str, message: str = "It failed.", remedy: str = "Repair it.") -> dict[str, Any]:
    """A source's report that failed."""
    error = check() | {"code": code, "message": message, "remedy": remedy}
    return source_report("failed", error=error) | {"covered_until": None}
