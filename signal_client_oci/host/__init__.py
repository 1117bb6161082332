"""The host that comes with the connector: it keeps the host contract (`docs/host-contract.md`) without Conductor.

It loads plugins by entry point, keeps one checkpoint for each instance in a state directory, publishes each batch
durably *before* its checkpoint, refuses whatever breaks the contract, and polls instances on their intervals.
Nothing in the plugin imports it.
"""

from __future__ import annotations

from signal_client_oci.host.conformance import PollConformance, PollTerms, checked_poll
from signal_client_oci.host.conformance.contract_checks import ContractError
from signal_client_oci.host.delivery import DeliveryError
from signal_client_oci.host.files.atomic_files import StateError
from signal_client_oci.host.files.checkpoint_store import CheckpointFile, StateDirectory
from signal_client_oci.host.files.sinks import JsonLinesSink
from signal_client_oci.host.files.stream_sink import StreamSink
from signal_client_oci.host.plugins import Plugins, RejectedPlugin, UnknownConnectorError
from signal_client_oci.host.runner import (
    BatchProgress,
    Host,
    InstanceBusyError,
    PollResult,
    UnknownInstanceError,
)
from signal_client_oci.host.schedule import Observer, PollOutcome, Schedule
from signal_client_oci.host.storage import CheckpointStore, MemoryCheckpoints, MemorySink, Sink

__all__ = [
    "BatchProgress",
    "CheckpointFile",
    "CheckpointStore",
    "ContractError",
    "DeliveryError",
    "Host",
    "InstanceBusyError",
    "JsonLinesSink",
    "MemoryCheckpoints",
    "MemorySink",
    "Observer",
    "Plugins",
    "PollConformance",
    "PollOutcome",
    "PollResult",
    "PollTerms",
    "RejectedPlugin",
    "Schedule",
    "Sink",
    "StateDirectory",
    "StateError",
    "StreamSink",
    "UnknownConnectorError",
    "UnknownInstanceError",
    "checked_poll",
]
