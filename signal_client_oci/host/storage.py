"""Where a poll's artifacts and checkpoints go: the two protocols, and both kept in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from signal_client_oci.host.conformance.contract_checks import compact_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signal_client_oci.contract import Artifact, Checkpoint

__all__ = ["CheckpointStore", "MemoryCheckpoints", "MemorySink", "Sink", "json_line"]


class CheckpointStore(Protocol):
    """The last checkpoint of each instance."""

    def load(self, instance: str) -> Any:
        """Return what was saved last, or None; raises OSError or `StateError` if it cannot be read."""

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Store a checkpoint; returns only when it is durable, raises OSError or `StateError` when it is not."""


class Sink(Protocol):
    """Takes the artifacts of one batch."""

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:
        """Deliver all of them; returns only when they are durable, raises OSError when they may not be."""


class MemoryCheckpoints:
    """Keeps checkpoints as JSON text, so that nothing a plugin does later to its dicts changes them."""

    def __init__(self) -> None:
        self.saved: dict[str, bytes] = {}

    def load(self, instance: str) -> Any:
        """Return what was saved last, or None."""
        return json.loads(self.saved.get(instance, b"null"))

    def save(self, instance: str, checkpoint: Checkpoint) -> None:
        """Keep a copy."""
        self.saved[instance] = compact_json(checkpoint)


class MemorySink:
    """Keeps what was published, in order."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[Artifact]]] = []

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:
        """Keep the artifacts as they would read back from a file."""
        self.batches.append((instance, [json.loads(json_line(artifact)) for artifact in artifacts]))

    def artifacts(self, instance: str | None = None) -> list[Artifact]:
        """Return everything published so far, of one instance or of all."""
        return [
            artifact
            for name, batch in self.batches
            if instance is None or name == instance
            for artifact in batch
        ]


def json_line(artifact: Artifact) -> str:
    """Return one artifact as one line, with its line feed.

    A line is ASCII (everything else escaped), so that no reader which splits at exotic line ends cuts a record in
    two.
    """
    return json.dumps(artifact, allow_nan=False, separators=(",", ":")) + "\n"
