"""Audit: one request for each region and compartment (`operations.list_events`).

The window filters on the time at which OCI processed an event, which is not a field of the event, and not on
`eventTime`; its end is exclusive and seconds have to be zero. There is no flag for sub-compartments.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page, list_events
from signal_client_oci.oci_api.pages.bounds import Bounds
from signal_client_oci.polling.windows.windowed_api import WindowedApi
from signal_client_oci.state.windows import DAY

__all__ = ["AuditApi"]


class AuditApi(WindowedApi):
    """How Audit is asked and read; ListEvents has no limit for its pages."""

    source = "audit"
    service = "audit"
    max_window = 7 * DAY
    shortest_retention = 90

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

    read = staticmethod(read_audit_event)
