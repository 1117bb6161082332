"""Audit: can the events of the scope be read in each region, and those of some compartments below it?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import Final

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client
from signal_client_oci.polling.sources.audit import AuditService
from signal_client_oci.polling.sources.windowed_api import ask_page
from signal_client_oci.scheduler.requests import Page
from signal_client_oci.state.cursor import newest_readable
from signal_client_oci.state.windows import floor_minute, minute_to_datetime
from signal_client_oci.validation.access import Coverage
from signal_client_oci.validation.compartments import Below
from signal_client_oci.validation.findings import Finding, good, trouble
from signal_client_oci.validation.probe_session import Enquirer
from signal_client_oci.validation.regional import ask_in_regions, regional_trouble

__all__ = ["check_audit"]

_WINDOW_MINUTES: Final = 2
_TRIED_BELOW: Final = 3


def check_audit(enquirer: Enquirer, coverage: Coverage, below: Below) -> Finding:
    """Read two minutes of the scope's events in every region, then of a few compartments below it in the main one."""
    settings = enquirer.settings
    outcomes = ask_in_regions(enquirer, "audit", coverage, _events_of(settings.scope_ocid))
    finding = regional_trouble(outcomes, "events")
    if finding is not None:
        return finding
    page = outcomes[settings.region]
    request_id = page.opc_request_id if isinstance(page, Page) else None
    tried = below.wait()[:_TRIED_BELOW]
    asks = [partial(enquirer.ask, settings.region, "audit", _events_of(ocid)) for ocid in tried]
    denied = [one for one in enquirer.together(asks) if _is_denied(one)]
    if denied:
        message = (
            f"events of the scope can be read in {coverage.text}, "
            f"but {len(denied)} of {len(tried)} compartments tried below it answer 404"
        )
        request_id = getattr(denied[0], "opc_request_id", None)
        return trouble("warning", "SUBCOMPARTMENTS_NOT_AUTHORIZED", message, request_id)
    return good(f"events can be read in {coverage.text}", request_id)


def _events_of(compartment: str) -> Callable[[Client], Page]:
    end = newest_readable(floor_minute(datetime.now(timezone.utc)))
    window = minute_to_datetime(end - _WINDOW_MINUTES), minute_to_datetime(end)
    return partial(_can_be_read, [compartment], *window)


def _can_be_read(compartments: list[str], start: datetime, end: datetime, client: Client) -> Page:
    """Ask for a page and keep nothing of what is on it."""
    return ask_page(AuditService(), compartments, start, end, None, client)._replace(texts=[])


def _is_denied(outcome: Page | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.recovery is Recovery.COMPARTMENT
