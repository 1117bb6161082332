"""Maps what problems of one detector rule have in common: a finding, in many resources.

It is mapped once and remembered (`cached_finding`); each problem then adds what is its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.envelope import base_metadata
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, sanitize_list, set_fields
from signal_client_oci.artifacts.severity import DEFAULT, severity_of_risk
from signal_client_oci.artifacts.vocabulary import meaning_of_rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.problems.fields import ProblemFields, UsualSummary
    from signal_client_oci.artifacts.sanitize import TextFields

__all__ = ["RuleFinding", "cached_finding", "finding_fields", "map_finding"]

_ACTIVITY: Final = "ACTIVITY"  # part of the id of the detectors that watch what users do
_OPEN: Final = "OPEN"
_CHANGES: Final = {"RESOLVED": "resolved", "DISMISSED": "dismissed", "DELETED": "deleted"}


class _Fields(NamedTuple):
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
    labels: tuple[str | None, ...] | str | None
    region: str | None
    regions: tuple[str | None, ...] | None


class RuleFinding(msgspec.Struct, frozen=True, gc=False):
    """What is mapped of a finding; whoever uses it copies its dictionaries and lists, and never changes them.

    `form` is the metadata with all the names of a usual problem in their order, whose values are still to come; None
    where the resource is the user who acted. `lists` is what stands last in metadata, by name. `name` is what the
    finding calls itself, `subject` says also on what kind of resource, `ending` its risk and description.
    `names_user` is True where the resource is the user who acted. `change` is what last happened to its problems, ""
    when unknown, None where each problem's times tell.
    """

    metadata: Metadata
    form: Metadata | None
    lists: tuple[tuple[str, list[str]], ...]
    name: str
    subject: str
    ending: str
    names_user: bool
    change: str | None


def finding_fields(problem: ProblemFields | UsualSummary) -> tuple[Any, ...]:
    """Return the fields of a problem's finding: a plain tuple, by which it is found in less time once it is mapped."""
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
        problem.labels,
        problem.region,
        problem.regions,
    )


def map_finding(origin: Origin, fields: tuple[Any, ...]) -> RuleFinding:
    """Map what a problem shares with others; `fields` as from `finding_fields`."""
    told = _Fields(*fields)
    rule, kind = non_empty(told.rule_id), non_empty(told.resource_type)
    detector, name = told.detector_id or "", rule or "a problem"
    meaning, severity = meaning_of_rule(rule, detector), severity_of_risk(told.risk_level) or DEFAULT
    metadata = base_metadata(origin, "oci_cloud_guard", meaning.message_type, severity, sanitize(rule))
    set_fields(metadata, _text_fields(told, rule))
    # `region` is the older field, used when `regions` names none
    regions = _stripped(told.regions) or (sanitize_list((told.region,)) if told.region else [])
    if regions:
        metadata["geoRegion"] = regions[0]
    labels = told.labels.split(",") if isinstance(told.labels, str) else told.labels
    lists = {"tags": _stripped(labels), "oci.regions": regions, "attackTechniqueIds": meaning.techniques}
    lists = {name: texts for name, texts in lists.items() if texts}
    detail = non_empty(told.lifecycle_detail).upper()
    change = None if detail == _OPEN else _CHANGES.get(detail, "")
    names_user = _ACTIVITY in detector.upper() and (told.resource_type or "").lower() == "user"
    risk = f", risk {told.risk_level}" if told.risk_level else ""
    return RuleFinding(
        metadata=metadata,
        form=None if names_user else _form(metadata, lists),
        lists=tuple(lists.items()),
        name=name,
        subject=f"{name} on {kind}" if kind else f"{name} on",
        ending=f"{risk}: {told.description}" if told.description else risk,
        names_user=names_user,
        change=change,
    )


# only of clean records, whose small size bounds the cache
cached_finding: Final = lru_cache(maxsize=1024)(map_finding)


def _form(metadata: Metadata, lists: Iterable[str]) -> Metadata:
    """Return metadata with all the names of a usual problem in their order."""
    order = (
        *("startTimeUTC", "endTimeUTC", "senderHost", "message", "oci.problemId", "oci.resourceId"),
        *("oci.resourceName", "oci.change", "oci.riskScore", *lists),
    )
    return metadata | dict.fromkeys(order, "")


def _text_fields(told: _Fields, rule: str) -> TextFields:
    """Return the fields that tell what was found, and in which state it is."""
    return (
        ("action", f"{rule} {non_empty(told.lifecycle_detail).upper()}".strip()),
        ("ruleName", rule),
        ("ruleCategory", told.detector_id),
        ("oci.compartmentId", told.compartment_id),
        ("oci.resourceType", told.resource_type),
        ("oci.targetId", told.target_id),
        ("oci.riskLevel", told.risk_level),
        ("oci.lifecycleState", told.lifecycle_state),
        ("oci.lifecycleDetail", told.lifecycle_detail),
        ("oci.description", told.description),
        ("oci.recommendation", told.recommendation),
    )


def _stripped(texts: Iterable[str | None] | None) -> list[str]:
    """Return labels or regions that are safe to show."""
    return sanitize_list(text.strip() for text in texts or () if text)
