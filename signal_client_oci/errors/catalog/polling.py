"""What a poll reports although the connection works: its checkpoint, its limits, and what it left for the next poll."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section

__all__ = ["POLLING_SECTION"]

_RESTARTED: Final = (
    "Collection restarted from the lookback. Its records may be delivered again, with the same ids."
)

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "STOPPED": CatalogEntry(
        "the poll was stopped before this was read",
        "The host asked the poll to stop, or its deadline was reached.",
        "No records are lost: the next poll resumes there. If the problem persists, give the poll more time or raise "
        "max_concurrency.",
    ),
    "RETENTION_EXCEEDED": CatalogEntry(
        "the gap since the last poll is longer than OCI keeps the records",
        "Audit keeps records for 90 to 365 days, Logging for 30 to 180 days by log, Cloud Guard for 90 days.",
        "Records that are older than the retention of the service can no longer be collected. Avoid gaps of this "
        "length between polls.",
    ),
    "OVERLAP_TOO_FULL": CatalogEntry(
        "the overlap contains more records than the checkpoint can remember",
        "The limit is 50,000 records for each instance.",
        "Lower overlap_minutes, or split the tenancy into instances by compartment. Until then some records are "
        "delivered again, with the same ids.",
    ),
    "CHECKPOINT_TOO_LARGE": CatalogEntry(
        "too many compartments are at different positions for the size of the checkpoint",
        "The limit is 900 KB.",
        "Some compartments are read again from an earlier time, with the same ids. Split the tenancy into instances "
        "by compartment.",
    ),
    "CHECKPOINT_UNREADABLE": CatalogEntry(
        "the stored checkpoint cannot be read",
        "It was truncated, was written by another program, or is larger than 900 KB. The message contains the reason.",
        f"{_RESTARTED} If the outage was longer than the lookback, raise lookback_minutes once.",
    ),
    "CHECKPOINT_VERSION": CatalogEntry(
        "the stored checkpoint was written by another version of the plugin",
        "The plugin was updated or rolled back.",
        _RESTARTED,
    ),
    "TENANCY_CHANGED": CatalogEntry(
        "the stored checkpoint belongs to another tenancy",
        "The tenancy_ocid in the settings was changed.",
        "Collection of the new tenancy starts from the lookback. To collect from both tenancies, create one instance "
        "for each.",
    ),
    "CLOCK_WENT_BACK": CatalogEntry(
        "earlier polls read beyond OCI's own clock",
        "Compare `date -u` with a reliable clock.",
        "Check the time synchronization. Reading resumes before that time; repeated records have the same ids.",
    ),
}

POLLING_SECTION: Final = Section(
    "Collecting",
    "A poll's report shows these; the connection itself works.",
    _ENTRIES,
)
