"""The Cloud Guard service: its configuration, and problems, which only the reporting region knows.

Facts: ListProblems is by default limited to open problems first *and* last detected within 30 days in exactly
the compartment named; a subtree needs an access level; RESTRICTED gives all or nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from signal_client_oci.sandbox.data.problems import RISK_LEVELS, Problem, ProblemVersion
from signal_client_oci.sandbox.http.api_errors import invalid_parameter, not_found
from signal_client_oci.sandbox.http.clocks import parse_time, to_micros
from signal_client_oci.sandbox.http.http_connection import Answer, json_answer
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.http.paging import limit_of, list_page

if TYPE_CHECKING:
    from signal_client_oci.sandbox.services.calls import Call
    from signal_client_oci.sandbox.services.compartments import CompartmentTree

__all__ = ["CloudGuardService"]

_USUAL_RANGE = timedelta(days=30)
_MICROSECOND = timedelta(microseconds=1)
_KEPT_LISTINGS = 128
_CHOICES = {
    "lifecycleState": ("ACTIVE", "INACTIVE"),
    "lifecycleDetail": ("OPEN", "RESOLVED", "DISMISSED", "DELETED"),
    "accessLevel": ("RESTRICTED", "ACCESSIBLE"),
    "riskLevel": RISK_LEVELS,
    "sortBy": ("riskLevel", "timeLastDetected", "resourceName"),
    "sortOrder": ("ASC", "DESC"),
}

Seen = tuple[Problem, ProblemVersion]


@dataclass
class CloudGuardService:
    """Cloud Guard of one tenancy.

    `status`: as GetConfiguration gives it, or NEVER_ENABLED. `detail_by_default`: which lifecycle details a
    listing of INACTIVE problems without `lifecycleDetail` gives (undocumented). `empty_pages` as in the other
    services.
    """

    reporting_region: str
    status: Literal["ENABLED", "DISABLED", "NEVER_ENABLED"] = "ENABLED"
    detail_by_default: Literal["any", "OPEN"] = "any"
    empty_pages: frozenset[int] = frozenset()
    retention: timedelta = timedelta(days=90)
    listings: Listings = field(default_factory=Listings)
    problems: dict[str, Problem] = field(default_factory=dict)
    _pages: OrderedDict[int, list[bytes]] = field(default_factory=OrderedDict)

    def get_configuration(self, call: Call, tree: CompartmentTree) -> Answer:
        """Answer GetConfiguration; raises the 404 `RefusalError` when Cloud Guard was never enabled."""
        self._require_subscription()
        if call.compartment != tree.root.ocid:
            raise not_found()
        return json_answer(
            {
                "reportingRegion": self.reporting_region,
                "status": self.status,
                "serviceConfigurations": [],
                "selfManageResources": False,
            }
        )

    def list_problems(self, call: Call, tree: CompartmentTree, denied: frozenset[str]) -> Answer:
        """Answer one page of ListProblems; `denied` are the compartments that the user may not read."""
        self._require_subscription()
        self._require_choices(call)
        limit = limit_of(call)
        compartments = self._compartments(call, tree, denied)
        token = self.listings.open(call.params.get("page"), call.params, (0, 0))
        items = self._listing(token.listing, call, compartments)
        if token.number in self.empty_pages:
            return call.answer(b'{"items":[]}', str(token.next(token.position)))
        given = token.position[1]
        body = b'{"items":[%b]}' % b",".join(items[given : given + limit])
        return call.answer(body, str(token.next((0, given + limit))) if given + limit < len(items) else None)

    def get_problem(self, call: Call) -> Answer:
        """Answer GetProblem; raises the 404 `RefusalError` outside the reporting region too."""
        problem, version = self._visible(call)
        return call.answer(problem.full(version))

    def list_problem_histories(self, call: Call) -> Answer:
        """Answer one page of ListProblemHistories."""
        problem, _version = self._visible(call)
        return list_page(call, self.listings, problem.history(call.now), as_items=True)

    def compartment_of(self, call: Call) -> str:
        """Return the compartment of the problem that the path names, empty if there is none."""
        problem = self.problems.get(call.path_ids[0])
        return problem.compartment if problem else ""

    def _visible(self, call: Call) -> Seen:
        self._require_subscription()
        problem = self.problems.get(call.path_ids[0])
        version = problem.at(call.now) if problem else None
        if problem is None or version is None or call.region != self.reporting_region:
            raise not_found()
        return problem, version

    def _require_subscription(self) -> None:
        if self.status == "NEVER_ENABLED":
            raise not_found("Cloudguard subscription is not available")

    @staticmethod
    def _require_choices(call: Call) -> None:
        for name, allowed in _CHOICES.items():
            if call.params.get(name, allowed[0]) not in allowed:
                raise invalid_parameter(f"{name} must be one of {', '.join(allowed)}.")

    @staticmethod
    def _compartments(call: Call, tree: CompartmentTree, denied: frozenset[str]) -> frozenset[str]:
        access = call.params.get("accessLevel")
        subtree = call.params.get("compartmentIdInSubtree", "false").lower() == "true"
        if subtree and access is None:
            raise invalid_parameter("accessLevel is required when compartmentIdInSubtree is true.")
        if call.compartment not in tree:
            raise not_found()
        covered = frozenset(tree.subtree(call.compartment) if subtree else [call.compartment])
        if covered & denied and access != "ACCESSIBLE":
            raise not_found()
        return covered - denied

    def _listing(self, number: int, call: Call, compartments: frozenset[str]) -> list[bytes]:
        """Return the whole listing; it is made for the first page and kept for the later ones."""
        if "page" in call.params and number not in self._pages:
            raise invalid_parameter("The page token has expired.")
        if number not in self._pages:
            self._pages[number] = [version.summary for _problem, version in self._found(call, compartments)]
            while len(self._pages) > _KEPT_LISTINGS:
                self._pages.popitem(last=False)
        return self._pages[number]

    def _found(self, call: Call, compartments: frozenset[str]) -> list[Seen]:
        if call.region != self.reporting_region or self.status != "ENABLED":
            return []
        kept_since = call.now - self.retention // _MICROSECOND
        first, last = _range(call, "timeFirstDetected"), _range(call, "timeLastDetected")
        found = [
            (problem, version)
            for problem in self.problems.values()
            if problem.compartment in compartments
            and (version := problem.at(call.now)) is not None
            and to_micros(version.last_detected) >= kept_since
            and self._is_wanted(call, problem, version)
            and problem.is_detected_within(version, first, last)
        ]
        return _sorted(call, found)

    def _is_wanted(self, call: Call, problem: Problem, version: ProblemVersion) -> bool:
        wanted = {
            "riskLevel": version.risk_level,
            "lifecycleDetail": version.lifecycle_detail,
            "resourceId": problem.fields.get("resource_id"),
            "resourceType": problem.fields.get("resource_type"),
            "targetId": problem.fields.get("target_id"),
        }
        if any(name in call.params and call.params[name] != value for name, value in wanted.items()):
            return False
        if self.detail_by_default == "OPEN" and "lifecycleDetail" not in call.params:
            return (
                version.lifecycle_detail == "OPEN" and call.params.get("lifecycleState", "ACTIVE") == "ACTIVE"
            )
        return version.lifecycle_state == call.params.get("lifecycleState", "ACTIVE")


def _range(call: Call, name: str) -> tuple[int, int]:
    lower = call.params.get(f"{name}GreaterThanOrEqualTo")
    upper = call.params.get(f"{name}LessThanOrEqualTo")
    try:
        return (
            parse_time(lower) if lower else call.now - _USUAL_RANGE // _MICROSECOND,
            parse_time(upper) if upper else call.now,
        )
    except ValueError as error:
        raise invalid_parameter(f"A bound of {name} is not a valid date.") from error


def _sorted(call: Call, found: list[Seen]) -> list[Seen]:
    """Sort by the time of the last detection, newest first, unless asked otherwise."""
    by = call.params.get("sortBy", "timeLastDetected")
    descending = call.params.get("sortOrder", "ASC" if by == "resourceName" else "DESC") == "DESC"
    if by == "riskLevel":
        found.sort(key=lambda one: RISK_LEVELS.index(one[1].risk_level), reverse=descending)
    elif by == "resourceName":
        found.sort(key=lambda one: one[0].fields.get("resource_name", ""), reverse=descending)
    else:
        found.sort(key=lambda one: one[1].last_detected, reverse=descending)
    return found
