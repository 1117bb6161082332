"""What a cluster needs in JetStream: its stream, buckets and object store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    INTEGRATIONS,
    LARGE_ARTIFACTS,
    LEASES,
    STATUS,
    STREAM,
    artifacts_subject,
    bucket_stream,
    bucket_subject,
)

__all__ = [
    "DAY_SECONDS",
    "DUPLICATE_SECONDS",
    "LEAST_VALUE_BYTES",
    "Resource",
    "StreamLimits",
    "needed_resources",
]

LEAST_VALUE_BYTES: Final = MAX_CHECKPOINT_BYTES + 4_096
"""A checkpoint, its envelope and the headers of the message."""
DUPLICATE_SECONDS: Final = 120.0
CHECKPOINT_HISTORY: Final = 5
_SMALL: Final = 64 * 1024
DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True)
class StreamLimits:
    """How much the stream of the artifacts keeps; None = no limit of its own."""

    max_bytes: int | None = None
    max_age_days: float | None = None


@dataclass(frozen=True)
class Resource:
    """A stream, bucket or object store of the cluster; each is a stream to JetStream, made with `config`."""

    kind: str
    name: str
    purpose: str
    config: StreamConfig
    least_message_bytes: int = _SMALL

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.kind} {self.name}"

    @property
    def stream(self) -> str:
        """The name of its stream."""
        return str(self.config.name)


def needed_resources(appliance: str, replicas: int, limits: StreamLimits) -> tuple[Resource, ...]:
    """Return everything that a cluster needs; raises ValueError for an ID that cannot be part of a subject."""
    return (
        Resource(
            "stream",
            STREAM,
            "the artifacts",
            StreamConfig(
                name=STREAM,
                description="Artifacts of the appliance",
                subjects=[artifacts_subject(appliance)],
                retention=RetentionPolicy.LIMITS,
                storage=StorageType.FILE,
                # A full stream refuses what is new: the nodes wait, and nothing that nobody has read is dropped.
                discard=DiscardPolicy.NEW,
                max_bytes=limits.max_bytes or -1,
                max_age=DAY_SECONDS * (limits.max_age_days or 0.0),
                duplicate_window=DUPLICATE_SECONDS,
                num_replicas=replicas,
                allow_direct=True,
            ),
        ),
        _bucket(INTEGRATIONS, "the instances, with their private keys", replicas),
        _bucket(
            CHECKPOINTS, "how far each instance was read", replicas, CHECKPOINT_HISTORY, LEAST_VALUE_BYTES
        ),
        _bucket(LEASES, "which node polls an instance", replicas),
        _bucket(STATUS, "what each node and instance last reported", replicas),
        _object_store(LARGE_ARTIFACTS, "records that are larger than a message may be", replicas),
    )


def _bucket(
    name: str, purpose: str, replicas: int, history: int = 1, least_value_bytes: int = _SMALL
) -> Resource:
    config = StreamConfig(
        name=bucket_stream(name),
        description=f"Cluster of signal-client-oci: {purpose}",
        subjects=[bucket_subject(name, ">")],
        max_msgs_per_subject=history,
        max_bytes=-1,
        max_age=0.0,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=DUPLICATE_SECONDS,
        num_replicas=replicas,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_direct=True,
    )
    return Resource("bucket", name, purpose, config, least_value_bytes)


def _object_store(name: str, purpose: str, replicas: int) -> Resource:
    config = StreamConfig(
        name=f"OBJ_{name}",
        description=f"Cluster of signal-client-oci: {purpose}",
        subjects=[f"$O.{name}.C.>", f"$O.{name}.M.>"],
        max_bytes=-1,
        max_age=0.0,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        allow_rollup_hdrs=True,
        allow_direct=True,
    )
    return Resource("object store", name, purpose, config)
