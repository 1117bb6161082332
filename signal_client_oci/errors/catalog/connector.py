"""The connector itself, and checks that were not made."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section

__all__ = ["CONNECTOR_SECTION"]

_REPORT: Final = "Report it together with the versions of signal-client-oci and oci (`pip list`)."

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "SWITCHED_OFF": CatalogEntry(
        "the source is switched off in the settings",
        "Look at audit_enabled, logging_enabled and cloud_guard_enabled.",
        "Switch the source on to have it checked and collected.",
    ),
    "NOT_CHECKED": CatalogEntry(
        "this was not checked, because an earlier check failed",
        "The first check that failed says why.",
        "Follow the remedy of that one, then check again.",
    ),
    "CLIENT_ERROR": CatalogEntry(
        "the OCI SDK could not send the request",
        "The kind of the error is in the message.",
        _REPORT,
    ),
    "INTERNAL_ERROR": CatalogEntry(
        "the connector failed in a way that it should not",
        "The kind and the place of the error are in the message and in the host's log.",
        f"{_REPORT} Nothing is lost: the next poll goes on from the checkpoint.",
    ),
}

CONNECTOR_SECTION: Final = Section(
    "The connector itself",
    "Checks that were not made, and defects.",
    _ENTRIES,
)
