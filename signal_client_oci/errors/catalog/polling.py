"""What can be said of a poll that works: its checkpoint, its limits, and what it left for the next one."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section

__all__ = ["POLLING_SECTION"]

_RESTARTED: Final = (
    "Collection restarted from the lookback; records of the lookback may come again with the same id."
)

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "STOPPED": CatalogEntry(
        "the poll was stopped before this was read",
        "The host asked to stop, or the poll's deadline came.",
        "Nothing is lost: the next poll goes on there. If it stays, give the poll more time or raise max_concurrency.",
    ),
    "RETENTION_EXCEEDED": CatalogEntry(
        "the gap is longer than OCI keeps the records",
        "Audit keeps 90 to 365 days, Logging 30 to 180 days by log, Cloud Guard 90 days.",
        "What is older than the service's retention can no longer be collected; poll without such long gaps.",
    ),
    "OVERLAP_TOO_FULL": CatalogEntry(
        "more records lie in the overlap than the checkpoint can remember",
        "The limit is 50,000 records of an instance.",
        "Lower overlap_minutes, or split the tenancy into instances by compartment; until then some records come "
        "again with the same id.",
    ),
    "CHECKPOINT_TOO_LARGE": CatalogEntry(
        "too many compartments stand at different positions for the checkpoint's size",
        "The limit is 900 KB.",
        "Some compartments are read again from an earlier time, with the same ids. Split the tenancy into instances "
        "by compartment.",
    ),
    "CHECKPOINT_UNREADABLE": CatalogEntry(
        "the stored checkpoint cannot be read",
        "It was cut off, written by something else, or is larger than 900 KB; the message says what is wrong with it.",
        f"{_RESTARTED} If the outage was longer than the lookback, raise lookback_minutes once.",
    ),
    "CHECKPOINT_VERSION": CatalogEntry(
        "the stored checkpoint is of another version of the plugin",
        "The plugin was updated or rolled back.",
        _RESTARTED,
    ),
    "TENANCY_CHANGED": CatalogEntry(
        "the stored checkpoint belongs to another tenancy",
        "The settings name another tenancy_ocid than before.",
        "Collection of the new tenancy starts from the lookback. Use one instance for each tenancy to keep both "
        "going.",
    ),
    "CLOCK_WENT_BACK": CatalogEntry(
        "the host's clock went back behind what was already read",
        "Compare `date -u` with a reliable clock.",
        "Check the time synchronisation. Reading went back to before the clock's jump; repeats have the same id.",
    ),
}

POLLING_SECTION: Final = Section(
    "Collecting",
    "Shown by a poll's report; the connection itself works.",
    _ENTRIES,
)
