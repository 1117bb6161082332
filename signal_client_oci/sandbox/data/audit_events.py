"""Audit events in schema version 2, as ListEvents returns them (package `oci`, `audit/models`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from signal_client_oci.sandbox.clocks import format_time
from signal_client_oci.sandbox.http.http_connection import json_bytes

__all__ = ["SDK_USER_AGENT", "AuditFields", "audit_event", "audit_log_content"]

SDK_USER_AGENT = "Oracle-JavaSDK/3.44.2 (Linux/5.15; Java/17)"


class AuditFields(TypedDict, total=False):
    """What can be chosen of an audit event; the rest is filled in plausibly.

    `processed` (default: now) is what windows filter on, `event_time` (default: 3 s before) what the event
    says, `visible` (default: `processed`) when it can first be read, `searchable` (default: `visible`) when Logging's
    copy of it can first be found. `raw` is used as the event's exact JSON
    text instead of all fields. Dictionaries are merged into their part of the event, `extra` into its top level.
    """

    processed: datetime
    event_time: datetime
    visible: datetime
    searchable: datetime
    event_id: str
    raw: bytes
    event_name: str
    source: str
    event_type: str
    resource_name: str | None
    resource_id: str | None
    principal_name: str | None
    principal_id: str | None
    auth_type: str
    ip_address: str | None
    user_agent: str | None
    credentials: str | None
    action: str
    path: str
    request_headers: dict[str, list[str]]
    status: str
    response_headers: dict[str, list[str]]
    payload: dict[str, Any]
    message: str | None
    state_change: dict[str, Any]
    additional_details: dict[str, Any] | None
    defined_tags: dict[str, dict[str, Any]] | None
    extra: dict[str, Any]


def audit_event(
    event_id: str, event_time: datetime, tenancy: str, compartment: tuple[str, str], fields: AuditFields
) -> dict[str, Any]:
    """Return one event; `compartment` is (OCID, name).

    As in real events, header values are lists and `status` is a string.
    """
    name = fields.get("event_name", "GetInstance")
    source = fields.get("source", "ComputeApi")
    data = {
        "eventGroupingId": None,
        "eventName": name,
        "compartmentId": compartment[0],
        "compartmentName": compartment[1],
        "resourceName": fields.get("resource_name"),
        "resourceId": fields.get("resource_id"),
        "availabilityDomain": "",
        "freeformTags": None,
        "definedTags": fields.get("defined_tags"),
        "identity": _identity(tenancy, fields),
        "request": _request(event_id, event_time, fields),
        "response": _response(event_id, event_time, fields),
        "stateChange": {"previous": None, "current": None} | fields.get("state_change", {}),
        "additionalDetails": fields.get("additional_details"),
    }
    return {
        "eventType": fields.get("event_type", f"com.oraclecloud.{source}.{name}"),
        "cloudEventsVersion": "0.1",
        "eventTypeVersion": "2.0",
        "source": source,
        "eventId": event_id,
        "eventTime": format_time(event_time),
        "contentType": "application/json",
        "data": data,
    } | fields.get("extra", {})


def audit_log_content(event: dict[str, Any], tenancy: str, ingested: datetime) -> bytes:
    """Return the same event as a record of log group `_Audit`, as Logging Search returns `logContent`."""
    data = event["data"]
    content = {
        "data": data | {"message": f"{data['eventName']} succeeded"},
        "dataschema": "2.0",
        "id": event["eventId"],
        "oracle": {
            "compartmentid": data["compartmentId"],
            "ingestedtime": format_time(ingested),
            "loggroupid": "_Audit",
            "tenantid": tenancy,
        },
        "source": data["resourceName"] or "",
        "specversion": "1.0",
        "time": event["eventTime"],
        "type": event["eventType"],
    }
    return json_bytes(content)


def _identity(tenancy: str, fields: AuditFields) -> dict[str, Any]:
    return {
        "principalName": fields.get("principal_name", "ada@example.test"),
        "principalId": fields.get("principal_id"),
        "authType": fields.get("auth_type", "natv"),
        "callerName": None,
        "callerId": None,
        "tenantId": tenancy,
        "ipAddress": fields.get("ip_address", "203.0.113.17"),
        "credentials": fields.get("credentials"),
        "userAgent": fields.get("user_agent", SDK_USER_AGENT),
        "consoleSessionId": None,
    }


def _request(event_id: str, event_time: datetime, fields: AuditFields) -> dict[str, Any]:
    request_id = event_id.replace("-", "").upper()
    headers = {
        "Accept": ["application/json"],
        "Connection": ["close"],
        "User-Agent": [fields.get("user_agent") or SDK_USER_AGENT],
        "opc-request-id": [request_id],
        "Date": [event_time.strftime("%a, %d %b %Y %H:%M:%S UTC")],
    }
    return {
        "id": request_id,
        "path": fields.get("path", "/20160918/instances"),
        "action": fields.get("action", "GET"),
        "parameters": {},
        "headers": headers | fields.get("request_headers", {}),
    }


def _response(event_id: str, event_time: datetime, fields: AuditFields) -> dict[str, Any]:
    headers = {"Content-Type": ["application/json"], "opc-request-id": [event_id.replace("-", "").upper()]}
    return {
        "status": fields.get("status", "200"),
        "responseTime": format_time(event_time),
        "headers": headers | fields.get("response_headers", {}),
        "payload": fields.get("payload", {}),
        "message": fields.get("message"),
    }
