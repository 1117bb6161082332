"""Audit: can the events of the scope be read in each region, and those of some compartments below it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Final

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.errors.quantities import counted
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page, list_events
from signal_client_oci.validation.compartments import ChildCompartments
from signal_client_oci.validation.findings import Finding
from signal_client_oci.validation.probe_session import ProbeSession
from signal_client_oci.validation.regional import ProbedRegions, probe_regions, regional_finding

__all__ = ["check_audit"]

_WINDOW: Final = timedelta(minutes=2)
_MAX_CHILDREN: Final = 3


def check_audit(session: ProbeSession, regions: ProbedRegions, children: ChildCompartments) -> Finding:
    """Read two minutes of the scope's events in every region, then of a few compartments below it in the main one."""
    settings = session.settings
    results = probe_regions(session, "audit", regions, partial(_probe_events, settings.scope_ocid))
    finding = regional_finding(results, "events", regions)
    if finding is not None:
        return finding
    tried = children.wait()[:_MAX_CHILDREN]
    probes = [partial(session.call_main, "audit", partial(_probe_events, ocid)) for ocid in tried]
    denied = [one for one in session.run_parallel(probes) if _is_denied(one)]
    if denied:
        message = (
            f"events of the scope can be read in {regions.text}, "
            f"but {len(denied)} of {counted(len(tried), 'compartment')} tried below it "
            f"{'answers' if len(denied) == 1 else 'answer'} 404"
        )
        return Finding.from_code(
            "warning", "SUBCOMPARTMENTS_NOT_AUTHORIZED", message, denied[0].opc_request_id
        )
    return Finding.ok(f"events can be read in {regions.text}", results[settings.region].opc_request_id)


def _probe_events(compartment: str, client: Client) -> Page[bytes]:
    """Request a page of recent events, and keep nothing of what is on it."""
    # like a poll, read no minute that is not over yet
    end = datetime.now(timezone.utc).replace(second=0, microsecond=0) - timedelta(minutes=1)
    return replace(list_events(client, compartment, end - _WINDOW, end), items=())


def _is_denied(result: Page[bytes] | Failure) -> bool:
    return isinstance(result, Failure) and result.recovery is Recovery.COMPARTMENT
