"""The shapes that cross the border to the host (`docs/host-contract.md`): plain JSON-able dictionaries.

Nothing here computes. Each name is the contract's; a change of one is a change of the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, TypedDict

__all__ = [
    "CONNECTOR",
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

SourceName = Literal["audit", "logging", "cloud_guard"]
SOURCES: Final[tuple[SourceName, ...]] = ("audit", "logging", "cloud_guard")

CheckStatus = Literal["ok", "warning", "failed", "skipped"]
MetadataValue = str | int | float | bool | list[str]
Checkpoint = dict[str, Any]


class SourceInfo(TypedDict):
    """One source of a connector, as the host lists it."""

    name: SourceName
    title: str
    default_interval_minutes: int


class ConnectorInfo(TypedDict):
    """What `signal_client_register_connectors` says of a connector."""

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
    """One finding: what was looked at, how it stands and, if it is wrong, what to do."""

    name: str
    title: str
    status: CheckStatus
    code: str
    message: str
    remedy: str
    opc_request_id: str | None
    duration_ms: int


class Validation(TypedDict):
    """The answer of `signal_client_validate_connection`."""

    ok: bool
    status: Literal["ok", "degraded", "failed"]
    summary: str
    checks: list[Check]
    field_errors: dict[str, str]


class Artifact(TypedDict):
    """One record as the platform ingests it; `id` is 32 lower-case hex digits."""

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
    """How one source fared in a poll; `fetched` counts the artifacts that were delivered."""

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
    """What the host lends to a poll; every key is optional."""

    deadline_seconds: float
    should_stop: Callable[[], bool]
    now: Callable[[], datetime]
    max_batch_artifacts: int
    max_batch_bytes: int
