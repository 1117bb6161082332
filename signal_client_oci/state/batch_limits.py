"""How much a batch may hold."""

from __future__ import annotations

from typing import NamedTuple

from signal_client_oci.contract import DEFAULT_MAX_BATCH_ARTIFACTS, DEFAULT_MAX_BATCH_BYTES

__all__ = ["BatchLimits"]


class BatchLimits(NamedTuple):
    """The host's limits of a batch.

    Attributes:
        max_artifacts: Artifacts at most.
        max_bytes: UTF-8 bytes of their `raw` at most; one larger record travels alone.
    """

    max_artifacts: int = DEFAULT_MAX_BATCH_ARTIFACTS
    max_bytes: int = DEFAULT_MAX_BATCH_BYTES
