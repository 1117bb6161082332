"""Checks that were not made, and defects of the connector itself."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section

__all__ = ["CONNECTOR_SECTION"]

_REPORT: Final = "Report the error with the versions of signal-client-oci and oci (`pip list`)."

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "SWITCHED_OFF": CatalogEntry(
        "the source is switched off in the settings",
        "Check Collect Audit Events, Collect Logging Records and Collect Cloud Guard Problems.",
        "Switch the source on to check it and to collect from it.",
    ),
    "NOT_CHECKED": CatalogEntry(
        "this was not checked, because an earlier check failed",
        "The first failed check shows the cause.",
        "Follow the remedy of the first failed check, then check again.",
    ),
    "CLIENT_ERROR": CatalogEntry(
        "the OCI SDK could not send the request",
        "The message contains the type of the error.",
        _REPORT,
    ),
    "INTERNAL_ERROR": CatalogEntry(
        "the connector failed because of an internal error",
        "The message and the host's log contain the type and the place of the error.",
        f"{_REPORT} No records are lost: the next poll resumes from the last checkpoint.",
    ),
}

CONNECTOR_SECTION: Final = Section(
    "The connector itself",
    "Checks that were not made, and defects.",
    _ENTRIES,
)
