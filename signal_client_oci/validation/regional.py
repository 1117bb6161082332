"""Asks the same in several regions and makes one finding of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

from signal_client_oci.contract import CheckStatus
from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client
from signal_client_oci.validation.access import Coverage
from signal_client_oci.validation.findings import Finding, bad, listed
from signal_client_oci.validation.probe_session import Enquirer

__all__ = ["ask_in_regions", "regional_trouble"]

_T = TypeVar("_T")
_UNAUTHENTICATED: Final = 401


def ask_in_regions(
    enquirer: Enquirer, service: str, coverage: Coverage, send: Callable[[Client], _T]
) -> dict[str, _T | Failure]:
    """Return each region's answer, or the Failure there."""
    asks = [partial(enquirer.ask, region, service, send) for region in coverage.regions]
    return dict(zip(coverage.regions, enquirer.together(asks), strict=True))


def regional_trouble(outcomes: Mapping[str, object], what: str) -> Finding | None:
    """Return one finding for all regions that failed, None if none did; `what` is what could be read.

    Where some regions answer, data flows: that is a warning. Their answers show that the key is right, so a 401 of
    another region means that the tenancy is not subscribed to it.
    """
    failures = {region: one for region, one in outcomes.items() if isinstance(one, Failure)}
    if not failures:
        return None
    working = [region for region in outcomes if region not in failures]
    if working:
        failures = {region: _as_seen_beside(failure) for region, failure in failures.items()}
    first = next(iter(failures.values()))
    finding = bad(first, _message(failures, working, what))
    status: CheckStatus = "warning" if working else finding.status
    return Finding(status, finding.code, finding.message, finding.remedy, finding.opc_request_id)


def _as_seen_beside(failure: Failure) -> Failure:
    """Read a 401 in the light of other regions that accept the same key."""
    if failure.code != "NOT_AUTHENTICATED":
        return failure
    return Failure("REGION_NOT_SUBSCRIBED", status=_UNAUTHENTICATED, opc_request_id=failure.opc_request_id)


def _message(failures: Mapping[str, Failure], working: list[str], what: str) -> str:
    if not working and len(failures) == 1:
        return next(iter(failures.values())).message
    places: dict[str, list[str]] = {}
    for region, failure in failures.items():
        places.setdefault(failure.message, []).append(region)
    reasons = "; ".join(f"in {listed(regions)}: {message}" for message, regions in places.items())
    return f"{what} can be read in {listed(working)}, but {reasons}" if working else reasons
