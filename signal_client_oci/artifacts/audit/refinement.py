"""Refines what an audit event means by what only the event itself tells: who called, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.addresses import first_ip
from signal_client_oci.artifacts.audit.caller import caller_kind
from signal_client_oci.artifacts.audit.identity_domains import open_members
from signal_client_oci.artifacts.audit.openings import may_open
from signal_client_oci.artifacts.envelope import set_severity
from signal_client_oci.artifacts.kubernetes import meaning_of_call
from signal_client_oci.artifacts.sanitize import non_empty, sanitize, set_fields
from signal_client_oci.artifacts.severity import severity_of_risk
from signal_client_oci.artifacts.vocabulary import Meaning, meaning_of_event

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditIdentity
    from signal_client_oci.artifacts.envelope import Metadata

__all__ = [
    "NO_PARTS",
    "EventKind",
    "OpenParts",
    "add_sign_in_details",
    "asked_action",
    "cached_kind",
    "kind_of_event",
    "problem_words",
    "refine",
]

_UNAUTHENTICATED: Final = "401"
_REFUSED: Final = frozenset({"401", "403", "404"})
# words in a `login_result` such as PASSWORD_INVALID or ACCOUNT_LOCKED
_REFUSALS: Final = ("invalid", "fail", "denied", "locked", "expired", "disabled", "blocked", "not_found")
# a failed sign-in's `login_input`: "tenant: acme, user: mallory", or the name alone
_TYPED_USER: Final = re.compile(r"\buser: ?([^\s,]{1,256})|^([^\s,:]{1,256})$")
_FORWARDED: Final = ("x-real-ip", "x-forwarded-for")
_PROBLEM_EVENT: Final = re.compile(r"problem[a-z]{1,32}", re.IGNORECASE)
_ACTION: Final = re.compile(r"[A-Za-z]{1,32}")
# posture scanners and enumeration tools that name themselves in the user agent
_SCANNERS: Final = re.compile(
    r"scout ?suite|prowler|steampipe|powerpipe|cloudsploit|cartography|cloudquery|cloudfox|cloudmapper|pacu\b"
    r"|nessus|nmap|nuclei|wpscan|ocigraph|enumerate-?iam",
    re.IGNORECASE,
)
_CHANGES: Final = frozenset(
    {
        "config_change",
        "credential_access",
        "data_destruction",
        "data_exfiltration",
        "defense_evasion",
        "privilege_escalation",
        "remote_access",
        "resource_change",
    }
)
_OBJECT_EVENTS: Final = frozenset({"deleteobject", "batchdeleteobjects"})


class OpenParts(NamedTuple):
    """The parts of an event without a fixed shape, as JSON.

    `details` is `data.additionalDetails`, `payload` `data.response.payload`, `headers` and `parameters` are those of
    `data.request`.
    """

    details: bytes = b""
    payload: bytes = b""
    headers: bytes = b""
    parameters: bytes = b""


NO_PARTS: Final = OpenParts()


class EventKind(NamedTuple):
    """What is known of an event by its type, name and HTTP method alone.

    `tells_in_parts` is True where its open parts are worth decoding: of most events they tell nothing that is mapped.
    """

    meaning: Meaning
    may_open: bool
    tells_in_parts: bool


def kind_of_event(event_type: str | None, event_name: str | None, method: str | None) -> EventKind:
    """Return the kind of an event."""
    meaning = meaning_of_event(non_empty(event_type), non_empty(event_name), method or "")
    opens = may_open(meaning.event)
    tells = meaning.signs_in or opens or _is_problem(meaning) or meaning.action.endswith("Action")
    return EventKind(meaning, opens, tells)


# only of clean records, whose small size bounds the cache
cached_kind: Final = lru_cache(maxsize=1024)(kind_of_event)


def refine(  # noqa: PLR0913  (what an event means, how it ended, who called)
    metadata: Metadata,
    meaning: Meaning,
    status: str,
    outcome: str,
    parts: OpenParts,
    identity: AuditIdentity | None,
) -> Sequence[str]:
    """Set type and severity by what the event itself says, and return its techniques."""
    if meaning.signs_in:
        return _refine_sign_in(metadata, meaning, outcome, parts.payload)
    if status == _UNAUTHENTICATED:
        # nobody was let in, so the techniques of the call itself do not apply
        set_severity(metadata, "medium", "auth_failure")
        return ()
    if meaning.kubernetes:
        call = meaning_of_call(meaning.kubernetes, str(metadata.get("userName", "")), status)
        set_severity(metadata, call.severity, call.message_type)
        return call.techniques
    if _is_problem(meaning):
        _add_problem(metadata, parts.details)
    if meaning.message_type == "resource_access":
        return _refine_read(metadata, meaning, status)
    return _refine_by_caller(metadata, meaning, outcome, identity)


def _refine_sign_in(metadata: Metadata, meaning: Meaning, outcome: str, payload: bytes) -> Sequence[str]:
    refused = _sign_in_was_refused(metadata, payload, outcome)
    if refused or meaning.message_type == "auth_failure":
        set_severity(metadata, "medium", "auth_failure")
        return ("T1110",)
    if refused is None:
        metadata["messageType"] = "auth_attempt"
    return meaning.techniques


def _refine_read(metadata: Metadata, meaning: Meaning, status: str) -> Sequence[str]:
    """A listing by a scanner is a probe; a read that was refused counts more than one that was answered."""
    if meaning.lists and _SCANNERS.search(str(metadata.get("application", ""))):
        set_severity(metadata, "low", "service_discovery")
    elif status in _REFUSED and meaning.severity == "informational":
        set_severity(metadata, "low")
    return meaning.techniques


def _refine_by_caller(
    metadata: Metadata, meaning: Meaning, outcome: str, identity: AuditIdentity | None
) -> Sequence[str]:
    """Tell what services do on their own behalf, and what workloads are there for, from the deeds of people."""
    if meaning.message_type not in _CHANGES:
        return meaning.techniques
    kind = caller_kind(identity)
    if kind == "service":
        set_severity(metadata, "low", "service_activity")
        return ()
    if kind == "workload" and outcome == "success":
        if meaning.message_type == "credential_access" and meaning.infinitive.startswith("get "):
            set_severity(metadata, "informational", "resource_access")
        elif meaning.event.lower() in _OBJECT_EVENTS:
            set_severity(metadata, "low", "service_activity")
            return ()
    return meaning.techniques


def add_sign_in_details(metadata: Metadata, parts: OpenParts) -> None:
    """Add who could not sign in and from where, wherever the event tells it."""
    if "userName" not in metadata:
        typed = _text_member(parts.payload, "login_input") or _text_member(parts.details, "login_input")
        found = _TYPED_USER.search(typed)
        set_fields(metadata, (("userName", found and (found[1] or found[2])),))
    if "clientIP" not in metadata:
        headers = {name.lower(): value for name, value in open_members(parts.headers).items()}
        for name in _FORWARDED:
            value = headers.get(name)
            text = value[0] if isinstance(value, list) and value else value
            address = first_ip(text) if isinstance(text, str) else None
            if address:
                metadata["clientIP"] = address
                break


def asked_action(parameters: bytes) -> str:
    """Return what a `...Action` call asked for: `STOP`; "" when the event does not say."""
    value = open_members(parameters).get("action")
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str) and _ACTION.fullmatch(value) else ""


def _is_problem(meaning: Meaning) -> bool:
    return meaning.service.lower() == "cloudguard" and _PROBLEM_EVENT.fullmatch(meaning.event) is not None


def _add_problem(metadata: Metadata, details: bytes) -> None:
    """Add what Cloud Guard's event says of the problem: its risk, its rule, and the user whose activity it is."""
    members = open_members(details)
    texts = {name: non_empty(value) for name, value in members.items() if isinstance(value, str)}
    severity = severity_of_risk(texts.get("riskLevel"))
    if severity:
        set_severity(metadata, severity)
    is_user = texts.get("resourceType", "").lower() == "user"
    set_fields(
        metadata,
        (
            ("ruleName", texts.get("problemName")),
            ("userName", texts.get("resourceName") if is_user and "userName" not in metadata else None),
            ("oci.riskLevel", texts.get("riskLevel")),
        ),
    )


def problem_words(details: bytes) -> str:
    """Return what a Cloud Guard event says of its problem, in words: ": BUCKET_IS_PUBLIC on Bucket payroll"."""
    members = open_members(details)
    rule, kind, name, risk = (
        sanitize(value) if isinstance(value := members.get(member), str) else ""
        for member in ("problemName", "resourceType", "resourceName", "riskLevel")
    )
    target = " ".join(part for part in (kind, name) if part)
    text = f"{rule} on {target}" if rule and target else rule or target
    return f"{text}, risk {risk}" if risk and text else text


def _sign_in_was_refused(metadata: Metadata, payload: bytes, outcome: str) -> bool | None:
    """Return whether a sign-in was refused; None when the event does not say."""
    result = _text_member(payload, "login_result")
    if result:
        metadata["oci.loginResult"] = sanitize(result)
    if outcome:
        return outcome != "success"
    return any(word in result.lower() for word in _REFUSALS) if result else None


def _text_member(part: bytes, name: str) -> str:
    """Return a text member of one of the event's open parts, "" when it has none."""
    value = open_members(part).get(name)
    return value if isinstance(value, str) else ""
