"""Logging: can the records of the scope be searched in each region, and is anything logged there at all?

A search of a wrong or empty scope answers with success and no records, so where nothing comes back the log groups are
looked for. Whether ListLogGroups goes below a compartment depends on the region, so the compartments are asked one by
one.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import product
from typing import Any, Final

import msgspec

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client, rows_of
from signal_client_oci.oci_api.pages import ORDINARY_PAGE, split_search_results
from signal_client_oci.polling.sources.logging import search_query
from signal_client_oci.polling.sources.windowed_api import read_page
from signal_client_oci.scheduler.requests import Page
from signal_client_oci.settings.model import Settings
from signal_client_oci.validation.access import Coverage
from signal_client_oci.validation.compartments import Below
from signal_client_oci.validation.findings import Finding, detail_of, good, trouble
from signal_client_oci.validation.probe_session import Enquirer
from signal_client_oci.validation.regional import ask_in_regions, regional_trouble

__all__ = ["check_logging"]

_WINDOW: Final = timedelta(minutes=15)
_MOST_PLACES: Final = 24
_GROUPS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def check_logging(enquirer: Enquirer, coverage: Coverage, below: Below) -> Finding:
    """Search the scope's last minutes in every region; where nothing is found, look for log groups."""
    settings = enquirer.settings
    outcomes = ask_in_regions(enquirer, "logging", coverage, partial(_search, settings))
    finding = regional_trouble(outcomes, "records")
    if finding is not None:
        return finding
    pages = [page for page in outcomes.values() if isinstance(page, Page)]
    if any(page.texts for page in pages):
        return good(f"records can be searched in {coverage.text}", pages[0].opc_request_id)
    return _look_for_groups(enquirer, coverage, below, pages[0].opc_request_id)


def _search(settings: Settings, client: Client) -> Page:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    details = {
        "timeStart": now - _WINDOW,
        "timeEnd": now,
        "searchQuery": search_query([settings.scope_ocid], settings.logging_query),
    }
    try:
        answer = client.call("search_logs", details, limit=1)
        page = read_page(answer, split_search_results, ORDINARY_PAGE._replace(check=client.check))
        return page._replace(texts=page.texts[:1])
    except Failure as failure:
        if failure.code != "INVALID_REQUEST" or not settings.logging_query:
            raise
        refused = failure
    raise Failure("LOGGING_QUERY_REFUSED", detail=detail_of(refused), opc_request_id=refused.opc_request_id)


def _look_for_groups(enquirer: Enquirer, coverage: Coverage, below: Below, request_id: str | None) -> Finding:
    settings = enquirer.settings
    compartments = (settings.scope_ocid, *below.wait())
    places = list(product(compartments, coverage.regions))[:_MOST_PLACES]
    ask_subtree = settings.include_subcompartments
    outcomes = enquirer.together(
        [
            partial(
                enquirer.ask,
                region,
                "log_groups",
                partial(_list_groups, compartment, subtree=ask_subtree and compartment == compartments[0]),
            )
            for compartment, region in places
        ]
    )
    nothing = f"the search works in {coverage.text} and found no record of the last 15 minutes"
    if any(outcome is True for outcome in outcomes):
        return good(nothing, request_id)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    unclear = [one for one in failures if one.recovery is not Recovery.COMPARTMENT]
    if unclear:
        return good(f"{nothing}; whether there are log groups is not known ({unclear[0].code})", request_id)
    tried = len({compartment for compartment, _ in places})
    where = "the scope's compartment" if tried == 1 else f"the {tried} compartments looked at"
    if failures:
        message = f"{nothing}, and the log groups of {where} may not be listed (404)"
        return trouble("warning", "LOGGING_NO_LOG_GROUPS", message, failures[0].opc_request_id)
    return trouble(
        "warning", "LOGGING_NO_LOG_GROUPS", f"{nothing}, and there is no log group in {where}", request_id
    )


def _list_groups(compartment: str, client: Client, *, subtree: bool) -> bool:
    """Tell whether there is a log group."""
    arguments: dict[str, Any] = {"is_compartment_id_in_subtree": True} if subtree else {}
    answer = client.call("list_log_groups", compartment, limit=1, **arguments)
    return bool(rows_of(answer, _GROUPS))
