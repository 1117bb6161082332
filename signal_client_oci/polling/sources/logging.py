"""Logging Search: `POST /20190909/search`, several compartments in one query (oci-python-sdk, `search_logs`).

The window filters on the record's own time, over 14 days at most, 1,000 records a page, ordered only if the query
says so (Oracle's query language specification). Whether the window's bounds are inclusive is not documented, so a
minute is always read twice. A record's `id` is not unique; the whole record is its identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.artifacts.logs.record import LogRecord, read_log_record
from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.oci_api.pages import Bounds, split_search_results
from signal_client_oci.state.windows import DAY

if TYPE_CHECKING:
    from signal_client_oci.oci_api.client import Answer, Client

__all__ = ["LoggingService", "search_query"]

_RECORDS_A_PAGE: Final = 1000


def search_query(compartments: Sequence[str], clause: str) -> str:
    """Return the query for `compartments`; `clause` is the operator's, checked by the settings, or empty."""
    scope = ", ".join(f'"{ocid}"' for ocid in compartments)
    return " | ".join(part for part in (f"search {scope}", clause, "sort by datetime asc") if part)


class LoggingService:
    """How Logging Search is asked and read; see `windowed.WindowedService`.

    Args:
        clause: The operator's part of the query, normalised.
        audit_is_collected: True if the Audit source delivers the records of the log group `_Audit`.
        records_a_page: How many records a page may have.
    """

    source: Final[SourceName] = "logging"
    title: Final = SOURCES["logging"]["title"]
    service: Final = "logging"
    together: Final = 50
    longest: Final = 14 * DAY
    least_overlap: Final = 1
    shortest_retention: Final = 30

    def __init__(
        self, clause: str, *, audit_is_collected: bool, records_a_page: int = _RECORDS_A_PAGE
    ) -> None:
        self._clause = clause
        self._audit_is_collected = audit_is_collected
        self._records_a_page = records_a_page

    def ask(
        self, client: Client, compartments: Sequence[str], start: datetime, end: datetime, page: str | None
    ) -> Answer:
        """Ask for one page of the compartments' records in the window, oldest first."""
        details = {
            "timeStart": start,
            "timeEnd": end,
            "searchQuery": search_query(compartments, self._clause),
        }
        return client.call("search_logs", details, limit=self._records_a_page, page=page)

    def with_smaller_pages(self) -> LoggingService | None:
        """Return the same service with a tenth of the records a page, None after a single one."""
        if self._records_a_page == 1:
            return None
        return LoggingService(
            self._clause,
            audit_is_collected=self._audit_is_collected,
            records_a_page=self._records_a_page // 10,
        )

    def split(self, body: bytes, bounds: Bounds) -> list[bytes]:
        """Cut a page into its records' texts; raises `PageError`."""
        return split_search_results(body, bounds)

    def read(self, text: bytes, origin: Origin) -> LogRecord:
        """Read what identifies a record."""
        return read_log_record(text, origin)

    def left_out(self, record: LogRecord) -> bool:
        """Leave out what the Audit source delivers."""
        return self._audit_is_collected and record.from_audit
