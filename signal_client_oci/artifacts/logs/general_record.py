"""Reads a record of Logging Search of whatever log and shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditEvent
from signal_client_oci.artifacts.audit.mapping import audit_metadata
from signal_client_oci.artifacts.envelope import build_artifact, bytes_identity
from signal_client_oci.artifacts.lenient_decode import (
    DECODE_ERRORS,
    ParseError,
    decode_fields,
)
from signal_client_oci.artifacts.logs.audit_record import event_of_log, identity_of_event
from signal_client_oci.artifacts.logs.fields import AUDIT_GROUPS, AuditLog, KnownFlow, Log
from signal_client_oci.artifacts.logs.mapping import (
    NO_CONTENT,
    add_envelope,
    add_place,
    flow_metadata,
    log_metadata,
    open_data,
    row_of,
)
from signal_client_oci.artifacts.sanitize import is_clean
from signal_client_oci.artifacts.times import utc_text, utc_text_of_epoch

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import MappedRecord, Origin

__all__ = ["GeneralRecord"]

_DECODER: Final = msgspec.json.Decoder(Log)
_FLOW_DECODER: Final = msgspec.json.Decoder(KnownFlow)
_AUDIT_DECODER: Final = msgspec.json.Decoder(AuditLog)


class GeneralRecord:
    """One log record: its identity at once, its artifact when asked.

    `from_audit` is True for an audit event (log group `_Audit`), `compartment` is the OCID of the compartment that
    the record names, None when it names none. Nobody asks for `minute`.
    """

    __slots__ = ("_log", "_parse_errors", "compartment", "from_audit", "id", "origin", "text")
    minute: Final = None

    def __init__(self, text: bytes, origin: Origin) -> None:
        self.text, self.origin = text, origin
        self._log, self._parse_errors = decode_fields(text, _DECODER, Log)
        content = self._log.log_content
        oracle = content.oracle if content else None
        self.from_audit = oracle is not None and oracle.loggroupid in AUDIT_GROUPS
        self.compartment = (oracle.compartmentid or None) if oracle else None
        if self.from_audit:
            self.id = self._event_identity()
        else:  # `logContent.id` repeats
            self.id = bytes_identity("log", origin.tenancy_ocid, origin.region, text)

    def _event_identity(self) -> str:
        """Return the id that Audit would give the event."""
        event, parse_errors = _decode_audit_event(self.text)
        self._parse_errors += [error for error in parse_errors if error not in self._parse_errors]
        return identity_of_event(self.text, self.origin, event, parse_errors)

    def to_artifact(self, *, harmless: bool = False) -> MappedRecord:
        """Return the record's artifact; an audit event is mapped as Audit maps it.

        `harmless` says that its text is known to hold no secret.
        """
        text, log, flow = self.text, self._log, _decode_flow(self._log)
        parse_errors = list(self._parse_errors)
        timestamp = _timestamp(log, parse_errors) or self.origin.read_at
        clean = not parse_errors and is_clean(text)
        if self.from_audit:
            metadata = audit_metadata(_decode_audit_event(text)[0], self.origin, timestamp, clean=clean)
            add_place(metadata, log.log_content or NO_CONTENT, clean=clean)
        elif flow:
            metadata = flow_metadata(log, flow, self.origin, timestamp, clean=clean)
        else:
            metadata = log_metadata(log, open_data(log, text, parse_errors), self.origin, timestamp)
        if not flow:
            add_envelope(metadata, log.log_content or NO_CONTENT, clean=clean)
        redact = self.origin.redact and not harmless
        return build_artifact(self.id, timestamp, metadata, text, parse_errors, redact=redact)


def _decode_flow(log: Log) -> KnownFlow | None:
    """Return the data of a flow record that has no members but the usual ones; None for any other record.

    Decoded straight into fields they are mapped in less time than those of other shapes (`flow_logs.flow`).
    """
    content = log.log_content
    if content is None or row_of(content.type)["mapping"] != "flow":
        return None
    try:
        return _FLOW_DECODER.decode(content.data)
    except DECODE_ERRORS:
        return None


def _timestamp(log: Log, parse_errors: list[ParseError]) -> str | None:
    """Return the record's time: `datetime` (epoch milliseconds), else the envelope's `time`."""
    written, content = log.datetime, log.log_content
    if written is not None:
        found = utc_text_of_epoch(written) or (utc_text(written) if isinstance(written, str) else None)
        if found:
            return found
        parse_errors.append(ParseError("datetime", "not a readable time"))
    if content and content.time:
        found = utc_text(content.time)
        if found:
            return found
        parse_errors.append(ParseError("logContent.time", "not a readable time"))
    if not parse_errors:
        parse_errors.append(ParseError("datetime", "missing"))
    return None


def _decode_audit_event(text: bytes) -> tuple[AuditEvent, list[ParseError]]:
    """Return the audit event that a record of `_Audit` carries."""
    log, parse_errors = decode_fields(text, _AUDIT_DECODER, AuditLog)
    return event_of_log(log), parse_errors
