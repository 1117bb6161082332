"""Makes the same request in several regions, and one finding of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client
from signal_client_oci.validation.findings import Finding, join_names
from signal_client_oci.validation.probe_session import ProbeSession

__all__ = ["ProbedRegions", "probe_regions", "regional_finding"]

_T = TypeVar("_T")
_MAX_REGIONS: Final = 6  # more would not fit into the connection test's time


@dataclass(frozen=True)
class ProbedRegions:
    """The regions in which the sources are tried.

    Attributes:
        names: The first few regions, the main one first.
        total: How many regions there are in all.
        subscribed: Those that the tenancy's list names, None where it could not be read.
        accepting: Those whose answers show that they accept the key.
    """

    names: tuple[str, ...]
    total: int
    subscribed: frozenset[str] | None = None
    accepting: frozenset[str] = frozenset()

    @classmethod
    def first_of(cls, regions: Sequence[str]) -> ProbedRegions:
        """Return the first few of the regions to collect from."""
        return cls(tuple(regions[:_MAX_REGIONS]), len(regions))

    @property
    def text(self) -> str:
        """The regions as a part of a sentence."""
        if self.total > len(self.names):
            return f"the first {len(self.names)} of {self.total} regions"
        return join_names(self.names)


def probe_regions(
    session: ProbeSession, service: str, regions: ProbedRegions, call: Callable[[Client], _T]
) -> dict[str, _T | Failure]:
    """Return each region's answer, or the Failure there."""
    calls = [partial(session.call, region, service, call) for region in regions.names]
    return dict(zip(regions.names, session.run_parallel(calls), strict=True))


def regional_finding(results: Mapping[str, object], what: str, regions: ProbedRegions) -> Finding | None:
    """Return one finding for all regions that failed, None if none did; `what` is what could be read.

    Where some regions answer, data flows: that is a warning. Where one accepts the key, the key is right, so a 401 of
    another region means that the tenancy is not subscribed to it, or, where it is, that users and keys are still being
    replicated to it.
    """
    failures = {region: one for region, one in results.items() if isinstance(one, Failure)}
    if not failures:
        return None
    working = [region for region in results if region not in failures]
    denying = {region for region, one in failures.items() if one.recovery is Recovery.COMPARTMENT}
    accepting = regions.accepting | denying | set(working)
    failures = {
        region: _with_accepted_key(failure, region, regions) if accepting - {region} else failure
        for region, failure in failures.items()
    }
    first = next(iter(failures.values()))
    finding = Finding.from_failure(first, _message(failures, working, what))
    return replace(finding, status="warning") if working else finding


def _with_accepted_key(failure: Failure, region: str, regions: ProbedRegions) -> Failure:
    """Return what a failure means where other regions accept the same key."""
    if failure.code != "NOT_AUTHENTICATED":
        return failure
    is_missing = regions.subscribed is not None and region not in regions.subscribed
    return failure.recoded("REGION_NOT_SUBSCRIBED" if is_missing else "REGION_REFUSES_KEY")


def _message(failures: Mapping[str, Failure], working: list[str], what: str) -> str:
    if not working and len(failures) == 1:
        return next(iter(failures.values())).message
    regions_by_message: dict[str, list[str]] = {}
    for region, failure in failures.items():
        regions_by_message.setdefault(failure.message, []).append(region)
    place = "not in" if working else "in"
    reasons = "; ".join(f"{place} {join_names(names)}: {text}" for text, names in regions_by_message.items())
    return f"{what} can be read in {join_names(working)}, but {reasons}" if working else reasons
