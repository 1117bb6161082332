"""Audit by Logging Search: one search for each region, whatever the number of compartments (`operations.search_audit`).

The window filters on the event's own time, not on the time at which OCI processed it, so late events are found only
by reading again: 15 minutes at least. A missing right answers with success and fewer events; `audit_comparison`
watches for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from signal_client_oci.artifacts.logs.audit_record import read_searched_event
from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import Failure, make_check
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import MAX_PAGE_LIMIT, Page, audit_stream, search_audit
from signal_client_oci.oci_api.pages.bounds import Bounds
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.protocol import Hindsight, SourceOutcome, Step
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.sources.audit_comparison import AuditComparison
from signal_client_oci.polling.sources.windowed import WindowedSource
from signal_client_oci.polling.windows.windowed_api import Margins, WindowedApi
from signal_client_oci.scheduler.requests import LaneHealth, Task
from signal_client_oci.settings.model import Settings
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import compartment_key
from signal_client_oci.state.windows import DAY, minute_in_words

__all__ = ["AuditSearchApi", "AuditSearchSource"]

_STALLED_AFTER: Final = 60  # minutes


class AuditSearchApi(WindowedApi):
    """How Audit is searched and read.

    Args:
        settings: They say which compartment is searched, and whether with those below it.
    """

    source = "audit"
    service = "logging"
    max_window = 14 * DAY - 1  # with the minute that it shares with the slice before it
    # ListEvents asks by the time of processing, which is later than the event's own: digests of a search last longer
    margins = Margins(overlap=15, shared=1, digests=6)
    shortest_retention = 90
    read_count = "searched"
    unit_name = ""
    records_a_page: int = MAX_PAGE_LIMIT

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def stream(self) -> str:
        """The search stream of the scope."""
        settings = self._settings
        return audit_stream(settings.scope_ocid, subtree=settings.include_subcompartments)

    def units(self, scope: Scope) -> Sequence[Compartment]:  # noqa: ARG002  (whatever the compartments are)
        """Return the scope as one."""
        return (Compartment(self.stream, "", 0, deleted=False),)

    def fetch(  # noqa: PLR0913  (what one request consists of)
        self,
        client: Client,
        compartments: Sequence[str],
        start: datetime,
        end: datetime,
        page: str | None,
        bounds: Bounds,
    ) -> Page[bytes]:
        """Fetch one page of the events that happened in the window, oldest first."""
        (stream,) = compartments
        limit = self.records_a_page
        return search_audit(client, stream, start, end, limit=limit, page=page, bounds=bounds)

    read = staticmethod(read_searched_event)


class AuditSearchSource(WindowedSource):
    """Searches Audit, compares it with ListEvents now and then, and says what to do where the search fails for long."""

    def __init__(self, context: PollContext, state: PollState) -> None:
        self._search = AuditSearchApi(context.settings)
        self._unit = compartment_key(self._search.stream)
        self._before: dict[str, int] = {}
        super().__init__(self._search, context, state)
        self._comparison = AuditComparison(self._search, context, state, self._overlap)

    def start(self, scope: Scope) -> Step:
        """Ask for the first page of each region, and for what is compared in this hour."""
        streams = {region: self._state.stream(self.name, region) for region in scope.regions}
        stored = {region: stream.cursors.get(self._unit) for region, stream in streams.items()}
        self._before = {region: one.read_until if one else 0 for region, one in stored.items()}
        compared = self._comparison.start(scope)
        step = super().start(scope)
        warnings = [*step.warnings, *(self._overlap_warning() if not any(stored.values()) else ())]
        return Step([*step.tasks, *compared], step.output, warnings)

    def _overlap_warning(self) -> Iterator[Check]:
        """Say, when the mode begins, that more is read again than the settings say."""
        given = self._context.settings.overlap_minutes
        if given < self._search.margins.overlap:
            message = (
                f"Overlap (minutes) is {given}; with Audit Mode search, audit events are read again for "
                f"{self._overlap} minutes, because late ones are found in no other way"
            )
            yield self._warning("AUDIT_SEARCH_OVERLAP", message)

    def on_page(self, task: Task, page: Page[bytes]) -> Step:
        """Take a page of events, or one of the comparison."""
        if self._comparison.owns(task):
            return self._comparison.on_page(task, page)
        return super().on_page(task, page)

    def on_failure(self, task: Task, failure: Failure, lane: LaneHealth) -> Step:
        """Do what every windowed source does; a comparison that fails affects nothing else."""
        if self._comparison.owns(task):
            return self._comparison.on_failure(failure)
        return super().on_failure(task, failure, lane)

    def finish(self, hindsight: Hindsight) -> SourceOutcome:
        """Sum up; a region that could not be searched for long is named with what to do."""
        outcome = super().finish(hindsight)
        counts = Counter(outcome.counts)
        counts.update(self._comparison.counts)
        unread = {one.region for one in self._plan.partitions if not one.finished} | self.failures.regions
        stalled = [check for region in sorted(unread) for check in self._stalled(region)]
        warnings = [*outcome.warnings, *self._comparison.finish(), *stalled]
        return replace(outcome, counts=dict(counts), warnings=warnings)

    def _stalled(self, region: str) -> Iterator[Check]:
        """Say that nothing of a region was read for long, where this poll read nothing of it either."""
        cursor = self._state.stream(self.name, region).cursors.get(self._unit)
        if cursor is None or cursor.read_until > self._before[region]:
            return
        lookback = self._context.settings.lookback_minutes
        since = cursor.read_until if cursor.was_read else cursor.begin + lookback
        if self._context.minute - since > _STALLED_AFTER:
            message = f"no audit events could be searched in {region} since {minute_in_words(since)}"
            yield self._warning("AUDIT_SEARCH_STALLED", message)

    def _warning(self, code: str, message: str) -> Check:
        title = self._search.title
        return make_check(self.name, title, "warning", code, f"{title}: {message}")
