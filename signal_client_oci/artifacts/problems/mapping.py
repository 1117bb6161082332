"""Maps a Cloud Guard problem's fields to the host's names; what it shares with others is mapped once (`finding`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.envelope import sender_host
from signal_client_oci.artifacts.lenient_decode import decode_leniently
from signal_client_oci.artifacts.problems.fields import ABSENT, ProblemFields
from signal_client_oci.artifacts.problems.finding import cached_finding, finding_fields, map_finding
from signal_client_oci.artifacts.sanitize import non_empty, set_fields
from signal_client_oci.artifacts.times import is_earlier, utc_text

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.problems.finding import RuleFinding
    from signal_client_oci.artifacts.sanitize import TextFields

__all__ = ["problem_metadata"]

# members of additionalDetails that name who did it and from where, as problems of activity detectors have them
_ACTORS: Final = ("principalName", "userName", "user", "actor")
_ADDRESSES: Final = ("ipAddress", "sourceIp", "clientIp", "IP Address")


def problem_metadata(problem: ProblemFields, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map a problem's fields; `timestamp` is when it was last detected, RFC 3339 UTC, `clean` as for `set_fields`."""
    finding = (cached_finding if clean else map_finding)(origin, finding_fields(problem))
    first, last = problem.time_first_detected, problem.time_last_detected
    start, change = timestamp, finding.change
    if first and first != last:
        start = utc_text(first) or timestamp
    if change is None:
        change = "detected again" if first != last and is_earlier(first or "", last or "") else "detected"
    metadata = finding.metadata | {"startTimeUTC": start, "endTimeUTC": timestamp}
    _add_fields(metadata, problem, finding, change, clean=clean)
    for name, texts in finding.lists:
        metadata[name] = texts.copy()
    return metadata


def _add_fields(
    metadata: Metadata, problem: ProblemFields, finding: RuleFinding, change: str, *, clean: bool
) -> None:
    """Add what tells one problem from another of its kind; `clean` as for `set_fields`."""
    set_fields(metadata, _own_fields(problem, finding, change), clean=clean)
    if problem.additional_details is not ABSENT:
        _add_details(metadata, bytes(problem.additional_details))
    if isinstance(problem.risk_score, (int, float)):
        metadata["oci.riskScore"] = problem.risk_score
    if isinstance(problem.peak_risk_score, (int, float)):
        metadata["oci.peakRiskScore"] = problem.peak_risk_score


def _own_fields(problem: ProblemFields, finding: RuleFinding, change: str) -> TextFields:
    """Return the fields that tell one problem from another of its kind."""
    name, ocid = non_empty(problem.resource_name), non_empty(problem.resource_id)
    user = (name or ocid) if finding.names_user else ""
    about = _about(problem, finding, name or ocid, user)
    return (
        ("senderHost", _sender_host(problem, name, ocid, user)),
        ("message", f"{about} was {change or 'reported'}{finding.ending}"),
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


def _sender_host(problem: ProblemFields, name: str, ocid: str, user: str) -> str:
    """Return what a problem is about, and by whom; where an activity does not name its object, the problem's id.

    `name` and `ocid` are the resource's; `user` is who acted, "" where the resource is something else.
    """
    impacted = sender_host(non_empty(problem.impacted_resource_name), non_empty(problem.impacted_resource_id))
    if user:
        return f"{impacted or problem.id or ''} by {sender_host(name, ocid)}".strip()
    about = sender_host(name, ocid or problem.id)
    return f"{about}, impacts {impacted}" if impacted and impacted != about else about


def _about(problem: ProblemFields, finding: RuleFinding, resource: str, user: str) -> str:
    """Return what the sentence is about: "BUCKET_IS_PUBLIC on Bucket reports", by whom where somebody acted."""
    if user:
        impacted = (
            non_empty(problem.impacted_resource_type),
            non_empty(problem.impacted_resource_name) or non_empty(problem.impacted_resource_id),
        )
        on = ["on", *filter(None, impacted)] if any(impacted) else []
        return " ".join([finding.name, "by", user, *on])
    if problem.resource_name or problem.resource_id or problem.resource_type:
        return f"{finding.subject} {resource}" if resource else finding.subject
    return finding.name


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
