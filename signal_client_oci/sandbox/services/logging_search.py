"""The Logging service: SearchLogs over compartments, log groups and logs, and ListLogGroups.

Facts: the window is on the record's own time and at most 14 days long, a page has at most 1,000 records, a
scope that does not exist gives nothing rather than an error, order exists only with `sort by`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from signal_client_oci.sandbox.clocks import in_micros, parse_time
from signal_client_oci.sandbox.data.timeline import TimelineEntry, TimelinePosition, Timelines, page_of
from signal_client_oci.sandbox.http.api_errors import invalid_parameter, not_found
from signal_client_oci.sandbox.http.http_connection import HttpResponse
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.services.calls import ApiCall, SortKeys
from signal_client_oci.sandbox.services.compartments import CompartmentTree
from signal_client_oci.sandbox.services.search_expressions import SearchExpression
from signal_client_oci.sandbox.services.search_query import SearchScope, parse_query

__all__ = ["LogGroup", "SandboxLogging"]

_LARGEST_RANGE = in_micros(timedelta(days=14))
_DEFAULT_PAGE = 500
_AUDIT = "_Audit"
_AUDIT_SUBTREE = "_Audit_Include_Subcompartment"


@dataclass
class LogGroup:
    """A log group in one region and compartment; `logs` are (OCID, display name)."""

    ocid: str
    name: str
    region: str
    compartment: str
    logs: dict[str, str] = field(default_factory=dict)


_CREATED = "2026-01-15T10:00:00.000Z"
_SORT_KEYS: SortKeys[LogGroup] = {
    "timeCreated": (lambda _group: _CREATED, "DESC"),
    "displayName": (lambda group: group.name, "ASC"),
}


@dataclass
class SandboxLogging:
    """Logging of one tenancy, and how it behaves.

    `bounds`: whether start and end of a window belong to it (undocumented), as intervals are written.
    `empty_pages`: numbers of pages that are empty though more follow. Audit events are searchable as `_Audit`, with
    `includes_audit` also by a search of their compartment as a whole; those of `unreadable_audit` compartments are left
    out in silence, as for a user without the right.
    """

    tree: CompartmentTree
    bounds: Literal["[)", "[]", "(]", "()"] = "[)"
    empty_pages: frozenset[int] = frozenset()
    includes_audit: bool = False
    unreadable_audit: set[str] = field(default_factory=set)
    retention: timedelta = timedelta(days=180)
    listings: Listings = field(default_factory=Listings)
    timelines: Timelines = field(default_factory=Timelines)
    groups: dict[str, LogGroup] = field(default_factory=dict)

    def search_logs(self, call: ApiCall) -> HttpResponse:
        """Answer one page of SearchLogs; raises `ApiError`."""
        try:
            return self._search(call)
        except RecursionError as error:
            raise invalid_parameter("The search query is nested too deeply.") from error

    def _search(self, call: ApiCall) -> HttpResponse:
        if not call.body:
            raise invalid_parameter("The request body is not a JSON object.")
        if unknown := call.body.keys() - {"timeStart", "timeEnd", "searchQuery", "isReturnFieldInfo"}:
            raise invalid_parameter(f"{min(unknown)} is not a part of the request.")
        if call.body.get("isReturnFieldInfo"):
            raise invalid_parameter("The sandbox has no field info; leave isReturnFieldInfo out.")
        query = parse_query(_text(call, "searchQuery"))
        start, end = self._window(call)
        limit = call.limit(_DEFAULT_PAGE)
        asked = {name: str(value) for name, value in call.body.items()}
        is_ascending = query.order == "asc"
        token = self.listings.open(call.params.get("page"), asked, (start, 0) if is_ascending else (0, 0))
        if token.number in self.empty_pages:
            return call.page(_results([]), token.next(token.position))
        found = self._matching(
            call, query.scopes, query.conditions, (token.position if is_ascending else (start, 0), end)
        )
        if is_ascending:
            records, position = page_of(found, limit)
        else:
            records, position = _unsorted_page(found, query.order, token.position, limit)
        return call.page(_results(records), token.next(position) if position else None)

    def list_log_groups(self, call: ApiCall) -> HttpResponse:
        """Answer one page of ListLogGroups; raises `ApiError`."""
        if not self.tree.is_readable(call.compartment):
            raise not_found()
        covered = self.tree.subtree(call.compartment) if call.is_subtree else [call.compartment]
        compartments = {one for one in covered if self.tree.is_readable(one)} - call.denied
        groups = [
            one
            for one in self.groups.values()
            if one.region == call.region
            and one.compartment in compartments
            and one.name == call.params.get("displayName", one.name)
        ]
        return call.list_page(
            self.listings, [_group_summary(one) for one in call.in_order(groups, _SORT_KEYS)]
        )

    def _matching(
        self,
        call: ApiCall,
        scopes: tuple[SearchScope, ...],
        conditions: tuple[SearchExpression, ...],
        window: tuple[TimelinePosition, int],
    ) -> Iterator[TimelineEntry]:
        covered = [(scope, self._compartments(scope)) for scope in scopes]
        compartments = dict.fromkeys(ocid for _scope, ocids in covered for ocid in ocids)
        for entry in self.timelines.between(call.region, compartments, *window, call.now):
            if entry.group == _AUDIT and entry.compartment in self.unreadable_audit:
                continue
            if any(self._is_covered(entry, *one) for one in covered) and _meets(entry, conditions):
                yield entry

    def _is_covered(self, entry: TimelineEntry, scope: SearchScope, compartments: frozenset[str]) -> bool:
        """Return whether a scope covers an entry; groups and logs are named by OCID or display name."""
        if entry.compartment not in compartments:
            return False
        if not scope.group:
            return entry.group != _AUDIT or self.includes_audit
        wanted = _AUDIT if scope.group == _AUDIT_SUBTREE else scope.group
        group = self.groups.get(entry.group)
        name, logs = (group.name, group.logs) if group else ("", {})
        return wanted in (entry.group, name) and scope.log in ("", entry.log, logs.get(entry.log))

    def _compartments(self, scope: SearchScope) -> frozenset[str]:
        if scope.compartment not in self.tree:
            return frozenset()
        if scope.group == _AUDIT_SUBTREE:
            return frozenset(self.tree.subtree(scope.compartment))
        return frozenset({scope.compartment})

    def _window(self, call: ApiCall) -> tuple[int, int]:
        try:
            start, end = parse_time(_text(call, "timeStart")), parse_time(_text(call, "timeEnd"))
        except ValueError as error:
            raise invalid_parameter(f"The time range is not valid: {error}") from error
        if not 0 <= end - start <= _LARGEST_RANGE:
            raise invalid_parameter("The time range must be positive and at most 14 days.")
        first = start if self.bounds[0] == "[" else start + 1
        kept_since = call.now - in_micros(self.retention)
        return max(first, kept_since), end + 1 if self.bounds[1] == "]" else end


def _text(call: ApiCall, name: str) -> str:
    value = call.body.get(name)
    if not isinstance(value, str):
        raise invalid_parameter(f"{name} is required.")
    return value


def _meets(entry: TimelineEntry, conditions: tuple[SearchExpression, ...]) -> bool:
    if not conditions:
        return True
    try:
        record = json.loads(entry.raw)["data"]
    except (ValueError, TypeError, KeyError, RecursionError):
        record = None
    return all(condition(record if isinstance(record, dict) else {}) is True for condition in conditions)


def _unsorted_page(
    found: Iterator[TimelineEntry], order: str, position: TimelinePosition, limit: int
) -> tuple[list[TimelineEntry], TimelinePosition | None]:
    """Return a page in descending order, or in none; `position` then counts the records of earlier pages."""
    records = sorted(
        found,
        key=lambda entry: (-entry.at, entry.sequence) if order == "desc" else (zlib.crc32(entry.raw), 0),
    )
    start = position[1]
    return records[start : start + limit], (0, start + limit) if start + limit < len(records) else None


def _results(records: list[TimelineEntry]) -> bytes:
    results = b",".join([record.raw for record in records])
    summary = b'{"resultCount":%d,"fieldCount":0}' % len(records)
    return b'{"results":[%b],"fields":[],"summary":%b}' % (results, summary)


def _group_summary(group: LogGroup) -> dict[str, Any]:
    return {
        "id": group.ocid,
        "compartmentId": group.compartment,
        "displayName": group.name,
        "description": f"Log group {group.name}",
        "definedTags": {},
        "systemTags": {},
        "freeformTags": {},
        "timeCreated": _CREATED,
        "timeLastModified": _CREATED,
        "lifecycleState": "ACTIVE",
    }
