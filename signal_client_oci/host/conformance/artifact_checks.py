"""The contract's rules for an artifact: id, time, raw text, flat metadata under the host's field names."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.host.conformance.contract_checks import (
    as_dict,
    as_rfc3339_utc,
    as_text,
    exact_keys,
    fail,
)

if TYPE_CHECKING:
    from signal_client_oci.host.conformance.poll_terms import PollTerms

__all__ = ["HOST_FIELDS", "REQUIRED_FIELDS", "SEVERITY_CODES", "STREAMS", "check_artifact"]

STREAMS: Final = {
    "audit": ("oci_cloud_audit",),
    "logging": (
        "oci_cloud_logging",
        "oci_cloud_audit",
    ),  # Logging delivers the audit records while Audit is off
    "cloud_guard": ("oci_cloud_guard",),
}
SEVERITY_CODES: Final = {"critical": 2, "high": 3, "medium": 4, "low": 5, "informational": 6}
REQUIRED_FIELDS: Final = (
    "instance",
    "streamName",
    "messageType",
    "severityLabel",
    "severityCode",
    "vendorCode",
    "startTimeUTC",
    "geoRegion",
)
HOST_FIELDS: Final = frozenset(
    {
        "action",
        "application",
        "clientIP",
        "clientPort",
        "clientHostname",
        "clientMAC",
        "clientBytes",
        "clientPackets",
        "serverIP",
        "serverPort",
        "serverHostname",
        "serverMAC",
        "serverBytes",
        "serverPackets",
        "protocol",
        "totalBytes",
        "userName",
        "emailFrom",
        "emailTo",
        "emailSubject",
        "fileName",
        "fileHash",
        "filePath",
        "uri",
        "fqdn",
        "message",
        "streamName",
        "messageType",
        "severityCode",
        "severityLabel",
        "senderHost",
        "sourceInfo",
        "program",
        "pid",
        "ruleName",
        "ruleCategory",
        "cve",
        "cveDescription",
        "geoRegion",
        "vendorCode",
        "facilityCode",
        "facilityLabel",
        "priority",
        "startTimeUTC",
        "endTimeUTC",
        "attackTechniqueIds",
        "tags",
        "instance",
    }
)
_ARTIFACT_KEYS: Final = ("id", "source", "timestamp", "raw", "metadata")
_ID = re.compile(r"[0-9a-f]{32}")
_PLAIN_NAME: Final = 1000  # characters up to which a name is not shortened
_UNSAFE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REQUIRED_TEXTS: Final = ("messageType", "vendorCode", "geoRegion")


def check_artifact(value: object, where: str, terms: PollTerms, source: str) -> tuple[str, int]:
    """Return an artifact's id and the size of its `raw` in UTF-8 bytes; raises `ContractError` at the first fault."""
    artifact = exact_keys(value, where, _ARTIFACT_KEYS)
    identity = artifact["id"]
    if type(identity) is not str or not _ID.fullmatch(identity):
        fail("ARTIFACT_ID", f"{where}.id", "must be 32 lower-case hex digits")
    if artifact["source"] != terms.connector:
        fail("ARTIFACT_SOURCE", f"{where}.source", f"must be the connector's name, `{terms.connector}`")
    as_rfc3339_utc(artifact["timestamp"], f"{where}.timestamp")
    size = _utf8_length(as_text(artifact["raw"], f"{where}.raw"), f"{where}.raw")
    _check_metadata(artifact["metadata"], f"{where}.metadata", terms, source)
    return identity, size


def _check_metadata(value: object, where: str, terms: PollTerms, source: str) -> None:
    metadata = as_dict(value, where, REQUIRED_FIELDS)
    for key, field in metadata.items():
        if key not in HOST_FIELDS and not _is_dotted(key):
            fail("METADATA_KEY", where, f"has `{key}`, neither a host field nor a dotted name")
        _check_field(field, f"{where}.{key}")
    _check_instance(metadata["instance"], f"{where}.instance", terms.instance)
    if metadata["streamName"] not in STREAMS.get(source, (metadata["streamName"],)):
        allowed = " or ".join(f"`{name}`" for name in STREAMS[source])
        fail("METADATA_STREAM", f"{where}.streamName", f"must be {allowed} in a batch of `{source}`")
    for key in _REQUIRED_TEXTS:
        as_text(metadata[key], f"{where}.{key}")
    as_rfc3339_utc(metadata["startTimeUTC"], f"{where}.startTimeUTC")
    _check_severity(metadata, where)


def _check_instance(shown: object, where: str, name: str) -> None:
    """Check that metadata have the instance's name, made safe where it is not safe to show."""
    if name.strip() and name.isprintable() and len(name) <= _PLAIN_NAME:
        if shown != name:
            fail("METADATA_INSTANCE", where, "must be the polled instance's name")
    elif any(unicodedata.category(character) in _UNSAFE for character in as_text(shown, where)):
        fail(
            "METADATA_INSTANCE",
            where,
            "must not contain control characters, direction marks or broken characters",
        )


def _check_severity(metadata: dict[str, Any], where: str) -> None:
    label = metadata["severityLabel"]
    if type(label) is not str or label not in SEVERITY_CODES:
        fail("SEVERITY", f"{where}.severityLabel", f"must be one of {', '.join(SEVERITY_CODES)}")
    if metadata["severityCode"] != SEVERITY_CODES[label]:
        fail("SEVERITY", f"{where}.severityCode", f"must be {SEVERITY_CODES[label]} for `{label}`")


def _check_field(field: object, where: str) -> None:
    kind = type(field)
    if kind is str:
        _utf8_length(as_text(field, where), where)
    elif kind is list:
        for item in field:  # type: ignore[attr-defined]  # `kind` is not narrowed into `field`
            _utf8_length(as_text(item, where), where)
    elif kind is float:
        if not math.isfinite(field):  # type: ignore[arg-type]  # the same
            fail("NOT_JSON", where, "is not a finite number")
    elif kind is not int and kind is not bool:
        fail("METADATA_VALUE", where, f"must be text, a number, a bool or a list of text, is {kind.__name__}")


def _is_dotted(key: object) -> bool:
    return type(key) is str and key.isascii() and "." in key.strip(".")


def _utf8_length(value: str, where: str) -> int:
    if value.isascii():
        return len(value)
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        fail("NOT_JSON", where, "holds half a surrogate pair, which UTF-8 cannot encode")
