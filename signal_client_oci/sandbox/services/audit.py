"""The Audit service: ListEvents of one compartment in one region, by the time of processing.

Facts: the start is inclusive and the end exclusive, compartments below are not included, the service chooses the
size of its pages, and a page may be empty although more follow (package `oci`, docstring of `list_events`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from signal_client_oci.sandbox.clocks import in_micros, parse_time
from signal_client_oci.sandbox.data.timeline import Timelines, page_of
from signal_client_oci.sandbox.http.api_errors import invalid_parameter, not_found
from signal_client_oci.sandbox.http.http_connection import HttpResponse
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.services.calls import ApiCall
from signal_client_oci.sandbox.services.compartments import CompartmentTree

__all__ = ["SandboxAudit"]


@dataclass
class SandboxAudit:
    """Audit of one tenancy, and how it behaves.

    `page_size`: events a page. `empty_pages`: numbers of pages that are empty though more follow. Seconds of a window
    are honoured; what the service does with them is not documented.
    """

    tree: CompartmentTree
    page_size: int = 100
    empty_pages: frozenset[int] = frozenset()
    retention: timedelta = timedelta(days=365)
    listings: Listings = field(default_factory=Listings)
    timelines: Timelines = field(default_factory=Timelines)

    def list_events(self, call: ApiCall) -> HttpResponse:
        """Answer one page of ListEvents; raises `ApiError`."""
        if not self.tree.is_readable(call.compartment):
            raise not_found()
        start, end = _moment(call, "startTime"), _moment(call, "endTime")
        if end <= start:
            raise invalid_parameter("startTime must be before endTime.")
        kept_since = call.now - in_micros(self.retention)
        token = self.listings.open(call.params.get("page"), call.params, (max(start, kept_since), 0))
        if token.number in self.empty_pages:
            return call.page(b"[]", token.next(token.position))
        found = self.timelines.between(call.region, [call.compartment], token.position, end, call.now)
        events, position = page_of(found, self.page_size)
        body = b"[" + b",".join([event.raw for event in events]) + b"]"
        return call.page(body, token.next(position) if position else None)


def _moment(call: ApiCall, name: str) -> int:
    try:
        return parse_time(call.params[name])
    except ValueError as error:
        raise invalid_parameter(f"{name} is not a valid date: {call.params[name]}") from error
