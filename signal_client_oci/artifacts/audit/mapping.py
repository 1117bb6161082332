"""What an audit event's fields become in the host's names; shared by Audit and the log group `_Audit`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.audit.fields import (
    AuditChange,
    AuditData,
    AuditIdentity,
    AuditRequest,
    AuditResponse,
)
from signal_client_oci.artifacts.audit.identity_domains import domain_event, is_of_a_domain, members_of
from signal_client_oci.artifacts.envelope import base_metadata, set_severity
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, sanitize_list, set_fields
from signal_client_oci.artifacts.times import utc_text
from signal_client_oci.artifacts.vocabulary import Meaning, meaning_of_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signal_client_oci.artifacts.audit.fields import AuditEvent
    from signal_client_oci.artifacts.audit.identity_domains import DomainEvent
    from signal_client_oci.artifacts.envelope import Metadata, Origin

__all__ = ["audit_metadata", "credential_kind", "outcome_of", "readable_name", "sender"]

Pairs = tuple[tuple[str, str | None], ...]

NO_DATA: Final = AuditData()
NO_REQUEST: Final = AuditRequest()
NO_RESPONSE: Final = AuditResponse()

_DENIED: Final = ("401", "403")
_UNSUCCESSFUL: Final = frozenset({"denied", "failure"})
_UNAUTHENTICATED: Final = "401"
_REFUSED_SIGN_IN: Final = ("invalid", "fail", "denied", "locked", "expired", "disabled", "blocked")
# a failed sign-in's `login_input`: "tenant: acme, user: mallory"
_TYPED: Final = re.compile(r"\buser: ?([^\s,]{1,256})")
_KEY_ID: Final = re.compile(
    r"ocid1\.tenancy\.[^/\s]{1,200}/ocid1\.[^/\s]{1,200}/((?:[0-9A-Fa-f]{2}:){15}[0-9A-Fa-f]{2})"
)
_BUCKET_EVENTS: Final = frozenset(
    {"CreateBucket", "UpdateBucket", "createbucket", "updatebucket", "createBucket", "updateBucket"}
)


class _Deed(msgspec.Struct, frozen=True, gc=False):
    """What an event says but for its own ids and times: who did what to what, and how that ended.

    Machines do the same again and again, so that most of a tenancy's events share it with others.
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


class _Inside(NamedTuple):
    """The open parts of an event that are looked into where its kind makes them worth it."""

    details: bytes = b""
    payload: bytes = b""


_NOTHING_INSIDE: Final = _Inside()


def audit_metadata(event: AuditEvent, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map an audit event's fields; `timestamp` is the event's time as RFC 3339 UTC, `clean` as for `set_fields`."""
    data = event.data or NO_DATA
    request, response = data.request or NO_REQUEST, data.response or NO_RESPONSE
    deed = _Deed(
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
    details = bytes(data.additional_details)
    looks_inside = _looks_inside(deed, details)
    inside = _Inside(details, bytes(response.payload)) if looks_inside else _NOTHING_INSIDE
    if clean:
        shared, techniques = _cached_metadata(origin, deed, inside)
        metadata = shared.copy()
    else:
        metadata, techniques = _metadata(origin, deed, inside, clean=False)
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


def _looks_inside(deed: _Deed, details: bytes) -> bool:
    meaning = meaning_of_event(deed.event_type, deed.event_name)
    return meaning.signs_in or meaning.event in _BUCKET_EVENTS or is_of_a_domain(details)


@lru_cache(maxsize=1024)
def _cached_metadata(origin: Origin, deed: _Deed, inside: _Inside) -> tuple[Metadata, Sequence[str]]:
    """Map a deed as one of many; of harmless records only, whose size bounds what is kept."""
    return _metadata(origin, deed, inside, clean=True)


def _metadata(origin: Origin, deed: _Deed, inside: _Inside, *, clean: bool) -> tuple[Metadata, Sequence[str]]:
    """Map what an event says; give the metadata and the techniques."""
    meaning = meaning_of_event(deed.event_type, deed.event_name)
    outcome = outcome_of(deed.status, deed.message)
    domain = domain_event(inside.details)
    if domain:
        meaning, outcome = domain.meaning(meaning), domain.outcome or outcome
    metadata = base_metadata(
        origin, "oci_cloud_audit", meaning.message_type, meaning.severity, meaning.vendor_code
    )
    if meaning.action:
        metadata["action"] = meaning.action
    if deed.identity:
        set_fields(metadata, _who(deed.identity), clean=clean)
    set_fields(metadata, _what(deed, meaning, outcome), clean=clean)
    ending = (
        ("oci.status", deed.status),
        ("oci.outcome", outcome),
        ("oci.responseMessage", deed.response_message),
    )
    set_fields(metadata, ending, clean=clean)
    if domain:
        set_fields(metadata, _told_by_domain(metadata, domain, deed, outcome), clean=clean)
    elif meaning.signs_in and "userName" not in metadata:
        set_fields(metadata, (("userName", _typed_name(inside.payload)),), clean=clean)
    said = _sentence(metadata, meaning, deed, outcome)
    metadata["message"] = said if clean else sanitize(said)
    return metadata, _sharpen(metadata, meaning, deed, inside, outcome)


def _who(identity: AuditIdentity) -> Pairs:
    """Give the fields that tell who called, whence and with what."""
    address = one_ip(identity.ip_address)
    return (
        ("userName", readable_name(identity)),
        ("clientIP", address),
        ("application", identity.user_agent),
        ("oci.principalId", identity.principal_id),
        ("oci.principalTenancyId", identity.tenant_id),
        ("oci.authType", identity.auth_type),
        ("oci.callerName", identity.caller_name),
        ("oci.callerId", identity.caller_id),
        ("oci.credentialKind", identity.credentials and credential_kind(non_empty(identity.credentials))),
        ("oci.keyFingerprint", identity.credentials and key_fingerprint(identity.credentials)),
        ("oci.consoleSessionId", identity.console_session_id),
        ("oci.ipAddress", None if address else identity.ip_address),
    )


def _what(deed: _Deed, meaning: Meaning, outcome: str) -> Pairs:
    """Give the fields that tell what was done, and to what."""
    name, resource = non_empty(deed.resource_name), non_empty(deed.resource_id)
    target = resource or non_empty(deed.compartment_id)
    return (
        ("program", deed.source),
        ("uri", deed.path),
        ("senderHost", sender(name or non_empty(deed.path), target, _principal(deed), outcome)),
        ("oci.service", meaning.service),
        ("oci.phase", meaning.phase),
        ("oci.compartmentId", deed.compartment_id),
        ("oci.compartmentName", deed.compartment_name),
        ("oci.resourceId", resource),
        ("oci.resourceName", name),
        ("oci.availabilityDomain", deed.availability_domain),
        ("oci.requestAction", deed.action),
    )


def _told_by_domain(metadata: Metadata, domain: DomainEvent, deed: _Deed, outcome: str) -> Pairs:
    """Give the fields that an identity domain knows better than the event around its details."""
    resource = non_empty(deed.resource_name) or domain.resource
    target = " and ".join(part for part in (resource, domain.member) if part)
    what = sender(
        target, non_empty(deed.resource_id) or non_empty(deed.compartment_id), _principal(deed), outcome
    )
    return (
        ("userName", domain.who(str(metadata.get("userName", "")))),
        ("clientIP", None if "clientIP" in metadata else one_ip(domain.address)),
        ("senderHost", what if target else None),
        ("oci.resourceName", resource),
        ("oci.memberName", domain.member),
        ("oci.domainEvent", domain.event_id),
        ("oci.domainName", domain.domain),
    )


def _principal(deed: _Deed) -> str:
    return non_empty(deed.identity.principal_id) if deed.identity else ""


def _typed_name(payload: bytes) -> str:
    """Give the name that somebody typed who could not sign in, as nobody else is named then."""
    typed = _TYPED.search(_member(payload, "login_input"))
    return typed[1] if typed else ""


def outcome_of(status: str, message: str | None) -> str:
    """Say whether a call succeeded, was denied or failed, by its status or else its message; "" when unknown."""
    if status[:1] in {"1", "2", "3"}:
        return "success"
    if status[:1] in {"4", "5"}:
        return "denied" if status in _DENIED else "failure"
    if message and message.endswith("succeeded"):
        return "success"
    return "failure" if message and message.endswith("failed") else ""


def readable_name(identity: AuditIdentity) -> str:
    """Name who called: the principal, else the caller, else the readable part of the id of one of them."""
    name = non_empty(identity.principal_name) or non_empty(identity.caller_name)
    ocid = "" if name else non_empty(identity.principal_id) or non_empty(identity.caller_id)
    return name or ocid.rpartition("/")[2] or ocid


def credential_kind(credentials: str | None) -> str:
    """Say what kind of credential signed a call, never its value."""
    if not credentials:
        return ""
    if credentials.startswith("ST$"):
        return "session-token"
    return "api-key" if credentials.startswith("ocid1.tenancy.") else "credentials"


def key_fingerprint(credentials: str) -> str:
    """Return the fingerprint of the API key that signed a call, "" for other credentials.

    An API key's id is public by nature: `<tenancy OCID>/<user OCID>/<fingerprint>`.
    """
    found = _KEY_ID.fullmatch(credentials)
    return found[1].lower() if found else ""


def sender(name: str | None, ocid: str | None, principal: str | None = None, outcome: str = "") -> str:
    """Say in one value what was acted on, by whom and that it failed, so that different events differ in it.

    The host takes records for repeats that agree in eleven fields, of which only this one can hold a
    resource; names alone are no help, as two resources or two principals may share one. A deed that succeeds
    after attempts that were refused is no repeat of them.
    """
    what = f"{name} ({ocid})" if name and ocid and name != ocid else name or ocid or ""
    if principal:
        what = f"{what} by {principal}".strip()
    return f"{what}: {outcome}" if what and outcome in _UNSUCCESSFUL else what


def _sentence(metadata: Metadata, meaning: Meaning, deed: _Deed, outcome: str) -> str:
    """Tell the event in a sentence: "alice updated security list web-sl in prod: 200"."""
    failed = outcome in _UNSUCCESSFUL
    if not meaning.done:
        doing = "did something unnamed"
    elif failed:
        doing = f"tried to {meaning.wanted}"
    else:
        doing = f"began to {meaning.wanted}" if meaning.phase == "begin" else meaning.done
    told = f"{metadata.get('userName', 'somebody')} {doing}"
    name, place = metadata.get("oci.resourceName"), metadata.get("oci.compartmentName")
    if name:
        told = f"{told} {name}"
    if "oci.memberName" in metadata:
        told = f"{told} ({metadata['oci.memberName']})"
    if place:
        told = f"{told} in {place}"
    ending = deed.status or outcome
    reason = f" ({deed.response_message})" if failed and non_empty(deed.response_message) else ""
    return f"{told}: {ending}{reason}" if ending else told


def _sharpen(
    metadata: Metadata, meaning: Meaning, deed: _Deed, inside: _Inside, outcome: str
) -> Sequence[str]:
    """Set type and severity by what only the event itself tells, and give its techniques."""
    if meaning.signs_in:
        refused = _sign_in_refused(metadata, inside.payload, outcome)
        if refused:
            set_severity(metadata, "auth_failure", "medium")
            return ("T1110",)
        if refused is None:
            metadata["messageType"] = "auth_attempt"
    elif deed.status == _UNAUTHENTICATED:
        set_severity(metadata, "auth_failure", "medium")
        return ()
    elif meaning.event in _BUCKET_EVENTS:
        access = _member(inside.details, "publicAccessType")
        if access:
            metadata["oci.publicAccessType"] = sanitize(access)
            if access != "NoPublicAccess":
                set_severity(metadata, "config_change", "high")
                return ("T1530",)
    return meaning.techniques


def _sign_in_refused(metadata: Metadata, payload: bytes, outcome: str) -> bool | None:
    """Tell whether a sign-in was refused; None when the event does not say."""
    result = _member(payload, "login_result")
    if result:
        metadata["oci.loginResult"] = sanitize(result)
    if outcome:
        return outcome != "success"
    return any(word in result.lower() for word in _REFUSED_SIGN_IN) if result else None


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
    """Write tags as `key=value`, defined ones as `namespace.key=value`."""
    found: list[str] = []
    for key, value in (tags or {}).items():
        if isinstance(value, dict) and not namespace:
            found += _tags(value, f"{key}.")
        elif isinstance(value, (str, int, float)):
            found.append(f"{namespace}{key}={value}")
    return found


def _changed(previous: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Name the fields that differ between the previous and the current state."""
    missing = object()
    return [key for key in {**previous, **current} if previous.get(key, missing) != current.get(key, missing)]


def _member(part: bytes, name: str) -> str:
    """Give a text member of one of the event's open parts, "" when it has none."""
    value = members_of(part).get(name)
    return value if isinstance(value, str) else ""
