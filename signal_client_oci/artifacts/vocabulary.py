"""Looks up what events and findings mean in the host's vocabulary, in the tables beside this file.

Each table is read once, when it is first needed.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple, cast

from signal_client_oci.artifacts.phrases import infinitive, past_tense
from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.severity import DEFAULT, Severity

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
    "IAAS_CONFIGURATION_DETECTOR": "policy_violation",
    "IAAS_CONTAINER_SECURITY_DETECTOR": "policy_violation",
    "IAAS_ACTIVITY_DETECTOR": "config_change",
    "IAAS_LOG_INSIGHT_DETECTOR": "anomalous_behavior",
    "IAAS_INSTANCE_SECURITY_DETECTOR": "malicious_behavior",
    "IAAS_THREAT_DETECTOR": "malicious_behavior",
}
_PREFIX: Final = "com.oraclecloud."
_PHASES: Final = ("begin", "end")
_SIGN_ON: Final = re.compile(r"log-?(?:in|on)|sign-?(?:in|on)")
_MAX_REMEMBERED: Final = 4096
_MAX_LENGTH: Final = 256  # of a type and name that are worth remembering

Row = dict[str, str]


class Meaning(NamedTuple):
    """What an audit event means.

    `vendor_code` is its type and `action` its name as metadata may carry them; `service` and `event` are the parts of
    its type, `phase` is "begin", "end" or ""; `past_tense` and `infinitive` say in words what was done; `signs_in` is
    True for a sign-in, whose outcome decides the message type.
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


class RuleMeaning(NamedTuple):
    """What a problem of a detector rule means."""

    message_type: str
    techniques: list[str]


@cache
def table(name: str) -> list[Row]:
    """Return one of the tables: a dict for each row, by the column names of its first line."""
    text = (files(__package__) / "tables" / f"{name}.tsv").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]


def meaning_of_event(event_type: str, event_name: str) -> Meaning:
    """Return the meaning of an audit event by its type, `com.oraclecloud.<service>.<event>`, and its name."""
    # not an lru_cache, which would remember a name of any length
    found = _meanings.get((event_type, event_name))
    if found is None:
        found = _meaning(event_type, event_name)
        if len(_meanings) >= _MAX_REMEMBERED:
            _meanings.clear()
        if len(event_type) + len(event_name) <= _MAX_LENGTH:
            _meanings[event_type, event_name] = found
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


_meanings: dict[tuple[str, str], Meaning] = {}


def _meaning(event_type: str, event_name: str) -> Meaning:
    service, event, phase = _parts(event_type)
    name = event_name or event
    row = _row(service.lower(), event.lower(), name.lower())
    severity = cast("Severity", row["severity"])
    signs_in = row["messageType"] == "auth_success"
    return Meaning(
        message_type=row["messageType"],
        severity=severity,
        vendor_code=sanitize(event_type),
        action=sanitize(name),
        techniques=techniques_of(row),
        service=service,
        event=event,
        phase=phase,
        past_tense="signed in" if signs_in else past_tense(name),
        infinitive="sign in" if signs_in else infinitive(name),
        signs_in=signs_in,
    )


def _parts(event_type: str) -> tuple[str, str, str]:
    """Split `com.oraclecloud.<service>.<event>[.begin|.end]` into service, event and phase."""
    rest = event_type[len(_PREFIX) :] if event_type.lower().startswith(_PREFIX) else event_type
    rest, _, last = rest.rpartition(".") if rest.lower().endswith((".begin", ".end")) else (rest, "", "")
    service, _, event = rest.rpartition(".")
    return service, event, last.lower()


def _row(service: str, event: str, name: str) -> Row:
    """Return the row of an event: its own, its name's under any service, that of a sign-in, or its verb's."""
    listed, alone = _events()
    found = listed.get((service, event)) or listed.get((service, name)) or alone.get(event) or alone.get(name)
    if found:
        return found
    if _SIGN_ON.search(name) and "sign" in service:
        return {"messageType": "auth_success", "severity": DEFAULT, "techniques": "T1078.004"}
    verbs = [row for row in table("verbs") if (event or name).startswith(row["verb"])]
    unknown = {"messageType": "api_call", "severity": DEFAULT}
    return max(verbs, key=lambda row: len(row["verb"]), default=unknown)


def techniques_of(row: Row) -> list[str]:
    """Return the MITRE ATT&CK techniques of a table's row."""
    return [technique for technique in row.get("techniques", "").split(",") if technique]


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
