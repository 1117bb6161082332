"""Cloud Guard problems and their successive versions, each with the moment from which on it can be seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypedDict

from signal_client_oci.sandbox.clocks import format_time
from signal_client_oci.sandbox.http.http_connection import json_bytes

__all__ = ["DETECTORS", "RISK_LEVELS", "ProblemVersion", "StoredProblem", "StoredProblemFields"]

_RISK_SCORES = {"MINOR": 5.0, "LOW": 18.0, "MEDIUM": 41.5, "HIGH": 73.2, "CRITICAL": 96.0}
_DESCRIPTION = "A bucket can be read by anyone without signing in."
_RECOMMENDATION = "Make the bucket private unless its public access is sanctioned."

RISK_LEVELS = tuple(_RISK_SCORES)
"""From the least to the greatest (package `oci`, `cloud_guard/models/problem_summary.py`)."""

DETECTORS = tuple(
    f"IAAS_{kind}_DETECTOR"
    for kind in (
        "ACTIVITY",
        "CONFIGURATION",
        "THREAT",
        "LOG_INSIGHT",
        "INSTANCE_SECURITY",
        "CONTAINER_SECURITY",
    )
)
"""What a problem's `detectorId` can be (same file)."""


class StoredProblemFields(TypedDict, total=False):
    """What can be chosen of a problem; the first six may change.

    `visible` defaults to its last detection, which defaults to now; of a change it defaults to now. `raw` is
    used as the exact text of the item of ListProblems and of GetProblem's body instead. `extra` is merged into
    every text.
    """

    visible: datetime
    raw: bytes
    risk_level: str
    lifecycle_detail: str
    last_detected: datetime
    comment: str | None
    first_detected: datetime
    detector_rule_id: str
    detector_id: str
    resource_id: str
    resource_name: str
    resource_type: str
    labels: list[str]
    regions: list[str]
    target_id: str
    description: str
    recommendation: str
    additional_details: dict[str, str]
    extra: dict[str, Any]


@dataclass(frozen=True)
class ProblemVersion:
    """A problem as it is from `visible` (microseconds since 1970) on.

    `raw` replaces the text of both representations; `summary` is the item of ListProblems, made by
    `add_version`.
    """

    visible: int
    risk_level: str
    lifecycle_detail: str
    last_detected: datetime
    comment: str | None = None
    raw: bytes | None = None
    summary: bytes = b""

    @property
    def lifecycle_state(self) -> str:
        """ACTIVE while the problem is open, else INACTIVE."""
        return "ACTIVE" if self.lifecycle_detail == "OPEN" else "INACTIVE"


@dataclass
class StoredProblem:
    """One problem: what stays the same, and its versions in the order in which they become visible."""

    ocid: str
    compartment: str
    first_detected: datetime
    fields: StoredProblemFields
    versions: list[ProblemVersion] = field(default_factory=list)

    def add_version(self, version: ProblemVersion) -> ProblemVersion:
        """Add a version, in whatever order they become visible, and return it with its summary."""
        summary = json_bytes(self._summary(version)) if version.raw is None else version.raw
        version = replace(version, summary=summary)
        self.versions.append(version)
        self.versions.sort(key=lambda one: one.visible)
        return version

    def at(self, now: int) -> ProblemVersion | None:
        """Return the version that a reader sees at `now`, None before the first."""
        seen = [version for version in self.versions if version.visible <= now]
        return seen[-1] if seen else None

    def full(self, version: ProblemVersion) -> bytes:
        """Return the body of GetProblem."""
        if version.raw is not None:
            return version.raw
        more = {
            "peakRiskScore": _RISK_SCORES.get(version.risk_level, 0.0),
            "peakRiskScoreDate": format_time(version.last_detected),
            "peakRiskScoreLookupPeriodInDays": 14,
            "autoResolveDate": None,
            "additionalDetails": self.fields.get("additional_details", {}),
            "description": self.fields.get("description", _DESCRIPTION),
            "recommendation": self.fields.get("recommendation", _RECOMMENDATION),
            "comment": version.comment,
            "impactedResourceId": None,
            "impactedResourceName": None,
            "impactedResourceType": None,
        }
        return json_bytes(self._summary(version) | more | self.fields.get("extra", {}))

    def _summary(self, version: ProblemVersion) -> dict[str, Any]:
        fields = self.fields
        regions = fields.get("regions", [])
        return {
            "id": self.ocid,
            "compartmentId": self.compartment,
            "detectorRuleId": fields.get("detector_rule_id", "BUCKET_IS_PUBLIC"),
            "riskLevel": version.risk_level,
            "riskScore": _RISK_SCORES.get(version.risk_level),
            "resourceId": fields.get("resource_id", "acme/exports"),
            "resourceName": fields.get("resource_name", "exports"),
            "resourceType": fields.get("resource_type", "Bucket"),
            "labels": fields.get("labels", ["ObjectStorage"]),
            "timeFirstDetected": format_time(self.first_detected),
            "timeLastDetected": format_time(version.last_detected),
            "lifecycleState": version.lifecycle_state,
            "lifecycleDetail": version.lifecycle_detail,
            "detectorId": fields.get("detector_id", "IAAS_CONFIGURATION_DETECTOR"),
            "region": regions[0] if regions else None,
            "regions": regions,
            "targetId": fields.get("target_id"),
            "locks": [],
        } | fields.get("extra", {})
