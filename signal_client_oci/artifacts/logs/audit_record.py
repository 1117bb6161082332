"""Reads an audit event that Logging Search returned: the same id and the same fields as from ListEvents.

Logging puts the event into its own envelope (`logContent`): its id, type and time are those of the event, its data is
the event's data. What the envelope adds is not part of the event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditEvent
from signal_client_oci.artifacts.audit.mapping import audit_metadata
from signal_client_oci.artifacts.audit.record import IDENTITY_FIELDS, audit_identity
from signal_client_oci.artifacts.envelope import UNREADABLE_RECORD, build_artifact, bytes_identity
from signal_client_oci.artifacts.lenient_decode import ParseError, any_unreadable, decode_fields
from signal_client_oci.artifacts.logs.fields import AuditLog
from signal_client_oci.artifacts.sanitize import is_clean
from signal_client_oci.artifacts.times import utc_moment, utc_text, utc_text_of_epoch
from signal_client_oci.artifacts.vocabulary import meaning_of_event

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import MappedRecord, Origin

__all__ = ["SearchedEvent", "event_of_log", "identity_of_event", "read_searched_event"]

_DECODER: Final = msgspec.json.Decoder(AuditLog)
# the fields that identify an audit event, under the paths that a log record has them at
_IDENTITY: Final = frozenset(
    "logContent." + {"eventId": "id", "eventTime": "time", "eventType": "type"}.get(field, field)
    for field in IDENTITY_FIELDS
) | {"logContent"}
_DATA: Final = frozenset({"logContent", "logContent.data"})


class SearchedEvent:
    """One audit event of Logging Search: its identity at once, its artifact when asked.

    `compartment` is the OCID of the compartment that it belongs to, None where it names none; `event_id` the id that
    Audit gave it, "" where it has none.
    """

    __slots__ = ("_event", "_log", "_parse_errors", "compartment", "event_id", "id", "origin", "text")

    def __init__(self, text: bytes, origin: Origin) -> None:
        self.text, self.origin = text, origin
        self._log, self._parse_errors = decode_fields(text, _DECODER, AuditLog)
        self._event = event_of_log(self._log)
        self.id = identity_of_event(text, origin, self._event, self._parse_errors)
        self.event_id = self._event.event_id or ""
        content, data = self._log.log_content, self._event.data
        place = content.oracle.compartmentid if content and content.oracle else None
        self.compartment = place or (data.compartment_id if data else None) or None

    @property
    def minute(self) -> int | None:
        """The minute since 1970 in which it happened, None where that cannot be read."""
        moment = utc_moment(self._time() or "")
        return None if moment is None else int(moment.timestamp() // 60)

    def _time(self) -> str | None:
        found = utc_text(self._event.event_time or "")
        if found is None and self._log.datetime is not None:
            found = utc_text_of_epoch(self._log.datetime)
        return found

    def to_artifact(self, *, harmless: bool = False) -> MappedRecord:
        """Return the event's artifact, as Audit maps it; `harmless` says that its text is known to hold no secret."""
        text, event, parse_errors = self.text, self._event, self._parse_errors
        if event.data is None and not any_unreadable(parse_errors, _DATA):
            parse_errors = [*parse_errors, ParseError("logContent.data", "missing")]
        timestamp = self._time()
        if timestamp is None:
            parse_errors = [*parse_errors, ParseError("logContent.time", "not a readable time")]
            timestamp = self.origin.read_at
        clean = not parse_errors and is_clean(text)
        metadata = audit_metadata(event, self.origin, timestamp, clean=clean)
        if not event.event_type and event.data is None:
            metadata["messageType"], metadata["message"] = UNREADABLE_RECORD
        redact, signed = self.origin.redact and not harmless, event.data
        return build_artifact(self.id, timestamp, metadata, text, parse_errors, redact=redact, signed=signed)


def read_searched_event(text: bytes, origin: Origin) -> SearchedEvent:
    """Return one `results[].data` of a search of audit events as a record; never raises, whatever the bytes."""
    return SearchedEvent(text, origin)


def event_of_log(log: AuditLog) -> AuditEvent:
    """Return the audit event that a record of the log group `_Audit` carries.

    Its `source` is the name of the resource, where an event of Audit has the name of the service.
    """
    content = log.log_content
    if content is None:
        return AuditEvent()
    data = content.data
    if data and not data.resource_name and content.source not in {None, "", "-"}:
        data.resource_name = content.source
    service = meaning_of_event(content.type or "", "").service
    return AuditEvent(content.type, service, content.id, content.time, data)


def identity_of_event(text: bytes, origin: Origin, event: AuditEvent, parse_errors: list[ParseError]) -> str:
    """Return the id that Audit gives the event; one by the record's bytes where it has no id of its own."""
    if not event.event_id:
        return bytes_identity("log", origin.tenancy_ocid, origin.region, text)
    identified = not any_unreadable(parse_errors, _IDENTITY)
    return audit_identity(text, origin, event if identified else None)
