"""Reads a source by windows of time: Audit and Logging Search.

Each (region, compartment) has its own cursor. A partition is what is asked for together. Its window is cut into
slices that adapt to what they contain, and several slices may be under way; the cursor moves over a slice when it and
all before it were read to their last page. What a later slice delivered before an interruption is remembered by its
digests, so it is not delivered again.

A page is taken in turns, and the poll may end between two of them: what was delivered of the page is remembered in
the same way, and its slice stays open. A page that is too large, or one too many, is asked for again in smaller
slices: shorter windows first, then fewer records a page, then fewer compartments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Final

from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import Failure, Recovery, make_check
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.limits import PAGES_A_SLICE
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.oci_api.pages.bounds import ORDINARY_PAGE, SMALLEST_SLICE_PAGE
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.protocol import Hindsight, SourceOutcome, Step
from signal_client_oci.polling.scope import Scope
from signal_client_oci.polling.sources.deliveries import RecordMapper
from signal_client_oci.polling.sources.read_failures import ReadFailures
from signal_client_oci.polling.windows.planner import Plan, Planner
from signal_client_oci.polling.windows.slices import (
    TOO_MUCH,
    Partition,
    Slice,
    can_begin_again,
    divided,
    with_minute,
)
from signal_client_oci.polling.windows.window_splitting import (
    next_slice_minutes,
    slice_end,
    spare_minutes,
)
from signal_client_oci.polling.windows.windowed_api import WindowedApi
from signal_client_oci.scheduler.requests import LaneHealth, LaneKey, Task
from signal_client_oci.state.changes import (
    AdvanceCursor,
    Change,
    Delivery,
    DropCursors,
    ExpireSeen,
    SettleCursor,
)
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import StreamKey, covered_until, out_of_scope, tag_of
from signal_client_oci.state.windows import (
    floor_minute,
    minute_to_datetime,
)

__all__ = ["WindowedSource"]

_SLICES_AHEAD: Final = 4  # times the concurrency: how many slices may wait for one that takes long
_ANSWERS: Final = LaneHealth(is_healthy=True)


class WindowedSource:
    """Reads one windowed source from all regions and compartments of the scope.

    Attributes:
        name: The source's name.
        failures: What could not be read.
    """

    def __init__(self, api: WindowedApi, context: PollContext, state: PollState) -> None:
        self.name = api.source
        self.failures = ReadFailures()
        self._api = api
        self._context = context
        self._state = state
        self._overlap = max(context.settings.overlap_minutes, api.margins.overlap)
        self._mapper = RecordMapper(api)
        self._origins: dict[str, Origin] = {}
        self._plan = Plan([], {}, {}, [], [])
        self._growing: list[Partition] = []  # of which further slices can be made
        self._service_minute: int | None = None

    def start(self, scope: Scope) -> Step:
        """Ask for the first page of each partition, those that waited longest first."""
        self._origins = {region: self._context.origin(region) for region in scope.regions}
        self._plan = plan = Planner(self._api, self._context, self._state, scope, self._overlap).plan()
        tasks = [task for one in plan.partitions for task in self._next_slice(one, self._api.max_window)]
        self._growing = [one for one in plan.partitions if not one.is_planned]
        return Step(tasks, plan.changes, plan.warnings)

    # --- slices and pages ---------------------------------------------------------------------------------

    def refill(self, free: Mapping[LaneKey, int]) -> Step:
        """Ask for further slices of long windows while their lanes have places left."""
        self._growing = [one for one in self._growing if not one.is_planned]
        if not self._growing:
            return Step()
        left, tasks, width = dict(free), list[Task](), self._context.settings.max_concurrency
        for partition in self._growing:
            lane = self._lane(partition)
            while left.get(lane, 0) > 0 and _can_use_a_place(partition, width):
                longest = spare_minutes(partition.planned, partition.window.end)
                tasks += self._next_slice(partition, min(longest, self._api.max_window))
                left[lane] -= 1
        return Step(tasks)

    def _next_slice(self, partition: Partition, longest: int) -> list[Task]:
        """Return the first task of a partition's next slice, none where there is no further one."""
        if partition.is_planned:
            return []
        start, window = partition.planned, partition.window
        end = slice_end(start, window.end, partition.slice_minutes, self._overlap)
        following = Slice(partition, start, min(end, start + longest), self._api)
        partition.planned = following.end
        partition.open.append(following)
        return [self._page(following, None)]

    def _page(self, slice_: Slice, token: str | None) -> Task:
        return Task(self.name, self._lane(slice_.partition), _call(slice_, token), slice_)

    def _lane(self, partition: Partition) -> LaneKey:
        return LaneKey(partition.region, self._api.service)

    def on_page(self, task: Task, page: Page[bytes]) -> Step:
        """Take a page while the next one is on its way; after the last, close the slice."""
        slice_: Slice = task.tag
        slice_.partition.reached = True
        slice_.tokens.pages += 1
        self._note_date(slice_, page)
        if page.next_page is None:
            slice_.received = True
            return Step(self._after_last_page(slice_), self._last_page(page, slice_))
        problem = slice_.tokens.follow(page.next_page)
        if problem is None:
            following = [] if slice_.partition.abandoned else [self._page(slice_, page.next_page)]
            return Step(following, self._deliveries(page, slice_))
        recovery = Recovery.RETRY if problem == "PAGE_TOKEN_REPEATED" else Recovery.REQUEST
        failure = Failure(problem, recovery=recovery, opc_request_id=page.opc_request_id)
        warnings = _warnings_of_pages(slice_, failure)
        step = self._fail(task, failure, _ANSWERS)
        return Step(step.tasks, chain(self._deliveries(page, slice_), step.output), warnings)

    def _note_date(self, slice_: Slice, page: Page[bytes]) -> None:
        """Note the service's clock: an answer covers no more than what existed when it was made."""
        if page.date is not None:
            minute = floor_minute(page.date)
            slice_.service_minute = min(minute, slice_.service_minute or minute)
            self._service_minute = max(minute, self._service_minute or 0)
        elif self._service_minute is None:
            self._service_minute = self._context.minute

    def _after_last_page(self, slice_: Slice) -> list[Task]:
        """Return what follows a slice whose last page is here, so that it comes while that page is taken."""
        partition = slice_.partition
        if partition.abandoned:
            return []
        if partition.planned < partition.window.end:
            ceiling = min(partition.ceiling, self._api.max_window)
            minutes = next_slice_minutes(slice_.end - slice_.start, slice_.tokens.pages, ceiling)
            partition.slice_minutes = minutes
        if all(one.received for one in partition.open):
            return self._next_slice(partition, self._api.max_window)
        return []

    def _last_page(self, page: Page[bytes], slice_: Slice) -> Iterator[Delivery | Change]:
        """Yield a slice's last records, then how far its partition was read."""
        yield from self._deliveries(page, slice_) if page.items else ()
        partition = slice_.partition
        if partition.abandoned:
            return
        slice_.done = True
        while partition.open and partition.open[0].done:
            first = partition.open.popleft()
            partition.moved |= first.covered_until > partition.cursor.read_until
            yield _advance(first, self._members(partition), self._context)
        if partition.finished:
            yield self._settle(partition)

    def _deliveries(self, page: Page[bytes], slice_: Slice) -> Iterator[Delivery]:
        partition = slice_.partition
        stream = StreamKey(self.name, partition.region)
        tags = {one.ocid: tag_of(self._plan.keys[one.ocid]) for one in partition.compartments}
        end = slice_.end if slice_.service_minute is None else min(slice_.end, slice_.service_minute + 1)
        return self._mapper.deliveries(
            page.items,
            stream,
            end + self._api.margins.digests,  # where the end may be inclusive, that minute comes again too
            tags,
            self._origins[partition.region],
            self._state.stream(*stream).seen.add,
            partition.delivered_before,
        )

    # --- what goes wrong ----------------------------------------------------------------------------------

    def on_failure(self, task: Task, failure: Failure, lane: LaneHealth) -> Step:
        """Start again after a lost page token, divide what can be divided, or leave the partition where it was."""
        slice_: Slice = task.tag
        if failure.code == "STOPPED":
            slice_.partition.reached |= failure.has_begun
            return Step()
        if slice_.partition.abandoned:
            return Step()
        if can_begin_again(slice_, failure):
            slice_.tokens.restart()
            return Step([self._page(slice_, None)])
        return self._fail(task, failure, lane)

    def _fail(self, task: Task, failure: Failure, lane: LaneHealth) -> Step:
        slice_: Slice = task.tag
        partition = slice_.partition
        if partition.abandoned:
            return Step()
        partition.abandoned = partition.reached = True
        parts = divided(slice_, failure, lane)
        if parts:
            self._plan.partitions.extend(parts)
            self._growing += parts
            longest = self._api.max_window
            return Step([task for part in parts for task in self._next_slice(part, longest)])
        if failure.code in TOO_MUCH:
            failure = with_minute(failure, slice_)
        denied = failure.recovery in (Recovery.COMPARTMENT, Recovery.REQUEST)
        is_passing = failure.recovery is Recovery.RETRY
        minutes = partition.minutes_after_interruption() if is_passing else 0
        for one in partition.compartments:
            was_denied = bool(partition.cursor.denied)
            self.failures.add(partition.region, one, failure, was_denied=was_denied)
        return Step(output=(self._settle(partition, slice_minutes=minutes, denied=denied),))

    def _settle(self, partition: Partition, *, slice_minutes: int = 0, denied: bool = False) -> SettleCursor:
        stream, members = StreamKey(self.name, partition.region), self._members(partition)
        return SettleCursor(stream, members, self._context.minute, slice_minutes, denied)

    def _members(self, partition: Partition) -> list[str]:
        return [self._plan.keys[one.ocid] for one in partition.compartments]

    def finish(self, hindsight: Hindsight) -> SourceOutcome:
        """Sum up; partitions that were interrupted resume with smaller slices next time."""
        unfinished = [one for one in self._plan.partitions if not one.finished]
        changes: list[Change] = [
            self._settle(one, slice_minutes=one.minutes_after_interruption())
            for one in unfinished
            if one.reached
        ]
        streams = {StreamKey(self.name, one): self._state.stream(self.name, one) for one in self._origins}
        for key, stream in streams.items():
            # else there is only this host's clock, which may be years ahead
            if self._service_minute is not None:
                minute = min(self._context.minute, self._service_minute)
                changes.append(DropCursors(key, out_of_scope(stream, self._plan.keys.values(), minute)))
            changes.append(ExpireSeen(key))
        return self.failures.outcome(
            self._api,
            hindsight,
            asked_for=self._plan.asked_for,
            unfinished=sum(len(one.compartments) for one in unfinished),
            counts=self._mapper.counts,
            covered_until=covered_until(streams.values(), self._plan.keys.values()),
            changes=changes,
        )


def _can_use_a_place(partition: Partition, width: int) -> bool:
    """True if one more slice of a partition may be under way."""
    unread = sum(not one.done for one in partition.open)
    is_ahead = len(partition.open) > _SLICES_AHEAD * width
    return not (partition.is_planned or is_ahead or partition.is_on_trial or unread >= width)


def _call(slice_: Slice, token: str | None) -> Callable[[Client], Page[bytes]]:
    """Return the call that fetches a page of a slice."""
    partition, api = slice_.partition, slice_.api
    # neighbouring slices share what their bounds may leave out
    first = max(partition.window.start, slice_.start - api.margins.shared)
    return partial(
        api.fetch,
        compartments=[one.ocid for one in partition.compartments],
        start=minute_to_datetime(first),
        end=minute_to_datetime(slice_.end),
        page=token,
        bounds=SMALLEST_SLICE_PAGE if slice_.is_smallest else ORDINARY_PAGE,
    )


def _warnings_of_pages(slice_: Slice, failure: Failure) -> Sequence[Check]:
    """Say that a slice had too many pages, where it can be read in smaller ones."""
    if failure.code != "PAGES_WITHOUT_END" or slice_.is_minute:
        return ()
    api = slice_.api
    message = (
        f"{api.title}: a slice in {slice_.partition.region} had {PAGES_A_SLICE:,} pages and more; it is read "
        "again in smaller slices"
    )
    return (make_check(api.source, api.title, "warning", failure.code, message),)


def _advance(slice_: Slice, members: Sequence[str], context: PollContext) -> AdvanceCursor:
    """Return that a slice was read, as far as it existed when the service answered."""
    return AdvanceCursor(
        StreamKey(slice_.api.source, slice_.partition.region),
        members,
        slice_.start,
        slice_.covered_until,
        polled_at=_no_later(context.polled_at_millisecond, slice_.service_minute),
        read_at=_no_later(context.read_at_millisecond(), slice_.service_minute),
        whole=slice_.end >= slice_.partition.window.end,
    )


def _no_later(millisecond: int, service_minute: int | None) -> int:
    """Return a moment of this host's clock, or the end of the minute that the service's clock showed."""
    return millisecond if service_minute is None else min(millisecond, (service_minute + 1) * 60_000)
