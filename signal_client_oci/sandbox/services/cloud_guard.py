"""The Cloud Guard service: its configuration, and problems, which only the reporting region knows.

Facts: ListProblems is by default limited to open problems first *and* last detected within 30 days in exactly
the compartment named; a subtree needs an access level; RESTRICTED gives all or nothing.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from signal_client_oci.sandbox.clocks import in_micros, parse_time, to_micros
from signal_client_oci.sandbox.data.problems import RISK_LEVELS, ProblemVersion, StoredProblem
from signal_client_oci.sandbox.http.api_errors import invalid_parameter, not_found
from signal_client_oci.sandbox.http.http_connection import HttpResponse, json_response
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.services.calls import ApiCall, SortKeys
from signal_client_oci.sandbox.services.compartments import CompartmentTree

__all__ = ["SandboxCloudGuard"]

_DEFAULT_RANGE = in_micros(timedelta(days=30))
_KEPT_LISTINGS = 128
_FILTERS = {
    "riskLevel": "riskLevel",
    "resourceId": "resourceId",
    "resourceType": "resourceType",
    "targetId": "targetId",
    "region": "regions",
    "label": "labels",
    "detectorRuleIdList": "detectorRuleId",
    "detectorType": "detectorId",
    "city": "city",
    "state": "state",
    "country": "country",
    "problemCategory": "problemCategory",
}
"""Parameter of ListProblems → the field of an item that it is compared with."""

_Visible = tuple[StoredProblem, ProblemVersion]
_SORT_KEYS: SortKeys[_Visible] = {
    "timeLastDetected": (lambda one: one[1].last_detected, "DESC"),
    "riskLevel": (lambda one: RISK_LEVELS.index(one[1].risk_level), "DESC"),
    "resourceName": (lambda one: one[0].fields.get("resource_name", ""), "ASC"),
}


@dataclass
class SandboxCloudGuard:
    """Cloud Guard of one tenancy.

    `status`: as GetConfiguration gives it, or NEVER_ENABLED. `empty_pages` as in the other services.
    """

    tree: CompartmentTree
    reporting_region: str
    status: Literal["ENABLED", "DISABLED", "NEVER_ENABLED"] = "ENABLED"
    empty_pages: frozenset[int] = frozenset()
    retention: timedelta = timedelta(days=90)
    listings: Listings = field(default_factory=Listings)
    problems: dict[str, StoredProblem] = field(default_factory=dict)
    _kept: OrderedDict[int, list[bytes]] = field(default_factory=OrderedDict)

    def get_configuration(self, call: ApiCall) -> HttpResponse:
        """Answer GetConfiguration; raises the 404 `ApiError` when Cloud Guard was never enabled."""
        self._require_subscription()
        if call.compartment != self.tree.root.ocid:
            raise not_found()
        configuration = {"reportingRegion": self.reporting_region, "status": self.status}
        return json_response(configuration | {"serviceConfigurations": [], "selfManageResources": False})

    def list_problems(self, call: ApiCall) -> HttpResponse:
        """Answer one page of ListProblems; raises `ApiError`."""
        self._require_subscription()
        limit = call.limit()
        compartments = self._compartments(call)
        token = self.listings.open(call.params.get("page"), call.params, (0, 0))
        items = self._listing(token.listing, call, compartments)
        if token.number in self.empty_pages:
            return call.page(_collection([]), token.next(token.position))
        start = token.position[1]
        body = _collection(items[start : start + limit])
        return call.page(body, token.next((0, start + limit)) if start + limit < len(items) else None)

    def get_problem(self, call: ApiCall) -> HttpResponse:
        """Answer GetProblem; raises the 404 `ApiError` outside the reporting region too."""
        self._require_subscription()
        problem = self.problems.get(call.path_ids[0])
        version = problem.at(call.now) if problem else None
        is_elsewhere = call.region != self.reporting_region
        if problem is None or version is None or is_elsewhere or problem.compartment in call.denied:
            raise not_found()
        return call.page(problem.full(version), None)

    def _require_subscription(self) -> None:
        if self.status == "NEVER_ENABLED":
            raise not_found("Cloudguard subscription is not available")

    def _compartments(self, call: ApiCall) -> frozenset[str]:
        """Return the compartments that a listing covers."""
        access = call.params.get("accessLevel")
        if call.is_subtree and access is None:
            raise invalid_parameter("accessLevel is required when compartmentIdInSubtree is true.")
        if call.compartment not in self.tree:
            raise not_found()
        covered = frozenset(self.tree.subtree(call.compartment) if call.is_subtree else [call.compartment])
        if covered & call.denied and access != "ACCESSIBLE":
            raise not_found()
        return covered - call.denied

    def _listing(self, number: int, call: ApiCall, compartments: frozenset[str]) -> list[bytes]:
        """Return the whole listing; it is made for the first page and kept for the later ones."""
        if "page" in call.params and number not in self._kept:
            raise invalid_parameter("The page token has expired.")
        if number not in self._kept:
            self._kept[number] = [version.summary for _problem, version in self._found(call, compartments)]
            while len(self._kept) > _KEPT_LISTINGS:
                self._kept.popitem(last=False)
        return self._kept[number]

    def _found(self, call: ApiCall, compartments: frozenset[str]) -> list[_Visible]:
        if call.region != self.reporting_region or self.status != "ENABLED":
            return []
        kept_since = call.now - in_micros(self.retention)
        first, last = _range(call, "timeFirstDetected"), _range(call, "timeLastDetected")
        found = [
            (problem, version)
            for problem in self.problems.values()
            if problem.compartment in compartments
            and (version := problem.at(call.now)) is not None
            and _is_wanted(call, version)
            and first[0] <= to_micros(problem.first_detected) <= first[1]
            and max(last[0], kept_since) <= to_micros(version.last_detected) <= last[1]
        ]
        return call.in_order(found, _SORT_KEYS, always=True)


def _collection(items: list[bytes]) -> bytes:
    return b'{"items":[%b],"locks":[]}' % b",".join(items)


def _is_wanted(call: ApiCall, version: ProblemVersion) -> bool:
    params = call.params
    if params.get("lifecycleDetail", version.lifecycle_detail) != version.lifecycle_detail:
        return False
    asked = _FILTERS.keys() & params.keys()
    item = json.loads(version.summary) if asked else {}
    return version.lifecycle_state == params.get("lifecycleState", "ACTIVE") and all(
        _has_value(
            item.get(_FILTERS[name]), params[name].split(",") if name.endswith("List") else [params[name]]
        )
        for name in asked
    )


def _has_value(found: object, wanted: list[str]) -> bool:
    return any(value in wanted for value in (found if isinstance(found, list) else [found]))


def _range(call: ApiCall, name: str) -> tuple[int, int]:
    lower = call.params.get(f"{name}GreaterThanOrEqualTo")
    upper = call.params.get(f"{name}LessThanOrEqualTo")
    try:
        return (
            parse_time(lower) if lower else call.now - _DEFAULT_RANGE,
            parse_time(upper) if upper else call.now,
        )
    except ValueError as error:
        raise invalid_parameter(f"A bound of {name} is not a valid date.") from error
