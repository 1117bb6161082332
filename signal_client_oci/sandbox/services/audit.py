"""The Audit service: ListEvents of one compartment in one region, by the time of processing.

Facts: the start is inclusive and the end exclusive, compartments below are not included, pages have the size
that the service likes, and a page may be empty although more follow (package `oci`, docstring of
`list_events`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Literal

from signal_client_oci.sandbox.data.timeline import Entry, Position, Timeline, merged
from signal_client_oci.sandbox.http.api_errors import invalid_parameter
from signal_client_oci.sandbox.http.clocks import parse_time
from signal_client_oci.sandbox.http.page_tokens import Listings

if TYPE_CHECKING:
    from signal_client_oci.sandbox.http.http_connection import Answer
    from signal_client_oci.sandbox.services.calls import Call

__all__ = ["AuditService"]

_MINUTE = 60_000_000
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class AuditService:
    """Audit of one tenancy, and how it likes to behave.

    `page_size`: events a page. `empty_pages`: numbers of pages that are empty though more follow.
    `unordered`: events of a page in no order. `seconds`: what becomes of seconds in a window (undocumented):
    honoured, cut off, or refused.
    """

    page_size: int = 100
    empty_pages: frozenset[int] = frozenset()
    unordered: bool = False
    seconds: Literal["honour", "truncate", "refuse"] = "honour"
    retention: timedelta = timedelta(days=365)
    listings: Listings = field(default_factory=Listings)
    timelines: dict[tuple[str, str], list[Timeline]] = field(default_factory=dict)

    def list_events(self, call: Call) -> Answer:
        """Answer one page of ListEvents; raises `RefusalError`."""
        start, end = self._moment(call, "startTime"), self._moment(call, "endTime")
        if end <= start:
            raise invalid_parameter("startTime must be before endTime.")
        kept_since = call.now - self.retention // _MICROSECOND
        token = self.listings.open(call.params.get("page"), call.params, (max(start, kept_since), 0))
        if token.number in self.empty_pages:
            return call.answer(b"[]", str(token.next(token.position)))
        events, follows = self._page(call, token.position, end)
        if self.unordered:
            random.Random(token.number).shuffle(events)  # noqa: S311  an order for tests, no secret
        body = b"[" + b",".join([event.raw for event in events]) + b"]"
        return call.answer(body, str(token.next(follows)) if follows else None)

    def _page(self, call: Call, start: Position, end: int) -> tuple[list[Entry], Position | None]:
        timelines = self.timelines.get((call.region, call.compartment), [])
        if not timelines:
            return [], None
        events = list(islice(merged(timelines, start, end, call.now), self.page_size + 1))
        if len(events) <= self.page_size:
            return events, None
        del events[self.page_size :]
        return events, events[-1].after

    def _moment(self, call: Call, name: str) -> int:
        text = call.params.get(name)
        if text is None:
            raise invalid_parameter(f"{name} is required.")
        try:
            moment = parse_time(text)
        except ValueError as error:
            raise invalid_parameter(f"{name} is not a valid date: {text}") from error
        if self.seconds == "refuse" and moment % _MINUTE:
            raise invalid_parameter(f"Seconds of {name} must be 0.")
        return moment - moment % _MINUTE if self.seconds == "truncate" else moment
