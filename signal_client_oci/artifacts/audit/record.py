"""Reads one audit event: its identity first, its artifact when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditEvent
from signal_client_oci.artifacts.audit.mapping import NO_DATA, audit_metadata
from signal_client_oci.artifacts.envelope import (
    UNREADABLE_RECORD,
    build_artifact,
    bytes_identity,
    fields_identity,
)
from signal_client_oci.artifacts.lenient_decode import ParseError, any_unreadable, decode_fields
from signal_client_oci.artifacts.sanitize import is_clean
from signal_client_oci.artifacts.times import identity_time, utc_text

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import MappedRecord, Origin

__all__ = ["IDENTITY_FIELDS", "AuditRecord", "audit_identity", "read_audit_event"]

_DECODER: Final = msgspec.json.Decoder(AuditEvent)
_DATA: Final = frozenset({"data"})
# where one of these cannot be read, the event is identified by its bytes
IDENTITY_FIELDS: Final = frozenset(
    {
        "eventId",
        "eventTime",
        "eventType",
        "data",
        "data.eventName",
        "data.compartmentId",
        "data.resourceId",
        "data.eventGroupingId",
    }
)


class AuditRecord:
    """One audit event: its identity at once, its artifact when asked, because most duplicates are never mapped.

    `compartment` is None: a request names one compartment, and all its events belong to it. Nobody asks for `minute`.
    """

    __slots__ = ("_event", "_parse_errors", "id", "origin", "text")
    compartment: Final = None
    minute: Final = None

    def __init__(self, text: bytes, origin: Origin) -> None:
        self.text, self.origin = text, origin
        self._event, self._parse_errors = decode_fields(text, _DECODER, AuditEvent)
        identified = not any_unreadable(self._parse_errors, IDENTITY_FIELDS)
        self.id = audit_identity(text, origin, self._event if identified else None)

    def to_artifact(self, *, harmless: bool = False) -> MappedRecord:
        """Return the event's artifact; `harmless` says that its text is known to hold no secret."""
        text, event, parse_errors = self.text, self._event, self._parse_errors
        if event.data is None and not any_unreadable(parse_errors, _DATA):
            parse_errors = [*parse_errors, ParseError("data", "missing")]
        timestamp = utc_text(event.event_time or "")
        if timestamp is None:
            parse_errors = [*parse_errors, ParseError("eventTime", "not a readable time")]
            timestamp = self.origin.read_at
        clean = not parse_errors and is_clean(text)
        metadata = audit_metadata(event, self.origin, timestamp, clean=clean)
        if not event.event_type and event.data is None:
            metadata["messageType"], metadata["message"] = UNREADABLE_RECORD
        signed = None if self._parse_errors else event.data
        redact = self.origin.redact and not harmless
        return build_artifact(self.id, timestamp, metadata, text, parse_errors, redact=redact, signed=signed)


def audit_identity(text: bytes, origin: Origin, event: AuditEvent | None) -> str:
    """Return the id of an audit event: by its fields when it has an event id, else (and for None) by its bytes.

    The service's event id alone is not enough: OCI does not promise that it never repeats, and a long
    operation has two events in one group. A field that is null, empty or missing counts the same.
    """
    if event is None or not event.event_id:
        return bytes_identity("audit", origin.tenancy_ocid, origin.region, text)
    data = event.data or NO_DATA
    return fields_identity(
        "audit",
        origin.tenancy_ocid,
        origin.region,
        (
            event.event_id,
            identity_time(event.event_time or ""),
            event.event_type or "",
            data.event_name or "",
            data.compartment_id or "",
            data.resource_id or "",
            data.event_grouping_id or "",
        ),
    )


def read_audit_event(text: bytes, origin: Origin) -> AuditRecord:
    """Return one item of ListEvents as a record; never raises, whatever the bytes."""
    return AuditRecord(text, origin)
