"""Logging Search: several compartments in one query (`operations.search_logs`).

The window filters on the record's own time, over 14 days at most, 1,000 records a page. Whether the window's bounds
are inclusive is not documented, so a minute is always read twice. A record's `id` is not unique; the whole record is
its identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from signal_client_oci.artifacts.logs.record import LogRecord, read_log_record
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import MAX_PAGE_LIMIT, Page, search_logs
from signal_client_oci.oci_api.pages.bounds import Bounds
from signal_client_oci.polling.windows.windowed_api import Margins, WindowedApi
from signal_client_oci.state.windows import DAY

__all__ = ["LoggingApi"]


class LoggingApi(WindowedApi):
    """How Logging Search is asked and read.

    Args:
        clause: The operator's part of the query, normalised.
        audit_is_collected: True if the Audit source delivers the records of the log group `_Audit`.
    """

    source = "logging"
    service = "logging"
    max_compartments = 50
    max_window = 14 * DAY - 1  # with the minute that it shares with the slice before it
    margins = Margins(overlap=1, shared=1, digests=1)
    shortest_retention = 30
    records_a_page: int = MAX_PAGE_LIMIT

    def __init__(self, clause: str, *, audit_is_collected: bool) -> None:
        self._clause = clause
        self._audit_is_collected = audit_is_collected

    def fetch(  # noqa: PLR0913  (what one request consists of)
        self,
        client: Client,
        compartments: Sequence[str],
        start: datetime,
        end: datetime,
        page: str | None,
        bounds: Bounds,
    ) -> Page[bytes]:
        """Fetch one page of the compartments' records in the window, oldest first."""
        return search_logs(
            client,
            compartments,
            start,
            end,
            clause=self._clause,
            limit=self.records_a_page,
            page=page,
            bounds=bounds,
        )

    read = staticmethod(read_log_record)

    def is_excluded(self, record: LogRecord) -> bool:
        """Exclude what the Audit source delivers."""
        return self._audit_is_collected and record.from_audit
