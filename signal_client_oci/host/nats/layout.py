"""What a cluster keeps in JetStream: names of streams, buckets and keys, and the shapes of their values.

Values are JSON. A reader ignores fields that it does not know, and every field that may be missing has a default, so
that nodes of neighbouring versions work side by side.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.settings.secrecy import HoldsSecret

__all__ = [
    "ALL_BUCKETS",
    "CHECKPOINTS",
    "INSTANCE_HEADER",
    "INTEGRATIONS",
    "INTEGRATION_KEYS",
    "LARGE_ARTIFACTS",
    "LEASES",
    "MSG_ID_HEADER",
    "NODE_KEYS",
    "STATUS",
    "STREAM",
    "CheckpointEnvelope",
    "IntegrationEntry",
    "Lease",
    "NodeStatus",
    "Shard",
    "TileStatus",
    "artifacts_subject",
    "bucket_stream",
    "bucket_subject",
    "decode_name",
    "encode_name",
    "from_value",
    "integration_key",
    "integration_name",
    "node_key",
    "status_key",
    "to_value",
    "try_value",
]

STREAM: Final = "DATA"
"""The stream of the artifacts; its subject is `artifacts_subject(appliance)`."""
INTEGRATIONS: Final = "INTEGRATIONS"
"""Bucket: `integration_key(name)` → `IntegrationEntry`. Its values hold private keys."""
CHECKPOINTS: Final = "OCI_CHECKPOINTS"
"""Bucket: `Shard.key` → `CheckpointEnvelope`."""
LEASES: Final = "OCI_LEASES"
"""Bucket: `Shard.key` → `Lease`."""
STATUS: Final = "OCI_STATUS"
"""Bucket: `node_key(...)` → `NodeStatus`, `status_key(shard)` → `TileStatus`."""
LARGE_ARTIFACTS: Final = "OCI_LARGE_ARTIFACTS"
"""Object store: artifact id → the raw text of a record that is larger than a message may be."""
ALL_BUCKETS: Final = (INTEGRATIONS, CHECKPOINTS, LEASES, STATUS)

MSG_ID_HEADER: Final = "Nats-Msg-Id"
INSTANCE_HEADER: Final = "Oci-Instance"
"""Header of each artifact: the key of the shard that delivered it."""

INTEGRATION_KEYS: Final = f"{CONNECTOR}.>"
NODE_KEYS: Final = "node.>"

_APPLIANCE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_KEPT: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_ESCAPED: Final = re.compile(rb"=([0-9A-F]{2})")
_T = TypeVar("_T")


def bucket_stream(bucket: str) -> str:
    """Return the name of the stream behind a bucket."""
    return f"KV_{bucket}"


def bucket_subject(bucket: str, key: str = "") -> str:
    """Return the subject of a key of a bucket, or of keys (`*` and `>`); without a key what all of them begin with."""
    return f"$KV.{bucket}.{key}"


class Shard(NamedTuple):
    """What one node owns at a time: an instance, or with `shard_by_region` one region of it."""

    instance: str
    region: str = ""
    """"" = all regions of the instance."""

    @property
    def key(self) -> str:
        """The key of its lease and its checkpoint."""
        name = encode_name(self.instance)
        return f"{name}.{self.region}" if self.region else name

    @property
    def label(self) -> str:
        """The words for it in messages: `prod`, or `prod (us-ashburn-1)`."""
        return f"{self.instance} ({self.region})" if self.region else self.instance

    @classmethod
    def of_key(cls, key: str) -> Shard:
        """Return the shard whose `key` it is."""
        name, _, region = key.partition(".")
        return cls(decode_name(name), region)


class IntegrationEntry(HoldsSecret, msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """An entry of the bucket `INTEGRATIONS`; `credentials` is the settings object, the private key among it."""

    enabled: bool
    integration_type: str
    poll_interval_minutes: float
    credentials: dict[str, Any]
    shard_by_region: bool = False
    """One lease for each region, so that several nodes share the work of one tenancy; regions have to be named."""

    def __repr__(self) -> str:
        return f"<IntegrationEntry: {self.integration_type}>"


class Lease(msgspec.Struct, frozen=True):
    """Who polls a shard. It never expires by itself: who has watched it unchanged for `seconds` may take it."""

    node: str
    """`NodeStatus.identity` of the holder, "" = given up."""
    epoch: int
    """Grows by one with each owner; the checkpoint carries the epoch of its writer."""
    seconds: float
    due_in_seconds: float = 0.0
    """Of a lease that was given up: when the next poll is due, from then on."""
    clean: bool = False
    """Of a lease that was given up: the checkpoint covers everything that was delivered."""


class CheckpointEnvelope(msgspec.Struct, frozen=True):
    """A shard's checkpoint, with what its next owner has to know."""

    checkpoint: dict[str, Any] | None
    """What the plugin handed out last, None = none yet."""
    epoch: int
    node: str
    """`NodeStatus.identity` of the writer."""
    stream_sequence: int = 0
    """The checkpoint covers every artifact of the shard up to this sequence of `STREAM`; what comes after it
    may have been delivered by an owner that died before its next checkpoint."""


class NodeStatus(msgspec.Struct, frozen=True):
    """A node that runs; written again each fifth of `lease_seconds`, deleted when the node ends."""

    name: str
    session: str
    """Random for each process."""
    version: str
    started_at: str
    beat_at: str
    lease_seconds: float
    shards: int = 0
    polling: int = 0
    problem: str = ""

    @property
    def identity(self) -> str:
        """Names the process, so that a restarted node is another one."""
        return f"{self.name}/{self.session}"


class TileStatus(msgspec.Struct, frozen=True):
    """What the tile of an instance shows; with `shard_by_region` one for each region."""

    instance: str
    region: str = ""
    state: Literal["ok", "degraded", "failed", "disabled", "waiting"] = "waiting"
    """The last poll's status; `failed` also for an entry that cannot be used; `waiting` before the first poll."""
    node: str = ""
    """Name of the node that owns it."""
    epoch: int = 0
    last_poll_started_at: str | None = None
    last_poll_finished_at: str | None = None
    next_poll_at: str | None = None
    covered_until: str | None = None
    """The least `covered_until` of the sources that the last poll read."""
    lag_seconds: float | None = None
    """Age of `covered_until` when the last poll ended."""
    fetched: dict[str, int] = msgspec.field(default_factory=dict)
    """Artifacts of the last poll by source."""
    delivered_total: int = 0
    """Artifacts that were stored in the stream by this owner."""
    already_delivered_total: int = 0
    """Artifacts that were in the stream before they were checkpointed, and were not stored again."""
    large_artifacts_total: int = 0
    back_pressure: str = ""
    """Why delivery waits at the moment, such as a full stream; "" = it does not."""
    code: str = ""
    error: str = ""
    remedy: str = ""
    field_errors: dict[str, str] = msgspec.field(default_factory=dict)


_DECODERS: Final[dict[type[Any], msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (IntegrationEntry, Lease, CheckpointEnvelope, NodeStatus, TileStatus)
}


def artifacts_subject(appliance: str) -> str:
    """Return the subject of an appliance's artifacts; raises ValueError for an ID that cannot be part of one."""
    if not _APPLIANCE.fullmatch(appliance):
        raise ValueError(
            "the appliance ID may contain letters, digits, `-` and `_` only, at most 100 of them"
        )
    return f"{appliance}.data.artifacts.raw"


def encode_name(name: str) -> str:
    """Return a name as one token of a key: letters, digits, `-` and `_` as they are, other bytes as `=2E`."""
    return "".join(chr(byte) if byte in _KEPT else f"={byte:02X}" for byte in name.encode())


def decode_name(token: str) -> str:
    """Return the name that `encode_name` made the token of; a token of somebody else is its own name."""
    name = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), token.encode())
    try:
        decoded = name.decode()
    except UnicodeDecodeError:
        return token
    return decoded if encode_name(decoded) == token else token


def integration_key(name: str) -> str:
    """Return the key of an instance's entry in `INTEGRATIONS`."""
    return f"{CONNECTOR}.{encode_name(name)}"


def integration_name(key: str) -> str:
    """Return the name of the instance whose entry has this key."""
    return decode_name(key.removeprefix(f"{CONNECTOR}."))


def node_key(name: str, session: str) -> str:
    """Return the key of a node's status."""
    return f"node.{encode_name(name)}.{session}"


def status_key(shard: Shard) -> str:
    """Return the key of a shard's status."""
    return f"instance.{shard.key}"


def to_value(value: msgspec.Struct) -> bytes:
    """Return what a bucket keeps of a value."""
    return msgspec.json.encode(value)


def from_value(stored: bytes, kind: type[_T]) -> _T:
    """Return a stored value; raises `msgspec.DecodeError`, whose text quotes nothing of it."""
    try:
        value: _T = _DECODERS[kind].decode(stored)
    except UnicodeDecodeError:
        raise msgspec.DecodeError("the text is not UTF-8") from None
    except RecursionError:
        raise msgspec.DecodeError("the values are nested too deeply") from None
    return value


def try_value(stored: bytes, kind: type[_T]) -> _T | None:
    """Return a stored value, None where it is not of this kind."""
    try:
        return from_value(stored, kind)
    except msgspec.MsgspecError:
        return None
