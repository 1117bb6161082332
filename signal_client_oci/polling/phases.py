"""The phases of a poll: scope, sources, what was deleted meanwhile, the end, the report.

Everything that was started is ended in a `finally`, so a generator that is closed or dropped half-way leaves no thread
and no connection behind.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Final

from signal_client_oci.contract import Batch, Check, Report, SourceName
from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.quantities import in_seconds
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.polling.context import Limits, PollContext
from signal_client_oci.polling.deadline import Deadline
from signal_client_oci.polling.log_lines import log_report
from signal_client_oci.polling.loop import PollLoop
from signal_client_oci.polling.protocol import Hindsight, Source, SourceOutcome
from signal_client_oci.polling.report import make_report, size_warnings
from signal_client_oci.polling.scope import Scope
from signal_client_oci.polling.scope_discovery.discovery import ScopeDiscovery
from signal_client_oci.polling.scope_discovery.regions import IDENTITY
from signal_client_oci.polling.service_clock import ServiceClock
from signal_client_oci.polling.sources.audit import AuditApi
from signal_client_oci.polling.sources.audit_search import AuditSearchSource
from signal_client_oci.polling.sources.cloud_guard import CloudGuardSource
from signal_client_oci.polling.sources.logging import LoggingApi
from signal_client_oci.polling.sources.windowed import WindowedSource
from signal_client_oci.scheduler.dispatcher import Dispatcher
from signal_client_oci.settings.api_key import ApiKey
from signal_client_oci.state.batcher import Batcher
from signal_client_oci.state.changes import SetBackfill
from signal_client_oci.state.poll_state import PollState

__all__ = ["PollPhases"]

_LONG_WAIT_SECONDS: Final = 5.0
_SHORT_WAIT_SECONDS: Final = 0.25  # OCI may well take that long, so it says nothing about the network
_SCOPE_SECONDS: Final = 60.0
_SCOPE_SHARE: Final = 1 / 3


class PollPhases:
    """One poll from its first request to its report."""

    def __init__(
        self,
        context: PollContext,
        state: PollState,
        api_key: ApiKey,
        limits: Limits,
        warnings: Iterable[Check] = (),
    ) -> None:
        settings = context.settings
        self._context = context
        self._state = state
        self._deadline = Deadline(limits)
        self._clock = ServiceClock(context, state)
        self._discovery = ScopeDiscovery(context, state)
        self._sources: dict[SourceName, Source] = {}
        self._dispatcher = Dispatcher(
            lambda region, service: borrow(settings, api_key, region, service, limits.until),
            settings.max_concurrency,
            limits.until,
        )
        batchers = {source: Batcher(limits.batch) for source in settings.enabled_sources}
        self._loop = PollLoop(state, self._dispatcher, self._deadline, self._clock, batchers)
        self._loop.warn(warnings)

    def batches_and_report(self) -> Generator[Batch | Report, None, None]:
        """Drive the sources until nothing is left or the time is up, then report."""
        try:
            yield from self._read()
            yield from self._loop.flush()
        finally:
            self._dispatcher.close()
        report = self._report()
        log_report(report, self._context.instance)
        yield report

    def delivered(self) -> dict[SourceName, int]:
        """Return how many artifacts of each source were handed out."""
        return dict(self._loop.delivered)

    def _read(self) -> Iterator[Batch]:
        settings, loop = self._context.settings, self._loop
        if settings.cloud_guard_enabled:  # it needs no list of compartments, and waits for none
            self._start(CloudGuardSource(self._context, self._state), Scope.undiscovered(settings))
        if settings.audit_enabled or settings.logging_enabled:
            scope = yield from self._discover_scope()
            self._start_windowed(scope)
        yield from loop.drive(lambda: loop.has_pending(self._sources))
        yield from self._recheck_denied()
        if self._deadline.is_interrupted:
            yield from loop.take_what_is_here()

    def _discover_scope(self) -> Generator[Batch, None, Scope]:
        """Find out what is read, but wait no longer for it than something can be read without it."""
        loop = self._loop
        loop.ask(IDENTITY, self._discovery, self._discovery.start)
        yield from loop.drive(
            lambda: (
                loop.has_pending([IDENTITY]) and not self._deadline.has_passed(_SCOPE_SHARE, _SCOPE_SECONDS)
            )
        )
        return self._discovery.finish(self._missing_answer())

    def _missing_answer(self) -> Failure | None:
        """Return why the discovery of the scope has to do without an answer, None if it has all."""
        if IDENTITY in self._loop.broken:
            return Failure("INTERNAL_ERROR", detail=self._loop.broken[IDENTITY]["message"])
        if not self._loop.has_pending([IDENTITY]):
            return None
        if self._deadline.is_interrupted:
            return Failure("STOPPED")
        return Failure("TIMEOUT", detail="Identity has not answered yet")

    def _start_windowed(self, scope: Scope) -> None:
        """Begin to read compartments; only when all are begun, none is left to be read from the first beginning on."""
        settings = self._context.settings
        self._state.apply(scope.changes)
        sources: list[WindowedSource] = []
        if settings.searches_audit:
            sources.append(AuditSearchSource(self._context, self._state))
        elif settings.audit_enabled:
            sources.append(WindowedSource(AuditApi(), self._context, self._state))
        if settings.logging_enabled:
            api = LoggingApi(settings.logging_query, audit_is_collected=settings.audit_enabled)
            sources.append(WindowedSource(api, self._context, self._state))
        for source in sources:
            self._start(source, scope)
        if scope.is_complete and not self._loop.broken:
            self._state.apply([SetBackfill(0)])
        self._state.apply(self._clock.bound())

    def _start(self, source: Source, scope: Scope) -> None:
        self._sources[source.name] = source
        self._loop.start(source, scope)

    def _recheck_denied(self) -> Iterator[Batch]:
        """Where compartments are refused that could be read before, look whether they were deleted meanwhile.

        A scope that is read without a list is looked for whenever it is refused: it may not exist.
        """
        windowed = [one for one in self._sources.values() if isinstance(one, WindowedSource)]
        is_unlisted = self._discovery.is_unlisted
        if any(
            one.failures.has_new_denials or (is_unlisted and one.failures.has_denials) for one in windowed
        ):
            self._loop.ask(IDENTITY, self._discovery, self._discovery.list_again)
            yield from self._loop.drive(lambda: self._loop.has_pending([IDENTITY]))
            for one in windowed:
                one.failures.forgive_deleted(self._discovery.deleted_meanwhile)

    # --- the report ---------------------------------------------------------------------------------------

    def _report(self) -> Report:
        loop = self._loop
        hindsight = Hindsight(frozenset(loop.accepting), self._discovery.findings.scope_error)
        of_scope = self._discovery.findings.warnings(hindsight)
        loop.warn(of_scope)
        is_broken = IDENTITY in loop.broken
        if is_broken and not self._discovery.findings.has_any:  # it broke when the list was taken again
            loop.warn([loop.broken[IDENTITY]])
        outcomes = {name: self._outcome(source, hindsight) for name, source in self._sources.items()}
        for outcome in outcomes.values():
            self._state.apply(outcome.changes)
            loop.warn(outcome.warnings)
        checkpoint = loop.checkpoint()
        loop.warn(size_warnings(self._state, loop.dropped))
        told = {outcome.error["code"] for outcome in outcomes.values() if outcome.error}
        loop.warn(one for one in self._clock.warnings() if one["code"] not in told)
        counts = self._dispatcher.counts
        numbers = {
            source: {
                "fetched": fetched,
                "requests": counts.sent.get(source, 0),
                "retries": counts.retries.get(source, 0),
                "throttled": counts.throttled.get(source, 0),
            }
            for source, fetched in loop.delivered.items()
        }
        degraded = bool(of_scope) or is_broken
        return make_report(self._context, outcomes, numbers, loop.warnings, checkpoint, degraded=degraded)

    def _outcome(self, source: Source, hindsight: Hindsight) -> SourceOutcome:
        if source.name in self._loop.broken:
            return SourceOutcome("failed", self._loop.broken[source.name])
        outcome = source.finish(hindsight)
        return replace(outcome, error=self._with_cause(source.name, outcome.error))

    def _with_cause(self, source: SourceName, error: Check | None) -> Check | None:
        """Where a service did not answer for most of the poll's time, say so; a host's stop is no timeout."""
        waited = self._dispatcher.unanswered.get(source, 0.0)
        least = max(_SHORT_WAIT_SECONDS, min(_LONG_WAIT_SECONDS, self._deadline.lasted() / 2))
        if error is None or error["code"] != "STOPPED" or waited < least:
            return error
        code = "STOPPED" if self._deadline.is_stopped else "TIMEOUT"
        failure = Failure(code, detail=f"no answer for {in_seconds(waited)} when the poll had to end")
        return failure.check(error["name"], error["title"])
