"""Maps a log record's fields to the host's names, by the type of the log.

The table `log_types` names the mapping for each type. Copies of audit events, whatever log they are in, are mapped as
Audit maps them.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditData, AuditEvent
from signal_client_oci.artifacts.audit.mapping import audit_metadata
from signal_client_oci.artifacts.envelope import UNREADABLE_RECORD, base_metadata, sender_host
from signal_client_oci.artifacts.lenient_decode import ParseError, decode_fields, decode_leniently
from signal_client_oci.artifacts.logs import host_logs, network_logs, web_logs
from signal_client_oci.artifacts.logs.fields import Fields, Flow, Log, LogContent, LogOracle
from signal_client_oci.artifacts.redaction import redact_value
from signal_client_oci.artifacts.sanitize import sanitize, set_fields
from signal_client_oci.artifacts.vocabulary import meaning_of_event, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.severity import Severity
    from signal_client_oci.artifacts.vocabulary import Row

__all__ = ["NO_CONTENT", "add_envelope", "add_place", "flow_metadata", "log_metadata", "open_data", "row_of"]

MAX_MESSAGE: Final = 1024  # characters of a record's data that replace a missing message
MAX_TYPE: Final = 256  # characters of a log type that are looked at

_AUDIT_DATA: Final = msgspec.json.Decoder(AuditData)
NO_CONTENT: Final = LogContent()
NO_ORACLE: Final = LogOracle()

_MAPPINGS: Final[dict[str, Callable[[Fields, LogOracle, Metadata], None]]] = {
    "dns": network_logs.dns,
    "firewall": network_logs.firewall,
    "flow": network_logs.flow,
    "function": host_logs.function,
    "host_line": host_logs.host_line,
    "kubernetes": host_logs.kubernetes,
    "line": host_logs.line,
    "object_access": web_logs.object_access,
    "rule_run": host_logs.rule_run,
    "service_error": web_logs.service_error,
    "waf": web_logs.waf,
    "web": web_logs.web,
}
_DEFAULT_ROW: Final = {"mapping": "line", "messageType": "log_message", "severity": "informational"}


def log_metadata(log: Log, data: Fields, origin: Origin, timestamp: str) -> Metadata:
    """Map a record of any log but `_Audit`; `data` is the record's own data (`open_data`)."""
    content = log.log_content or NO_CONTENT
    if log.log_content and _is_audit_copy(data):
        return _audit_copy_metadata(content, data, origin, timestamp)
    row = row_of(content.type)
    if host_logs.is_kubernetes_audit(data):
        row = {**row, "mapping": "kubernetes"}
    metadata = _place_metadata(content, origin, timestamp, clean=False)
    if not data.values and not content.type:
        metadata["messageType"], metadata["message"] = UNREADABLE_RECORD
    oracle = content.oracle or NO_ORACLE
    _MAPPINGS[row["mapping"]](data, oracle, metadata)
    source = metadata.get("oci.source") or metadata.get("oci.subject")
    _complete(metadata, data, oracle, source if isinstance(source, str) else None, redact=origin.redact)
    return metadata


def _is_audit_copy(data: Fields) -> bool:
    """Return whether a record of another log is a copy of an audit event: no other record has these members."""
    values = data.values
    return isinstance(values.get("eventName"), str) and all(
        isinstance(values.get(part), dict) for part in ("identity", "response")
    )


def _audit_copy_metadata(content: LogContent, data: Fields, origin: Origin, timestamp: str) -> Metadata:
    """Map a copy of an audit event as Audit would, however it came into this log."""
    event, errors = decode_fields(bytes(content.data), _AUDIT_DATA, AuditData)
    data.parse_errors += [ParseError(f"{data.path}.{error.field}", error.detail) for error in errors]
    service = meaning_of_event(content.type or "", "").service
    copied = AuditEvent(content.type, service, content.id, content.time, event)
    metadata = audit_metadata(copied, origin, timestamp, clean=False)
    add_place(metadata, content, clean=False)
    return metadata


def open_data(log: Log, text: bytes, parse_errors: list[ParseError]) -> Fields:
    """Return a record's own data: `logContent.data` (a line of text as its `message`), or all of a bare record."""
    content = log.log_content
    raw, path = (bytes(content.data), "logContent.data") if content else (text, "record")
    values = decode_leniently(raw) if raw else None
    if values is None and raw not in {b"", b"null"} and not parse_errors:
        parse_errors.append(ParseError(path, "not valid JSON"))
    if content and values is not None and not isinstance(values, dict):
        values = {"message": values if isinstance(values, str) else raw.decode("utf-8", "replace")}
    return Fields(values, path, parse_errors)


def flow_metadata(log: Log, flow: Flow, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map a VCN flow record whose data was decoded in one go; `clean` as for `set_fields`."""
    content = log.log_content or NO_CONTENT
    metadata = _place_metadata(content, origin, timestamp, clean=clean)
    oracle = content.oracle or NO_ORACLE
    network_logs.known_flow(flow, metadata, clean=clean)
    if "senderHost" not in metadata or "action" not in metadata:
        _complete(metadata, Fields(None, "", []), oracle, None, redact=origin.redact)
    return metadata


def _place_metadata(content: LogContent, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Return a record's first metadata: where it comes from, remembered, because most records share it with others."""
    oracle = content.oracle or NO_ORACLE
    place = _cached_place if clean else _place
    metadata = place(
        origin,
        content.type,
        content.source,
        content.subject,
        oracle.loggroupid,
        oracle.logid,
        oracle.compartmentid,
        oracle.vnicocid,
        oracle.vnicsubnetocid,
    ).copy()
    metadata["startTimeUTC"] = timestamp
    return metadata


def _place(  # noqa: PLR0913  (positional, because the cache is asked for every record)
    origin: Origin,
    log_type: str | None,
    source: str | None,
    subject: str | None,
    group: str | None,
    log: str | None,
    compartment: str | None,
    vnic: str | None,
    subnet: str | None,
) -> Metadata:
    """Return the metadata of all records of one log about one thing; the caller copies it and never changes it."""
    row = row_of(log_type)
    severity = cast("Severity", row["severity"])
    metadata = base_metadata(
        origin, "oci_cloud_logging", row["messageType"], severity, sanitize(log_type or "")
    )
    fields = (
        ("oci.source", source if source != "-" else None),
        ("oci.subject", subject if subject != "-" else None),
        ("oci.logGroupId", group),
        ("oci.logId", log),
        ("oci.compartmentId", compartment),
    )
    set_fields(metadata, fields)
    if row["mapping"] == "flow":
        set_fields(metadata, (("senderHost", vnic), ("oci.vnicId", vnic), ("oci.subnetId", subnet)))
    return metadata


# only of clean records, whose small size bounds the cache
_cached_place: Final = lru_cache(maxsize=1024)(_place)


def row_of(log_type: str | None) -> Row:
    """Return the row of the longest listed prefix of a log type."""
    return _row((log_type or "")[:MAX_TYPE])


@lru_cache(maxsize=1024)
def _row(log_type: str) -> Row:
    rows = [row for row in table("log_types") if log_type.lower().startswith(row["type"])]
    return max(rows, key=lambda row: len(row["type"]), default=_DEFAULT_ROW)


def _complete(metadata: Metadata, data: Fields, oracle: LogOracle, name: str | None, *, redact: bool) -> None:
    """Add the fields by which the host tells records apart, when the mapping found no value for them.

    A record without an action gets one from its message, so that only records with the same message are taken for
    repeats.
    """
    if "message" not in metadata:
        text = json.dumps(data.values, ensure_ascii=False, default=str) if data.values else ""
        set_fields(metadata, (("message", _shortened(text, redact=redact)),))
    if "senderHost" not in metadata:
        # an OCID tells things apart by itself; a mere name is not unique beyond its log
        log_id = None if name and name.startswith("ocid1.") else oracle.logid
        set_fields(metadata, (("senderHost", sender_host(name, log_id)),))
    if "action" not in metadata:
        # masked first: a digest of a secret could be guessed by trying
        message = str(metadata.get("message", "")).encode("utf-8", "replace")
        masked = redact_value(message)[0] if redact else message
        metadata["action"] = f"logged {hashlib.blake2b(masked, digest_size=6).hexdigest()}"


def _shortened(text: str, *, redact: bool) -> str:
    """Return the beginning of a record's data as a message; masked first, because a cut secret is not recognised."""
    if not redact:
        return text[:MAX_MESSAGE]
    return redact_value(text.encode("utf-8", "surrogatepass"))[0].decode("utf-8", "replace")[:MAX_MESSAGE]


def add_place(metadata: Metadata, content: LogContent, *, clean: bool) -> None:
    """Add where Logging keeps a record that was mapped as an audit event; `clean` as for `set_fields`."""
    oracle = content.oracle or NO_ORACLE
    fields = (
        ("oci.logGroupId", oracle.loggroupid),
        ("oci.logId", oracle.logid),
        ("oci.compartmentId", None if "oci.compartmentId" in metadata else oracle.compartmentid),
    )
    set_fields(metadata, fields, clean=clean)


def add_envelope(metadata: Metadata, content: LogContent, *, clean: bool) -> None:
    """Add Logging's own id and time of this record; `clean` as for `set_fields`."""
    ingested = content.oracle.ingestedtime if content.oracle else None
    set_fields(metadata, (("oci.recordId", content.id), ("oci.ingestedTime", ingested)), clean=clean)
