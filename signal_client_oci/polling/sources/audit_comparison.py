"""Compares what a search of audit events finds with ListEvents: about once an hour one compartment and one window.

A search answers a missing right with success and fewer events, so that it works is no sign that it is complete. The
window is settled: no later poll reads it again. What the search lacks is delivered, and the operator is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import Failure, make_check
from signal_client_oci.errors.quantities import counted
from signal_client_oci.oci_api.event_ids import listed_event, searched_event_id
from signal_client_oci.oci_api.operations import Page, list_events
from signal_client_oci.oci_api.pages.bounds import ORDINARY_PAGE
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.paging import PageTokens
from signal_client_oci.polling.protocol import Step
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.sources.audit import AuditApi
from signal_client_oci.polling.sources.deliveries import RecordMapper
from signal_client_oci.polling.windows.windowed_api import WindowedApi
from signal_client_oci.scheduler.requests import LaneKey, Task
from signal_client_oci.state.cursor import read_again_from
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import StreamKey, compartment_key, tag_of
from signal_client_oci.state.windows import Window, floor_minute, minute_in_words, minute_to_datetime

__all__ = ["AuditComparison"]

_HOUR: Final = 60
_MOST_EVENTS: Final = 2_000
_MOST_PAGES: Final = 10


class _Part(NamedTuple):
    """Tags a task of the comparison: the list of events, or the search for them."""

    is_list: bool


class _Event(NamedTuple):
    minute: int
    text: bytes


@dataclass
class _Comparison:
    """One comparison as far as it has come.

    Attributes:
        region: Region identifier.
        compartment: What is listed.
        window: The time of processing, in minutes.
        events: Event id → what ListEvents has and the search has not shown yet.
        searched: The window of the events' own times, in minutes; None until they are searched.
        is_whole: All of the window is compared; a busy compartment's first thousands of events otherwise.
        tokens: The page tokens of the list under way.
    """

    region: str
    compartment: Compartment
    window: Window
    events: dict[str, _Event] = field(default_factory=dict)
    searched: Window | None = None
    is_whole: bool = True
    tokens: PageTokens = field(default_factory=PageTokens)

    @property
    def place(self) -> str:
        """The compartment and the region, for messages."""
        name = "".join(character for character in self.compartment.name if character.isprintable())[:60]
        ocid = self.compartment.ocid
        return f"{ocid} ({name}) in {self.region}" if name else f"{ocid} in {self.region}"


class AuditComparison:
    """Compares in one poll of every hour; what it delivers are audit events as ListEvents gives them."""

    def __init__(self, api: WindowedApi, context: PollContext, state: PollState, overlap: int) -> None:
        self._api = api
        self._context = context
        self._state = state
        self._overlap = overlap
        self._mapper = RecordMapper(AuditApi())
        self._unit = ""
        self._now: _Comparison | None = None

    @property
    def counts(self) -> Counter[str]:
        """What became of the records that were delivered."""
        return self._mapper.counts

    def start(self, scope: Scope) -> list[Task]:
        """Return the first request of a comparison, none where none is due."""
        (unit,) = self._api.units(scope)
        self._unit = unit.ocid
        self._now = self._due(scope)
        return [] if self._now is None else [self._list(self._now, None)]

    def _due(self, scope: Scope) -> _Comparison | None:
        """Return what is compared now; the hour chooses compartment and region, so that all have their turn."""
        hour = self._context.minute // _HOUR
        existing = [one for one in scope.compartments if not one.deleted]
        if not existing:
            return None
        compartment, region = self._turn(hour, existing, scope.regions)
        cursors = self._state.stream(self._api.source, region).cursors
        search = cursors.get(compartment_key(self._unit))
        was_read_otherwise = compartment_key(compartment.ocid) in cursors
        if search is None or was_read_otherwise or search.last_attempt // _HOUR == hour:
            return None
        end = read_again_from(search, self._overlap)
        window = Window(max(search.begin, end - _HOUR), end)
        return _Comparison(region, compartment, window) if window.start < window.end else None

    def _turn(
        self, hour: int, existing: Sequence[Compartment], regions: Sequence[str]
    ) -> tuple[Compartment, str]:
        """Return whose turn it is.

        The turn moves on by one with each round: polls that are some hours apart come to all of them too. Where the
        search finds nothing anywhere, every second turn is that of the scope's own compartment: logins and the
        connector's own requests are recorded there, so that a search without any right is noticed within hours.
        """
        if not any(len(self._state.stream(self._api.source, region).seen) for region in regions):
            hour, is_odd = divmod(hour, 2)
            own = [one for one in existing if one.ocid == self._context.settings.scope_ocid]
            if is_odd and own:
                return own[0], regions[hour % len(regions)]
        count = len(existing) * len(regions)
        turn, place = divmod((hour + hour // count) % count, len(regions))
        return existing[turn], regions[place]

    def finish(self) -> Sequence[Check]:
        """Say that a comparison did not come to its end before the poll did."""
        return [] if self._now is None else self._not_compared(self._now, Failure("STOPPED")).warnings

    def owns(self, task: Task) -> bool:
        """Tell whether a task is the comparison's."""
        return isinstance(task.tag, _Part)

    def on_page(self, task: Task, page: Page[bytes]) -> Step:
        """Go from the list to the search, and from its last page to what it lacks."""
        now = self._now
        if now is None:
            return Step()
        now.tokens.pages += 1
        token = page.next_page
        is_over = token is None or now.tokens.pages >= _MOST_PAGES
        if token is not None and not is_over and now.tokens.follow(token):
            return self._not_compared(now, Failure("PAGE_TOKEN_REPEATED"))
        if not task.tag.is_list:
            return self._on_searched(now, page, token, is_over=is_over)
        for text in page.items:
            self._note(now, text)
        if not is_over:
            return Step([self._list(now, token)])
        now.is_whole &= token is None
        now.tokens.restart()
        if not now.events:
            return self._end()
        minutes = [one.minute for one in now.events.values()]
        now.searched = Window(min(minutes), max(minutes) + 1)
        return Step([self._search(now, now.searched, None)])

    def _note(self, now: _Comparison, text: bytes) -> None:
        """Note a listed event that the search ought to have; one that was processed very late is none."""
        event = listed_event(text)
        now.is_whole &= len(now.events) < _MOST_EVENTS
        if event is None or not now.is_whole:
            return
        minute = floor_minute(event.moment)
        if minute >= now.window.start - self._overlap:
            now.events[event.event_id] = _Event(minute, text)

    def _on_searched(self, now: _Comparison, page: Page[bytes], token: str | None, *, is_over: bool) -> Step:
        for text in page.items:
            now.events.pop(searched_event_id(text), None)
        if not now.events:
            return self._end()
        if not is_over:
            return Step([self._search(now, now.searched or now.window, token)])
        if token is None:
            return self._lacking(now, list(now.events.values()))
        # the rest was not searched: only what lies before the last record, whose minute is the latest, can lack
        now.is_whole = False
        last = max((self._minute_of(text) for text in page.items), default=0)
        return self._lacking(now, [one for one in now.events.values() if one.minute < last])

    def _end(self) -> Step:
        """End a comparison that found nothing."""
        self._now = None
        return Step()

    def _minute_of(self, text: bytes) -> int:
        return self._api.read(text, self._context.origin("")).minute or 0

    def _lacking(self, now: _Comparison, events: Sequence[_Event]) -> Step:
        """Deliver what the search lacks, and say so."""
        self._now = None
        if not events:
            return Step()
        stream = StreamKey(self._api.source, now.region)
        output = self._mapper.deliveries(
            [one.text for one in events],
            stream,
            now.window.end + self._api.margins.digests,
            {now.compartment.ocid: tag_of(compartment_key(self._unit))},
            self._context.origin(now.region),
            self._state.stream(*stream).seen.add,
            {},
        )
        lacking = f"{'' if now.is_whole else 'at least '}{counted(len(events), 'event')}"
        message = (
            f"the search lacks {lacking} that ListEvents has for {now.place}, processed from "
            f"{minute_in_words(now.window.start)} to {minute_in_words(now.window.end)}; they are delivered"
        )
        return Step(output=output, warnings=[self._warning("AUDIT_SEARCH_INCOMPLETE", message)])

    def on_failure(self, failure: Failure) -> Step:
        """Say that the comparison could not be made; what is searched is not affected."""
        if failure.code == "STOPPED" or self._now is None:
            return Step()
        return self._not_compared(self._now, failure)

    def _not_compared(self, now: _Comparison, failure: Failure) -> Step:
        self._now = None
        message = f"the search could not be compared with ListEvents for {now.place}: {failure.message}"
        return Step(warnings=[self._warning("AUDIT_SEARCH_NOT_COMPARED", message, failure.opc_request_id)])

    def _warning(self, code: str, message: str, opc_request_id: str | None = None) -> Check:
        title = self._api.title
        text = f"{title}: {message}"
        return make_check(self._api.source, title, "warning", code, text, opc_request_id=opc_request_id)

    def _list(self, now: _Comparison, token: str | None) -> Task:
        call = partial(
            list_events,
            compartment_ocid=now.compartment.ocid,
            start=minute_to_datetime(now.window.start),
            end=minute_to_datetime(now.window.end),
            page=token,
        )
        return Task(self._api.source, LaneKey(now.region, "audit"), call, _Part(is_list=True))

    def _search(self, now: _Comparison, window: Window, token: str | None) -> Task:
        call = partial(
            self._api.fetch,
            compartments=[self._unit],
            start=minute_to_datetime(window.start),
            end=minute_to_datetime(window.end),
            page=token,
            bounds=ORDINARY_PAGE,
        )
        return Task(self._api.source, LaneKey(now.region, self._api.service), call, _Part(is_list=False))
