"""Authentication: does Identity accept the key, and to which regions is the tenancy subscribed?

ListRegionSubscriptions is one cheap request and answers both. A missing right to it (404) still means that the
signature was accepted. A region that the tenancy is not subscribed to answers 401 like a wrong key, so a 401 is told
apart by asking Identity in the other regions of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client, rows_of
from signal_client_oci.settings.model import Settings
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region
from signal_client_oci.validation.findings import Finding, bad, detail_of, good, listed, trouble
from signal_client_oci.validation.probe_session import Enquirer

__all__ = ["Access", "Coverage", "find_access"]

MOST_REGIONS: Final = 6
_UNAUTHENTICATED: Final = 401
_READY: Final = "READY"


class _Subscription(msgspec.Struct, rename="camel"):
    """What is read of a region in ListRegionSubscriptions."""

    region_name: str
    status: str = _READY
    is_home_region: bool = False


_SUBSCRIPTIONS: Final = msgspec.json.Decoder(list[_Subscription])


class _Subscriptions(msgspec.Struct):
    """The tenancy's regions, and the request that told them."""

    regions: list[_Subscription]
    opc_request_id: str | None


@dataclass(frozen=True)
class Coverage:
    """The regions in which the sources are tried, the main one first, and how many there are in all."""

    regions: tuple[str, ...]
    total: int

    @property
    def text(self) -> str:
        """The regions as a part of a sentence."""
        if self.total > len(self.regions):
            return f"the first {len(self.regions)} of {self.total} regions"
        return listed(self.regions)


@dataclass(frozen=True)
class Access:
    """What authentication found; `refused` means that nothing more is worth asking."""

    finding: Finding
    coverage: Coverage
    refused: bool = False
    wrong_field: str = ""


def find_access(enquirer: Enquirer) -> Access:
    """Ask Identity in the main region, and in the others if it refuses the signature."""
    settings = enquirer.settings
    outcome = enquirer.together([partial(_ask, enquirer, settings.region)])[0]
    if isinstance(outcome, _Subscriptions):
        return _with_list(settings, outcome)
    coverage = _coverage([settings.region, *_explicit(settings)])
    if outcome.status == _UNAUTHENTICATED:
        return _refused(enquirer, outcome, coverage)
    if outcome.code == "COMPARTMENTS_NOT_AUTHORIZED":
        return Access(_list_denied(settings, outcome), coverage)
    return Access(bad(outcome), coverage)


def _ask(enquirer: Enquirer, region: str) -> _Subscriptions:
    return enquirer.ask(region, "identity", partial(_list_subscriptions, enquirer.settings.tenancy_ocid))


def _list_subscriptions(tenancy: str, client: Client) -> _Subscriptions:
    answer = client.call("list_region_subscriptions", tenancy)
    return _Subscriptions(rows_of(answer, _SUBSCRIPTIONS), answer.opc_request_id)


def _explicit(settings: Settings) -> list[str]:
    return [] if settings.wants_all_regions else settings.additional_regions


def _coverage(regions: list[str]) -> Coverage:
    return Coverage(tuple(regions[:MOST_REGIONS]), len(regions))


def _with_list(settings: Settings, subscriptions: _Subscriptions) -> Access:
    """Compare the regions of the settings with those of the tenancy."""
    status_of = {one.region_name: one.status for one in subscriptions.regions}
    wanted = [settings.region, *_explicit(settings)]
    unknown: list[str] = []
    if settings.wants_all_regions:
        ready = [name for name, status in status_of.items() if status == _READY and name != settings.region]
        unknown = [name for name in ready if not _is_known(name)]
        wanted += [name for name in ready if name not in unknown]
    usable = [name for name in wanted if status_of.get(name) == _READY or name == settings.region]
    coverage = _coverage(usable)
    finding = _region_trouble(wanted[1:], status_of, unknown) or good(
        f"the key is accepted; collecting from {coverage.text}{_home_note(subscriptions, usable)}"
    )
    return Access(_with_id(finding, subscriptions.opc_request_id), coverage)


def _is_known(region: str) -> bool:
    try:
        return canonical_region(region) == region
    except UnknownRegionError:
        return False


def _region_trouble(wanted: list[str], status_of: Mapping[str, str], unknown: list[str]) -> Finding | None:
    """Return the warning for regions that cannot be collected from."""
    missing = [name for name in wanted if name not in status_of]
    if missing:
        subscribed = f"subscribed are {listed(status_of)}"
        message = f"the key is accepted, but the tenancy is not subscribed to {listed(missing)}; {subscribed}"
        return trouble("warning", "REGION_NOT_SUBSCRIBED", message)
    waiting = [name for name in wanted if status_of[name] != _READY]
    if waiting:
        message = f"the key is accepted, but the subscription to {listed(waiting)} is still in progress"
        return trouble("warning", "REGION_NOT_READY", message)
    if unknown:
        names = listed(f"{name[:40]!a}" for name in unknown)
        message = f"the key is accepted, but the installed OCI SDK does not know {names}"
        return trouble("warning", "REGION_UNKNOWN", message)
    return None


def _home_note(subscriptions: _Subscriptions, regions: list[str]) -> str:
    """Say where the changes to users and policies are, if nobody collects them there."""
    home = next((one.region_name for one in subscriptions.regions if one.is_home_region), "")
    if not home or home in regions:
        return ""
    return f"; logins and IAM changes are recorded in the home region {home[:40]}, which is not among them"


def _with_id(finding: Finding, opc_request_id: str | None) -> Finding:
    return Finding(finding.status, finding.code, finding.message, finding.remedy, opc_request_id)


def _list_denied(settings: Settings, failure: Failure) -> Finding:
    alone = f"; collecting from {settings.region} alone" if settings.wants_all_regions else ""
    message = f"the key is accepted, but the tenancy's regions may not be listed (404){alone}"
    return trouble("warning", "REGIONS_NOT_AUTHORIZED", message, failure.opc_request_id)


def _refused(enquirer: Enquirer, failure: Failure, coverage: Coverage) -> Access:
    """Tell apart why the main region answers 401."""
    if failure.code != "NOT_AUTHENTICATED":
        return Access(bad(failure), coverage, refused=True)
    region = enquirer.settings.region
    others = [name for name in coverage.regions if name != region]
    outcomes = enquirer.together([partial(_ask, enquirer, name) for name in others])
    for name, outcome in zip(others, outcomes, strict=True):
        finding = _accepted_elsewhere(region, name, outcome, failure)
        if finding is not None:
            return Access(finding, coverage, refused=True, wrong_field="region")
    same = [name for name, outcome in zip(others, outcomes, strict=True) if _is_refusal(outcome)]
    return Access(bad(failure, _what_is_left(failure, [region, *same])), coverage, refused=True)


def _accepted_elsewhere(
    region: str, other: str, outcome: _Subscriptions | Failure, refusal: Failure
) -> Finding | None:
    """Return what it means for the main region if another one accepts the key, None if that one does not."""
    if isinstance(outcome, _Subscriptions):
        return _main_region_trouble(region, other, outcome)
    if outcome.code != "COMPARTMENTS_NOT_AUTHORIZED":
        return None
    message = f"the key is accepted in {other} and not in {region}: the tenancy is not subscribed to it"
    return trouble("failed", "REGION_NOT_SUBSCRIBED", message, refusal.opc_request_id)


def _is_refusal(outcome: _Subscriptions | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.status == _UNAUTHENTICATED


def _main_region_trouble(region: str, other: str, subscriptions: _Subscriptions) -> Finding:
    status_of = {one.region_name: one.status for one in subscriptions.regions}
    if region in status_of:
        message = f"the key is accepted in {other}, but the subscription to {region} is still in progress"
        return trouble("failed", "REGION_NOT_READY", message, subscriptions.opc_request_id)
    message = (
        f"the key is accepted in {other}, but the tenancy is not subscribed to {region}; "
        f"subscribed are {listed(status_of)}"
    )
    return trouble("failed", "REGION_NOT_SUBSCRIBED", message, subscriptions.opc_request_id)


def _what_is_left(failure: Failure, regions: list[str]) -> str:
    """Say what the 401 cannot be, and what is left."""
    answers = "answers" if len(regions) == 1 else "answer"
    return (
        f"OCI does not accept the signature: {listed(regions)} {answers} 401 ({detail_of(failure)}). The private key "
        "fits the fingerprint and the clock is right, so this key is not among the API keys of user_ocid, the user "
        "is not one of tenancy_ocid, or the tenancy is not subscribed to the region"
    )
