"""Builds what all artifacts share: their identity, the common part of their metadata and the artifact itself.

Audit, logs and problems map their records with these functions, so that none of them needs the mapping of another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import msgspec

from signal_client_oci.artifacts.lenient_decode import NOT_UTF_8, ParseError
from signal_client_oci.artifacts.redaction import mask_metadata, mask_record
from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.severity import CODES, DEFAULT, Severity
from signal_client_oci.contract import CONNECTOR, SourceName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signal_client_oci.artifacts.audit.fields import AuditData
    from signal_client_oci.contract import Artifact, MetadataValue

__all__ = [
    "UNKNOWN",
    "UNREADABLE_RECORD",
    "MappedRecord",
    "Metadata",
    "Origin",
    "ReadRecord",
    "base_metadata",
    "build_artifact",
    "build_clean_artifact",
    "bytes_identity",
    "failed_host",
    "fields_identity",
    "sender_host",
    "set_severity",
    "unmapped",
]

UNKNOWN: Final = "unknown"  # the vendorCode of a record that does not say what it is

# messageType and message of a record of which nothing could be read
UNREADABLE_RECORD: Final = ("unreadable_record", "a record that could not be read")

_STREAMS: Final[dict[SourceName, str]] = {
    "audit": "oci_cloud_audit",
    "logging": "oci_cloud_logging",
    "cloud_guard": "oci_cloud_guard",
}

Metadata = dict[str, "MetadataValue"]

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where and when a record was read; one for all records of a region in a poll.

    `instance` is the instance's name, `region` the OCI region that answered, `redact` the setting
    `redact_secrets`, `read_at` the time of reading (RFC 3339 UTC).
    """

    instance: str
    tenancy_ocid: str
    region: str
    redact: bool
    read_at: str


class MappedRecord(msgspec.Struct, frozen=True, gc=False):
    """What became of a record.

    `artifact` is what the host gets, `redacted` how many secrets were masked in it, `parse_error` whether something of
    the record could not be read.
    """

    artifact: Artifact
    redacted: int = 0
    parse_error: bool = False


class Facility(NamedTuple):
    """A syslog facility (RFC 5424, table 1)."""

    code: int
    label: str


# the closest that syslog has to what each stream carries
_FACILITIES: Final = {
    "oci_cloud_audit": Facility(13, "log audit"),
    "oci_cloud_logging": Facility(16, "local0"),
    "oci_cloud_guard": Facility(14, "log alert"),
}


def base_metadata(
    origin: Origin, stream: str, message_type: str, severity: Severity, vendor_code: str
) -> Metadata:
    """Return the metadata that every artifact has, apart from its times."""
    common = _common(origin.instance, origin.tenancy_ocid, origin.region, stream, message_type, severity)
    metadata = common.copy()
    metadata["vendorCode"] = vendor_code or UNKNOWN
    return metadata


@lru_cache(maxsize=1024)
def _common(  # noqa: PLR0913  (positional, because the cache is asked for every record)
    instance: str, tenancy: str, region: str, stream: str, message_type: str, severity: Severity
) -> Metadata:
    """Return what all records of one kind have in common; the caller copies it and never changes it."""
    facility, code = _FACILITIES[stream], CODES[severity]
    return {
        "instance": instance,
        "streamName": stream,
        "geoRegion": region,
        "sourceInfo": f"{CONNECTOR}/{instance}/{region}",
        "facilityCode": facility.code,
        "facilityLabel": facility.label,
        "oci.tenancyId": tenancy,
        "messageType": message_type,
        "severityLabel": severity,
        "severityCode": code,
        "priority": facility.code * 8 + code,
    }


def set_severity(
    metadata: Metadata,
    severity: Severity,
    message_type: str | None = None,
    techniques: Iterable[str] | None = None,
) -> None:
    """Set the severity of metadata, with the codes that depend on it; also type and techniques where they are given."""
    before, code = metadata["severityCode"], CODES[severity]
    metadata["severityLabel"], metadata["severityCode"] = severity, code
    # the priority holds the facility too, which stays
    if isinstance(before, int) and isinstance(metadata["priority"], int):
        metadata["priority"] += code - before
    if message_type is not None:
        metadata["messageType"] = message_type
    if techniques is not None:
        metadata["attackTechniqueIds"] = list(techniques)


def sender_host(name: str | None, ocid: str | None) -> str:
    """Return `name (ocid)` of what a record is about, so that records about different things differ in `senderHost`.

    The host takes two records for repeats of each other when eleven fields agree. Of these only `senderHost` can hold a
    resource, and a name alone is not enough, because two resources may share one.
    """
    return f"{name} ({ocid})" if name and ocid and name != ocid else name or ocid or ""


def failed_host(host: str, status: str | None) -> str:
    """Return a `senderHost` with the HTTP status of what failed, so that it is not a repeat of what succeeded."""
    return f"{host}: {status}" if host and status and status[:1] in {"4", "5"} else host


def build_artifact(  # noqa: PLR0913  (all that a record is made of, once for every record)
    identity: str,
    timestamp: str,
    metadata: Metadata,
    text: bytes,
    parse_errors: list[ParseError],
    *,
    redact: bool,
    signed: AuditData | None = None,
) -> MappedRecord:
    """Build the artifact of a record from its text and its mapped metadata, and mask secrets where `redact` says so.

    The metadata come from the record as it is in `text`: where it holds a secret, each of their values is masked by
    itself. `signed` is as for `mask_record`.
    """
    raw = _decoded(text)
    masked = mask_record(text, raw, signed) if redact else None
    if masked:
        text = masked.text
        raw = _decoded(text)
    if raw is None:
        raw = text.decode("utf-8", "replace")
        parse_errors = [*parse_errors, NOT_UTF_8]
    if parse_errors:
        metadata["oci.parseError"] = sanitize("; ".join(map(str, dict.fromkeys(parse_errors))))
    if "action" not in metadata:
        # of its own, or the host would take all records without an action for repeats of one another
        metadata["action"] = f"unreadable {identity[:12]}"
    if masked and masked.elsewhere:
        mask_metadata(metadata, masked.secrets)
    artifact: Artifact = {
        "id": identity,
        "source": CONNECTOR,
        "timestamp": timestamp,
        "raw": raw,
        "metadata": metadata,
    }
    return MappedRecord(artifact, len(masked.secrets) if masked else 0, bool(parse_errors))


def build_clean_artifact(
    identity: str, timestamp: str, metadata: Metadata, text: bytes, *, redact: bool
) -> MappedRecord:
    """Do as `build_artifact` does for a clean record in which nothing is missing, in less time if nothing is masked."""
    if redact:
        return build_artifact(identity, timestamp, metadata, text, [], redact=True)
    artifact: Artifact = {
        "id": identity,
        "source": CONNECTOR,
        "timestamp": timestamp,
        "raw": text.decode("ascii"),
        "metadata": metadata,
    }
    return MappedRecord(artifact)


class ReadRecord(Protocol):
    """A record of any source, as far as it is known before it is mapped."""

    @property
    def id(self) -> str:
        """The artifact's id."""

    @property
    def text(self) -> bytes:
        """The record's JSON text as the service sent it."""

    @property
    def origin(self) -> Origin:
        """Where and when it was read."""


def unmapped(record: ReadRecord, source: SourceName, error: Exception) -> MappedRecord:
    """Build the artifact of a record whose mapping failed: its text, masked, and what every artifact has.

    A defect of the mapping is told with the record that it concerns, and stops none of those behind it.
    """
    origin = record.origin
    message_type, message = UNREADABLE_RECORD
    metadata = base_metadata(origin, _STREAMS[source], message_type, DEFAULT, "")
    metadata["message"], metadata["startTimeUTC"] = message, origin.read_at
    parse_errors = [ParseError("record", f"could not be mapped ({type(error).__name__})")]
    return build_artifact(
        record.id, origin.read_at, metadata, record.text, parse_errors, redact=origin.redact
    )


def _decoded(text: bytes) -> str | None:
    """Return a text's characters, None where it is not UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def fields_identity(kind: str, tenancy: str, region: str, fields: tuple[str, ...]) -> str:
    """Return the id, 32 hex digits, of a record that the values of its fields identify."""
    digest = _digest_prefix(kind, "fields", tenancy, region).copy()
    digest.update(_encode(fields))
    return digest.hexdigest()


def bytes_identity(kind: str, tenancy: str, region: str, text: bytes) -> str:
    """Return the id, 32 hex digits, of a record that only its own bytes identify."""
    digest = _digest_prefix(kind, "bytes", tenancy, region).copy()
    digest.update(text)
    return digest.hexdigest()


@lru_cache(maxsize=1024)
def _digest_prefix(kind: str, by: str, tenancy: str, region: str) -> hashlib.blake2b:
    """Return a digest of what comes first in an id; the caller copies it and never changes it.

    The prefix is JSON, which ends where its last bracket is closed: no other prefix and record give the same bytes.
    """
    return hashlib.blake2b(_encode((kind, by, tenancy, region)), digest_size=16)
