"""Maps an audit event's fields to the host's names; shared by Audit and the log group `_Audit`.

Machines make the same call again and again. So what an event says apart from its own ids and times is mapped once and
remembered (`_cached_metadata`); each event then adds what is its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from signal_client_oci.artifacts.addresses import first_ip
from signal_client_oci.artifacts.audit.caller import NO_CALLER, Caller, cached_caller, caller_of
from signal_client_oci.artifacts.audit.fields import (
    AuditData,
    AuditIdentity,
    AuditRequest,
    AuditResponse,
)
from signal_client_oci.artifacts.audit.identity_domains import DOMAIN_EVENT_MARKER, decode_domain_event
from signal_client_oci.artifacts.audit.openings import members_of, openings_of, public_access
from signal_client_oci.artifacts.audit.refinement import (
    NO_PARTS,
    OpenParts,
    add_sign_in_details,
    asked_action,
    cached_kind,
    kind_of_event,
    problem_words,
    refine,
)
from signal_client_oci.artifacts.envelope import base_metadata, sender_host, set_severity
from signal_client_oci.artifacts.kubernetes import API_SERVER_PORT
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, sanitize_list, set_fields
from signal_client_oci.artifacts.severity import CODES
from signal_client_oci.artifacts.times import utc_text

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditChange, AuditEvent
    from signal_client_oci.artifacts.audit.identity_domains import DomainEvent
    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.sanitize import TextFields
    from signal_client_oci.artifacts.vocabulary import Meaning

__all__ = ["NO_DATA", "audit_metadata"]

NO_DATA: Final = AuditData()
NO_REQUEST: Final = AuditRequest()
NO_RESPONSE: Final = AuditResponse()

_UNAUTHENTICATED: Final = frozenset({"401", 401})
_DENIED: Final = ("401", "403")
_UNSUCCESSFUL: Final = frozenset({"denied", "failure"})
_SIGN_INS: Final = frozenset({"auth_failure", "auth_attempt", "auth_success"})
_FINDINGS: Final = frozenset({"policy_violation", "anomalous_behavior"})
_HTTPS_PORT: Final = 443


class _Activity(msgspec.Struct, frozen=True, gc=False):
    """Who did what to what, and how that ended: what an event says apart from its own ids and times.

    `status` is that of the answer as text, "" where the event names none.
    """

    identity: AuditIdentity | None
    caller: Caller
    status: str
    event_type: str | None
    source: str | None
    event_name: str | None
    compartment_id: str | None
    compartment_name: str | None
    resource_name: str | None
    resource_id: str | None
    availability_domain: str | None
    message: str | None
    path: str | None
    action: str | None
    response_message: str | None


def audit_metadata(event: AuditEvent, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map an audit event's fields; `timestamp` is the event's time as RFC 3339 UTC, `clean` as for `set_fields`."""
    data = event.data or NO_DATA
    request, response = data.request or NO_REQUEST, data.response or NO_RESPONSE
    kind_of, details = cached_kind if clean else kind_of_event, bytes(data.additional_details)
    kind = kind_of(event.event_type, data.event_name, request.action)
    parts = NO_PARTS
    if kind.tells_in_parts or response.status in _UNAUTHENTICATED or DOMAIN_EVENT_MARKER in details:
        parts = _open_parts(kind.meaning, details, request, response)
    fields = _fields(event, data, request, response)
    if clean:
        shared, techniques = _cached_metadata(origin, fields, parts)
        metadata = shared.copy()
    else:
        metadata, techniques = _shared_metadata(origin, fields, parts, clean=False)
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
    change = data.state_change
    if change and (change.previous or change.current):
        _add_changes(metadata, change)
    if kind.may_open:
        _add_openings(metadata, kind.meaning, change, parts)
    return metadata


def _open_parts(
    meaning: Meaning, details: bytes, request: AuditRequest, response: AuditResponse
) -> OpenParts:
    """Return the open parts that an event is mapped by; the headers of refused calls alone name an address."""
    refused = meaning.signs_in or response.status in _UNAUTHENTICATED
    return OpenParts(
        details,
        bytes(response.payload),
        bytes(request.headers) if refused else b"",
        bytes(request.parameters) if meaning.action.endswith("Action") else b"",
    )


def _fields(
    event: AuditEvent, data: AuditData, request: AuditRequest, response: AuditResponse
) -> tuple[Any, ...]:
    """Return the fields of an event's activity: a tuple, by which mapped metadata are found in less time."""
    return (
        data.identity,
        response.status,
        event.event_type,
        event.source,
        data.event_name,
        data.compartment_id,
        data.compartment_name,
        data.resource_name,
        data.resource_id,
        data.availability_domain,
        data.message,
        request.path,
        request.action,
        response.message,
    )


def _read(fields: tuple[Any, ...], *, clean: bool) -> _Activity:
    """Return an activity by the fields that an event has of it."""
    identity, answered, *others = fields
    caller = NO_CALLER
    if identity:
        caller = cached_caller(identity) if clean else caller_of(identity)
    status = "" if answered is None else non_empty(str(answered))
    return _Activity(identity, caller, status, *others)


@lru_cache(maxsize=1024)
def _cached_metadata(
    origin: Origin, fields: tuple[Any, ...], parts: OpenParts
) -> tuple[Metadata, Sequence[str]]:
    """Map an activity once for all its events; only of clean records, whose small size bounds the cache."""
    return _shared_metadata(origin, fields, parts, clean=True)


def _shared_metadata(
    origin: Origin, fields: tuple[Any, ...], parts: OpenParts, *, clean: bool
) -> tuple[Metadata, Sequence[str]]:
    """Map an activity; return its metadata and its techniques."""
    activity, kind_of = _read(fields, clean=clean), cached_kind if clean else kind_of_event
    meaning = kind_of(activity.event_type, activity.event_name, activity.action).meaning
    outcome = _outcome(activity.status, activity.message)
    domain = decode_domain_event(parts.details)
    if domain:
        # the domain knows better: the event around its details succeeds also where the sign-in failed
        meaning, outcome = domain.refine_meaning(meaning), domain.outcome or outcome
    metadata = base_metadata(
        origin, "oci_cloud_audit", meaning.message_type, meaning.severity, meaning.vendor_code
    )
    if meaning.action:
        metadata["action"] = f"{meaning.action} {asked_action(parts.parameters)}".rstrip()
    metadata |= activity.caller.metadata
    set_fields(metadata, _activity_fields(activity, meaning, outcome), clean=clean)
    if "application" in metadata or "uri" in metadata:
        metadata["protocol"] = "HTTPS"
        metadata["serverPort"] = API_SERVER_PORT if meaning.kubernetes else _HTTPS_PORT
    if domain:
        set_fields(metadata, _domain_fields(metadata, domain, activity, meaning, outcome), clean=clean)
    techniques = refine(metadata, meaning, activity.status, outcome, parts, activity.identity)
    if metadata["messageType"] in _SIGN_INS:
        add_sign_in_details(metadata, parts)
    message = _message(metadata, meaning, activity, outcome, domain.comment if domain else "")
    if "ruleName" in metadata:
        message = f"{message}: {problem_words(parts.details)}"
    # the parts of the sentence are clean already where the record is
    metadata["message"] = message if clean else sanitize(message)
    return metadata, techniques


def _activity_fields(activity: _Activity, meaning: Meaning, outcome: str) -> TextFields:
    """Return the fields that tell what was done, to what, and how it ended."""
    name, resource = non_empty(activity.resource_name), non_empty(activity.resource_id)
    target = resource or non_empty(activity.compartment_id)
    what = _what(name, resource, non_empty(activity.path), meaning)
    return (
        ("program", activity.source),
        ("uri", activity.path),
        ("senderHost", _sender_host(what, target, activity, outcome)),
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


def _domain_fields(
    metadata: Metadata, domain: DomainEvent, activity: _Activity, meaning: Meaning, outcome: str
) -> TextFields:
    """Return the fields that an identity domain knows better than the event around its details."""
    resource = non_empty(activity.resource_name) or domain.resource
    what = " and ".join(part for part in (resource, domain.member) if part)
    target = non_empty(activity.resource_id) or non_empty(activity.compartment_id)
    told = _what(what, non_empty(activity.resource_id), non_empty(activity.path), meaning)
    name = f"{told} [{domain.event_id}]".strip()
    return (
        ("userName", domain.actor_name(str(metadata.get("userName", "")))),
        ("clientIP", None if "clientIP" in metadata else first_ip(domain.address)),
        ("senderHost", _sender_host(name, target, activity, outcome)),
        ("oci.resourceName", resource),
        ("oci.memberName", domain.member),
        ("oci.domainEvent", domain.event_id),
        ("oci.domainName", domain.domain),
    )


def _what(name: str, resource: str, path: str, meaning: Meaning) -> str:
    """Return what was acted on, as far as the resource's id does not tell.

    One compartment, one cluster, one user holds many things: the path says which, and the service of what kind. Where
    an event's name and type differ, the type is told too.
    """
    if meaning.kubernetes:
        return path or name
    below = path.partition(resource)[2].strip("/") if resource else path
    kind = "" if resource else meaning.service
    if meaning.event and meaning.event.lower() != meaning.action.lower():
        kind = f"{meaning.service}.{meaning.event}"
    return " ".join(part for part in (name, below, kind and f"[{kind}]") if part)


def _sender_host(name: str, ocid: str, activity: _Activity, outcome: str) -> str:
    """Return what was acted on, by whom, and that it failed: `web-1 (ocid1...) by ocid1.user...: denied 403`.

    Two principals may share a name, and a call that succeeds after refused attempts is not a repeat of them.
    """
    host = f"{sender_host(name, ocid)}{activity.caller.identity}".strip()
    if outcome not in _UNSUCCESSFUL:
        return host
    return f"{host}: {outcome} {activity.status}".strip(": ")


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


def _message(metadata: Metadata, meaning: Meaning, activity: _Activity, outcome: str, comment: str) -> str:
    """Return the event as a sentence: "alice updated security list web-sl in prod: 200"; `comment` is a domain's."""
    failed = outcome in _UNSUCCESSFUL or (meaning.signs_in and metadata["messageType"] != "auth_success")
    # Cloud Guard detects by itself, whoever it was that acted
    actor = "Cloud Guard" if meaning.message_type in _FINDINGS else metadata.get("userName", "somebody")
    text = f"{actor} {_verb_phrase(meaning, failed=failed)}"
    name, compartment = metadata.get("oci.resourceName"), metadata.get("oci.compartmentName")
    if name and name != metadata.get("userName"):
        text = f"{text} {name}"
    if "oci.memberName" in metadata:
        text = f"{text} ({metadata['oci.memberName']})"
    if compartment and not meaning.signs_in:
        text = f"{text} in {compartment}"
    ending = activity.status or outcome
    explained = non_empty(activity.response_message) or non_empty(comment)
    reason = f" ({explained})" if failed and explained else ""
    return f"{text}: {ending}{reason}" if ending else text


def _verb_phrase(meaning: Meaning, *, failed: bool) -> str:
    """Return what was done in words; a refused call was only tried, and a long one has only begun."""
    if not meaning.past_tense:
        return "did something unnamed"
    if meaning.past_tense == "was locked out":
        return meaning.past_tense
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
    changed = sanitize_list(_changed(members_of(change.previous), members_of(change.current)))
    if changed:
        metadata["oci.changedFields"] = changed


def _add_openings(metadata: Metadata, meaning: Meaning, change: AuditChange | None, parts: OpenParts) -> None:
    """Add what the event opened to the world: to severity, message and `senderHost`, by which repeats are told."""
    is_bucket = "bucket" in meaning.event.lower()
    access = sanitize(public_access(change, parts.details)) if is_bucket else ""
    if access:
        metadata["oci.publicAccessType"] = access
    if metadata.get("oci.outcome") in _UNSUCCESSFUL:
        return
    found = openings_of(meaning.event, change, parts.details, parts.payload)
    if not found:
        return
    texts = sanitize_list(opening.text for opening in found)
    metadata["oci.opens"] = texts
    told = ", ".join(texts)
    metadata["message"] = sanitize(f"{metadata['message']}, opens {told}")
    metadata["senderHost"] = sanitize(f"{metadata.get('senderHost', '')} opens {told}".strip())
    if metadata["messageType"] not in {"service_activity", "auth_failure"}:
        worst = min((opening.severity for opening in found), key=CODES.__getitem__)
        set_severity(metadata, worst, "config_change")
        if is_bucket:
            metadata["attackTechniqueIds"] = ["T1530"]


def _tags(tags: Mapping[str, Any] | str | None, namespace: str = "") -> list[str]:
    """Return tags as `key=value`, defined ones as `namespace.key=value`."""
    found: list[str] = []
    for key, value in members_of(tags).items():
        if isinstance(value, dict) and not namespace:
            found += _tags(value, f"{key}.")
        elif isinstance(value, (str, int, float)):
            found.append(f"{namespace}{key}={value}")
    return found


def _changed(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that differ between the previous and the current state."""
    missing = object()
    return [key for key in {**previous, **current} if previous.get(key, missing) != current.get(key, missing)]
