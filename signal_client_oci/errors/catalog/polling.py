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
        "Requests in Flight.",
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
        "Lower Overlap (minutes), or split the tenancy into instances by compartment. Until then some records are "
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
        f"{_RESTARTED} If the outage was longer than the lookback, raise First Poll Reaches Back (minutes) once.",
    ),
    "CHECKPOINT_VERSION": CatalogEntry(
        "the stored checkpoint was written by another version of the plugin",
        "The plugin was updated or rolled back.",
        _RESTARTED,
    ),
    "TENANCY_CHANGED": CatalogEntry(
        "the stored checkpoint belongs to another tenancy",
        "Tenancy OCID in the settings was changed.",
        "Collection of the new tenancy starts from the lookback. To collect from both tenancies, create one instance "
        "for each.",
    ),
    "CONTEXT_INVALID": CatalogEntry(
        "the host passed a context that cannot be used",
        "The message names the key of `context`. The host contract lists the keys and what each may be.",
        "Correct that value in the host. No records are lost: the next poll resumes from the stored checkpoint.",
    ),
    "HOST_CLOCK_NAIVE": CatalogEntry(
        "`now` in the host's context returns a time without a time zone, which is taken as UTC",
        "Call the function that the host passes: the `tzinfo` of its result must not be None.",
        "Let the host return an aware UTC time, such as `datetime.now(timezone.utc)`, or pass no `now`.",
    ),
    "HOST_CLOCK_WRONG": CatalogEntry(
        "`now` in the host's context is far from OCI's own clock",
        "The message contains the difference. Compare what the host's function returns with `date -u`. A difference of "
        "whole hours is usually a local time without its time zone.",
        "Let the host return the current time as an aware UTC time, such as `datetime.now(timezone.utc)`, or pass no "
        "`now`. No records are lost; while that clock is behind, they arrive late.",
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
