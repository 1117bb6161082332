"""The board: what is known of each instance, told by whoever polls, read by the server."""

from __future__ import annotations

import itertools
import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import reduce
from typing import Final, TypeVar

from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.contract import SOURCES, SourceName, SourceReport
from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.host.http.chart import add_to_chart
from signal_client_oci.host.http.status import (
    DURATION_BOUNDS,
    InstanceStatus,
    PollEnd,
    SourceStatus,
    SourceTotals,
)
from signal_client_oci.host.runner import BatchProgress, PollResult
from signal_client_oci.host.schedule import Observer, PollOutcome

__all__ = ["BoardState", "StatusBoard"]

_MAX_LABEL: Final = 100
_MAX_CODES: Final = 50
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_OTHER: Final = "OTHER"
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class BoardState:
    """Everything on the board at one moment; `monotonic` is the same moment on the clock of durations."""

    now: datetime
    monotonic: float
    instances: tuple[InstanceStatus, ...]


class StatusBoard(Observer):
    """Keeps what is known of each watched instance; each method can be called from any thread.

    `watch` adds an instance, `forget` removes it. In between, `started`, `progress` and `finished` tell of its polls;
    what they tell of an instance that is not watched is ignored. `now` and `monotonic` are the clocks.
    """

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._instances: dict[str, InstanceStatus] = {}

    def watch(self, instance: str, interval_seconds: float, sources: Iterable[SourceName] = SOURCES) -> None:
        """Add an instance that is polled on this interval; of one that is watched, only the interval changes."""
        with self._lock:
            if known := self._instances.get(instance):
                self._instances[instance] = replace(known, interval_seconds=interval_seconds)
                return
            label = _label(instance, {one.label for one in self._instances.values()})
            waiting = tuple(map(SourceStatus, sources))
            self._instances[instance] = InstanceStatus(
                instance, label, interval_seconds, waiting, watched_since=self._monotonic()
            )

    def forget(self, instance: str) -> None:
        """Remove an instance with all that was counted; harmless if it is not watched."""
        with self._lock:
            self._instances.pop(instance, None)

    def state(self) -> BoardState:
        """Return what is known now; instances in the order in which they were added."""
        with self._lock:
            return BoardState(self._now(), self._monotonic(), tuple(self._instances.values()))

    def started(self, instance: str) -> None:
        """Note that a poll begins."""
        self._change(instance, self._begun)

    def progress(self, progress: BatchProgress) -> None:
        """Count a batch that was published and whose checkpoint was stored."""
        self._change(progress.instance, lambda one: self._with_batch(one, progress))

    def finished(self, outcome: PollOutcome) -> None:
        """Note how a poll ended."""
        self._change(outcome.instance, lambda one: self._ended(one, outcome))

    def _change(self, instance: str, change: Callable[[InstanceStatus], InstanceStatus]) -> None:
        with self._lock:
            if known := self._instances.get(instance):
                self._instances[instance] = change(known)

    def _begun(self, one: InstanceStatus) -> InstanceStatus:
        sources = tuple(replace(source, new=0) for source in one.sources)
        return replace(
            one, is_polling=True, started=self._now(), started_at=self._monotonic(), sources=sources
        )

    def _with_batch(self, one: InstanceStatus, progress: BatchProgress) -> InstanceStatus:
        return replace(
            one,
            sources=tuple(
                _with_records(source, progress.artifacts, self._now())
                if source.name == progress.source
                else source
                for source in one.sources
            ),
        )

    def _ended(self, one: InstanceStatus, outcome: PollOutcome) -> InstanceStatus:
        now, monotonic = self._now(), self._monotonic()
        took = 0.0 if one.started_at is None else monotonic - one.started_at
        slot = bisect_left(DURATION_BOUNDS, took)
        end: PollEnd = "aborted" if outcome.result is None else outcome.result.report["status"]
        ended = replace(
            one,
            is_polling=False,
            ended=now,
            result=end,
            problem=outcome.problem or "",
            next_poll=now + timedelta(seconds=outcome.next_poll_in_seconds),
            polls=_plus_one(one.polls, end),
            durations=tuple(count + (at == slot) for at, count in enumerate(one.durations)),
            duration_sum=one.duration_sum + took,
        )
        if outcome.result is None:
            return ended
        return replace(_with_report(ended, outcome.result, now), reported=now, reported_at=monotonic)


def _label(name: str, taken: Collection[str]) -> str:
    """Return a name made safe to show, short, and different from those taken."""
    safe = sanitize(name)[:_MAX_LABEL] or "(blank)"
    further = (f"{safe} ({number})" for number in itertools.count(2))
    return next(one for one in itertools.chain([safe], further) if one not in taken)


def _with_records(source: SourceStatus, records: int, now: datetime) -> SourceStatus:
    return replace(
        source,
        new=source.new + records,
        totals=replace(source.totals, records=source.totals.records + records),
        chart=add_to_chart(source.chart, now, records=records),
    )


def _with_report(one: InstanceStatus, result: PollResult, now: datetime) -> InstanceStatus:
    reports = result.report["sources"]
    return replace(
        one,
        sources=tuple(
            _with_source_report(source, reports[source.name], now) if source.name in reports else source
            for source in one.sources
        ),
        warnings=tuple(result.report["warnings"]),
        warned=reduce(
            _with_code, sorted({warning["code"] for warning in result.report["warnings"]}), one.warned
        ),
        checkpoint_bytes=len(compact_json(result.report["checkpoint"])),
    )


def _with_source_report(source: SourceStatus, report: SourceReport, now: datetime) -> SourceStatus:
    """Return a source after a report; where it was not due, what was known of it remains."""
    if report["status"] == "skipped":
        return replace(source, status="skipped") if source.status == "waiting" else source
    covered = utc_moment(report["covered_until"] or "") or source.covered_until
    read = replace(
        source,
        status=report["status"],
        covered_until=covered,
        error=report["error"],
        totals=_with_counts(source.totals, report),
    )
    return replace(read, chart=add_to_chart(read.chart, now, lag_seconds=read.lag_seconds(now)))


def _with_counts(totals: SourceTotals, report: SourceReport) -> SourceTotals:
    counts = report.get("counts", {})
    return replace(
        totals,
        requests=totals.requests + report["requests"],
        retries=totals.retries + report["retries"],
        throttled=totals.throttled + counts.get("throttled", 0),
        repeats=totals.repeats + counts.get("duplicates", 0),
        masked=totals.masked + counts.get("redacted", 0),
        parse_errors=totals.parse_errors + counts.get("parse_errors", 0),
        errors=_with_code(totals.errors, report["error"]["code"]) if report["error"] else totals.errors,
    )


def _with_code(counts: Mapping[str, int], code: str) -> Mapping[str, int]:
    """Return the counts of codes with one more; however many codes a plugin invents, they are few."""
    is_known = code in counts or (len(counts) < _MAX_CODES and _CODE.fullmatch(code))
    return _plus_one(counts, code if is_known else _OTHER)


def _plus_one(counts: Mapping[_Key, int], key: _Key) -> dict[_Key, int]:
    return {**counts, key: counts.get(key, 0) + 1}
