"""What is known of an instance and its sources: frozen records, replaced as polls begin and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from signal_client_oci.contract import Check, SourceName
from signal_client_oci.host.headline import Verdict
from signal_client_oci.host.http.chart import ChartPoint

__all__ = [
    "DURATION_BOUNDS",
    "INTERVALS_TO_OVERDUE",
    "InstanceStatus",
    "SourceStatus",
    "SourceTotals",
]

PollEnd = Literal["ok", "degraded", "failed", "aborted"]
"""How a poll ended: its report's status, or without a report."""

DURATION_BOUNDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Upper bounds of the histogram of poll durations, in seconds."""
INTERVALS_TO_OVERDUE: Final = 3


@dataclass(frozen=True)
class SourceTotals:
    """What a source counted since the instance is watched.

    Attributes:
        records: Artifacts that were published and whose checkpoint was stored.
        requests: Requests sent.
        retries: Requests that were not the first attempt.
        throttled: Answers with status 429.
        repeats: Records left out because they had been delivered.
        masked: Secrets masked.
        parse_errors: Records of which something could not be read.
        errors: Code → polls whose report names it for this source.
    """

    records: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    repeats: int = 0
    masked: int = 0
    parse_errors: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceStatus:
    """One source of an instance.

    Attributes:
        name: The contract's name.
        status: The report's status, of the last poll in which the source was due; `waiting` before the first.
        new: Artifacts of the present or last poll.
        covered_until: Until when everything was read, None where that is not known.
        error: What the last poll in which the source was due says of it.
        totals: What was counted.
        chart: Records and lag over the last hours, oldest first.
    """

    name: SourceName
    status: Literal["waiting", "ok", "failed", "skipped", "partial"] = "waiting"
    new: int = 0
    covered_until: datetime | None = None
    error: Check | None = None
    totals: SourceTotals = SourceTotals()
    chart: tuple[ChartPoint, ...] = ()

    def lag_seconds(self, now: datetime) -> float | None:
        """Return the seconds since the moment that the source was read to, None where that is not known."""
        return None if self.covered_until is None else max(0.0, (now - self.covered_until).total_seconds())


@dataclass(frozen=True)
class InstanceStatus:
    """One instance.

    Attributes:
        name: The instance's name.
        label: The name made safe to show, different for each instance.
        interval_seconds: From the start of one poll to the start of the next.
        sources: Its sources, in the order of reports.
        watched_since: `monotonic` when it was added.
        started: When the present or last poll began, None before the first.
        started_at: `monotonic` of that.
        is_polling: True while a poll runs.
        ended: When the last poll ended, with a report or without.
        reported_at: `monotonic` when the last poll ended with a report, None before.
        reported: The time of that.
        result: How the last poll ended, None before the first.
        problem: Why the last poll ended without a report.
        warnings: The last report's warnings.
        warned: Code → polls whose report has this warning.
        next_poll: When the next poll is due.
        checkpoint_bytes: Size of the last report's checkpoint as compact JSON.
        polls: How polls ended → how many.
        durations: Polls by duration: one number for each of `DURATION_BOUNDS`, and one for those above.
        duration_sum: Seconds of all polls.
    """

    name: str
    label: str
    interval_seconds: float
    sources: tuple[SourceStatus, ...]
    watched_since: float
    started: datetime | None = None
    started_at: float | None = None
    is_polling: bool = False
    ended: datetime | None = None
    reported_at: float | None = None
    reported: datetime | None = None
    result: PollEnd | None = None
    problem: str = ""
    warnings: tuple[Check, ...] = ()
    warned: Mapping[str, int] = field(default_factory=dict)
    next_poll: datetime | None = None
    checkpoint_bytes: int | None = None
    polls: Mapping[PollEnd, int] = field(default_factory=dict)
    durations: tuple[int, ...] = (0,) * (len(DURATION_BOUNDS) + 1)
    duration_sum: float = 0.0

    def seconds_without_report(self, monotonic: float) -> float:
        """Return the seconds since a poll last ended with a report, or since the instance was added."""
        return monotonic - (self.watched_since if self.reported_at is None else self.reported_at)

    def is_overdue(self, monotonic: float) -> bool:
        """Return whether no poll ended with a report for three intervals."""
        return self.seconds_without_report(monotonic) > INTERVALS_TO_OVERDUE * self.interval_seconds

    def verdict(self, monotonic: float) -> Verdict:
        """Return how the instance fares."""
        if self.is_overdue(monotonic):
            return "overdue"
        if self.result is None:
            return "waiting"
        return "failed" if self.result == "aborted" else self.result
