"""What a log record's fields become in the host's names, by the type of the log."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditData, AuditEvent
from signal_client_oci.artifacts.audit.mapping import audit_metadata, sender
from signal_client_oci.artifacts.envelope import UNREADABLE, base_metadata
from signal_client_oci.artifacts.lenient_decode import plain_json, read_fields
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

MAX_SAID: Final = 1024  # characters of a record's data that stand in for a message
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
_OTHERWISE: Final = {"mapping": "line", "messageType": "log_message", "severity": "informational"}


def log_metadata(log: Log, data: Fields, origin: Origin, timestamp: str) -> Metadata:
    """Map a record of any log but `_Audit`; `data` is its open data."""
    content = log.log_content or NO_CONTENT
    if log.log_content and _is_audit_event(data):
        return _audit_metadata(content, data, origin, timestamp)
    row = row_of(content.type)
    if host_logs.is_kubernetes_audit(data):
        row = {**row, "mapping": "kubernetes"}
    metadata = _placed(content, origin, timestamp, clean=False)
    if not data.values and not content.type:
        metadata["messageType"], metadata["message"] = UNREADABLE
    oracle = content.oracle or NO_ORACLE
    _MAPPINGS[row["mapping"]](data, oracle, metadata)
    source = metadata.get("oci.source") or metadata.get("oci.subject")
    _complete(metadata, data, oracle, source if isinstance(source, str) else None, redact=origin.redact)
    return metadata


def _is_audit_event(data: Fields) -> bool:
    """Tell whether a record of another log is a copy of an audit event: only these name who called and the answer."""
    values = data.values
    return isinstance(values.get("eventName"), str) and all(
        isinstance(values.get(part), dict) for part in ("identity", "response")
    )


def _audit_metadata(content: LogContent, data: Fields, origin: Origin, timestamp: str) -> Metadata:
    """Map a copy of an audit event as Audit would, by whatever way it came into this log."""
    event, parse_errors = read_fields(bytes(content.data), _AUDIT_DATA, AuditData)
    data.parse_errors += [f"{data.path}.{parse_error}" for parse_error in parse_errors]
    service = meaning_of_event(content.type or "", "").service
    copied = AuditEvent(content.type, service, content.id, content.time, event)
    metadata = audit_metadata(copied, origin, timestamp, clean=False)
    add_place(metadata, content, clean=False)
    return metadata


def open_data(log: Log, text: bytes, parse_errors: list[str]) -> Fields:
    """Give a record's own data: `logContent.data`, a line of text as a message, or the whole of a bare record."""
    content = log.log_content
    raw, path = (bytes(content.data), "logContent.data") if content else (text, "record")
    values = plain_json(raw) if raw else None
    if values is None and raw not in {b"", b"null"} and not parse_errors:
        parse_errors.append(f"{path}: no valid JSON")
    if content and values is not None and not isinstance(values, dict):
        values = {"message": values if isinstance(values, str) else raw.decode("utf-8", "replace")}
    return Fields(values, path, parse_errors)


def flow_metadata(log: Log, flow: Flow, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map a VCN flow record whose data was read in one go; `clean` as for `set_fields`."""
    content = log.log_content or NO_CONTENT
    metadata = _placed(content, origin, timestamp, clean=clean)
    oracle = content.oracle or NO_ORACLE
    network_logs.known_flow(flow, metadata, clean=clean)
    if "senderHost" not in metadata or "action" not in metadata:
        _complete(metadata, Fields(None, "", []), oracle, None, redact=origin.redact)
    return metadata


def _placed(content: LogContent, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Begin a log record's metadata with where it comes from, which most records share with others."""
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
    """Give the metadata of all records of one log about one thing; it is copied, never changed."""
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


# of harmless records only, whose size bounds what is kept
_cached_place: Final = lru_cache(maxsize=1024)(_place)


def row_of(log_type: str | None) -> Row:
    """Find the row of a log type by the longest beginning that is listed."""
    return _row((log_type or "")[:MAX_TYPE])


@lru_cache(maxsize=1024)
def _row(log_type: str) -> Row:
    known = [row for row in table("log_types") if log_type.lower().startswith(row["type"])]
    return max(known, key=lambda row: len(row["type"]), default=_OTHERWISE)


def _complete(metadata: Metadata, data: Fields, oracle: LogOracle, name: str | None, *, redact: bool) -> None:
    """Give a record what it lacks of the fields by which the host tells records apart.

    Without an action of its own a record gets one from what it says, so that only lines that say the same
    are taken for repeats.
    """
    if "message" not in metadata:
        said = json.dumps(data.values, ensure_ascii=False, default=str) if data.values else ""
        set_fields(metadata, (("message", _cut(said, redact=redact)),))
    if "senderHost" not in metadata:
        apart = None if name and name.startswith("ocid1.") else oracle.logid
        set_fields(metadata, (("senderHost", sender(name, apart)),))
    if "action" not in metadata:
        message = str(metadata.get("message", "")).encode("utf-8", "replace")
        masked = redact_value(message)[0] if redact else message
        metadata["action"] = f"logged {hashlib.blake2b(masked, digest_size=6).hexdigest()}"


def _cut(said: str, *, redact: bool) -> str:
    """Cut a record's data to the length of a message; masked before, as a part alone may not tell what is secret in it."""
    if not redact:
        return said[:MAX_SAID]
    return redact_value(said.encode("utf-8", "surrogatepass"))[0].decode("utf-8", "replace")[:MAX_SAID]


def add_place(metadata: Metadata, content: LogContent, *, clean: bool) -> None:
    """Add where Logging keeps a record that is mapped as an audit event; `clean` as for `set_fields`."""
    oracle = content.oracle or NO_ORACLE
    fields = (
        ("oci.logGroupId", oracle.loggroupid),
        ("oci.logId", oracle.logid),
        ("oci.compartmentId", None if "oci.compartmentId" in metadata else oracle.compartmentid),
    )
    set_fields(metadata, fields, clean=clean)


def add_envelope(metadata: Metadata, content: LogContent, *, clean: bool) -> None:
    """Add what Logging says of this very record; `clean` as for `set_fields`."""
    ingested = content.oracle.ingestedtime if content.oracle else None
    set_fields(metadata, (("oci.recordId", content.id), ("oci.ingestedTime", ingested)), clean=clean)
