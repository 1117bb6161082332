"""Drives a poll's collectors: their requests to the workers, the answers back, the batches to the host.

Everything that was started is ended in a `finally`, so a generator that is closed or dropped half-way leaves no
thread and no connection behind. A page is mapped in turns; between two of them deadline and `should_stop` are asked
and full batches are handed out, so that neither the time nor the memory of a poll hangs on the size of a page.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final

from signal_client_oci.contract import Batch, Check, Report, SourceName
from signal_client_oci.errors.failure import Failure, make_check
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.oci_api.limits import LAST_CALL_SECONDS
from signal_client_oci.polling.context import Run
from signal_client_oci.polling.report import log_report, make_report
from signal_client_oci.polling.scope import ScopeCollector
from signal_client_oci.polling.sources.audit import AuditService
from signal_client_oci.polling.sources.cloud_guard import CloudGuardCollector
from signal_client_oci.polling.sources.logging import LoggingService
from signal_client_oci.polling.sources.windowed import WindowCollector
from signal_client_oci.polling.sources.windowed_api import WindowedService
from signal_client_oci.scheduler.dispatcher import Dispatcher
from signal_client_oci.scheduler.requests import Collector, Request, Result, Step
from signal_client_oci.settings.api_key import ApiKey
from signal_client_oci.state.batcher import Batcher

__all__ = ["Drive", "internal_error"]

DEFAULT_BATCH_ARTIFACTS: Final = 1000
DEFAULT_BATCH_BYTES: Final = 4 * 1024 * 1024
_TICK_SECONDS: Final = 0.1
_LONG_WAIT_SECONDS: Final = 5.0
_SCOPE_SECONDS: Final = 60.0

logger = logging.getLogger("signal_client_oci")


class Drive:
    """The requests of one poll on their way, and the limits that it keeps."""

    def __init__(self, run: Run, api_key: ApiKey, context: Mapping[str, Any]) -> None:
        self._run = run
        deadline = context.get("deadline_seconds")
        self._began = time.monotonic()
        self._until = None if deadline is None else self._began + float(deadline)
        self._should_stop: Callable[[], bool] = context.get("should_stop") or _never
        self._crew = Dispatcher(
            lambda region, service: borrow(run.settings, api_key, region, service, self._until),
            run.settings.max_concurrency,
            self._until,
        )
        self._scope = ScopeCollector(run)
        self._collectors: dict[SourceName, Collector] = {}
        self._broken: dict[str, Check] = {}
        self._interrupted = False
        self._last_call = 0.0
        limits = (
            context.get("max_batch_artifacts") or DEFAULT_BATCH_ARTIFACTS,
            context.get("max_batch_bytes") or DEFAULT_BATCH_BYTES,
        )
        for source in run.settings.enabled_sources:
            run.batchers[source] = Batcher(source, run.progress.to_json, *limits)

    def batches_and_report(self) -> Generator[Batch | Report, None, None]:
        """Drive the collectors until nothing is left or the time is up, then report."""
        try:
            yield from self._fetch()
            for batcher in self._run.batchers.values():
                yield from batcher.flush()
        finally:
            self._crew.close()
        report = self._report()
        log_report(report, self._run.instance)
        yield report

    def _fetch(self) -> Iterator[Batch]:
        if "cloud_guard" in self._run.batchers:
            self._start("cloud_guard", CloudGuardCollector(self._run))
        if "audit" in self._run.batchers or "logging" in self._run.batchers:
            self._ask(self._scope, self._scope.begin)
            yield from self._drive(self._is_scope_awaited)
            self._scope.end(
                interrupted=self._crew.has_pending(self._scope) or self._scope.source in self._broken
            )
            for service in self._windowed_services():
                self._start(service.source, WindowCollector(service, self._run, self._crew, self._scope))
        yield from self._drive(self._is_source_awaited)
        if any(collector.has_new_denials for collector in self._windowed()):
            self._ask(self._scope, self._scope.list_again)
            yield from self._drive(lambda: self._crew.has_pending(self._scope))
            for collector in self._windowed():
                collector.excuse(self._scope.deleted_meanwhile)
        if self._interrupted:
            self._crew.abort()
            yield from self._take_what_is_here()

    def _drive(self, unfinished: Callable[[], bool]) -> Iterator[Batch]:
        """Pass outcomes to their collectors while there are any to come, looking at the clock in between."""
        while unfinished() and not self._is_interrupted():
            for collector in self._collectors.values():
                self._ask(collector, collector.more)
            outcome = self._crew.next_outcome(_TICK_SECONDS)
            if outcome is not None:
                yield from self._follow(*outcome)
            yield from self._ready()

    def _take_what_is_here(self) -> Iterator[Batch]:
        """Map what was received before the end, as far as there is time."""
        for request, result in self._crew.last_outcomes():
            if isinstance(result, Failure):
                request.owner.cut_off(request)
            elif not self._is_over():
                yield from self._follow(request, result)
                yield from self._ready()

    def _follow(self, request: Request, result: Any) -> Iterator[Batch]:
        """Let a collector take an outcome, in turns; the poll's end may come between two of them."""
        owner = request.owner
        if isinstance(result, Failure) and result.code == "STOPPED":
            self._interrupt()
            return
        take = owner.failed if isinstance(result, Failure) else owner.answered
        with closing(self._turns(owner, partial(take, request, result))) as turns:
            for _ in turns:
                yield from self._ready()
                if self._is_over():
                    return

    def _start(self, source: SourceName, collector: Collector) -> None:
        self._collectors[source] = collector
        if not self._interrupted:
            self._ask(collector, collector.begin)

    def _ask(self, collector: Collector, steps: Callable[[], Iterable[Step]]) -> None:
        """Submit what a collector names at once."""
        for _ in self._turns(collector, steps):
            pass

    def _turns(
        self, collector: Collector, steps: Callable[[], Iterable[Step]]
    ) -> Generator[None, None, None]:
        """Submit what a collector names, and yield after each turn; a defect of one source touches no other."""
        if collector.source in self._broken:
            return
        try:
            for step in steps():
                if step is None:
                    yield
                else:
                    self._crew.submit(step)
        except Exception as error:  # noqa: BLE001  (reported as this source's failure, and logged)
            self._broken[collector.source] = internal_error(error)

    def _ready(self) -> Iterator[Batch]:
        for batcher in self._run.batchers.values():
            yield from batcher.ready()

    def _is_scope_awaited(self) -> bool:
        """Wait for the list of compartments, but not so long that nothing could be read for want of it."""
        if not self._crew.has_pending(self._scope):
            return False
        patience = _SCOPE_SECONDS if self._until is None else (self._until - self._began) / 3
        return time.monotonic() - self._began < min(_SCOPE_SECONDS, patience)

    def _is_source_awaited(self) -> bool:
        return any(self._crew.has_pending(collector) for collector in self._collectors.values())

    def _named_after_its_cause(self, source: SourceName, error: Check | None) -> Check | None:
        """Where the poll's time ran out because a service did not answer, say so."""
        waited = self._crew.unanswered.get(source, 0.0)
        lasted = time.monotonic() - self._began
        if error is None or error["code"] != "STOPPED" or waited < min(_LONG_WAIT_SECONDS, lasted / 2):
            return error
        failure = Failure("TIMEOUT", detail=f"no answer for {waited:.0f} seconds when the poll had to end")
        return failure.check(error["name"], error["title"])

    def _is_interrupted(self) -> bool:
        """True once the poll has to end, because its time is up or the host asks for it."""
        if not self._interrupted:
            is_late = self._until is not None and time.monotonic() >= self._until
            if is_late or self._should_stop():
                self._interrupt()
        return self._interrupted

    def _interrupt(self) -> None:
        if not self._interrupted:
            self._interrupted = True
            self._last_call = time.monotonic() + LAST_CALL_SECONDS

    def _is_over(self) -> bool:
        """True once the poll has to end and the time is up in which it may still map what it has received."""
        return self._is_interrupted() and time.monotonic() >= self._last_call

    def _windowed_services(self) -> Iterator[WindowedService]:
        settings = self._run.settings
        if settings.audit_enabled:
            yield AuditService()
        if settings.logging_enabled:
            yield LoggingService(settings.logging_query, audit_is_collected=settings.audit_enabled)

    def _windowed(self) -> list[WindowCollector]:
        return [one for one in self._collectors.values() if isinstance(one, WindowCollector)]

    def _report(self) -> Report:
        if self._scope.source in self._broken:
            self._run.warnings.append(self._broken[self._scope.source])
        results = {source: self._result(source, one) for source, one in self._collectors.items()}
        return make_report(self._run, results, self._crew, degraded=self._scope.degraded)

    def _result(self, source: SourceName, collector: Collector) -> Result:
        if source in self._broken:
            return Result("failed", self._broken[source])
        result = collector.end(interrupted=self._interrupted)
        result.error = self._named_after_its_cause(source, result.error)
        return result


def internal_error(error: Exception) -> Check:
    """Name the kind and the place of an unexpected exception; its text could hold a secret."""
    places = traceback.extract_tb(error.__traceback__)
    place = f"{places[-1].name} line {places[-1].lineno}" if places else "unknown place"
    message = f"unexpected {type(error).__name__} in {place}"
    logger.error("oci-cloud: %s", message)
    return make_check("settings", "Connector", "failed", "INTERNAL_ERROR", message)


def _never() -> bool:
    return False
