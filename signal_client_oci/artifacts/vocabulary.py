"""Looks up what events and findings mean in the host's vocabulary, in the tables beside this file.

Each table is read once, when it is first needed.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple, cast

from signal_client_oci.artifacts.kubernetes import KubernetesCall, call_in_event_type
from signal_client_oci.artifacts.phrases import Phrase, phrase_of
from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.severity import DEFAULT, Severity
from signal_client_oci.artifacts.table_rows import Row, table, techniques_of

__all__ = [
    "DETECTORS",
    "Meaning",
    "RuleMeaning",
    "meaning_of_event",
    "meaning_of_rule",
    "table",
    "techniques_of",
]

# by detector (cloud_guard.models.ProblemSummary): what a problem means whose rule is not listed
DETECTORS: Final = {
    "IAAS_CONFIGURATION_DETECTOR": "iom_match",
    "IAAS_CONTAINER_SECURITY_DETECTOR": "iom_match",
    "IAAS_ACTIVITY_DETECTOR": "config_change",
    "IAAS_LOG_INSIGHT_DETECTOR": "anomalous_behavior",
    "IAAS_INSTANCE_SECURITY_DETECTOR": "malicious_behavior",
    "IAAS_THREAT_DETECTOR": "malicious_behavior",
}
_PREFIX: Final = "com.oraclecloud."
_PHASES: Final = ("begin", "end")
_SIGN_ON: Final = re.compile(r"log-?(?:in|on)|sign-?(?:in|on)")
_SIGN_IN_TYPES: Final = frozenset({"auth_success", "auth_failure"})
_SIGNED_IN: Final = Phrase("sign", "signed in", "sign in")
_LISTS: Final = frozenset(
    {"list", "search", "summarize", "query", "describe", "discover", "find", "filter", "watch"}
)
# what decides for a name that is not listed, before its verb does
_READING_METHODS: Final = frozenset({"GET", "HEAD"})
_CHANGING_METHODS: Final = frozenset({"DELETE", "PATCH"})
_REPORTED: Final = frozenset({"score", "scores", "summarized", "trend", "trends", "usage", "usages"})
_CREDENTIALS: Final = frozenset({"password", "passwords", "credential", "credentials"})
_UNKNOWN: Final = {"messageType": "api_call", "severity": DEFAULT}
_READ: Final = {"messageType": "resource_access", "severity": DEFAULT}
_CHANGED: Final = {"messageType": "config_change", "severity": "low"}
_CREDENTIAL_CHANGED: Final = {
    "messageType": "credential_access",
    "severity": "medium",
    "techniques": "T1098.001",
}
_MAX_REMEMBERED: Final = 4096
_MAX_LENGTH: Final = 256  # of a type and name that are worth remembering


class Meaning(NamedTuple):
    """What an audit event means.

    `vendor_code` is its type and `action` its name as metadata may carry them; `service` and `event` are the parts of
    its type, `phase` is "begin", "end" or ""; `past_tense` and `infinitive` say in words what was done; `signs_in` is
    True for a sign-in, whose outcome decides the message type, `lists` for a call that shows what there is.
    `kubernetes` is the call of the Kubernetes API that the event is, None for other events.
    """

    message_type: str
    severity: Severity
    vendor_code: str
    action: str
    techniques: list[str]
    service: str
    event: str
    phase: str
    past_tense: str
    infinitive: str
    signs_in: bool
    lists: bool
    kubernetes: KubernetesCall | None


class RuleMeaning(NamedTuple):
    """What a problem of a detector rule means."""

    message_type: str
    techniques: list[str]


def meaning_of_event(event_type: str, event_name: str, method: str = "") -> Meaning:
    """Return the meaning of an event by its type (`com.oraclecloud.<service>.<event>`), name and HTTP method."""
    # not an lru_cache, which would remember a name of any length
    found = _meanings.get((event_type, event_name, method))
    if found is None:
        found = _meaning(event_type, event_name, method)
        if len(_meanings) >= _MAX_REMEMBERED:
            _meanings.clear()
        if len(event_type) + len(event_name) + len(method) <= _MAX_LENGTH:
            _meanings[event_type, event_name, method] = found
    return found


def meaning_of_rule(rule: str, detector: str) -> RuleMeaning:
    """Return the meaning of a Cloud Guard detector rule, by the detector where the rule is not listed."""
    return _meaning_of_rule(rule[:_MAX_LENGTH], detector[:_MAX_LENGTH])


@lru_cache(maxsize=1024)
def _meaning_of_rule(rule: str, detector: str) -> RuleMeaning:
    row = _rules().get(rule.strip().upper())
    if row:
        return RuleMeaning(row["messageType"], techniques_of(row))
    return RuleMeaning(DETECTORS.get(detector.strip().upper(), "policy_violation"), [])


_meanings: dict[tuple[str, str, str], Meaning] = {}


def _meaning(event_type: str, event_name: str, method: str) -> Meaning:
    service, event, phase = _parts(event_type)
    name = event_name or event
    phrase = phrase_of(name[:_MAX_LENGTH])
    call = call_in_event_type(event_type) or call_in_event_type(event_name)
    row = _row(service.lower(), event.lower(), name.lower(), phrase, method)
    if call:
        kind = f"{call.resource}/{call.inner}" if call.inner else call.resource
        phrase = Phrase(
            call.verb, f"{phrase_of('x.' + call.verb).past_tense.split()[0]} {kind}", f"{call.verb} {kind}"
        )
    signs_in = row["messageType"] in _SIGN_IN_TYPES
    return Meaning(
        message_type=row["messageType"],
        severity=cast("Severity", row["severity"]),
        vendor_code=sanitize(event_type),
        action=sanitize(name),
        techniques=techniques_of(row),
        service=service,
        event=event,
        phase=phase,
        past_tense=_SIGNED_IN.past_tense if signs_in else phrase.past_tense,
        infinitive=_SIGNED_IN.infinitive if signs_in else phrase.infinitive,
        signs_in=signs_in,
        lists=phrase.verb in _LISTS,
        kubernetes=call,
    )


def _parts(event_type: str) -> tuple[str, str, str]:
    """Split `com.oraclecloud.<service>.<event>[.begin|.end]` into service, event and phase."""
    rest = event_type[len(_PREFIX) :] if event_type.lower().startswith(_PREFIX) else event_type
    rest, _, last = rest.rpartition(".") if rest.lower().endswith((".begin", ".end")) else (rest, "", "")
    service, _, event = rest.rpartition(".")
    return service, event, last.lower()


def _row(service: str, event: str, name: str, phrase: Phrase, method: str) -> Row:
    """Return the row of an event: its own, its name's under any service, that of a sign-in, or its verb's."""
    listed, alone = _events()
    found = listed.get((service, event)) or listed.get((service, name)) or alone.get(event) or alone.get(name)
    if found:
        return found
    if _SIGN_ON.search(name) and "sign" in service:
        return {"messageType": "auth_success", "severity": DEFAULT, "techniques": "T1078.004"}
    return _row_of_verb(phrase, method)


def _row_of_verb(phrase: Phrase, method: str) -> Row:
    """Return the row of an unlisted event's verb, unless its HTTP method or what it asks for tells better."""
    row = _verbs().get(phrase.verb, _UNKNOWN)
    nouns = set(phrase.infinitive.split()[1:])
    if method in _READING_METHODS or (phrase.verb == "request" and nouns & _REPORTED):
        return _READ
    if row["messageType"] == _READ["messageType"] and method in _CHANGING_METHODS:
        return _CHANGED
    if row["messageType"].endswith("_change") and nouns & _CREDENTIALS and "policy" not in nouns:
        return _CREDENTIAL_CHANGED
    return row


@cache
def _verbs() -> dict[str, Row]:
    return {row["verb"]: row for row in table("verbs")}


@cache
def _events() -> tuple[dict[tuple[str, str], Row], dict[str, Row]]:
    """Return the listed events by service and name, and by name alone those whose name is enough."""
    rows = table("audit_events")
    listed = {
        (service, row["event"].lower()): row for row in rows for service in row["service"].lower().split()
    }
    return listed, {row["event"].lower(): row for row in rows if row["alone"] == "yes"}


@cache
def _rules() -> dict[str, Row]:
    return {row["rule"]: row for row in table("cloud_guard_rules")}
