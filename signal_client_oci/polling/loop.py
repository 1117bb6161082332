"""The poll's loop: the sources' tasks to the dispatcher, what they bring back to the sources, batches to the host.

One thread decides everything here. Everything that was started is ended in a `finally`, so a generator that is closed
or dropped half-way leaves no thread and no connection behind. A page is mapped in turns; between two of them deadline
and `should_stop` are asked and full batches are handed out, so that neither the time nor the memory of a poll depends
on the size of a page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, Final

from signal_client_oci.contract import Batch, Check, Checkpoint, Report, SourceName
from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.oci_api.limits import TURN_SECONDS
from signal_client_oci.polling.context import Limits, PollContext
from signal_client_oci.polling.deadline import Deadline
from signal_client_oci.polling.protocol import Source, SourceOutcome, Step
from signal_client_oci.polling.report import internal_error, log_report, make_report, size_warnings
from signal_client_oci.polling.scope import IDENTITY, Scope, ScopeDiscovery
from signal_client_oci.polling.service_clock import ServiceClock
from signal_client_oci.polling.sources.audit import AuditApi
from signal_client_oci.polling.sources.cloud_guard import CloudGuardSource
from signal_client_oci.polling.sources.logging import LoggingApi
from signal_client_oci.polling.sources.windowed import WindowedSource
from signal_client_oci.scheduler.dispatcher import Dispatcher, Outcome
from signal_client_oci.settings.api_key import ApiKey
from signal_client_oci.state.batcher import Batcher, Pending
from signal_client_oci.state.changes import Delivery, SetBackfill
from signal_client_oci.state.checkpoint import MAX_BYTES, is_larger
from signal_client_oci.state.compaction import Dropped
from signal_client_oci.state.poll_state import PollState

__all__ = ["PollLoop"]

_TICK_SECONDS: Final = 0.1
_LONG_WAIT_SECONDS: Final = 5.0
_SCOPE_SECONDS: Final = 60.0
_SCOPE_SHARE: Final = 1 / 3


class PollLoop:
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
        self._dispatcher = Dispatcher(
            lambda region, service: borrow(settings, api_key, region, service, limits.until),
            settings.max_concurrency,
            limits.until,
        )
        self._discovery = ScopeDiscovery(context, state)
        self._sources: dict[str, Source] = {}
        self._broken: dict[str, Check] = {}
        self._batchers = {
            source: Batcher(limits.max_batch_artifacts, limits.max_batch_bytes)
            for source in settings.enabled_sources
        }
        self._delivered: dict[SourceName, int] = dict.fromkeys(self._batchers, 0)
        self._warnings = list(warnings)
        self._dropped = Dropped()
        self._clock = ServiceClock(context, state)
        self._look_at = 0.0

    def batches_and_report(self) -> Generator[Batch | Report, None, None]:
        """Drive the sources until nothing is left or the time is up, then report."""
        try:
            yield from self._read()
            for source in self._batchers:
                yield from self._hand_out(source, self._batchers[source].flush())
        finally:
            self._dispatcher.close()
        report = self._report()
        log_report(report, self._context.instance)
        yield report

    def delivered(self) -> dict[SourceName, int]:
        """Return how many artifacts of each source were handed out."""
        return dict(self._delivered)

    # --- the one flow -------------------------------------------------------------------------------------

    def _drive(self, is_awaited: Callable[[], bool]) -> Iterator[Batch]:
        """Pass outcomes to their sources while there are any to come, looking at the clock in between."""
        while not self._deadline.ask():
            self._refill()
            if not is_awaited():
                return
            outcome = self._dispatcher.next_outcome(_TICK_SECONDS)
            if outcome is not None:
                yield from self._follow(outcome)
            yield from self._ready()

    def _follow(self, outcome: Outcome) -> Iterator[Batch]:
        """Let a source take an outcome, in turns; the poll's end may come between two of them."""
        task, result = outcome
        if isinstance(result, Failure) and result.code == "STOPPED" and not self._deadline.is_interrupted:
            self._deadline.interrupt()
            return
        self._heed_clock(result)
        if task.source == IDENTITY:
            self._submit(IDENTITY, partial(self._discover, outcome))
            return
        source = self._sources[task.source]
        if isinstance(result, Failure):
            answer = partial(source.on_failure, task, result, self._dispatcher.health(task.lane))
        else:
            answer = partial(source.on_page, task, result)
        with closing(self._turns(source.name, answer)) as turns:
            for _ in turns:
                yield from self._ready()
                if self._deadline.is_over():
                    return

    def _turns(self, name: SourceName, answer: Callable[[], Step]) -> Generator[None, None, None]:
        """Send what a source wants, queue what it makes; yield when it is time to look at clock and batches.

        A defect of one source touches no other.
        """
        if name in self._broken:
            return
        batcher = self._batchers[name]
        try:
            step = answer()
            self._dispatcher.submit(step.tasks)  # the next page is on its way while this one is mapped
            self._warn(step.warnings)
            for item in step.output:
                batcher.push(item)
                if batcher.is_full or time.monotonic() >= self._look_at:
                    yield
                    self._look_at = time.monotonic() + TURN_SECONDS / 2
        except Exception as error:  # noqa: BLE001  (reported as this source's failure, and logged)
            self._broken[name] = internal_error(error)

    def _ready(self) -> Iterator[Batch]:
        for source, batcher in self._batchers.items():
            yield from self._hand_out(source, batcher.ready(), alone=True)

    def _hand_out(
        self, source: SourceName, waiting: Iterable[Pending], *, alone: bool = False
    ) -> Iterator[Batch]:
        """Yield batches, each with the checkpoint that it makes true; `alone` hands out changes without artifacts."""
        for pending in waiting:
            self._state.apply(pending.changes)
            if pending.artifacts or alone:
                checkpoint = self._checkpoint()
                self._delivered[source] += len(pending.artifacts)
                yield {
                    "type": "batch",
                    "source": source,
                    "artifacts": pending.artifacts,
                    "checkpoint": checkpoint,
                }

    def _checkpoint(self) -> Checkpoint:
        checkpoint = self._state.checkpoint()
        if is_larger(checkpoint, MAX_BYTES):
            self._dropped.add(self._state.compact(MAX_BYTES))
            checkpoint = self._state.checkpoint()
        return checkpoint

    # --- the phases of a poll -----------------------------------------------------------------------------

    def _read(self) -> Iterator[Batch]:
        settings = self._context.settings
        if settings.cloud_guard_enabled:  # it needs no list of compartments, and waits for none
            source = CloudGuardSource(self._context, self._state)
            self._start(source, Scope.undiscovered(settings))
        if settings.audit_enabled or settings.logging_enabled:
            scope = yield from self._discover_scope()
            self._start_windowed(scope)
        yield from self._drive(lambda: any(map(self._dispatcher.has_pending, self._sources)))
        yield from self._excuse_deleted()
        if self._deadline.is_interrupted:
            self._dispatcher.abort()
            yield from self._take_what_is_here()

    def _discover_scope(self) -> Generator[Batch, None, Scope]:
        """Find out what is read, but wait no longer for it than something can be read without it."""
        self._submit(IDENTITY, self._begin_discovery)
        yield from self._drive(
            lambda: (
                self._dispatcher.has_pending(IDENTITY)
                and not self._deadline.has_passed(_SCOPE_SHARE, _SCOPE_SECONDS)
            )
        )
        is_missing = self._dispatcher.has_pending(IDENTITY) or IDENTITY in self._broken
        return self._discovery.finish(interrupted=is_missing)

    def _begin_discovery(self) -> Step:
        tasks, changes = self._discovery.start()
        self._state.apply(changes)
        return Step(tasks)

    def _discover(self, outcome: Outcome) -> Step:
        task, result = outcome
        if isinstance(result, Failure):
            return Step(self._discovery.on_failure(task, result))
        return Step(self._discovery.on_page(task, result))

    def _start_windowed(self, scope: Scope) -> None:
        """Begin to read compartments; only then what was found once has not to be found again."""
        settings = self._context.settings
        self._state.apply(scope.changes)
        if settings.audit_enabled:
            self._start(WindowedSource(AuditApi(), self._context, self._state), scope)
        if settings.logging_enabled:
            api = LoggingApi(settings.logging_query, audit_is_collected=settings.audit_enabled)
            self._start(WindowedSource(api, self._context, self._state), scope)
        if scope.is_complete and not self._broken:
            self._state.apply([SetBackfill(0)])
        self._state.apply(self._clock.bound())

    def _start(self, source: Source, scope: Scope) -> None:
        """Start a source; its first changes hold at once, because nothing of it was read before them."""
        self._sources[source.name] = source
        try:
            step = source.start(scope)
            self._state.apply(one for one in step.output if not isinstance(one, Delivery))
            self._warn(step.warnings)
            if not self._deadline.is_interrupted:
                self._dispatcher.submit(step.tasks)
        except Exception as error:  # noqa: BLE001  (reported as this source's failure, and logged)
            self._broken[source.name] = internal_error(error)

    def _excuse_deleted(self) -> Iterator[Batch]:
        """Where compartments are refused that could be read before, look whether they were deleted meanwhile."""
        windowed = [one for one in self._sources.values() if isinstance(one, WindowedSource)]
        if any(one.failures.has_new_denials for one in windowed):
            self._submit(IDENTITY, lambda: Step(self._discovery.list_again()))
            yield from self._drive(lambda: self._dispatcher.has_pending(IDENTITY))
            for one in windowed:
                one.failures.excuse(self._discovery.deleted_meanwhile)

    def _take_what_is_here(self) -> Iterator[Batch]:
        """Map what was received before the end, as far as there is time."""
        for task, result in self._dispatcher.last_outcomes():
            if isinstance(result, Failure):
                interrupted = Failure("STOPPED", has_begun=result.has_begun)
                yield from self._follow(Outcome(task, interrupted))
            elif not self._deadline.is_over():
                yield from self._follow(Outcome(task, result))
                yield from self._ready()

    def _refill(self) -> None:
        free = self._dispatcher.free_places()
        for source in self._sources.values():
            self._submit(source.name, partial(source.refill, free))

    def _submit(self, name: str, answer: Callable[[], Step]) -> None:
        """Send what is wanted at once; a defect of one source touches no other."""
        if name in self._broken:
            return
        try:
            step = answer()
            self._dispatcher.submit(step.tasks)
        except Exception as error:  # noqa: BLE001  (reported as this source's failure, and logged)
            self._broken[name] = internal_error(error)

    def _heed_clock(self, result: Any) -> None:
        """Let an answer's `Date` bound what may be taken for read; it takes nothing for read itself."""
        self._state.apply(self._clock.note(getattr(result, "date", None)))

    def _warn(self, warnings: Iterable[Check]) -> None:
        """Add warnings to the report, each code and message once."""
        known = {(one["code"], one["message"]) for one in self._warnings}
        self._warnings += [one for one in warnings if (one["code"], one["message"]) not in known]

    # --- the report ---------------------------------------------------------------------------------------

    def _report(self) -> Report:
        self._warn(self._discovery.warnings)
        if IDENTITY in self._broken:
            self._warn([self._broken[IDENTITY]])
        outcomes = {source.name: self._outcome(source) for source in self._sources.values()}
        for outcome in outcomes.values():
            self._state.apply(outcome.changes)
            self._warn(outcome.warnings)
        checkpoint = self._checkpoint()
        self._warn(size_warnings(self._state, self._dropped))
        self._warn(self._clock.warnings())
        numbers = {
            source: {
                "fetched": fetched,
                "requests": self._dispatcher.requests.get(source, 0),
                "retries": self._dispatcher.retries.get(source, 0),
            }
            for source, fetched in self.delivered().items()
        }
        degraded = bool(self._discovery.warnings) or IDENTITY in self._broken
        return make_report(self._context, outcomes, numbers, self._warnings, checkpoint, degraded=degraded)

    def _outcome(self, source: Source) -> SourceOutcome:
        if source.name in self._broken:
            return SourceOutcome("failed", self._broken[source.name])
        outcome = source.finish(interrupted=self._deadline.is_interrupted)
        return replace(outcome, error=self._with_cause(source.name, outcome.error))

    def _with_cause(self, source: SourceName, error: Check | None) -> Check | None:
        """Where the poll's time ran out because a service did not answer, say so."""
        waited = self._dispatcher.unanswered.get(source, 0.0)
        is_short = waited < min(_LONG_WAIT_SECONDS, self._deadline.lasted() / 2)
        if error is None or error["code"] != "STOPPED" or is_short:
            return error
        failure = Failure("TIMEOUT", detail=f"no answer for {waited:.0f} seconds when the poll had to end")
        return failure.check(error["name"], error["title"])
