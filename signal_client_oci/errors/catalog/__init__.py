"""The troubleshooting table: code → what it means, how to find out, what to do.

One table for the checks, the reports, the command line's `explain` and `docs/troubleshooting.md`.
"""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.authentication import ACCESS
from signal_client_oci.errors.catalog.authorization import RIGHTS
from signal_client_oci.errors.catalog.connector import CONNECTOR_ITSELF
from signal_client_oci.errors.catalog.entry import Section, Trouble
from signal_client_oci.errors.catalog.network import NETWORK
from signal_client_oci.errors.catalog.polling import COLLECTING
from signal_client_oci.errors.catalog.responses import ANSWERS
from signal_client_oci.errors.catalog.settings import SETUP

__all__ = ["SECTIONS", "TROUBLES", "Section", "Trouble", "denied_code"]

SECTIONS: Final[tuple[Section, ...]] = (
    SETUP,
    ACCESS,
    RIGHTS,
    NETWORK,
    ANSWERS,
    COLLECTING,
    CONNECTOR_ITSELF,
)
"""The table by subject; no code stands in two sections."""

TROUBLES: Final[dict[str, Trouble]] = {
    code: trouble for section in SECTIONS for code, trouble in section.entries.items()
}

_DENIED: Final[dict[str, str]] = {
    "audit": "AUDIT_NOT_AUTHORIZED",
    "logging": "LOGGING_NOT_AUTHORIZED",
    "log_groups": "LOGGING_NOT_AUTHORIZED",
    "cloudguard": "CLOUD_GUARD_NOT_AUTHORIZED",
    "identity": "COMPARTMENTS_NOT_AUTHORIZED",
}


def denied_code(service: str) -> str:
    """Return the code for a 404 of `service`, named as in `clients.Client`."""
    return _DENIED[service]
