"""Audit: one request for each region and compartment (`operations.list_events`).

The window filters on the time at which OCI processed an event, which is not a field of the event, and not on
`eventTime`; its end is exclusive and seconds have to be zero. There is no flag for sub-compartments.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from signal_client_oci.artifacts.audit.record import AuditRecord, read_audit_event
from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page, list_events
from signal_client_oci.oci_api.pages import Bounds
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.sources.windowed_api import Margins
from signal_client_oci.state.windows import DAY

__all__ = ["AuditApi"]


class AuditApi:
    """How Audit is asked and read; see `windowed_api.WindowedApi`."""

    source: Final[SourceName] = "audit"
    title: Final = SOURCES["audit"]["title"]
    service: Final = "audit"
    max_compartments: Final = 1
    max_window: Final = 7 * DAY
    margins: Final = Margins()
    read_count: Final = "read"
    unit_name: Final = "compartment"
    shortest_retention: Final = 90

    def units(self, scope: Scope) -> Sequence[Compartment]:
        """Return the scope's compartments."""
        return scope.compartments

    def fetch(  # noqa: PLR0913  (what one request consists of)
        self,
        client: Client,
        compartments: Sequence[str],
        start: datetime,
        end: datetime,
        page: str | None,
        bounds: Bounds,
    ) -> Page[bytes]:
        """Fetch one page of the compartment's events processed in `[start, end)`."""
        return list_events(client, compartments[0], start, end, page=page, bounds=bounds)

    def with_smaller_pages(self) -> None:
        """ListEvents has no limit for its pages."""

    def read(self, text: bytes, origin: Origin) -> AuditRecord:
        """Read what identifies an event."""
        return read_audit_event(text, origin)

    def is_excluded(self, record: AuditRecord) -> bool:  # noqa: ARG002
        """Exclude nothing."""
        return False
