"""What a poll was asked for: the terms that its items are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signal_client_oci.contract import (
    CONNECTOR,
    DEFAULT_MAX_BATCH_ARTIFACTS,
    DEFAULT_MAX_BATCH_BYTES,
    SOURCES,
)

if TYPE_CHECKING:
    from signal_client_oci.contract import Context

__all__ = ["PollTerms"]


@dataclass(frozen=True)
class PollTerms:
    """What a poll was asked for, and so what its items are checked against; sizes in UTF-8 bytes."""

    instance: str
    connector: str = CONNECTOR
    sources: tuple[str, ...] = tuple(SOURCES)
    max_batch_artifacts: int = DEFAULT_MAX_BATCH_ARTIFACTS
    max_batch_bytes: int = DEFAULT_MAX_BATCH_BYTES

    @classmethod
    def of_context(
        cls, instance: str, connector: str, sources: tuple[str, ...], context: Context
    ) -> PollTerms:
        """Return the terms that a context sets; what it leaves out has the contract's default."""
        return cls(
            instance,
            connector,
            sources,
            context.get("max_batch_artifacts", DEFAULT_MAX_BATCH_ARTIFACTS),
            context.get("max_batch_bytes", DEFAULT_MAX_BATCH_BYTES),
        )
