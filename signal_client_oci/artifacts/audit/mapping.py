"""Maps an audit event's fields to the host's names; shared by Audit and the log group `_Audit`.

Machines make the same call again and again. So what an event says apart from its own ids and times is mapped once and
remembered (`_cached_metadata`); each event then adds what is its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.audit.caller import caller_fields
from signal_client_oci.artifacts.audit.fields import (
    AuditChange,
    AuditData,
    AuditIdentity,
    AuditRequest,
    AuditResponse,
)
from signal_client_oci.artifacts.audit.identity_domains import decode_domain_event
from signal_client_oci.artifacts.audit.refinement import (
    NO_PARTS,
    OpenParts,
    needs_open_parts,
    refine,
    typed_user_name,
)
from signal_client_oci.artifacts.envelope import base_metadata, sender_host
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, sanitize_list, set_fields
from signal_client_oci.artifacts.times import utc_text
from signal_client_oci.artifacts.vocabulary import Meaning, meaning_of_event

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditEvent
    from signal_client_oci.artifacts.audit.identity_domains import DomainEvent
    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.sanitize import TextFields

__all__ = ["NO_DATA", "audit_metadata"]

NO_DATA: Final = AuditData()
NO_REQUEST: Final = AuditRequest()
NO_RESPONSE: Final = AuditResponse()

_DENIED: Final = ("401", "403")
_UNSUCCESSFUL: Final = frozenset({"denied", "failure"})


class _Activity(msgspec.Struct, frozen=True, gc=False):
    """Who did what to what, and how that ended: what an event says apart from its own ids and times.

    Hashable, because it is what mapped metadata are remembered by.
    """

    event_type: str
    source: str | None
    event_name: str
    compartment_id: str | None
    compartment_name: str | None
    resource_name: str | None
    resource_id: str | None
    availability_domain: str | None
    message: str | None
    identity: AuditIdentity | None
    path: str | None
    action: str | None
    status: str
    response_message: str | None

    @property
    def principal_id(self) -> str:
        """The id of who called, "" where the event names none."""
        return non_empty(self.identity.principal_id) if self.identity else ""


def audit_metadata(event: AuditEvent, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map an audit event's fields; `timestamp` is the event's time as RFC 3339 UTC, `clean` as for `set_fields`."""
    data = event.data or NO_DATA
    request, response = data.request or NO_REQUEST, data.response or NO_RESPONSE
    activity = _activity(event, data, request, response)
    details = bytes(data.additional_details)
    meaning = meaning_of_event(activity.event_type, activity.event_name)
    parts = OpenParts(details, bytes(response.payload)) if needs_open_parts(meaning, details) else NO_PARTS
    if clean:
        shared, techniques = _cached_metadata(origin, activity, parts)
        metadata = shared.copy()
    else:
        metadata, techniques = _shared_metadata(origin, activity, parts, clean=False)
    metadata["startTimeUTC"] = timestamp
    own = (
        ("endTimeUTC", response.response_time and utc_text(response.response_time)),
        ("oci.eventId", event.event_id),
        ("oci.eventGroupingId", data.event_grouping_id),
        ("oci.requestId", request.id),
    )
    set_fields(metadata, own, clean=clean)
    if techniques:
        metadata["attackTechniqueIds"] = list(techniques)
    if data.freeform_tags or data.defined_tags:
        _add_tags(metadata, data)
    if data.state_change:
        _add_changes(metadata, data.state_change)
    return metadata


def _activity(
    event: AuditEvent, data: AuditData, request: AuditRequest, response: AuditResponse
) -> _Activity:
    """Return what an event shares with others (positional, because it is built for every event)."""
    return _Activity(
        non_empty(event.event_type),
        event.source,
        non_empty(data.event_name),
        data.compartment_id,
        data.compartment_name,
        data.resource_name,
        data.resource_id,
        data.availability_domain,
        data.message,
        data.identity,
        request.path,
        request.action,
        "" if response.status is None else non_empty(str(response.status)),
        response.message,
    )


@lru_cache(maxsize=1024)
def _cached_metadata(origin: Origin, activity: _Activity, parts: OpenParts) -> tuple[Metadata, Sequence[str]]:
    """Map an activity once for all its events; only of clean records, whose small size bounds the cache."""
    return _shared_metadata(origin, activity, parts, clean=True)


def _shared_metadata(
    origin: Origin, activity: _Activity, parts: OpenParts, *, clean: bool
) -> tuple[Metadata, Sequence[str]]:
    """Map an activity; return its metadata and its techniques."""
    meaning = meaning_of_event(activity.event_type, activity.event_name)
    outcome = _outcome(activity.status, activity.message)
    domain = decode_domain_event(parts.details)
    if domain:
        # the domain knows better: the event around its details succeeds also where the sign-in failed
        meaning, outcome = domain.refine_meaning(meaning), domain.outcome or outcome
    metadata = base_metadata(
        origin, "oci_cloud_audit", meaning.message_type, meaning.severity, meaning.vendor_code
    )
    if meaning.action:
        metadata["action"] = meaning.action
    if activity.identity:
        set_fields(metadata, caller_fields(activity.identity), clean=clean)
    set_fields(metadata, _activity_fields(activity, meaning, outcome), clean=clean)
    if domain:
        set_fields(metadata, _domain_fields(metadata, domain, activity, outcome), clean=clean)
    elif meaning.signs_in and "userName" not in metadata:
        set_fields(metadata, (("userName", typed_user_name(parts.payload)),), clean=clean)
    message = _message(metadata, meaning, activity, outcome)
    # the parts of the sentence are clean already where the record is
    metadata["message"] = message if clean else sanitize(message)
    return metadata, refine(metadata, meaning, activity.status, outcome, parts)


def _activity_fields(activity: _Activity, meaning: Meaning, outcome: str) -> TextFields:
    """Return the fields that tell what was done, to what, and how it ended."""
    name, resource = non_empty(activity.resource_name), non_empty(activity.resource_id)
    target = resource or non_empty(activity.compartment_id)
    return (
        ("program", activity.source),
        ("uri", activity.path),
        ("senderHost", _sender_host(name or non_empty(activity.path), target, activity, outcome)),
        ("oci.service", meaning.service),
        ("oci.phase", meaning.phase),
        ("oci.compartmentId", activity.compartment_id),
        ("oci.compartmentName", activity.compartment_name),
        ("oci.resourceId", resource),
        ("oci.resourceName", name),
        ("oci.availabilityDomain", activity.availability_domain),
        ("oci.requestAction", activity.action),
        ("oci.status", activity.status),
        ("oci.outcome", outcome),
        ("oci.responseMessage", activity.response_message),
    )


def _domain_fields(metadata: Metadata, domain: DomainEvent, activity: _Activity, outcome: str) -> TextFields:
    """Return the fields that an identity domain knows better than the event around its details."""
    resource = non_empty(activity.resource_name) or domain.resource
    name = " and ".join(part for part in (resource, domain.member) if part)
    target = non_empty(activity.resource_id) or non_empty(activity.compartment_id)
    return (
        ("userName", domain.actor_name(str(metadata.get("userName", "")))),
        ("clientIP", None if "clientIP" in metadata else one_ip(domain.address)),
        ("senderHost", _sender_host(name, target, activity, outcome) if name else None),
        ("oci.resourceName", resource),
        ("oci.memberName", domain.member),
        ("oci.domainEvent", domain.event_id),
        ("oci.domainName", domain.domain),
    )


def _sender_host(name: str, ocid: str, activity: _Activity, outcome: str) -> str:
    """Return what was acted on, by whom, and that it failed: `web-1 (ocid1...) by ocid1.user...: denied`.

    Two principals may share a name, and a call that succeeds after refused attempts is not a repeat of them.
    """
    host = sender_host(name, ocid)
    if activity.principal_id:
        host = f"{host} by {activity.principal_id}".strip()
    return f"{host}: {outcome}" if host and outcome in _UNSUCCESSFUL else host


def _outcome(status: str, message: str | None) -> str:
    """Return `success`, `denied` or `failure` by a call's status, else by OCI's message; "" when neither says."""
    if status[:1] in {"1", "2", "3"}:
        return "success"
    if status[:1] in {"4", "5"}:
        return "denied" if status in _DENIED else "failure"
    # records of `_Audit` have a message such as "UpdateSecurityList succeeded"
    if message and message.endswith("succeeded"):
        return "success"
    return "failure" if message and message.endswith("failed") else ""


def _message(metadata: Metadata, meaning: Meaning, activity: _Activity, outcome: str) -> str:
    """Return the event as a sentence: "alice updated security list web-sl in prod: 200"."""
    failed = outcome in _UNSUCCESSFUL
    text = f"{metadata.get('userName', 'somebody')} {_verb_phrase(meaning, failed=failed)}"
    name, compartment = metadata.get("oci.resourceName"), metadata.get("oci.compartmentName")
    if name:
        text = f"{text} {name}"
    if "oci.memberName" in metadata:
        text = f"{text} ({metadata['oci.memberName']})"
    if compartment:
        text = f"{text} in {compartment}"
    ending = activity.status or outcome
    reason = f" ({activity.response_message})" if failed and non_empty(activity.response_message) else ""
    return f"{text}: {ending}{reason}" if ending else text


def _verb_phrase(meaning: Meaning, *, failed: bool) -> str:
    """Return what was done in words; a refused call was only tried, and a long one has only begun."""
    if not meaning.past_tense:
        return "did something unnamed"
    if failed:
        return f"tried to {meaning.infinitive}"
    return f"began to {meaning.infinitive}" if meaning.phase == "begin" else meaning.past_tense


def _add_tags(metadata: Metadata, data: AuditData) -> None:
    """Add the resource's tags."""
    tags = sanitize_list([*_tags(data.freeform_tags), *_tags(data.defined_tags)])
    if tags:
        metadata["tags"] = tags


def _add_changes(metadata: Metadata, change: AuditChange) -> None:
    """Add the names of the fields that changed."""
    if change.previous or change.current:
        changed = sanitize_list(_changed(change.previous or {}, change.current or {}))
        if changed:
            metadata["oci.changedFields"] = changed


def _tags(tags: dict[str, Any] | None, namespace: str = "") -> list[str]:
    """Return tags as `key=value`, defined ones as `namespace.key=value`."""
    found: list[str] = []
    for key, value in (tags or {}).items():
        if isinstance(value, dict) and not namespace:
            found += _tags(value, f"{key}.")
        elif isinstance(value, (str, int, float)):
            found.append(f"{namespace}{key}={value}")
    return found


def _changed(previous: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Return the names of the fields that differ between the previous and the current state."""
    missing = object()
    return [key for key in {**previous, **current} if previous.get(key, missing) != current.get(key, missing)]
