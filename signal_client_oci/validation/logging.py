"""Logging: can the records of the scope be searched in each region, and is anything logged there at all?

A search of a wrong or empty scope answers with success and no records, so where nothing comes back the log groups are
looked for. Whether ListLogGroups goes below a compartment depends on the region, so the compartments are asked one by
one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import product
from typing import Any, Final

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import LogGroupRow, Page, list_log_groups, search_logs
from signal_client_oci.settings.model import Settings
from signal_client_oci.validation.compartments import ChildCompartments
from signal_client_oci.validation.findings import Finding
from signal_client_oci.validation.probe_session import ProbeSession
from signal_client_oci.validation.regional import ProbedRegions, probe_regions, regional_finding

__all__ = ["check_logging"]

_WINDOW: Final = timedelta(minutes=15)
_MAX_PROBES: Final = 24


def check_logging(session: ProbeSession, regions: ProbedRegions, children: ChildCompartments) -> Finding:
    """Search the scope's last minutes in every region; where nothing is found, look for log groups."""
    results = probe_regions(session, "logging", regions, partial(_probe_records, session.settings))
    finding = regional_finding(results, "records", regions)
    if finding is not None:
        return finding
    pages = [page for page in results.values() if isinstance(page, Page)]
    request_id = pages[0].opc_request_id
    if any(_has_any(page) for page in pages):
        return Finding.ok(f"records can be searched in {regions.text}", request_id)
    nothing = f"the search works in {regions.text} and found no record of the last 15 minutes"
    return _look_for_log_groups(session, regions, children, nothing, request_id)


def _probe_records(settings: Settings, client: Client) -> Page[bytes]:
    """Search the last minutes, and keep no more than one record."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    try:
        page = search_logs(
            client, [settings.scope_ocid], now - _WINDOW, now, clause=settings.logging_query, limit=1
        )
    except Failure as failure:
        if failure.code != "INVALID_REQUEST" or not settings.logging_query:
            raise
        refused = failure
    else:
        return replace(page, items=page.items[:1])
    raise Failure("LOGGING_QUERY_REFUSED", detail=refused.detail, opc_request_id=refused.opc_request_id)


def _look_for_log_groups(
    session: ProbeSession,
    regions: ProbedRegions,
    children: ChildCompartments,
    nothing: str,
    request_id: str | None,
) -> Finding:
    """Return whether silence is plausible; `nothing` says that the search found no record."""
    compartments = (session.settings.scope_ocid, *children.wait())
    places = list(product(compartments, regions.names))[:_MAX_PROBES]
    results = session.run_parallel([partial(_log_groups, session, *place) for place in places])
    if any(isinstance(result, Page) and _has_any(result) for result in results):
        return Finding.ok(nothing, request_id)
    failures = [result for result in results if isinstance(result, Failure)]
    unclear = [one for one in failures if one.recovery is not Recovery.COMPARTMENT]
    if unclear:
        message = f"{nothing}; whether there are log groups is not known ({unclear[0].code})"
        return Finding.ok(message, request_id)
    tried = len({compartment for compartment, _ in places})
    where = "the scope's compartment" if tried == 1 else f"the {tried} compartments checked"
    if failures:
        message = f"{nothing}, and the log groups of {where} may not be listed (404)"
        request_id = failures[0].opc_request_id
    else:
        message = f"{nothing}, and there is no log group in {where}"
    return Finding.from_code("warning", "LOGGING_NO_LOG_GROUPS", message, request_id)


def _log_groups(session: ProbeSession, compartment: str, region: str) -> Page[LogGroupRow]:
    settings = session.settings
    subtree = settings.include_subcompartments and compartment == settings.scope_ocid
    call = partial(list_log_groups, compartment_ocid=compartment, subtree=subtree, limit=1)
    return session.call(region, "log_groups", call)


def _has_any(page: Page[Any]) -> bool:
    """Tell whether a list is not known to be empty: its first page can be, while there are more."""
    return bool(page.items) or page.next_page is not None
