"""Maps a log record's fields to the host's names, by the type of the log.

The table `log_types` names the mapping for each type. Copies of audit events, whatever log they are in, are mapped as
Audit maps them.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditData, AuditEvent
from signal_client_oci.artifacts.audit.mapping import audit_metadata
from signal_client_oci.artifacts.envelope import UNREADABLE_RECORD, base_metadata, sender_host
from signal_client_oci.artifacts.lenient_decode import ParseError, decode_fields, decode_leniently
from signal_client_oci.artifacts.logs import (
    database_logs,
    email_logs,
    host_logs,
    network_logs,
    web_logs,
    windows_logs,
)
from signal_client_oci.artifacts.logs.fields import Fields, Flow, Log, LogContent, LogOracle
from signal_client_oci.artifacts.logs.flows import flow_logs
from signal_client_oci.artifacts.redaction import redact_value
from signal_client_oci.artifacts.sanitize import sanitize, set_fields
from signal_client_oci.artifacts.table_rows import table
from signal_client_oci.artifacts.vocabulary import meaning_of_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.artifacts.envelope import Metadata, Origin
    from signal_client_oci.artifacts.severity import Severity
    from signal_client_oci.artifacts.table_rows import Row

__all__ = [
    "NO_CONTENT",
    "add_envelope",
    "add_place",
    "flow_metadata",
    "log_metadata",
    "open_data",
    "place_metadata",
    "row_of",
]

MAX_MESSAGE: Final = 1024  # characters of a record's data that replace a missing message
MAX_TYPE: Final = 256  # characters of a log type that are looked at

_AUDIT_DATA: Final = msgspec.json.Decoder(AuditData)
NO_CONTENT: Final = LogContent()
NO_ORACLE: Final = LogOracle()

# by the column `mapping` of the table `log_types`
_MAPPINGS: Final[dict[str, Callable[[Fields, LogOracle, Metadata], None]]] = {
    "database": database_logs.database_audit,
    "dns": network_logs.dns,
    "email": email_logs.email,
    "firewall": network_logs.firewall,
    "flow": flow_logs.flow,
    "function": host_logs.function,
    "host_line": host_logs.host_line,
    "kubernetes": host_logs.kubernetes,
    "line": host_logs.line,
    "object_access": web_logs.object_access,
    "rule_run": host_logs.rule_run,
    "service_error": web_logs.service_error,
    "waf": web_logs.waf,
    "web": web_logs.web,
    "windows": windows_logs.windows_event,
}
# records of whatever shape: what of them no field of the host's filter holds goes into `senderHost` as a digest
_OPEN: Final = frozenset({"line", "host_line", "function", "rule_run", "service_error"})
_HIDDEN: Final = frozenset(
    {"-", "*"}
)  # what agents and services write for a source or type that they do not tell
# parts of the names of members that differ with every record of the same event
_VOLATILE: Final = frozenset(
    {
        "time",
        "date",
        "datetime",
        "timestamp",
        "ts",
        "at",
        "ms",
        "duration",
        "latency",
        "elapsed",
        "bytes",
        "size",
        "port",
        "pid",
    }
    | {"thread", "offset", "seq", "sequence", "uuid", "guid", "nonce", "scn"}
)
_VOLATILE_IDS: Final = re.compile(
    r"(?:id|.*(?:request|trace|span|correlation|message|record|transaction|invocation|session|connection|event)_?id)",
    re.IGNORECASE,
)
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_DEFAULT_ROW: Final = {"mapping": "line", "messageType": "log_message", "severity": "informational"}


def log_metadata(log: Log, data: Fields, origin: Origin, timestamp: str) -> Metadata:
    """Map a record of any log but `_Audit`; `data` is the record's own data (`open_data`)."""
    content = log.log_content or NO_CONTENT
    if log.log_content and _is_audit_copy(data):
        return _audit_copy_metadata(content, data, origin, timestamp)
    mapping = _mapping_of(content, data)
    metadata, oracle = place_metadata(*_place_of(content, origin)), content.oracle or NO_ORACLE
    if row_of(content.type)["mapping"] == "flow":
        _add_vnic(metadata, oracle, clean=False)
    metadata["startTimeUTC"] = timestamp
    if not data.values and not content.type:
        metadata["messageType"], metadata["message"] = UNREADABLE_RECORD
    before = metadata["messageType"]
    _MAPPINGS[mapping](data, oracle, metadata)
    source = metadata.get("oci.source") or metadata.get("oci.subject")
    is_open = mapping in _OPEN and metadata["messageType"] == before
    name = source if isinstance(source, str) else None
    _complete(metadata, data, oracle, name, is_open=is_open, redact=origin.redact)
    return metadata


def _mapping_of(content: LogContent, data: Fields) -> str:
    """Return the mapping of a record: by its members where they tell what it is, else by the type of its log."""
    if host_logs.is_kubernetes_audit(data):
        return "kubernetes"
    mapping = row_of(content.type)["mapping"]
    if mapping in _OPEN and windows_logs.is_windows_event(data):
        return "windows"
    return "database" if mapping in _OPEN and database_logs.is_database_audit(data) else mapping


def _is_audit_copy(data: Fields) -> bool:
    """Return whether a record of another log is a copy of an audit event: no other record has these members."""
    values = data.values
    return isinstance(values.get("eventName"), str) and all(
        isinstance(values.get(part), dict) for part in ("identity", "response")
    )


def _audit_copy_metadata(content: LogContent, data: Fields, origin: Origin, timestamp: str) -> Metadata:
    """Map a copy of an audit event as Audit would, however it came into this log."""
    event, errors = decode_fields(bytes(content.data), _AUDIT_DATA, AuditData)
    data.parse_errors += [error.within(data.path) for error in errors]
    # `source` names the resource here, where an event of Audit names the service
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
    # a record with another parse error says already why its data could not be read
    if values is None and raw not in {b"", b"null"} and not parse_errors:
        parse_errors.append(ParseError(path, "not valid JSON"))
    if isinstance(values, str) and values.startswith("{"):
        written = decode_leniently(values.encode("utf-8", "replace"))
        values = written if isinstance(written, dict) else values
    if content and values is not None and not isinstance(values, dict):
        values = {"message": values if isinstance(values, str) else raw.decode("utf-8", "replace")}
    return Fields(values, path, parse_errors)


def flow_metadata(log: Log, flow: Flow, origin: Origin, timestamp: str, *, clean: bool) -> Metadata:
    """Map a VCN flow record whose data was decoded in one go, its envelope too; `clean` as for `set_fields`."""
    content = log.log_content or NO_CONTENT
    oracle = content.oracle or NO_ORACLE
    place = _place_of(content, origin)
    metadata = _cached_place(*place).copy() if clean else place_metadata(*place)
    _add_vnic(metadata, oracle, clean=clean)
    metadata["startTimeUTC"] = timestamp
    flow_logs.known_flow(flow, metadata, clean=clean)
    # nearly every flow has both, and the check spares the work of completing it
    if "senderHost" not in metadata or "action" not in metadata:
        _complete(metadata, Fields(None, "", []), oracle, None, is_open=False, redact=origin.redact)
    add_envelope(metadata, content, clean=clean)
    return metadata


def _place_of(content: LogContent, origin: Origin) -> tuple[Any, ...]:
    """Return where a record comes from, as `place_metadata` takes it."""
    oracle = content.oracle or NO_ORACLE
    return (
        origin,
        content.type,
        content.source,
        content.subject,
        oracle.loggroupid,
        oracle.logid,
        oracle.compartmentid,
    )


def place_metadata(  # noqa: PLR0913  (the fields that `_place_of` takes from a record)
    origin: Origin,
    log_type: str | None,
    source: str | None,
    subject: str | None,
    group: str | None,
    log: str | None,
    compartment: str | None,
) -> Metadata:
    """Return the metadata of all records of one log about one thing."""
    row = row_of(log_type)
    severity = cast("Severity", row["severity"])
    metadata = base_metadata(
        origin,
        "oci_cloud_logging",
        row["messageType"],
        severity,
        sanitize("" if log_type in _HIDDEN else log_type or ""),
    )
    fields = (
        ("oci.source", None if source in _HIDDEN else source),
        ("oci.subject", None if subject in _HIDDEN else subject),
        ("oci.logGroupId", group),
        ("oci.logId", log),
        ("oci.compartmentId", compartment),
    )
    set_fields(metadata, fields)
    return metadata


# only of clean records, whose small size bounds the cache
_cached_place: Final = lru_cache(maxsize=1024)(place_metadata)


def _add_vnic(metadata: Metadata, oracle: LogOracle, *, clean: bool) -> None:
    """Add the network interface that a flow went through; `clean` as for `set_fields`."""
    vnic = oracle.vnicocid
    fields = (("senderHost", vnic), ("oci.vnicId", vnic), ("oci.subnetId", oracle.vnicsubnetocid))
    set_fields(metadata, fields, clean=clean)


def row_of(log_type: str | None) -> Row:
    """Return the row of the longest listed prefix of a log type."""
    return _row((log_type or "")[:MAX_TYPE])


@lru_cache(maxsize=1024)
def _row(log_type: str) -> Row:
    rows = [row for row in table("log_types") if log_type.lower().startswith(row["type"])]
    return max(rows, key=lambda row: len(row["type"]), default=_DEFAULT_ROW)


def _complete(  # noqa: PLR0913  (what the record says, where it is from, and how it was mapped)
    metadata: Metadata,
    data: Fields,
    oracle: LogOracle,
    name: str | None,
    *,
    is_open: bool,
    redact: bool,
) -> None:
    """Add the fields by which the host tells records apart, when the mapping found no value for them.

    A record without an action gets one from what it says, and one of a shape of its own keeps in `senderHost` a digest
    of it, so that only records that say the same are taken for repeats.
    """
    said = str(metadata.get("message", ""))
    if "message" not in metadata:
        set_fields(metadata, (("message", _as_message(data.values, redact=redact)),))
    if "senderHost" not in metadata:
        # an OCID tells things apart by itself; a mere name is not unique beyond its log
        log_id = None if name and name.startswith("ocid1.") else oracle.logid
        set_fields(metadata, (("senderHost", sender_host(name, log_id)),))
    if "action" not in metadata:
        metadata["action"] = f"logged {_digest(_lasting(data.values, said) or said, redact=redact)}"
    elif is_open:
        lasting = _lasting(data.values, said)
        if lasting:
            host = f"{metadata.get('senderHost', '')} #{_digest(lasting, redact=redact)}"
            metadata["senderHost"] = host.strip()


def _digest(text: str, *, redact: bool) -> str:
    """Return a digest of a text; masked first, because a digest of a secret could be guessed by trying."""
    encoded = text.encode("utf-8", "replace")
    masked = redact_value(encoded)[0] if redact else encoded
    return hashlib.blake2b(masked, digest_size=6).hexdigest()


def _lasting(values: dict[str, Any], said: str) -> str:
    """Return what a record says, without its times, sizes and ids, which differ where it says the same again."""
    lasting = _without_volatile(values)
    for member in host_logs.MESSAGE_MEMBERS:
        lasting.pop(member, None)
    text = json.dumps(lasting, sort_keys=True, default=str) if lasting else ""
    return f"{said} {text}".strip()


def _without_volatile(values: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in values.items():
        words = {word.lower() for word in _WORDS.findall(name)}
        if words & _VOLATILE or _VOLATILE_IDS.fullmatch(name):
            continue
        kept[name] = _without_volatile(value) if isinstance(value, dict) else value
    return kept


def _as_message(values: dict[str, Any], *, redact: bool) -> str:
    """Return a record's members as a message, `name: value`; masked first, because a cut secret is not recognised."""
    if not values:
        return ""
    if redact:
        encoded = json.dumps(values, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
        without_secrets = decode_leniently(redact_value(encoded)[0])
        values = without_secrets if isinstance(without_secrets, dict) else {}
    parts = (f"{name}: {_as_text(value)}" for name, value in values.items() if value not in (None, ""))
    text = ", ".join(parts)
    # once more, because what is no secret as a member may look like one in a text
    masked = redact_value(text.encode("utf-8", "replace"))[0].decode("utf-8", "replace") if redact else text
    return masked[:MAX_MESSAGE]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


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
