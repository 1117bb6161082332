"""The data that the plugin and its host exchange (`docs/host-contract.md`): plain JSON-compatible dictionaries.

This module has no logic. Every name is part of the contract: renaming one changes the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, TypedDict

__all__ = [
    "CONNECTOR",
    "DEFAULT_MAX_BATCH_ARTIFACTS",
    "DEFAULT_MAX_BATCH_BYTES",
    "MAX_CHECKPOINT_BYTES",
    "SOURCES",
    "Artifact",
    "Batch",
    "Check",
    "CheckStatus",
    "Checkpoint",
    "ConnectorInfo",
    "Context",
    "MetadataValue",
    "Report",
    "SourceInfo",
    "SourceName",
    "SourceReport",
    "Validation",
]

CONNECTOR: Final = "oci-cloud"

DEFAULT_MAX_BATCH_ARTIFACTS: Final = 1000
DEFAULT_MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""UTF-8 bytes of `raw` in a batch."""
MAX_CHECKPOINT_BYTES: Final = 921_600
"""Bytes of a checkpoint as compact JSON in UTF-8."""

SourceName = Literal["audit", "logging", "cloud_guard"]

CheckStatus = Literal["ok", "warning", "failed", "skipped"]
MetadataValue = str | int | float | bool | list[str]
Checkpoint = dict[str, Any]


class SourceInfo(TypedDict):
    """One source of a connector, as the host lists it."""

    name: SourceName
    title: str
    default_interval_minutes: int


SOURCES: Final[dict[SourceName, SourceInfo]] = {
    "audit": {"name": "audit", "title": "Audit Events", "default_interval_minutes": 5},
    "logging": {"name": "logging", "title": "Logging Search", "default_interval_minutes": 5},
    "cloud_guard": {"name": "cloud_guard", "title": "Cloud Guard Problems", "default_interval_minutes": 30},
}
"""The sources by name, in the order of reports; each title and interval is defined here only."""


class ConnectorInfo(TypedDict):
    """What `signal_client_register_connectors` returns for a connector."""

    name: str
    full_name: str
    title: str
    description: str
    category: str
    auth_method: str
    multi_instance: bool
    default_poll_interval_minutes: int
    vendor_docs_url: str
    version: str
    sources: list[SourceInfo]


class Check(TypedDict):
    """One finding: what was checked, the result and, if it needs attention, what to do."""

    name: str
    title: str
    status: CheckStatus
    code: str
    message: str
    remedy: str
    opc_request_id: str | None
    duration_ms: int


class Validation(TypedDict):
    """The result of `signal_client_validate_connection`."""

    ok: bool
    status: Literal["ok", "degraded", "failed"]
    summary: str
    checks: list[Check]
    field_errors: dict[str, str]


class Artifact(TypedDict):
    """One record as the platform ingests it; `id` is 32 lowercase hex digits."""

    id: str
    source: str
    timestamp: str
    raw: str
    metadata: dict[str, MetadataValue]


class Batch(TypedDict):
    """Artifacts of one source, and the checkpoint that holds once they are stored."""

    type: Literal["batch"]
    source: SourceName
    artifacts: list[Artifact]
    checkpoint: Checkpoint


class SourceReport(TypedDict):
    """The result of one source in a poll; `fetched` counts the artifacts that were delivered."""

    status: Literal["ok", "failed", "skipped", "partial"]
    fetched: int
    requests: int
    retries: int
    error: Check | None
    covered_until: str | None
    counts: dict[str, int]


class Report(TypedDict):
    """The last item of every poll."""

    type: Literal["report"]
    status: Literal["ok", "degraded", "failed"]
    started_at: str
    finished_at: str
    sources: dict[SourceName, SourceReport]
    warnings: list[Check]
    checkpoint: Checkpoint


class Context(TypedDict, total=False):
    """What the host passes to a poll; every key is optional."""

    deadline_seconds: float
    should_stop: Callable[[], bool]
    now: Callable[[], datetime]
    max_batch_artifacts: int
    max_batch_bytes: int
