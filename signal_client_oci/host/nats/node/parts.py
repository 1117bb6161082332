"""What the workers of a node share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from signal_client_oci.host.nats.buckets.bucket import Bucket
from signal_client_oci.host.nats.delivery.shard_delivery import ArtifactStream
from signal_client_oci.host.nats.node.observing import NodeObserver
from signal_client_oci.host.nats.node.status_writer import StatusWriter
from signal_client_oci.host.nats.ownership.lease_clock import lease_clock
from signal_client_oci.host.plugins import Plugins

__all__ = ["NodeParts"]

_POLLS_AT_A_TIME: Final = 32


@dataclass
class NodeParts:
    """What the workers of a node share.

    Attributes:
        give_up: Set when the node ends and has no time left for deliveries that wait.
        slots: Bounds how many polls run at a time, so that leases are renewed in time; a poll that gets none
            within ten seconds runs nevertheless, because another one may hang.
    """

    plugins: Plugins
    checkpoints: Bucket
    stream: ArtifactStream
    statuses: StatusWriter
    observer: NodeObserver
    fencing: bool = True
    give_up: asyncio.Event = field(default_factory=asyncio.Event)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_POLLS_AT_A_TIME))
    monotonic: Callable[[], float] = lease_clock
