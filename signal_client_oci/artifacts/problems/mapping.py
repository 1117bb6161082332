"""Maps a Cloud Guard problem's fields to the host's names.

A detector rule finds the same in many resources. So what a problem shares with others of its rule is mapped once and
remembered (`_cached_metadata`); each problem then adds what is its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.envelope import base_metadata, sender_host
from signal_client_oci.artifacts.lenient_decode import decode_leniently
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, sanitize_list, set_fields
from signal_client_oci.artifacts.times import utc_moment, utc_text
from signal_client_oci.artifacts.vocabulary import meaning_of_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.problems.fields import ProblemFields
    from signal_client_oci.artifacts.sanitize import TextFields
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["problem_metadata"]

_ACTIVITY: Final = "ACTIVITY"  # part of the id of the detectors that watch what users do
_CHANGES: Final = {"RESOLVED": "resolved", "DISMISSED": "dismissed", "DELETED": "deleted"}
# members of additionalDetails that name who did it and from where, as problems of activity detectors have them
_ACTORS: Final = ("principalName", "userName", "user", "actor")
_ADDRESSES: Final = ("ipAddress", "sourceIp", "clientIp", "IP Address")


class _Finding(msgspec.Struct, frozen=True, gc=False):
    """What a problem shares with the others of its rule in the same place and state.

    Hashable, because it is what mapped metadata are remembered by.
    """

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


def problem_metadata(
    problem: ProblemFields, origin: Origin, timestamp: str, severity: Severity, *, clean: bool
) -> Metadata:
    """Map a problem's fields; `timestamp` is when it was last detected, RFC 3339 UTC, `clean` as for `set_fields`."""
    finding = _Finding(
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
    )
    shared, techniques = (_cached_metadata if clean else _shared_metadata)(origin, severity, finding)
    metadata = shared.copy()
    first = problem.time_first_detected and utc_text(problem.time_first_detected)
    metadata["startTimeUTC"], metadata["endTimeUTC"] = first or timestamp, timestamp
    set_fields(metadata, _own_fields(problem), clean=clean)
    _add_details(metadata, problem)
    _add_numbers_and_lists(metadata, problem, clean=clean)
    if techniques:
        metadata["attackTechniqueIds"] = list(techniques)
    return metadata


def _shared_metadata(origin: Origin, severity: Severity, finding: _Finding) -> tuple[Metadata, Sequence[str]]:
    """Return the metadata and techniques of a finding; the caller copies them and never changes them."""
    rule = non_empty(finding.rule_id)
    meaning = meaning_of_rule(rule, finding.detector_id or "")
    metadata = base_metadata(origin, "oci_cloud_guard", meaning.message_type, severity, sanitize(rule))
    fields = (
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
    set_fields(metadata, fields)
    return metadata, meaning.techniques


# only of clean records, whose small size bounds the cache
_cached_metadata: Final = lru_cache(maxsize=1024)(_shared_metadata)


def _own_fields(problem: ProblemFields) -> TextFields:
    """Return the fields that tell one problem from another of its kind."""
    change, user = _change(problem), _acting_user(problem)
    return (
        ("senderHost", _sender_host(problem, user)),
        ("message", _message(problem, change, user)),
        ("userName", user),
        ("clientIP", one_ip(problem.impacted_resource_name) or one_ip(problem.impacted_resource_id)),
        ("oci.problemId", problem.id),
        ("oci.resourceId", problem.resource_id),
        ("oci.resourceName", problem.resource_name),
        ("oci.impactedResourceId", problem.impacted_resource_id),
        ("oci.impactedResourceName", problem.impacted_resource_name),
        ("oci.impactedResourceType", problem.impacted_resource_type),
        ("oci.change", change),
        ("oci.autoResolveDate", problem.auto_resolve_date and utc_text(problem.auto_resolve_date)),
        ("oci.comment", problem.comment),
    )


def _acting_user(problem: ProblemFields) -> str:
    """Return who acted: of an activity the resource is the user, and what was changed is the impacted resource."""
    is_activity = _ACTIVITY in (problem.detector_id or "").upper()
    is_user = (problem.resource_type or "").lower() == "user"
    return (
        (non_empty(problem.resource_name) or non_empty(problem.resource_id))
        if is_activity and is_user
        else ""
    )


def _sender_host(problem: ProblemFields, user: str) -> str:
    """Return what a problem is about, and by whom; where an activity does not name its object, the problem's id."""
    name, ocid = non_empty(problem.resource_name), non_empty(problem.resource_id)
    impacted = sender_host(non_empty(problem.impacted_resource_name), non_empty(problem.impacted_resource_id))
    if user:
        return f"{impacted or problem.id or ''} by {sender_host(name, ocid)}".strip()
    about = sender_host(name, ocid or problem.id)
    return f"{about}, impacts {impacted}" if impacted and impacted != about else about


def _message(problem: ProblemFields, change: str, user: str) -> str:
    """Return the problem as a sentence: "BUCKET_IS_PUBLIC on Bucket reports was detected, risk HIGH: ..."."""
    message = non_empty(problem.detector_rule_id) or "a problem"
    impacted = (
        non_empty(problem.impacted_resource_type),
        non_empty(problem.impacted_resource_name) or non_empty(problem.impacted_resource_id),
    )
    if user:
        message = " ".join([message, "by", user, *(["on", *filter(None, impacted)] if any(impacted) else [])])
    elif problem.resource_name or problem.resource_id or problem.resource_type:
        name = non_empty(problem.resource_name) or non_empty(problem.resource_id)
        message = " ".join(part for part in (message, "on", non_empty(problem.resource_type), name) if part)
    message = f"{message} was {change or 'reported'}"
    if problem.risk_level:
        message = f"{message}, risk {problem.risk_level}"
    return f"{message}: {problem.description}" if problem.description else message


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


def _add_details(metadata: Metadata, problem: ProblemFields) -> None:
    """Add who did it and from where, when the details of an activity say so."""
    text = bytes(problem.additional_details)
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


def _add_numbers_and_lists(metadata: Metadata, problem: ProblemFields, *, clean: bool) -> None:
    """Add scores, regions and labels; `region` is the older field, used when `regions` names none."""
    if isinstance(problem.risk_score, (int, float)):
        metadata["oci.riskScore"] = problem.risk_score
    if isinstance(problem.peak_risk_score, (int, float)):
        metadata["oci.peakRiskScore"] = problem.peak_risk_score
    labels = problem.labels.split(",") if isinstance(problem.labels, str) else problem.labels
    tags = _sanitize_all(labels, clean=clean) if labels else []
    if tags:
        metadata["tags"] = tags
    regions = _sanitize_all(problem.regions, clean=clean) if problem.regions else []
    if not regions and problem.region:
        regions = sanitize_list((problem.region,))
    if regions:
        metadata["oci.regions"] = regions
        metadata["geoRegion"] = regions[0]


def _sanitize_all(texts: Sequence[str | None], *, clean: bool) -> list[str]:
    """Return labels or regions that are safe to show; remembered, because many problems have the same."""
    return list(_cached_texts(tuple(texts))) if clean else _stripped_texts(tuple(texts))


def _stripped_texts(texts: tuple[str | None, ...]) -> list[str]:
    return sanitize_list(text.strip() for text in texts if text)


_cached_texts: Final = lru_cache(maxsize=1024)(_stripped_texts)
