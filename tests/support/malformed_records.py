"""Malformed records of every kind that was seen or may come, as exact JSON texts.

All of them are JSON, so that a page that holds one is a sound page: only the record is odd.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from signal_client_oci.sandbox.clocks import to_micros
from signal_client_oci.sandbox.data.audit_events import audit_event
from signal_client_oci.sandbox.data.log_records import LogFields, log_content
from signal_client_oci.sandbox.data.problems import ProblemVersion, StoredProblem
from signal_client_oci.sandbox.http.http_connection import json_bytes

if TYPE_CHECKING:
    from datetime import datetime

    from signal_client_oci.sandbox.data.ground_truth import Emitted
    from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["emit_malformed_records", "malformed_audit_events", "malformed_log_results", "malformed_problems"]

_DEPTH = 3000
_HUGE = 5 * 1024 * 1024
_SHAPELESS = {
    "is_null": b"null",
    "is_number": b"17",
    "is_text": b'"only text"',
    "is_list": b"[]",
    "is_empty": b"{}",
}
_STRANGE_TIMES: dict[str, Any] = {
    "time_null": None,
    "time_number": 1787735384,
    "time_text": "yesterday",
    "time_impossible": "2026-02-30T12:00:00Z",
    "time_leap_second": "2026-06-30T23:59:60Z",
    "time_nanoseconds": "2026-03-02T08:59:59.123456789Z",
    "time_without_zone": "2026-03-02T08:59:59",
    "time_of_year_zero": "0000-00-00T00:00:00Z",
}
_ODD_AUDIT_DATA: dict[str, dict[str, Any]] = {
    "status_number": {"response": {"status": 200, "headers": {"Date": "no list"}, "payload": "text"}},
    "headers_list": {"request": {"headers": [["Accept", "text/html"]], "parameters": None}},
    "identity_null": {"identity": None, "request": None, "response": None, "stateChange": None},
    "identity_text": {"identity": "ada", "request": "GET /", "response": "200", "stateChange": "none"},
    "compartment_empty": {"compartmentId": "", "compartmentName": "", "eventName": ""},
    "tags_list": {"freeformTags": ["a"], "definedTags": {"space": None}, "additionalDetails": [None]},
}
_STRANGE_TEXTS = {
    "deep": b'"deep":' + b"[" * _DEPTH + b"]" * _DEPTH,
    "huge": b'"huge":"' + b"x" * _HUGE + b'"',
    "large_numbers": b'"numbers":[123456789012345678901234567890,1e400,-0.0,1.10,1E+2]',
    "duplicate_names": b'"twice":1,"twice":2',
    "lone_surrogate": b'"text":"\\ud800"',
    "escapes": b'"text":"\\u0000\\u001f\\"\\\\/\\u2028"',
    "not_ascii": '"Überschrift ":"日本語 🐍"'.encode(),
    "blanks": b'\n\t "blanks" :\r\n { } ',
}


def malformed_audit_events(time: datetime, tenancy: str) -> dict[str, bytes]:
    """Return name → text of odd Audit events; the eventId of those that have a usable one is `malformed-<name>`."""

    def event(name: str) -> dict[str, Any]:
        return audit_event(f"malformed-{name}", time, tenancy, (tenancy, "root"), {})

    odd: dict[str, dict[str, Any]] = {name: {"eventTime": value} for name, value in _STRANGE_TIMES.items()}
    odd |= {f"{name}_null": {name: None} for name in event("")}
    odd |= {
        "data_text": {"data": "text"},
        "data_list": {"data": [1]},
        "event_id_number": {"eventId": 17},
        "event_type_list": {"eventType": ["one", "two"]},
        "unknown_fields": {"newField": {"nested": [1, {"deeper": True}]}},
    }
    made = _SHAPELESS | {name: json_bytes(event(name) | changes) for name, changes in odd.items()}
    made |= {f"without_{name}": json_bytes(_without(event(f"without_{name}"), name)) for name in event("")}
    for name, changes in _ODD_AUDIT_DATA.items():
        made[name] = json_bytes(event(name) | {"data": event(name)["data"] | changes})
    return made | {name: _extended(json_bytes(event(name)), text) for name, text in _STRANGE_TEXTS.items()}


def malformed_log_results(time: datetime, place: dict[str, str]) -> dict[str, bytes]:
    """Return name → text of odd elements of `results`; `place` is the `oracle` part of a sound record.

    Most still have a `datetime` and a payload with `sandboxMarker` `malformed-<name>`.
    """

    def content(name: str) -> dict[str, Any]:
        marked = {"payload": {"sandboxMarker": f"malformed-{name}"}}
        return cast("dict[str, Any]", json.loads(log_content(time, time, place, cast("LogFields", marked))))

    def result(inner: object) -> bytes:
        return json_bytes({"data": {"datetime": to_micros(time) // 1000, "logContent": inner}})

    made = dict(_SHAPELESS)
    made |= {name: result(content(name) | {"time": value}) for name, value in _STRANGE_TIMES.items()}
    made |= {f"{name}_null": result(content(f"{name}_null") | {name: None}) for name in content("")}
    made |= {f"{name}_list": result(content(f"{name}_list") | {name: [1, "2"]}) for name in content("")}
    made |= {f"without_{name}": result(_without(content(f"without_{name}"), name)) for name in content("")}
    made |= {f"content_{name}": result(json.loads(text)) for name, text in _SHAPELESS.items()}
    made["data_null"] = b'{"data":null}'
    made["without_datetime"] = json_bytes({"data": {"logContent": content("without_datetime")}})
    for name, value in {"text": "soon", "null": None, "float": 1.5, "negative": -1, "far": 10**20}.items():
        inner = content(f"datetime_{name}")
        made[f"datetime_{name}"] = json_bytes({"data": {"datetime": value, "logContent": inner}})
    made["unknown_fields"] = result(content("unknown_fields") | {"newField": {"nested": [1]}})
    return made | {name: _extended(result(content(name)), text) for name, text in _STRANGE_TEXTS.items()}


def malformed_problems(time: datetime, tenancy: str) -> dict[str, bytes]:
    """Return name → text of odd problems, with `id` `malformed-<name>` where the id is not what is odd."""

    def problem(name: str) -> dict[str, Any]:
        version = ProblemVersion(to_micros(time), "HIGH", "OPEN", time)
        sound = StoredProblem(f"malformed-{name}", tenancy, time, {}).add_version(version)
        return cast("dict[str, Any]", json.loads(sound.summary))

    odd: dict[str, dict[str, Any]] = {
        name: {"timeLastDetected": value} for name, value in _STRANGE_TIMES.items()
    }
    odd |= {f"{name}_null": {name: None} for name in problem("")}
    odd |= {f"{name}_list": {name: [1, "2"]} for name in problem("")}
    odd["unknown_risk"] = {"riskLevel": "APOCALYPTIC"}
    odd["unknown_detail"] = {"lifecycleDetail": "SNOOZED", "lifecycleState": "DORMANT"}
    odd["unknown_fields"] = {"newField": {"nested": [1]}}
    made = _SHAPELESS | {name: json_bytes(problem(name) | changes) for name, changes in odd.items()}
    made |= {
        f"without_{name}": json_bytes(_without(problem(f"without_{name}"), name)) for name in problem("")
    }
    return made | {name: _extended(json_bytes(problem(name)), text) for name, text in _STRANGE_TEXTS.items()}


def emit_malformed_records(tenancy: Tenancy, service: str, region: str, compartment: str) -> list[Emitted]:
    """Put every odd record of a service (audit, logging, cloudguard) into a tenancy, a second apart until now."""
    now = tenancy.clock()
    before = len(tenancy.ground_truth)
    place = {"compartmentid": compartment, "tenantid": tenancy.ocid}
    texts = {
        "audit": lambda: malformed_audit_events(now, tenancy.ocid),
        "logging": lambda: malformed_log_results(now, place),
        "cloudguard": lambda: malformed_problems(now, tenancy.ocid),
    }[service]()
    for age, (name, raw) in enumerate(texts.items()):
        moment = now - timedelta(seconds=len(texts) - age)
        if service == "audit":
            tenancy.emit_audit_event(
                region, compartment, processed=moment, event_id=f"malformed-{name}", raw=raw
            )
        elif service == "logging":
            tenancy.emit_log_record(region, compartment, time=moment, marker=f"malformed-{name}", raw=raw)
        else:
            tenancy.add_problem(compartment, last_detected=moment, raw=raw)
    return list(tenancy.ground_truth)[before:]


def _without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


def _extended(text: bytes, members: bytes) -> bytes:
    """Return the object `text` with more members written at its end."""
    return text[:-1] + b"," + members + b"}"
