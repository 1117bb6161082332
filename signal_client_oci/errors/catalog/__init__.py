"""The troubleshooting catalog: code → what happened, how to find the cause, what to do.

Checks, reports, the `explain` command and `docs/troubleshooting.md` all use this one table.
"""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.audit_search import AUDIT_SEARCH_SECTION
from signal_client_oci.errors.catalog.authentication import AUTHENTICATION_SECTION
from signal_client_oci.errors.catalog.authorization import AUTHORIZATION_SECTION
from signal_client_oci.errors.catalog.connector import CONNECTOR_SECTION
from signal_client_oci.errors.catalog.entry import CatalogEntry, Section
from signal_client_oci.errors.catalog.network import NETWORK_SECTION
from signal_client_oci.errors.catalog.polling import POLLING_SECTION
from signal_client_oci.errors.catalog.responses import RESPONSES_SECTION
from signal_client_oci.errors.catalog.settings import SETTINGS_SECTION

__all__ = ["CATALOG", "DENIED_CODES", "SECTIONS", "CatalogEntry", "Section", "denied_code"]

SECTIONS: Final[tuple[Section, ...]] = (
    SETTINGS_SECTION,
    AUTHENTICATION_SECTION,
    AUTHORIZATION_SECTION,
    NETWORK_SECTION,
    RESPONSES_SECTION,
    POLLING_SECTION,
    AUDIT_SEARCH_SECTION,
    CONNECTOR_SECTION,
)
"""The catalog by subject; no code is in two sections."""

CATALOG: Final[dict[str, CatalogEntry]] = {
    code: entry for section in SECTIONS for code, entry in section.entries.items()
}

_DENIED: Final[dict[str, str]] = {
    "audit": "AUDIT_NOT_AUTHORIZED",
    "logging": "LOGGING_NOT_AUTHORIZED",
    "log_groups": "LOGGING_NOT_AUTHORIZED",
    "cloudguard": "CLOUD_GUARD_NOT_AUTHORIZED",
    "identity": "COMPARTMENTS_NOT_AUTHORIZED",
}

DENIED_CODES: Final = frozenset({*_DENIED.values(), "AUDIT_SEARCH_NOT_AUTHORIZED"})
"""The codes of a 404, which means a missing policy or that there is no such compartment."""


def denied_code(service: str) -> str:
    """Return the code for a 404 of `service`, named as in `oci_api.client`."""
    return _DENIED[service]
