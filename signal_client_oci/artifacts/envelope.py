"""What all artifacts share: where a record comes from, its identity and the frame around its metadata."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.redaction import Secret, mask_metadata
from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.severity import CODES, Severity
from signal_client_oci.contract import CONNECTOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from signal_client_oci.contract import Artifact, MetadataValue

__all__ = [
    "UNKNOWN",
    "UNREADABLE",
    "MappedRecord",
    "Metadata",
    "Origin",
    "base_metadata",
    "build_artifact",
    "bytes_identity",
    "fields_identity",
    "set_severity",
]

UNKNOWN: Final = "unknown"  # the vendorCode of a record that does not say what it is

# messageType and message of a record that tells nothing at all
UNREADABLE: Final = ("unreadable_record", "a record that could not be read")

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


class MappedRecord(NamedTuple):
    """An artifact, how many secrets were masked in it, and whether something of the record could not be read."""

    artifact: Artifact
    redacted: int
    parse_error: bool


class Facility(NamedTuple):
    """A syslog facility (RFC 5424, table 1)."""

    code: int
    label: str


# the nearest that syslog has to what each stream carries
_FACILITIES: Final = {
    "oci_cloud_audit": Facility(13, "log audit"),
    "oci_cloud_logging": Facility(16, "local0"),
    "oci_cloud_guard": Facility(14, "log alert"),
}


def base_metadata(
    origin: Origin, stream: str, message_type: str, severity: Severity, vendor_code: str
) -> Metadata:
    """Give the metadata that every artifact has, apart from its times."""
    common = _common(origin.instance, origin.tenancy_ocid, origin.region, stream, message_type, severity)
    metadata = common.copy()
    metadata["vendorCode"] = vendor_code or UNKNOWN
    return metadata


@lru_cache(maxsize=1024)
def _common(  # noqa: PLR0913  (positional, because the cache is asked for every record)
    instance: str, tenancy: str, region: str, stream: str, message_type: str, severity: Severity
) -> Metadata:
    """Give what all records of one kind have in common; it is copied, never changed."""
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
    metadata: Metadata, message_type: str, severity: Severity, techniques: Iterable[str] | None = None
) -> None:
    """Give metadata another message type and severity, and techniques where they are known."""
    before, code = metadata["severityCode"], CODES[severity]
    metadata["messageType"], metadata["severityLabel"], metadata["severityCode"] = (
        message_type,
        severity,
        code,
    )
    if isinstance(before, int) and isinstance(metadata["priority"], int):
        metadata["priority"] += code - before
    if techniques is not None:
        metadata["attackTechniqueIds"] = list(techniques)


def build_artifact(  # noqa: PLR0913  (all that a record is made of, once for every record)
    identity: str,
    timestamp: str,
    metadata: Metadata,
    text: bytes,
    secrets: Sequence[Secret],
    parse_errors: list[str],
) -> MappedRecord:
    """Put an artifact together; a record that tells no action gets one of its own, so that it is no repeat.

    `text` is the record as it is handed on, `secrets` what was masked in it, `parse_errors` what of it
    could not be read. The metadata were made from the record as it came; where it holds a secret, each value of theirs is
    masked by itself.
    """
    try:
        raw = text.decode()
    except UnicodeDecodeError:
        raw = text.decode("utf-8", "replace")
        parse_errors = [*parse_errors, "record: not UTF-8"]
    if parse_errors:
        metadata["oci.parseError"] = sanitize("; ".join(dict.fromkeys(parse_errors)))
    if "action" not in metadata:
        metadata["action"] = f"unreadable {identity[:12]}"
    if secrets:
        mask_metadata(metadata, secrets)
    artifact: Artifact = {
        "id": identity,
        "source": CONNECTOR,
        "timestamp": timestamp,
        "raw": raw,
        "metadata": metadata,
    }
    return MappedRecord(artifact, len(secrets), bool(parse_errors))


def fields_identity(kind: str, tenancy: str, region: str, fields: tuple[str, ...]) -> str:
    """Give 32 hex digits for a record that the values of its fields identify."""
    digest = _begun(kind, "fields", tenancy, region).copy()
    digest.update(_encode(fields))
    return digest.hexdigest()


def bytes_identity(kind: str, tenancy: str, region: str, text: bytes) -> str:
    """Give 32 hex digits for a record that only its own bytes identify."""
    digest = _begun(kind, "bytes", tenancy, region).copy()
    digest.update(text)
    return digest.hexdigest()


@lru_cache(maxsize=1024)
def _begun(kind: str, by: str, tenancy: str, region: str) -> hashlib.blake2b:
    """Give a digest that has taken in what comes first: JSON ends where it ends, so what follows is no part of it."""
    return hashlib.blake2b(_encode((kind, by, tenancy, region)), digest_size=16)
