"""Audit: `GET /20190901/auditEvents`, one request for each region and compartment (oci-python-sdk, `list_events`).

The window filters on the time at which OCI processed an event, which is no field of the event, and not on
`eventTime`; its end is exclusive and seconds have to be zero. There is no flag for sub-compartments.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.audit.record import AuditRecord, read_audit_event
from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.oci_api.pages import Bounds, split_list_events
from signal_client_oci.state.windows import DAY

if TYPE_CHECKING:
    from signal_client_oci.oci_api.client import Answer, Client

__all__ = ["AuditService"]


class AuditService:
    """How Audit is asked and read; see `windowed.WindowedService`."""

    source: Final[SourceName] = "audit"
    title: Final = SOURCES["audit"]["title"]
    service: Final = "audit"
    together: Final = 1
    longest: Final = 7 * DAY
    least_overlap: Final = 0
    shortest_retention: Final = 90

    def ask(
        self, client: Client, compartments: Sequence[str], start: datetime, end: datetime, page: str | None
    ) -> Answer:
        """Ask for one page of the compartment's events processed in `[start, end)`."""
        return client.call("list_events", compartments[0], start, end, page=page)

    def with_smaller_pages(self) -> None:
        """ListEvents has no limit for its pages."""

    def split(self, body: bytes, bounds: Bounds) -> list[bytes]:
        """Cut a page into its events' texts; raises `PageError`."""
        return split_list_events(body, bounds)

    def read(self, text: bytes, origin: Origin) -> AuditRecord:
        """Read what identifies an event."""
        return read_audit_event(text, origin)

    def left_out(self, record: AuditRecord) -> bool:  # noqa: ARG002
        """Leave nothing out."""
        return False
