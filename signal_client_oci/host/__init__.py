"""A small plugin host that keeps the contract (`docs/host-contract.md`), to run connectors without Conductor.

It loads plugins by entry point, keeps one checkpoint per instance in a state directory, publishes each batch
durably *before* its checkpoint, refuses whatever breaks the contract, and polls instances on their intervals.
Nothing in the plugin imports it.
"""

from __future__ import annotations

from signal_client_oci.host.atomic_files import StateError
from signal_client_oci.host.checkpoint_store import (
    CheckpointFile,
    CheckpointStore,
    MemoryCheckpoints,
    StateDirectory,
)
from signal_client_oci.host.conformance import PollConformance, PollTerms, checked_poll
from signal_client_oci.host.contract_checks import ContractError
from signal_client_oci.host.metrics import Metrics
from signal_client_oci.host.plugins import PluginFault, Plugins, UnknownConnectorError
from signal_client_oci.host.runner import Host, InstanceBusyError, PollResult, Progress, UnknownInstanceError
from signal_client_oci.host.schedule import Observer, Outcome, Schedule
from signal_client_oci.host.sinks import JsonLinesSink, MemorySink, Sink, StreamSink

__all__ = [
    "CheckpointFile",
    "CheckpointStore",
    "ContractError",
    "Host",
    "InstanceBusyError",
    "JsonLinesSink",
    "MemoryCheckpoints",
    "MemorySink",
    "Metrics",
    "Observer",
    "Outcome",
    "PluginFault",
    "Plugins",
    "PollConformance",
    "PollResult",
    "PollTerms",
    "Progress",
    "Schedule",
    "Sink",
    "StateDirectory",
    "StateError",
    "StreamSink",
    "UnknownConnectorError",
    "UnknownInstanceError",
    "checked_poll",
]
