"""Audit by search: can the scope be searched in each region, and does the search find what ListEvents has?

A search answers a missing right with success and fewer events. So a few compartments are read both ways, in a window
that lies far enough back for late events to be in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Final, NamedTuple

from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.quantities import counted
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.event_ids import listed_event, searched_event_id
from signal_client_oci.oci_api.operations import Page, audit_stream, list_events, search_audit
from signal_client_oci.validation.compartments import ChildCompartments
from signal_client_oci.validation.findings import Finding, join_names
from signal_client_oci.validation.probe_session import ProbeSession
from signal_client_oci.validation.regional import ProbedRegions, probe_regions, regional_finding

__all__ = ["check_audit_search"]

_PROBE_WINDOW: Final = timedelta(minutes=2)
_COMPARED_WINDOW: Final = timedelta(minutes=60)
_SETTLED: Final = timedelta(minutes=15)  # what is older than that has arrived both ways
_MINUTE: Final = timedelta(minutes=1)
_MAX_CHILDREN: Final = 3
_MAX_PAGES: Final = 3

_Listed = Mapping[str, Mapping[str, datetime]]  # compartment → event id → minute


class _Found(NamedTuple):
    """The ids that a search found, and whether that is all that it has to find."""

    ids: frozenset[str]
    is_whole: bool


def check_audit_search(session: ProbeSession, regions: ProbedRegions, children: ChildCompartments) -> Finding:
    """Search two minutes of the scope in every region, then compare some compartments of the main one."""
    settings = session.settings
    stream = audit_stream(settings.scope_ocid, subtree=settings.include_subcompartments)
    results = probe_regions(session, "logging", regions, partial(_probe_search, stream))
    finding = regional_finding(results, "events", regions)
    if finding is not None:
        return finding
    request_id = results[settings.region].opc_request_id
    return _compared(session, stream, children, f"events can be searched in {regions.text}", request_id)


def _probe_search(stream: str, client: Client) -> Page[bytes]:
    """Request one recent event, and keep nothing of it."""
    end = _last_minute()
    return replace(search_audit(client, stream, end - _PROBE_WINDOW, end, limit=1), items=())


def _compared(
    session: ProbeSession, stream: str, children: ChildCompartments, works: str, request_id: str | None
) -> Finding:
    """Return whether the search finds what is listed; `works` says that it can be made."""
    compartments = [session.settings.scope_ocid, *children.wait()[:_MAX_CHILDREN]]
    end = _last_minute() - _SETTLED
    window = (end - _COMPARED_WINDOW, end)
    probes = [partial(session.call_main, "audit", partial(_listed, one, *window)) for one in compartments]
    answers = dict(zip(compartments, session.run_parallel(probes), strict=True))
    failed = {ocid: one for ocid, one in answers.items() if isinstance(one, Failure)}
    listed = {ocid: one for ocid, one in answers.items() if not isinstance(one, Failure)}
    finding = _comparison(session, stream, listed, works, request_id)
    if not failed or finding.status != "ok":
        return finding
    first = next(iter(failed.values()))
    message = f"{works}, but not compared with ListEvents in {join_names(failed)}: {first.message}"
    return Finding.from_code("warning", "AUDIT_SEARCH_NOT_COMPARED", message, first.opc_request_id)


def _comparison(
    session: ProbeSession, stream: str, listed: _Listed, works: str, request_id: str | None
) -> Finding:
    """Search for what is listed, and return how that compares."""
    moments = [moment for events in listed.values() for moment in events.values()]
    if not moments:
        none = f"no events to compare with ListEvents in {counted(len(listed), 'compartment')} tried"
        return Finding.ok(f"{works}; {none}", request_id)
    call = partial(_searched, stream, min(moments), max(moments) + _MINUTE)
    found = session.run_parallel([partial(session.call_main, "logging", call)])[0]
    if isinstance(found, Failure):
        message = f"{works}, but could not be compared with ListEvents: {found.message}"
        return Finding.from_code("warning", "AUDIT_SEARCH_NOT_COMPARED", message, found.opc_request_id)
    return _verdict(listed, found, works, request_id)


def _verdict(listed: _Listed, found: _Found, works: str, request_id: str | None) -> Finding:
    lacking = {ocid: len(events.keys() - found.ids) for ocid, events in listed.items()}
    lacking = {ocid: count for ocid, count in lacking.items() if count}
    total = sum(map(len, listed.values()))
    if not lacking:
        tried = counted(len(listed), "compartment")
        message = (
            f"{works}, and all {counted(total, 'event')} that ListEvents has of {tried} tried were found"
        )
        return Finding.ok(message, request_id)
    if not found.is_whole:
        return Finding.ok(f"{works}; too many events to compare them with ListEvents here", request_id)
    message = (
        f"{works}, but {sum(lacking.values())} of {counted(total, 'event')} that ListEvents has were not found, in "
        f"{join_names(lacking)}"
    )
    return Finding.from_code("warning", "AUDIT_SEARCH_INCOMPLETE", message, request_id)


def _listed(compartment: str, start: datetime, end: datetime, client: Client) -> dict[str, datetime]:
    """Return event id → minute of the first page of a compartment's events."""
    page = list_events(client, compartment, start, end)
    events = [event for text in page.items if (event := listed_event(text)) is not None]
    # an event that was processed much later than it happened would make the search a long one
    return {one.event_id: _minute(one.moment) for one in events if one.moment >= start - _SETTLED}


def _searched(stream: str, start: datetime, end: datetime, client: Client) -> _Found:
    """Return the ids of the events that a search of a window finds, of so many pages at most."""
    ids: set[str] = set()
    token: str | None = None
    for _ in range(_MAX_PAGES):
        page = search_audit(client, stream, start, end, page=token)
        ids.update(map(searched_event_id, page.items))
        token = page.next_page
        if token is None:
            break
    return _Found(frozenset(ids), token is None)


def _last_minute() -> datetime:
    """Return the end of the last minute that is over: like a poll, none is read that is half filled."""
    return _minute(datetime.now(timezone.utc)) - _MINUTE


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
