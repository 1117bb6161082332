"""The poll's loop: tasks to the dispatcher, what they bring back to the sources, batches to the host.

One thread decides everything here. A page is mapped in turns; between two of them deadline and `should_stop` are asked
and full batches are handed out, so that neither the time nor the memory of a poll depends on the size of a page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Final

from signal_client_oci.contract import Batch, Check, Checkpoint, SourceName
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.limits import TURN_SECONDS
from signal_client_oci.polling.deadline import Deadline
from signal_client_oci.polling.log_lines import internal_error
from signal_client_oci.polling.protocol import Asker, Source, Step
from signal_client_oci.polling.scope import Scope
from signal_client_oci.polling.service_clock import ServiceClock
from signal_client_oci.scheduler.dispatcher import Dispatcher, Outcome
from signal_client_oci.state.batcher import Batcher, Pending
from signal_client_oci.state.changes import Delivery
from signal_client_oci.state.checkpoint import MAX_BYTES, is_larger
from signal_client_oci.state.compaction import Dropped
from signal_client_oci.state.poll_state import PollState

__all__ = ["PollLoop"]

_TICK_SECONDS: Final = 0.1


class PollLoop:
    """What is under way in one poll.

    Attributes:
        accepting: Regions whose answers show that they accept the key.
        broken: Who broke → how; nothing more is asked of them.
        delivered: Source → artifacts handed out.
        dropped: What had to go because of the checkpoint's size.
        warnings: What the operator should know though nothing failed.
    """

    def __init__(
        self,
        state: PollState,
        dispatcher: Dispatcher,
        deadline: Deadline,
        clock: ServiceClock,
        batchers: Mapping[SourceName, Batcher],
    ) -> None:
        self.accepting: set[str] = set()
        self.broken: dict[str, Check] = {}
        self.delivered: dict[SourceName, int] = dict.fromkeys(batchers, 0)
        self.dropped = Dropped()
        self.warnings: list[Check] = []
        self._state = state
        self._dispatcher = dispatcher
        self._deadline = deadline
        self._clock = clock
        self._batchers = batchers
        self._askers: dict[str, Asker] = {}
        self._look_at = 0.0

    def drive(self, is_awaited: Callable[[], bool]) -> Iterator[Batch]:
        """Pass outcomes to who asked for them while there are any to come, looking at the clock in between."""
        while not self._deadline.ask():
            self._refill()
            if not is_awaited():
                return
            outcome = self._dispatcher.next_outcome(_TICK_SECONDS)
            if outcome is not None:
                yield from self._follow(outcome)
            yield from self._ready()

    def _follow(self, outcome: Outcome) -> Iterator[Batch]:
        """Let an asker take an outcome, in turns; the poll's end may come between two of them."""
        task, result = outcome
        date = getattr(result, "date", None)
        self._state.apply(self._clock.note(date))
        if (
            not isinstance(result, Failure) or result.recovery is Recovery.COMPARTMENT
        ):  # 404 and 403 are about rights
            self.accepting.add(task.lane.region)
        asker = self._askers[task.source]
        if not isinstance(result, Failure):
            self._clock.compare(date)
            answer = partial(asker.on_page, task, result)
        elif result.code != "STOPPED" or self._deadline.is_interrupted:
            answer = partial(asker.on_failure, task, result, self._dispatcher.health(task.lane))
        else:
            self._deadline.interrupt()
            return
        with closing(self._turns(task.source, answer)) as turns:
            for _ in turns:
                yield from self._ready()
                if self._deadline.is_over():
                    return

    def _turns(self, name: str, answer: Callable[[], Step]) -> Generator[None, None, None]:
        """Send what is wanted, queue what is made; yield when it is time to look at clock and batches.

        A defect of one source touches no other.
        """
        if name in self.broken:
            return
        try:
            step = answer()
            self._dispatcher.submit(step.tasks)  # the next page is on its way while this one is mapped
            if step.warnings:
                self.warn(step.warnings)
            for item in step.output:
                batcher = self._batchers[name]  # type: ignore[index]  # who has output is a source
                batcher.push(item)
                if batcher.is_full or time.monotonic() >= self._look_at:
                    yield
                    self._look_at = time.monotonic() + TURN_SECONDS / 2
        except Exception as error:  # noqa: BLE001  (reported as this source's failure, and logged)
            self.broken[name] = internal_error(error)

    def _ready(self) -> Iterator[Batch]:
        for source, batcher in self._batchers.items():
            for pending in batcher.ready():
                yield self._batch(source, pending)

    def flush(self) -> Iterator[Batch]:
        """Hand out everything that waits; changes without artifacts only take effect."""
        for source, batcher in self._batchers.items():
            for pending in batcher.flush():
                if pending.artifacts:
                    yield self._batch(source, pending)
                else:
                    self._state.apply(pending.changes)

    def _batch(self, source: SourceName, pending: Pending) -> Batch:
        """Return a batch with the checkpoint that it makes true."""
        self._state.apply(pending.changes)
        checkpoint = self.checkpoint()
        self.delivered[source] += len(pending.artifacts)
        return {"type": "batch", "source": source, "artifacts": pending.artifacts, "checkpoint": checkpoint}

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of what is true now, made to fit where it would be too large."""
        checkpoint = self._state.checkpoint()
        if is_larger(checkpoint, MAX_BYTES):
            self.dropped.add(self._state.compact(MAX_BYTES))
            checkpoint = self._state.checkpoint()
        return checkpoint

    # --- beginning and end --------------------------------------------------------------------------------

    def start(self, source: Source, scope: Scope) -> None:
        """Start a source."""
        self.ask(source.name, source, partial(source.start, scope))

    def ask(self, name: str, asker: Asker, answer: Callable[[], Step]) -> None:
        """Let somebody begin; the changes hold at once, because nothing was read before them."""
        self._askers[name] = asker
        if name in self.broken:
            return
        try:
            step = answer()
            if step.output:
                self._state.apply(one for one in step.output if not isinstance(one, Delivery))
            if step.warnings:
                self.warn(step.warnings)
            if step.tasks and not self._deadline.is_interrupted:
                self._dispatcher.submit(step.tasks)
        except Exception as error:  # noqa: BLE001  (reported as this source's failure, and logged)
            self.broken[name] = internal_error(error)

    def _refill(self) -> None:
        free = self._dispatcher.free_places()
        for name, asker in self._askers.items():
            self.ask(name, asker, partial(asker.refill, free))

    def take_what_is_here(self) -> Iterator[Batch]:
        """End what is under way, and map what was received before, as far as there is time."""
        self._dispatcher.abort()
        for task, result in self._dispatcher.last_outcomes():
            if isinstance(result, Failure):
                yield from self._follow(Outcome(task, Failure("STOPPED", has_begun=result.has_begun)))
            elif not self._deadline.is_over():
                yield from self._follow(Outcome(task, result))
                yield from self._ready()

    def has_pending(self, names: Iterable[str]) -> bool:
        """True while an outcome for one of these is still to come."""
        return any(self._dispatcher.has_pending(name) for name in names)

    def warn(self, warnings: Iterable[Check]) -> None:
        """Add warnings to the report, each code and message once."""
        known = {(one["code"], one["message"]) for one in self.warnings}
        self.warnings += [one for one in warnings if (one["code"], one["message"]) not in known]
