"""A small plugin host that keeps the contract (`docs/host-contract.md`), to run connectors without Conductor.

It loads plugins by entry point, keeps one checkpoint per instance in a state directory, publishes each batch
durably *before* its checkpoint, refuses whatever breaks the contract, and polls instances on their intervals.
Nothing in the plugin imports it.
"""

from __future__ import annotations

from signal_client_oci.devhost.breach import ContractError
from signal_client_oci.devhost.conformance import PollConformance, PollTerms, checked_poll
from signal_client_oci.devhost.durable import StateError
from signal_client_oci.devhost.host import Host, InstanceBusyError, PollResult, Progress, UnknownInstanceError
from signal_client_oci.devhost.metrics import Metrics
from signal_client_oci.devhost.plugins import PluginFault, Plugins, UnknownConnectorError
from signal_client_oci.devhost.schedule import Observer, Outcome, Schedule
from signal_client_oci.devhost.sinks import JsonLinesSink, MemorySink, Sink, StreamSink
from signal_client_oci.devhost.store import CheckpointFile, CheckpointStore, MemoryCheckpoints, StateDirectory

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
