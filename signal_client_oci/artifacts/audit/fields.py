"""Declares the fields that are read of an audit event (AuditEvent of Audit API 20190901, schema 2.0)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = [
    "ABSENT",
    "AuditChange",
    "AuditData",
    "AuditEvent",
    "AuditIdentity",
    "AuditRequest",
    "AuditResponse",
]

Text = str | None
Members = dict[str, Any] | None
# a part without a fixed shape, decoded only where it is needed
Part = msgspec.Raw
ABSENT: Final = msgspec.Raw()


class AuditIdentity(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """Who called (`data.identity`); hashable, so that what is mapped of it can be remembered."""

    principal_name: Text = None
    principal_id: Text = None
    auth_type: Text = None
    caller_name: Text = None
    caller_id: Text = None
    tenant_id: Text = None
    ip_address: Text = None
    credentials: Text = None
    user_agent: Text = None
    console_session_id: Text = None


class AuditRequest(msgspec.Struct, rename="camel", gc=False):
    """The request (`data.request`)."""

    id: Text = None
    path: Text = None
    action: Text = None
    parameters: Part = ABSENT
    headers: Part = ABSENT


class AuditResponse(msgspec.Struct, rename="camel", gc=False):
    """The response (`data.response`); the status is usually a string."""

    status: str | int | None = None
    response_time: Text = None
    message: Text = None
    payload: Part = ABSENT


class AuditChange(msgspec.Struct, gc=False):
    """The state before and after (`data.stateChange`)."""

    previous: Members | str = None
    current: Members | str = None


class AuditData(msgspec.Struct, rename="camel", gc=False):
    """The event's own part (`data`); `message` occurs in records of the log group `_Audit` only."""

    event_grouping_id: Text = None
    event_name: Text = None
    compartment_id: Text = None
    compartment_name: Text = None
    resource_name: Text = None
    resource_id: Text = None
    availability_domain: Text = None
    message: Text = None
    freeform_tags: Members | str = None
    defined_tags: Members | str = None
    identity: AuditIdentity | None = None
    request: AuditRequest | None = None
    response: AuditResponse | None = None
    state_change: AuditChange | None = None
    additional_details: Part = ABSENT


class AuditEvent(msgspec.Struct, rename="camel", gc=False):
    """One item of ListEvents."""

    event_type: Text = None
    source: Text = None
    event_id: Text = None
    event_time: Text = None
    data: AuditData | None = None
