"""Makes the same request in several regions, and one finding of the answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client
from signal_client_oci.validation.findings import Finding, join_names
from signal_client_oci.validation.probe_session import ProbeSession

__all__ = ["ProbedRegions", "probe_regions", "regional_finding"]

_T = TypeVar("_T")
_MAX_REGIONS: Final = 6  # more would not fit into the connection test's time
_UNAUTHENTICATED: Final = 401


@dataclass(frozen=True)
class ProbedRegions:
    """The regions in which the sources are tried.

    Attributes:
        names: The first few regions, the main one first.
        total: How many regions there are in all.
        subscribed: Those that the tenancy's list names as ready.
    """

    names: tuple[str, ...]
    total: int
    subscribed: frozenset[str] = frozenset()

    @classmethod
    def first_of(cls, regions: Sequence[str], subscribed: Iterable[str] = ()) -> ProbedRegions:
        """Return the first few of the regions to collect from."""
        return cls(tuple(regions[:_MAX_REGIONS]), len(regions), frozenset(subscribed))

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


def regional_finding(results: Mapping[str, object], what: str, subscribed: Collection[str]) -> Finding | None:
    """Return one finding for all regions that failed, None if none did; `what` is what could be read.

    Where some regions answer, data flows: that is a warning. Their answers show that the key is right, so a 401 of
    another region means that the tenancy is not subscribed to it, or, where it is, that users and keys are still being
    replicated to it.
    """
    failures = {region: one for region, one in results.items() if isinstance(one, Failure)}
    if not failures:
        return None
    working = [region for region in results if region not in failures]
    if working:
        failures = {
            region: _with_accepted_key(failure, is_subscribed=region in subscribed)
            for region, failure in failures.items()
        }
    first = next(iter(failures.values()))
    finding = Finding.from_failure(first, _message(failures, working, what))
    return replace(finding, status="warning") if working else finding


def _with_accepted_key(failure: Failure, *, is_subscribed: bool) -> Failure:
    """Return what a failure means where other regions accept the same key."""
    if failure.code != "NOT_AUTHENTICATED":
        return failure
    code = "REGION_REFUSES_KEY" if is_subscribed else "REGION_NOT_SUBSCRIBED"
    return Failure(code, status=_UNAUTHENTICATED, opc_request_id=failure.opc_request_id)


def _message(failures: Mapping[str, Failure], working: list[str], what: str) -> str:
    if not working and len(failures) == 1:
        return next(iter(failures.values())).message
    regions_by_message: dict[str, list[str]] = {}
    for region, failure in failures.items():
        regions_by_message.setdefault(failure.message, []).append(region)
    reasons = "; ".join(f"in {join_names(names)}: {text}" for text, names in regions_by_message.items())
    return f"{what} can be read in {join_names(working)}, but {reasons}" if working else reasons
