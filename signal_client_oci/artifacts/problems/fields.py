"""Declares the fields that are read of a problem (ProblemSummary, and Problem, of Cloud Guard API 20200131)."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from signal_client_oci.artifacts.sanitize import Told

__all__ = ["ABSENT", "ProblemFields", "UsualSummary"]

Text = str | None
Score = float | str | None
ABSENT: Final = msgspec.Raw()


class ProblemFields(msgspec.Struct, rename="camel", gc=False):
    """One item of ListProblems, or the body of GetProblem, which alone has the fields from `description` on."""

    id: Text = None
    compartment_id: Text = None
    detector_id: Text = None
    detector_rule_id: Text = None
    risk_level: Text = None
    risk_score: Score = None
    region: Text = None
    regions: tuple[Text, ...] | None = None
    resource_id: Text = None
    resource_name: Text = None
    resource_type: Text = None
    target_id: Text = None
    labels: tuple[Text, ...] | Text = None
    time_first_detected: Text = None
    time_last_detected: Text = None
    lifecycle_state: Text = None
    lifecycle_detail: Text = None
    description: Text = None
    recommendation: Text = None
    comment: Text = None
    auto_resolve_date: Text = None
    peak_risk_score: Score = None
    impacted_resource_id: Text = None
    impacted_resource_name: Text = None
    impacted_resource_type: Text = None
    additional_details: msgspec.Raw = ABSENT


class UsualSummary(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """A summary in which nothing is missing: the members of `ProblemFields`, without what few problems have."""

    id: Told
    compartment_id: Text = None
    detector_rule_id: Text = None
    risk_level: Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"]
    risk_score: float
    resource_id: Told
    resource_name: str
    resource_type: Text = None
    labels: tuple[Text, ...] | Text = None
    time_first_detected: str
    time_last_detected: str
    lifecycle_state: Literal["ACTIVE", "INACTIVE"]
    lifecycle_detail: Literal["OPEN", "RESOLVED", "DISMISSED", "DELETED"]
    detector_id: Text = None
    region: Text = None
    regions: tuple[Text, ...] | None = None
    target_id: Text = None
    description: Text = None
    recommendation: Text = None
    comment: None = None
    auto_resolve_date: None = None
    peak_risk_score: None = None
    impacted_resource_id: None = None
    impacted_resource_name: None = None
    impacted_resource_type: None = None
    additional_details: msgspec.Raw = ABSENT
