"""An artifact as a message: its body, its headers, and what becomes of a record that is larger than a message may be.

The client checks the body alone against the server's `max_payload`. Body and headers together are what the server
counts, and a message that is over ends the connection, so the sum is measured here before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from signal_client_oci.contract import Artifact
from signal_client_oci.host.nats.layout import (
    INSTANCE_HEADER,
    LARGE_ARTIFACTS,
    MSG_ID_HEADER,
    STREAM,
    Shard,
)

__all__ = ["ArtifactMessage", "to_messages", "wire_bytes"]

_VERSION_LINE: Final = len(b"NATS/1.0\r\n") + len(b"\r\n")
_EXPECTED_STREAM: Final = "Nats-Expected-Stream"
_ALWAYS: Final = (
    "instance", "streamName", "messageType", "severityLabel", "severityCode", "vendorCode", "startTimeUTC",
    "geoRegion",
)  # fmt: skip


@dataclass(frozen=True)
class ArtifactMessage:
    """An artifact to publish.

    Attributes:
        id: The artifact's id.
        headers: Its headers.
        body: The artifact as JSON, or a reference to `objects` in its place.
        objects: What does not fit into a message: name in the object store → content, stored before the message.
    """

    id: str
    headers: dict[str, str]
    body: bytes
    objects: Mapping[str, bytes]


def to_messages(shard: Shard, artifacts: Sequence[Artifact], max_bytes: int) -> list[ArtifactMessage]:
    """Return the message of each artifact; none of them is larger than `max_bytes`, headers included."""
    key = shard.key
    return [_to_message(key, artifact, max_bytes) for artifact in artifacts]


def wire_bytes(headers: Mapping[str, str], body: bytes) -> int:
    """Return what the server counts of a message: headers as they are sent, and body."""
    return _VERSION_LINE + sum(len(key) + len(value) + 4 for key, value in headers.items()) + len(body)


def _to_message(key: str, artifact: Artifact, max_bytes: int) -> ArtifactMessage:
    headers = {MSG_ID_HEADER: artifact["id"], INSTANCE_HEADER: key, _EXPECTED_STREAM: STREAM}
    body = msgspec.json.encode(artifact)
    objects: dict[str, bytes] = {}
    if wire_bytes(headers, body) > max_bytes:
        body, objects = _refer(artifact, max_bytes - wire_bytes(headers, b""))
    return ArtifactMessage(artifact["id"], headers, body, objects)


def _refer(artifact: Artifact, max_body: int) -> tuple[bytes, dict[str, bytes]]:
    """Return the body of an artifact whose raw text is an object, and the objects."""
    identity, raw = artifact["id"], artifact["raw"].encode()
    reference = _reference("raw", identity, raw)
    objects = {identity: raw}
    metadata: dict[str, Any] = artifact["metadata"] | reference
    body = _body(artifact, reference, metadata)
    if len(body) > max_body:
        whole = msgspec.json.encode(artifact["metadata"])
        objects[f"{identity}.metadata"] = whole
        kept = {key: artifact["metadata"][key] for key in _ALWAYS if key in artifact["metadata"]}
        metadata = kept | reference | _reference("metadata", f"{identity}.metadata", whole)
        body = _body(artifact, reference, metadata)
    return body, objects


def _reference(what: str, name: str, content: bytes) -> dict[str, Any]:
    return {
        f"oci.{what}Object": f"{LARGE_ARTIFACTS}/{name}",
        f"oci.{what}Bytes": len(content),
        f"oci.{what}Sha256": sha256(content).hexdigest(),
    }


def _body(artifact: Artifact, reference: Mapping[str, Any], metadata: Mapping[str, Any]) -> bytes:
    raw = msgspec.json.encode(reference).decode()
    return msgspec.json.encode({**artifact, "raw": raw, "metadata": metadata})
