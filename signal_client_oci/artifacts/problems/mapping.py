"""Maps a Cloud Guard problem's fields to the host's names.

A detector rule finds the same in many resources. So what a problem shares with others of its rule is mapped once and
remembered (`_cached`); each problem then adds what is its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.envelope import base_metadata, sender_host
from signal_client_oci.artifacts.lenient_decode import decode_leniently
from signal_client_oci.artifacts.problems.fields import ABSENT, ProblemFields
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, sanitize_list, set_fields
from signal_client_oci.artifacts.times import utc_moment, utc_text
from signal_client_oci.artifacts.vocabulary import meaning_of_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.sanitize import TextFields
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["problem_metadata"]

_ACTIVITY: Final = "ACTIVITY"  # part of the id of the detectors that watch what users do
_CHANGES: Final = {"RESOLVED": "resolved", "DISMISSED": "dismissed", "DELETED": "deleted"}
# members of additionalDetails that name who did it and from where, as problems of activity detectors have them
_ACTORS: Final = ("principalName", "userName", "user", "actor")
_ADDRESSES: Final = ("ipAddress", "sourceIp", "clientIp", "IP Address")


class _Finding(NamedTuple):
    """What a problem shares with the others of its rule in the same place and state."""

    rule_id: str | None
    detector_id: str | None
    compartment_id: str | None
    target_id: str | None
    resource_type: str | None
    risk_level: str | None
    lifecycle_state: str | None
    lifecycle_detail: str | None
    description: str | None
    recommendation: str | None
    labels: tuple[str | None, ...]
    region: str | None
    regions: tuple[str | None, ...]


class _Shared(msgspec.Struct, frozen=True, gc=False):
    """What is mapped of a finding; whoever uses it copies its dictionary and lists, and never changes them.

    `name` is what it calls itself, `subject` says also on what kind of resource, `ending` its risk and description.
    `names_user` is True where the resource is the user who acted.
    """

    metadata: Metadata
    techniques: Sequence[str]
    tags: list[str]
    regions: list[str]
    name: str
    subject: str
    ending: str
    names_user: bool


def problem_metadata(
    problem: ProblemFields, origin: Origin, timestamp: str, severity: Severity, *, clean: bool
) -> Metadata:
    """Map a problem's fields; `timestamp` is when it was last detected, RFC 3339 UTC, `clean` as for `set_fields`."""
    shared = (_cached if clean else _shared)(origin, severity, _finding(problem))
    metadata = shared.metadata.copy()
    first = problem.time_first_detected and utc_text(problem.time_first_detected)
    metadata["startTimeUTC"], metadata["endTimeUTC"] = first or timestamp, timestamp
    set_fields(metadata, _own_fields(problem, shared), clean=clean)
    if problem.additional_details is not ABSENT:
        _add_details(metadata, bytes(problem.additional_details))
    if isinstance(problem.risk_score, (int, float)):
        metadata["oci.riskScore"] = problem.risk_score
    if isinstance(problem.peak_risk_score, (int, float)):
        metadata["oci.peakRiskScore"] = problem.peak_risk_score
    for name, texts in (
        ("tags", shared.tags),
        ("oci.regions", shared.regions),
        ("attackTechniqueIds", shared.techniques),
    ):
        if texts:
            metadata[name] = list(texts)
    return metadata


def _finding(problem: ProblemFields) -> tuple[Any, ...]:
    """Return the fields of a problem's finding: a plain tuple, by which mapped metadata are found in less time."""
    labels = problem.labels.split(",") if isinstance(problem.labels, str) else problem.labels
    return (
        problem.detector_rule_id,
        problem.detector_id,
        problem.compartment_id,
        problem.target_id,
        problem.resource_type,
        problem.risk_level,
        problem.lifecycle_state,
        problem.lifecycle_detail,
        problem.description,
        problem.recommendation,
        tuple(labels or ()),
        problem.region,
        tuple(problem.regions or ()),
    )


def _shared(origin: Origin, severity: Severity, fields: tuple[Any, ...]) -> _Shared:
    """Map what a problem shares with others."""
    finding = _Finding(*fields)
    rule, kind = non_empty(finding.rule_id), non_empty(finding.resource_type)
    detector, name = finding.detector_id or "", rule or "a problem"
    meaning = meaning_of_rule(rule, detector)
    metadata = base_metadata(origin, "oci_cloud_guard", meaning.message_type, severity, sanitize(rule))
    set_fields(metadata, _finding_fields(finding, rule))
    # `region` is the older field, used when `regions` names none
    regions = _stripped(finding.regions) or (sanitize_list((finding.region,)) if finding.region else [])
    if regions:
        metadata["geoRegion"] = regions[0]
    risk = f", risk {finding.risk_level}" if finding.risk_level else ""
    return _Shared(
        metadata=metadata,
        techniques=meaning.techniques,
        tags=_stripped(finding.labels),
        regions=regions,
        name=name,
        subject=f"{name} on {kind}" if kind else f"{name} on",
        ending=f"{risk}: {finding.description}" if finding.description else risk,
        names_user=_ACTIVITY in detector.upper() and (finding.resource_type or "").lower() == "user",
    )


def _finding_fields(finding: _Finding, rule: str) -> TextFields:
    """Return the fields that tell what was found, and in which state it is."""
    return (
        ("action", f"{rule} {non_empty(finding.lifecycle_detail).upper()}".strip()),
        ("ruleName", rule),
        ("ruleCategory", finding.detector_id),
        ("oci.compartmentId", finding.compartment_id),
        ("oci.resourceType", finding.resource_type),
        ("oci.targetId", finding.target_id),
        ("oci.riskLevel", finding.risk_level),
        ("oci.lifecycleState", finding.lifecycle_state),
        ("oci.lifecycleDetail", finding.lifecycle_detail),
        ("oci.description", finding.description),
        ("oci.recommendation", finding.recommendation),
    )


# only of clean records, whose small size bounds the cache
_cached: Final = lru_cache(maxsize=1024)(_shared)


def _stripped(texts: Sequence[str | None]) -> list[str]:
    """Return labels or regions that are safe to show."""
    return sanitize_list(text.strip() for text in texts if text)


def _own_fields(problem: ProblemFields, shared: _Shared) -> TextFields:
    """Return the fields that tell one problem from another of its kind."""
    name, ocid = non_empty(problem.resource_name), non_empty(problem.resource_id)
    change, user = _change(problem), (name or ocid) if shared.names_user else ""
    about = _about(problem, shared, name or ocid, user)
    impacts = problem.impacted_resource_name or problem.impacted_resource_id or problem.impacted_resource_type
    return (
        ("senderHost", _sender_host(problem, name, ocid, user)),
        ("message", f"{about} was {change or 'reported'}{shared.ending}"),
        ("userName", user),
        ("clientIP", one_ip(problem.impacted_resource_name) or one_ip(problem.impacted_resource_id)),
        ("oci.problemId", problem.id),
        ("oci.resourceId", problem.resource_id),
        ("oci.resourceName", problem.resource_name),
        *(_impacted_fields(problem) if impacts else ()),
        ("oci.change", change),
        ("oci.autoResolveDate", problem.auto_resolve_date and utc_text(problem.auto_resolve_date)),
        ("oci.comment", problem.comment),
    )


def _impacted_fields(problem: ProblemFields) -> TextFields:
    """Return the fields that tell what somebody's deed changed."""
    return (
        ("oci.impactedResourceId", problem.impacted_resource_id),
        ("oci.impactedResourceName", problem.impacted_resource_name),
        ("oci.impactedResourceType", problem.impacted_resource_type),
    )


def _sender_host(problem: ProblemFields, name: str, ocid: str, user: str) -> str:
    """Return what a problem is about, and by whom; where an activity does not name its object, the problem's id.

    `name` and `ocid` are the resource's; `user` is who acted, "" where the resource is something else.
    """
    impacted = sender_host(non_empty(problem.impacted_resource_name), non_empty(problem.impacted_resource_id))
    if user:
        return f"{impacted or problem.id or ''} by {sender_host(name, ocid)}".strip()
    about = sender_host(name, ocid or problem.id)
    return f"{about}, impacts {impacted}" if impacted and impacted != about else about


def _about(problem: ProblemFields, shared: _Shared, resource: str, user: str) -> str:
    """Return what the sentence is about: "BUCKET_IS_PUBLIC on Bucket reports", by whom where somebody acted."""
    if user:
        impacted = (
            non_empty(problem.impacted_resource_type),
            non_empty(problem.impacted_resource_name) or non_empty(problem.impacted_resource_id),
        )
        on = ["on", *filter(None, impacted)] if any(impacted) else []
        return " ".join([shared.name, "by", user, *on])
    if problem.resource_name or problem.resource_id or problem.resource_type:
        return f"{shared.subject} {resource}" if resource else shared.subject
    return shared.name


def _change(problem: ProblemFields) -> str:
    """Return what last happened to a problem: detected (again), resolved, dismissed or deleted; "" when unknown."""
    detail = non_empty(problem.lifecycle_detail).upper()
    if detail != "OPEN":
        return _CHANGES.get(detail, "")
    if problem.time_first_detected == problem.time_last_detected:
        return "detected"
    first, last = (
        utc_moment(text or "") for text in (problem.time_first_detected, problem.time_last_detected)
    )
    return "detected again" if first and last and first < last else "detected"


def _add_details(metadata: Metadata, text: bytes) -> None:
    """Add who did it and from where, when the details of an activity say so."""
    details = decode_leniently(text) if len(text) > len(b"null") else None
    if isinstance(details, str) and details.startswith("{"):
        details = decode_leniently(details.encode("utf-8", "replace"))
    if not isinstance(details, dict):
        return
    texts = {key: text for key, text in details.items() if isinstance(text, str)}
    set_fields(
        metadata,
        (
            ("userName", next((texts[name] for name in _ACTORS if name in texts), None)),
            ("clientIP", next((ip for name in _ADDRESSES if (ip := one_ip(texts.get(name)))), None)),
        ),
    )
