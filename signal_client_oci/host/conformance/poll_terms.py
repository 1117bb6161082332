"""What a poll was asked for, and the limits of the contract that hold where the host sets none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signal_client_oci.contract import CONNECTOR, SOURCES

if TYPE_CHECKING:
    from signal_client_oci.contract import Context

__all__ = ["DEFAULT_MAX_BATCH_ARTIFACTS", "DEFAULT_MAX_BATCH_BYTES", "MAX_CHECKPOINT_BYTES", "PollTerms"]

# The host's side of the contract: written out here, not taken from the plugin, so that a check compares two sources.
DEFAULT_MAX_BATCH_ARTIFACTS: Final = 1000
DEFAULT_MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
MAX_CHECKPOINT_BYTES: Final = 921_600


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
