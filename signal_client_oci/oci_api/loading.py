"""Loads the SDK's modules in the calling thread, before any other thread needs them.

The SDK imports a service's module at its first use. In a worker thread that would hold the lock of the import, and a
process that the host forks meanwhile from the thread of the poll would wait for that lock for ever.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  loaded by the first look-up of a host name otherwise
from collections.abc import Iterable
from typing import Final

from signal_client_oci.contract import SourceName
from signal_client_oci.oci_api.client import SERVICES

__all__ = ["load_sdk"]

_SERVICES: Final[dict[SourceName, tuple[str, ...]]] = {
    "audit": ("audit",),
    "logging": ("logging", "log_groups"),
    "cloud_guard": ("cloudguard",),
}


def load_sdk(sources: Iterable[SourceName]) -> None:
    """Import what requests of these sources need, and what finds out about compartments and regions."""
    for service in ("identity", *(service for source in sources for service in _SERVICES[source])):
        SERVICES[service].sdk_client()
