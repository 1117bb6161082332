"""Authentication: does Identity accept the key, and to which regions is the tenancy subscribed?

ListRegionSubscriptions is one cheap request and answers both. A missing right to it (404) still means that the
signature was accepted. A region that the tenancy is not subscribed to answers 401 like a wrong key, so a 401 is told
apart by asking Identity in the other regions of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.operations import Page, RegionSubscription, list_region_subscriptions
from signal_client_oci.settings.model import Settings
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region
from signal_client_oci.validation.findings import Finding, join_names
from signal_client_oci.validation.probe_session import ProbeSession
from signal_client_oci.validation.regional import ProbedRegions

__all__ = ["Authentication", "check_authentication"]

_UNAUTHENTICATED: Final = 401
_DENIED: Final = "COMPARTMENTS_NOT_AUTHORIZED"  # the code of a 404 of Identity


@dataclass(frozen=True)
class Authentication:
    """What the check found.

    Attributes:
        finding: Its result.
        regions: Where the sources are tried.
        refused: True where the key is refused, so that no further request is worth sending.
        wrong_field: The setting to correct, "" where it is not known.
    """

    finding: Finding
    regions: ProbedRegions
    refused: bool = False
    wrong_field: str = ""


def check_authentication(session: ProbeSession) -> Authentication:
    """Ask Identity in the main region, and in the others if that one refuses the signature."""
    settings = session.settings
    result = session.run_parallel([partial(_subscriptions, session, settings.region)])[0]
    if isinstance(result, Page):
        return _compared(settings, result)
    regions = ProbedRegions.first_of([settings.region, *_further_regions(settings)])
    if result.status == _UNAUTHENTICATED:
        return _refused(session, result, regions)
    if result.code == _DENIED:
        regions = replace(regions, accepting=frozenset({settings.region}))
        return Authentication(_list_denied(settings, result), regions)
    return Authentication(Finding.from_failure(result), regions)


def _subscriptions(session: ProbeSession, region: str) -> Page[RegionSubscription]:
    call = partial(list_region_subscriptions, tenancy_ocid=session.settings.tenancy_ocid)
    return session.call(region, "identity", call)


def _further_regions(settings: Settings) -> list[str]:
    return [] if settings.wants_all_regions else settings.additional_regions


def _compared(settings: Settings, subscriptions: Page[RegionSubscription]) -> Authentication:
    """Compare the regions of the settings with those of the tenancy."""
    is_ready = {one.region_name: one.is_ready for one in subscriptions.items}
    wanted = [settings.region, *_further_regions(settings)]
    unknown: list[str] = []
    if settings.wants_all_regions:
        ready = [name for name, ready in is_ready.items() if ready and name != settings.region]
        unknown = [name for name in ready if not _is_known(name)]
        wanted += [name for name in ready if name not in unknown]
    usable = [name for name in wanted if is_ready.get(name) or name == settings.region]
    regions = replace(
        ProbedRegions.first_of(usable),
        subscribed=frozenset(is_ready),
        accepting=frozenset({settings.region}),
    )
    finding = _unusable_regions(wanted[1:], is_ready, unknown) or Finding.ok(
        f"the key is accepted; collecting from {regions.text}{_home_note(subscriptions, usable)}"
    )
    return Authentication(replace(finding, opc_request_id=subscriptions.opc_request_id), regions)


def _is_known(region: str) -> bool:
    try:
        return canonical_region(region) == region
    except UnknownRegionError:
        return False


def _unusable_regions(wanted: list[str], is_ready: Mapping[str, bool], unknown: list[str]) -> Finding | None:
    """Return the warning for regions that cannot be collected from, None if there are none."""
    missing = [name for name in wanted if name not in is_ready]
    if missing:
        subscribed = f"subscribed are {join_names(is_ready)}"
        message = (
            f"the key is accepted, but the tenancy is not subscribed to {join_names(missing)}; {subscribed}"
        )
        return Finding.from_code("warning", "REGION_NOT_SUBSCRIBED", message)
    waiting = [name for name in wanted if not is_ready[name]]
    if waiting:
        message = f"the key is accepted, but the subscription to {join_names(waiting)} is still in progress"
        return Finding.from_code("warning", "REGION_NOT_READY", message)
    if unknown:
        names = join_names(f"{name[:40]!a}" for name in unknown)
        message = f"the key is accepted, but the installed OCI SDK does not know {names}"
        return Finding.from_code("warning", "REGION_UNKNOWN", message)
    return None


def _home_note(subscriptions: Page[RegionSubscription], regions: list[str]) -> str:
    """Say where changes to users and policies are recorded, if nothing is collected from there."""
    home = next((one.region_name for one in subscriptions.items if one.is_home_region), "")
    if not home or home in regions:
        return ""
    return f"; logins and IAM changes are recorded in the home region {home[:40]}, which is not among them"


def _list_denied(settings: Settings, failure: Failure) -> Finding:
    alone = f"; collecting from {settings.region} alone" if settings.wants_all_regions else ""
    message = f"the key is accepted, but the tenancy's regions may not be listed (404){alone}"
    return Finding.from_code("warning", "REGIONS_NOT_AUTHORIZED", message, failure.opc_request_id)


def _refused(session: ProbeSession, failure: Failure, regions: ProbedRegions) -> Authentication:
    """Find out why the main region answers 401."""
    if failure.code != "NOT_AUTHENTICATED":
        return Authentication(Finding.from_failure(failure), regions, refused=True)
    main = session.settings.region
    others = [name for name in regions.names if name != main]
    results = session.run_parallel([partial(_subscriptions, session, name) for name in others])
    for name, result in zip(others, results, strict=True):
        finding = _accepted_elsewhere(main, name, result, failure)
        if finding is not None:
            return Authentication(finding, regions, refused=True, wrong_field="region")
    refusing = [name for name, result in zip(others, results, strict=True) if _is_refusal(result)]
    message = _possible_causes(failure, [main, *refusing])
    return Authentication(Finding.from_failure(failure, message), regions, refused=True)


def _accepted_elsewhere(
    main: str, other: str, result: Page[RegionSubscription] | Failure, refusal: Failure
) -> Finding | None:
    """Return what it means for the main region if another one accepts the key, None if that one does not."""
    if isinstance(result, Page):
        return _main_region_unusable(main, other, result)
    if result.code != _DENIED:
        return None
    message = f"the key is accepted in {other} and not in {main}"
    return Finding.from_code("failed", "REGION_REFUSES_KEY", message, refusal.opc_request_id)


def _is_refusal(result: Page[RegionSubscription] | Failure) -> bool:
    return isinstance(result, Failure) and result.status == _UNAUTHENTICATED


def _main_region_unusable(main: str, other: str, subscriptions: Page[RegionSubscription]) -> Finding:
    request_id = subscriptions.opc_request_id
    is_ready = {one.region_name: one.is_ready for one in subscriptions.items}
    if is_ready.get(main):
        message = (
            f"the key is accepted in {other} and not in {main}, although the tenancy is subscribed to it"
        )
        return Finding.from_code("failed", "REGION_REFUSES_KEY", message, request_id)
    if main in is_ready:
        message = f"the key is accepted in {other}, but the subscription to {main} is still in progress"
        return Finding.from_code("failed", "REGION_NOT_READY", message, request_id)
    message = (
        f"the key is accepted in {other}, but the tenancy is not subscribed to {main}; "
        f"subscribed are {join_names(is_ready)}"
    )
    return Finding.from_code("failed", "REGION_NOT_SUBSCRIBED", message, request_id)


def _possible_causes(failure: Failure, regions: list[str]) -> str:
    """Say what the 401 cannot mean here, and what it can."""
    answers = "answers" if len(regions) == 1 else "answer"
    return (
        f"OCI does not accept the signature: {join_names(regions)} {answers} 401 ({failure.detail}). The private key "
        "fits the fingerprint and the clock is right, so this key is not among the API keys of User OCID, the user "
        "is not one of Tenancy OCID, or the tenancy is not subscribed to the region"
    )
