"""The Logging service: SearchLogs over compartments, log groups and logs, and ListLogGroups.

Facts: the window is on the record's own time and at most 14 days long, a page has at most 1,000 records, a
scope that does not exist gives nothing rather than an error, order exists only with `sort by`.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from signal_client_oci.sandbox.data.timeline import Entry, Position, Timeline, merged
from signal_client_oci.sandbox.http.api_errors import invalid_parameter
from signal_client_oci.sandbox.http.clocks import parse_time
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.http.paging import limit_of, list_page
from signal_client_oci.sandbox.services.search_query import Condition, Scope, SearchQuery, parse_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from signal_client_oci.sandbox.http.http_connection import Answer
    from signal_client_oci.sandbox.services.calls import Call
    from signal_client_oci.sandbox.services.compartments import CompartmentTree

__all__ = ["LogGroup", "LoggingService"]

_LARGEST_RANGE = timedelta(days=14)
_LARGEST_PAGE = 1000
_USUAL_PAGE = 500
_AUDIT_SUBTREE = "_Audit_Include_Subcompartment"


@dataclass
class LogGroup:
    """A log group in one region and compartment; `logs` are (OCID, display name)."""

    ocid: str
    name: str
    region: str
    compartment: str
    logs: dict[str, str] = field(default_factory=dict)


@dataclass
class LoggingService:
    """Logging of one tenancy, and how it likes to behave.

    `bounds`: whether start and end of a window belong to it (undocumented), as intervals are written.
    `empty_pages`: numbers of pages that are empty though more follow. `includes_audit`: Audit events are also
    searchable as `_Audit`.
    """

    bounds: Literal["[)", "[]", "(]", "()"] = "[)"
    empty_pages: frozenset[int] = frozenset()
    includes_audit: bool = False
    retention: timedelta = timedelta(days=180)
    listings: Listings = field(default_factory=Listings)
    timelines: dict[tuple[str, str], list[Timeline]] = field(default_factory=dict)
    groups: dict[str, LogGroup] = field(default_factory=dict)

    def search_logs(self, call: Call, tree: CompartmentTree) -> Answer:
        """Answer one page of SearchLogs; raises `RefusalError`."""
        query = parse_query(self._text(call, "searchQuery"))
        start, end = self._window(call)
        limit = limit_of(call, _USUAL_PAGE, _LARGEST_PAGE)
        asked = {name: str(value) for name, value in call.body.items()}
        token = self.listings.open(
            call.params.get("page"), asked, (start, 0) if query.ordered == 1 else (0, 0)
        )
        if token.number in self.empty_pages:
            return call.answer(_envelope([]), str(token.next(token.position)))
        found = self._matching(call, query, tree, (token.position if query.ordered == 1 else (start, 0)), end)
        records, follows = (
            _ascending(found, limit) if query.ordered == 1 else _other(found, query, token.position, limit)
        )
        return call.answer(_envelope(records), str(token.next(follows)) if follows else None)

    def list_log_groups(self, call: Call) -> Answer:
        """Answer one page of ListLogGroups, of exactly one compartment; raises `RefusalError`."""
        groups = [
            g for g in self.groups.values() if (g.region, g.compartment) == (call.region, call.compartment)
        ]
        return list_page(call, self.listings, [_group_summary(group) for group in groups], as_items=False)

    def _matching(
        self, call: Call, query: SearchQuery, tree: CompartmentTree, start: Position, end: int
    ) -> Iterator[Entry]:
        compartments = dict.fromkeys(c for scope in query.scopes for c in _compartments(scope, tree))
        timelines = [t for c in compartments for t in self.timelines.get((call.region, c), [])]
        streams = [_Streams(scope, frozenset(_compartments(scope, tree))) for scope in query.scopes]
        for entry in merged(timelines, start, end, call.now) if timelines else ():
            if any(stream.holds(entry) for stream in streams) and _meets(entry, query.conditions):
                yield entry

    def _window(self, call: Call) -> tuple[int, int]:
        try:
            start, end = parse_time(self._text(call, "timeStart")), parse_time(self._text(call, "timeEnd"))
        except ValueError as error:
            raise invalid_parameter(f"The time range is not valid: {error}") from error
        if not 0 <= end - start <= _LARGEST_RANGE / timedelta(microseconds=1):
            raise invalid_parameter("The time range must be positive and at most 14 days.")
        first = start if self.bounds[0] == "[" else start + 1
        kept_since = call.now - self.retention // timedelta(microseconds=1)
        return max(first, kept_since), end + 1 if self.bounds[1] == "]" else end

    @staticmethod
    def _text(call: Call, name: str) -> str:
        value = call.body.get(name)
        if not isinstance(value, str):
            raise invalid_parameter(f"{name} is required.")
        return value


class _Streams:
    """The logs that one scope covers."""

    def __init__(self, scope: Scope, compartments: frozenset[str]) -> None:
        self._group = "_Audit" if scope.group == _AUDIT_SUBTREE else scope.group
        self._log = scope.log
        self._compartments = compartments

    def holds(self, entry: Entry) -> bool:
        return (
            entry.compartment in self._compartments
            and self._group in ("", entry.group)
            and self._log in ("", entry.log)
        )


def _compartments(scope: Scope, tree: CompartmentTree) -> Iterable[str]:
    if scope.compartment not in tree:
        return ()
    return tree.subtree(scope.compartment) if scope.group == _AUDIT_SUBTREE else (scope.compartment,)


def _meets(entry: Entry, conditions: tuple[Condition, ...]) -> bool:
    if not conditions:
        return True
    try:
        result = json.loads(entry.raw)
        content = result["data"]["logContent"]
    except (ValueError, TypeError, KeyError, RecursionError):
        content = None
    return all(condition.holds(content) for condition in conditions)


def _ascending(found: Iterator[Entry], limit: int) -> tuple[list[Entry], Position | None]:
    records = list(islice(found, limit + 1))
    if len(records) <= limit:
        return records, None
    del records[limit:]
    return records, records[-1].after


def _other(
    found: Iterator[Entry], query: SearchQuery, position: Position, limit: int
) -> tuple[list[Entry], Position | None]:
    """Descending, or no order at all: the position is then the number of records already given."""
    records = list(found)
    if query.ordered:
        records.sort(key=lambda entry: (-entry.at, entry.sequence))
    else:
        records.sort(key=lambda entry: zlib.crc32(entry.raw))
    given = position[1]
    follows = (0, given + limit) if given + limit < len(records) else None
    return records[given : given + limit], follows


def _envelope(records: list[Entry]) -> bytes:
    results = b",".join([record.raw for record in records])
    return b'{"results":[%b],"fields":[],"summary":{"resultCount":%d,"fieldCount":0}}' % (
        results,
        len(records),
    )


def _group_summary(group: LogGroup) -> dict[str, Any]:
    return {
        "id": group.ocid,
        "compartmentId": group.compartment,
        "displayName": group.name,
        "description": f"Log group {group.name}",
        "definedTags": {},
        "freeformTags": {},
        "timeCreated": "2026-01-15T10:00:00.000Z",
        "timeLastModified": "2026-01-15T10:00:00.000Z",
        "lifecycleState": "ACTIVE",
    }
