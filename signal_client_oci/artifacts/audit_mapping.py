"""What an audit event's fields become in the host's names; shared by Audit and the log group `_Audit`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.audit_fields import AuditData, AuditIdentity, AuditRequest, AuditResponse
from signal_client_oci.artifacts.envelope import frame, weigh
from signal_client_oci.artifacts.identity_domains import domain_event
from signal_client_oci.artifacts.reading import plain_json
from signal_client_oci.artifacts.times import utc_text
from signal_client_oci.artifacts.vocabulary import Meaning, meaning_of_event
from signal_client_oci.artifacts.wording import fill, known, shown, shown_list

if TYPE_CHECKING:
    import msgspec

    from signal_client_oci.artifacts.audit_fields import AuditEvent
    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.identity_domains import DomainEvent

__all__ = ["audit_metadata", "credential_kind", "outcome_of", "readable_name", "sender"]

Pairs = tuple[tuple[str, str | None], ...]

NO_DATA: Final = AuditData()
NO_IDENTITY: Final = AuditIdentity()
NO_REQUEST: Final = AuditRequest()
NO_RESPONSE: Final = AuditResponse()

_DENIED: Final = ("401", "403")
_UNAUTHENTICATED: Final = "401"
_REFUSED_SIGN_IN: Final = ("invalid", "fail", "denied", "locked", "expired", "disabled", "blocked")
# a failed sign-in's `login_input`: "tenant: acme, user: mallory"
_TYPED: Final = re.compile(r"\buser: ?([^\s,]{1,256})")
_BUCKET_EVENTS: Final = ("createbucket", "updatebucket")


def audit_metadata(event: AuditEvent, origin: Origin, timestamp: str, *, harmless: bool) -> Metadata:
    """Map an audit event's fields; `timestamp` is the event's time as RFC 3339 UTC, `harmless` as for `fill`."""
    data = event.data or NO_DATA
    response = data.response or NO_RESPONSE
    meaning = meaning_of_event(event.event_type or "", data.event_name or "")
    status = "" if response.status is None else str(response.status)
    outcome = outcome_of(status, data.message)
    domain = domain_event(data.additional_details)
    if domain:
        meaning, outcome = domain.meaning(meaning), domain.outcome or outcome
    metadata = frame(origin, "oci_audit", meaning.message_type, meaning.severity, meaning.vendor_code)
    metadata["startTimeUTC"] = timestamp
    if meaning.action:
        metadata["action"] = meaning.action
    if data.identity:
        metadata.update((_known_caller if harmless else _caller)(data.identity))
    fill(metadata, _what(event, data, meaning), harmless=harmless)
    fill(metadata, _result(response, status, outcome), harmless=harmless)
    if domain:
        fill(metadata, _told_by_domain(metadata, domain, data), harmless=harmless)
    elif meaning.signs_in and "userName" not in metadata:
        fill(metadata, (("userName", _typed_name(data)),), harmless=harmless)
    said = _sentence(metadata, meaning, response, outcome)
    metadata["message"] = said if harmless else shown(said)
    _sharpen(metadata, meaning, data, status, outcome)
    _add_parts(metadata, data)
    return metadata


def _caller(identity: AuditIdentity) -> Metadata:
    """Give the fields that tell who called, whence and with what."""
    address = one_ip(identity.ip_address)
    metadata: Metadata = {}
    fill(
        metadata,
        (
            ("userName", readable_name(identity)),
            ("clientIP", address),
            ("application", identity.user_agent),
            ("oci.principalId", identity.principal_id),
            ("oci.principalTenancyId", identity.tenant_id),
            ("oci.authType", identity.auth_type),
            ("oci.callerName", identity.caller_name),
            ("oci.callerId", identity.caller_id),
            ("oci.credentialKind", identity.credentials and credential_kind(known(identity.credentials))),
            ("oci.consoleSessionId", identity.console_session_id),
            ("oci.ipAddress", None if address else identity.ip_address),
        ),
    )
    return metadata


# a few callers make most of a tenancy's events; what is kept is bounded by the size of a harmless record
_known_caller: Final = lru_cache(maxsize=1024)(_caller)


def _what(event: AuditEvent, data: AuditData, meaning: Meaning) -> Pairs:
    """Give the fields that tell what was done, and to what."""
    request = data.request or NO_REQUEST
    name, resource, principal = known(data.resource_name), known(data.resource_id), ""
    if data.identity:
        principal = known(data.identity.principal_id)
    what = sender(name or known(request.path), resource or known(data.compartment_id), principal)
    return (
        ("program", event.source),
        ("uri", request.path),
        ("senderHost", what),
        ("oci.service", meaning.service),
        ("oci.phase", meaning.phase),
        ("oci.eventId", event.event_id),
        ("oci.eventGroupingId", data.event_grouping_id),
        ("oci.compartmentId", data.compartment_id),
        ("oci.compartmentName", data.compartment_name),
        ("oci.resourceId", resource),
        ("oci.resourceName", name),
        ("oci.availabilityDomain", data.availability_domain),
        ("oci.requestId", request.id),
        ("oci.requestAction", request.action),
    )


def _result(response: AuditResponse, status: str, outcome: str) -> Pairs:
    """Give the fields that tell how it ended."""
    return (
        ("endTimeUTC", response.response_time and utc_text(response.response_time)),
        ("oci.status", status),
        ("oci.outcome", outcome),
        ("oci.responseMessage", response.message),
    )


def _told_by_domain(metadata: Metadata, domain: DomainEvent, data: AuditData) -> Pairs:
    """Give the fields that an identity domain knows better than the event around its details."""
    name, principal = str(metadata.get("userName", "")), ""
    if data.identity:
        principal = known(data.identity.principal_id)
    resource = known(data.resource_name) or domain.resource
    target = " and ".join(part for part in (resource, domain.member) if part)
    what = sender(target, known(data.resource_id) or known(data.compartment_id), principal)
    return (
        ("userName", domain.who(name)),
        ("clientIP", None if "clientIP" in metadata else one_ip(domain.address)),
        ("senderHost", what if target else None),
        ("oci.resourceName", resource),
        ("oci.memberName", domain.member),
        ("oci.domainEvent", domain.event_id),
        ("oci.domainName", domain.domain),
    )


def _typed_name(data: AuditData) -> str:
    """Give the name that somebody typed who could not sign in, as nobody else is named then."""
    typed = _TYPED.search(_member(data.response.payload, "login_input")) if data.response else None
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
    name = known(identity.principal_name) or known(identity.caller_name)
    ocid = "" if name else known(identity.principal_id) or known(identity.caller_id)
    return name or ocid.rpartition("/")[2] or ocid


def credential_kind(credentials: str | None) -> str:
    """Say what kind of credential signed a call, never its value."""
    if not credentials:
        return ""
    if credentials.startswith("<redacted:"):
        return credentials[len("<redacted:") : -1]
    if credentials.startswith("ST$"):
        return "session-token"
    return "api-key" if credentials.startswith("ocid1.tenancy.") else "credentials"


def sender(name: str | None, ocid: str | None, principal: str | None = None) -> str:
    """Say in one value what was acted on and by whom, so that different events differ in it.

    The host takes records for repeats that agree in eleven fields, of which only this one can hold a
    resource; names alone are no help, as two resources or two principals may share one.
    """
    what = f"{name} ({ocid})" if name and ocid and name != ocid else name or ocid or ""
    return f"{what} by {principal}".strip() if principal else what


def _sentence(metadata: Metadata, meaning: Meaning, response: AuditResponse, outcome: str) -> str:
    """Tell the event in a sentence: "alice updated security list web-sl in prod: 200"."""
    failed = outcome in {"denied", "failure"}
    if not meaning.done:
        deed = "did something unnamed"
    elif failed:
        deed = f"tried to {meaning.wanted}"
    else:
        deed = f"began to {meaning.wanted}" if meaning.phase == "begin" else meaning.done
    told = f"{metadata.get('userName', 'somebody')} {deed}"
    name, place = metadata.get("oci.resourceName"), metadata.get("oci.compartmentName")
    if name:
        told = f"{told} {name}"
    if "oci.memberName" in metadata:
        told = f"{told} ({metadata['oci.memberName']})"
    if place:
        told = f"{told} in {place}"
    ending = outcome if response.status is None else response.status
    reason = f" ({response.message})" if failed and response.message else ""
    return f"{told}: {ending}{reason}" if ending else told


def _sharpen(metadata: Metadata, meaning: Meaning, data: AuditData, status: str, outcome: str) -> None:
    """Set type, severity and techniques by what only the event itself tells."""
    techniques = meaning.techniques
    if meaning.signs_in:
        refused = _sign_in_refused(metadata, data, outcome)
        if refused:
            techniques = ["T1110"]
            weigh(metadata, "auth_failure", "medium")
        elif refused is None:
            metadata["messageType"] = "auth_attempt"
    elif status == _UNAUTHENTICATED:
        techniques = []
        weigh(metadata, "auth_failure", "medium")
    elif meaning.event.lower() in _BUCKET_EVENTS:
        access = _member(data.additional_details, "publicAccessType")
        if access:
            metadata["oci.publicAccessType"] = shown(access)
            if access != "NoPublicAccess":
                techniques = ["T1530"]
                weigh(metadata, "config_change", "high")
    if techniques:
        metadata["attackTechniqueIds"] = list(techniques)


def _sign_in_refused(metadata: Metadata, data: AuditData, outcome: str) -> bool | None:
    """Tell whether a sign-in was refused; None when the event does not say."""
    result = _member(data.response.payload, "login_result") if data.response else ""
    if result:
        metadata["oci.loginResult"] = shown(result)
    if outcome:
        return outcome != "success"
    return any(word in result.lower() for word in _REFUSED_SIGN_IN) if result else None


def _add_parts(metadata: Metadata, data: AuditData) -> None:
    """Add what the event's open parts hold: tags, and the names of the fields that changed."""
    if data.freeform_tags or data.defined_tags:
        tags = shown_list([*_tags(data.freeform_tags), *_tags(data.defined_tags)])
        if tags:
            metadata["tags"] = tags
    change = data.state_change
    if change and (change.previous or change.current):
        changed = shown_list(_changed(change.previous or {}, change.current or {}))
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


def _member(part: msgspec.Raw, name: str) -> str:
    """Give a text member of one of the event's open parts, "" when it has none."""
    found = plain_json(part)
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""
