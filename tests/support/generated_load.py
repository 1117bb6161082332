"""Records by the million that are made when they are read, so that none of them is kept."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from signal_client_oci.sandbox.clocks import format_time, from_micros, to_micros
from signal_client_oci.sandbox.data.audit_events import audit_event
from signal_client_oci.sandbox.data.log_records import log_content, search_result
from signal_client_oci.sandbox.data.timeline import TimelineEntry, TimelinePosition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["GeneratedTimeline", "Pattern", "generate_audit_events", "generate_log_records"]

_PLACEHOLDER_TIME = datetime(1999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)
_PLACEHOLDER_ID = "placeholder"
_SECOND = 1_000_000
_MILLISECOND = 1_000
_numbers = itertools.count(1)
_SEQUENCES = 1 << 40  # far from those of single records, and apart for each timeline

_FLOW = {
    "action": "ACCEPT",
    "bytesOut": 4132,
    "destinationAddress": "10.0.2.14",
    "destinationPort": 443,
    "flowid": "75d72a74",
    "packets": 9,
    "protocol": 6,
    "protocolName": "TCP",
    "sourceAddress": "203.0.113.41",
    "sourcePort": 60830,
    "status": "OK",
    "version": "2",
}


@dataclass(frozen=True)
class Pattern:
    """A record's JSON text with places for its id, its time (ISO) and its time in milliseconds."""

    text: bytes
    prefix: str

    def key(self, index: int) -> str:
        """Return the id of the record number `index`, in the shape of a UUID."""
        return f"{self.prefix}-0000-4000-8000-{index:012d}"

    def record(self, index: int, at: int) -> bytes:
        """Return the record number `index`, whose time is `at` microseconds since 1970."""
        milliseconds = at // _MILLISECOND
        time = _second(at // _SECOND) + b".%03dZ" % (milliseconds % _MILLISECOND)
        return self.text % {b"id": self.key(index).encode(), b"time": time, b"ms": milliseconds}


@lru_cache(maxsize=4096)
def _second(second: int) -> bytes:
    return from_micros(second * _SECOND).strftime("%Y-%m-%dT%H:%M:%S").encode()


class GeneratedTimeline:
    """`count` records spread evenly from `start` on and before `end` (microseconds), visible at once."""

    def __init__(self, pattern: Pattern, start: int, end: int, count: int, place: TimelineEntry) -> None:
        self._pattern = pattern
        self._start = start
        self._span = end - start
        self._count = count
        self._place = place

    def __len__(self) -> int:
        return self._count

    def keys(self) -> Iterator[str]:
        """Yield the keys of all records."""
        return (self._pattern.key(index) for index in range(self._count))

    def between(self, start: TimelinePosition, end: int, now: int) -> Iterator[TimelineEntry]:
        """Yield the entries from `start` on and before `end` that are visible at `now`, in order."""
        _at, first_sequence, _visible, _raw, *place = self._place
        index = max(0, -(-(start[0] - self._start) * self._count // self._span))
        while index < self._count and (self._at(index), first_sequence + index) < start:
            index += 1
        last = min(end, now + 1)
        for number in range(index, self._count):
            at = self._at(number)
            if at >= last:
                return
            yield TimelineEntry(at, first_sequence + number, at, self._pattern.record(number, at), *place)

    def _at(self, index: int) -> int:
        return self._start + index * self._span // self._count


def generate_audit_events(
    tenancy: Tenancy, place: tuple[str, str], period: tuple[datetime, datetime], count: int
) -> GeneratedTimeline:
    """Put `count` Audit events into `place` (region, compartment), processed evenly over `period`."""
    with tenancy.lock:
        named = (place[1], tenancy.tree[place[1]].name)
        event = audit_event(_PLACEHOLDER_ID, _PLACEHOLDER_TIME, tenancy.ocid, named, {})
        text = json.dumps(event, separators=(",", ":")).encode()
        here = tenancy.audit.timelines.setdefault(place, [])
        here.append(made := _timeline(tenancy, text, period, count, TimelineEntry(0, 0, 0, b"", place[1])))
        return made


def generate_log_records(
    tenancy: Tenancy, place: tuple[str, str], period: tuple[datetime, datetime], count: int
) -> GeneratedTimeline:
    """Put `count` VCN flow records into `place` (region, compartment), evenly over `period`."""
    with tenancy.lock:
        group = tenancy.add_log_group(*place, name="generated")
        log = tenancy.add_log(group)
        ids = {"compartmentid": place[1], "loggroupid": group.ocid, "logid": log, "tenantid": tenancy.ocid}
        payload = _FLOW | {"sandboxMarker": _PLACEHOLDER_ID}
        content = log_content(_PLACEHOLDER_TIME, _PLACEHOLDER_TIME, ids, {"payload": payload})
        text = search_result(_PLACEHOLDER_TIME, content)
        here = tenancy.logging.timelines.setdefault(place, [])
        entry = TimelineEntry(0, 0, 0, b"", place[1], group.ocid, log)
        here.append(made := _timeline(tenancy, text, period, count, entry))
        return made


def _timeline(
    tenancy: Tenancy, text: bytes, period: tuple[datetime, datetime], count: int, place: TimelineEntry
) -> GeneratedTimeline:
    milliseconds = b"%d" % (to_micros(_PLACEHOLDER_TIME) // _MILLISECOND)
    text = text.replace(b"%", b"%%").replace(_PLACEHOLDER_ID.encode(), b"%(id)b")
    text = text.replace(format_time(_PLACEHOLDER_TIME).encode(), b"%(time)b").replace(milliseconds, b"%(ms)d")
    pattern = Pattern(text, tenancy.identifiers.uuid()[:8])
    first_sequence = _SEQUENCES * next(_numbers)
    start, end = to_micros(period[0]), to_micros(period[1])
    return GeneratedTimeline(pattern, start, end, count, place._replace(sequence=first_sequence))
