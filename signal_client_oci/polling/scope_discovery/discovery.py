"""Finds the regions and compartments that a poll covers, before anything is read of them.

ListCompartments gives the whole tree only from the tenancy and never the root itself (oci-python-sdk, docstring of
`list_compartments`), so the list is taken there and walked down from the scope, which is always part of it. The list
is taken again when it is older than 15 minutes, at a first poll, and in a new process; what is kept in memory is used
only if the checkpoint says that it is the list of the last poll.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.quantities import counted
from signal_client_oci.oci_api.limits import MAX_COMPARTMENTS
from signal_client_oci.oci_api.operations import (
    MAX_PAGE_LIMIT,
    CompartmentRow,
    Page,
    list_compartments,
)
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.paging import PageTokens
from signal_client_oci.polling.protocol import Step
from signal_client_oci.polling.scope import Scope
from signal_client_oci.polling.scope_discovery.compartment_lists import (
    CompartmentList,
    list_of_last_poll,
    lists,
)
from signal_client_oci.polling.scope_discovery.compartment_tree import walk
from signal_client_oci.polling.scope_discovery.findings import GONE, ScopeFindings
from signal_client_oci.polling.scope_discovery.regions import IDENTITY, SubscribedRegions
from signal_client_oci.scheduler.requests import LaneHealth, LaneKey, Task
from signal_client_oci.state.changes import Change, SetBackfill, SetCompartmentList
from signal_client_oci.state.poll_state import PollState

__all__ = ["ScopeDiscovery"]

_PAGE_LIMIT: Final = MAX_PAGE_LIMIT
_SAFE_OCID: Final = re.compile(r"[A-Za-z0-9._:-]{1,255}")  # it goes into queries, paths and log lines


class ScopeDiscovery:
    """Finds the regions and compartments, with as few requests as possible.

    Attributes:
        findings: What could not be found out, and what is wrong with the scope.
    """

    def __init__(self, context: PollContext, state: PollState) -> None:
        self.findings = ScopeFindings(context.settings)
        self._context = context
        self._state = state
        self._regions = SubscribedRegions(context.settings, self.findings)
        self._rows: Sequence[CompartmentRow] = ()
        self._listing = _Listing(_PAGE_LIMIT)
        self._is_complete = not self._context.settings.include_subcompartments
        self._is_kept_list = False
        self._listed: CompartmentList | None = None
        self._listed_before = state.listed_at
        self._backfill_from = 0
        self._is_over = False

    def start(self) -> Step:
        """Ask for what is needed; the output has to be known before any batch goes out."""
        tasks = self._regions.start()
        if self._context.settings.include_subcompartments:
            kept = list_of_last_poll(self._context, self._state)
            if kept is None:
                tasks.append(self._page(None))
            else:
                self._rows, self._is_complete, self._is_kept_list = kept.rows, True, True
                self.findings.whole = kept.rows
        return Step(tasks, self._first_beginning())

    def _first_beginning(self) -> list[Change]:
        """Note where a first poll begins, before any batch can carry a checkpoint without it."""
        begin = max(1, self._context.lookback_start)
        if self._state.backfill_from:
            self._backfill_from = min(self._state.backfill_from, begin)
            return [SetBackfill(self._backfill_from)]
        return [] if self._state.listed_at else [SetBackfill(begin)]

    @property
    def is_unlisted(self) -> bool:
        """Whether the scope is a compartment that is read without the list that it should be in."""
        settings = self._context.settings
        return not settings.include_subcompartments and settings.scope_ocid != settings.tenancy_ocid

    def list_again(self) -> Step:
        """Ask for the compartments again: now, if this poll has not taken the list itself, else in the next poll."""
        if self._is_kept_list or self.is_unlisted:
            self._is_kept_list = False
            return Step([self._page(None)])
        lists.forget(self._context)
        return Step()

    @property
    def deleted_meanwhile(self) -> set[str]:
        """OCIDs that the list taken again calls deleted."""
        return {row.id for row in self._listing.rows if row.lifecycle_state in GONE}

    def on_page(self, task: Task, page: Page[Any]) -> Step:
        """Take the subscriptions, or one page of compartments."""
        if task.tag == SubscribedRegions.tag:
            self._regions.on_page(page)
            return Step()
        listing = self._listing
        listing.rows += page.items
        listing.tokens.pages += 1
        if page.next_page is None:
            self._keep()
            return Step()
        problem = listing.tokens.follow(page.next_page)
        if problem == "PAGE_TOKEN_REPEATED":
            return self._fail(task, Failure(problem))
        if problem is not None or len(listing.rows) >= MAX_COMPARTMENTS:
            self._end_early()
            return Step()
        return Step([self._page(page.next_page)])

    def on_failure(self, task: Task, failure: Failure, lane: LaneHealth) -> Step:  # noqa: ARG002  (it has one lane)
        """Go on with what is known: the home region, the scope alone, or the last list of this process.

        A list whose page is too large begins again with fewer compartments a page.
        """
        return self._fail(task, failure)

    def _fail(self, task: Task, failure: Failure) -> Step:
        listing = self._listing
        if task.tag == "compartments" and failure.code == "RESPONSE_TOO_LARGE" and listing.limit > 1:
            self._listing = _Listing(listing.limit // 10)
            return Step([self._page(None)])
        if self._is_over:
            return Step()
        if task.tag == SubscribedRegions.tag:
            self._regions.on_failure(failure)
        else:
            self._fall_back(failure)
        return Step()

    def refill(self, free: Mapping[LaneKey, int]) -> Step:  # noqa: ARG002  (a list comes page by page)
        """Ask for nothing more: what is needed was asked for at once."""
        return Step()

    def _end_early(self) -> None:
        """Go on with what was listed so far, beside the last list; what comes after it is still to be read."""
        if self._is_over:
            return
        kept = lists.last(self._context)
        self._rows = [*(kept.rows if kept else ()), *self._listing.rows]
        failure = Failure("PAGES_WITHOUT_END", detail="the list of compartments")
        first = counted(len(self._listing.rows), "compartment")
        self.findings.note("Compartments", failure, f"collecting from the first {first} of it")

    def finish(self, missing: Failure | None = None) -> Scope:
        """Return the scope as far as it could be found; `missing` says why an answer is still to come."""
        if missing is not None and not self._is_complete:
            self._fall_back(missing)
        elif missing is not None:
            self._regions.on_failure(missing)
        self._is_over = True
        compartments = list(walk(self._context.settings.scope_ocid, self._safe_rows()))
        backfill_from = min(
            self._backfill_from, self._state.backfill_from
        )  # a service's clock may have told more
        changes: list[Change] = []
        if self._listed is not None:
            changes.append(SetCompartmentList(self._listed.listed_at, self._listed.digest))
        return Scope(
            self._regions.names,
            compartments,
            listed_before=self._listed_before,
            backfill_from=backfill_from,
            changes=changes,
            is_complete=self._is_complete and not self.findings.has_any,
        )

    def _safe_rows(self) -> dict[str, CompartmentRow]:
        """Return the compartments by their OCIDs, and say what is wrong with the list."""
        rows = {row.id: row for row in self._rows if _SAFE_OCID.fullmatch(row.id)}
        if len(rows) < len(self._rows) and any(not _SAFE_OCID.fullmatch(row.id) for row in self._rows):
            failure = Failure(
                "RESPONSE_NOT_JSON", detail="the list of compartments holds ids that are not OCIDs"
            )
            self.findings.note("Compartments", failure, "they are not collected from")
        return rows

    def _fall_back(self, failure: Failure) -> None:
        kept = lists.last(self._context)
        self._rows = kept.rows if kept else ()
        what = "the compartments of the last list" if kept else "the scope's own compartment alone"
        self.findings.note("Compartments", failure, f"collecting from {what}")

    def _keep(self) -> None:
        """Keep the list for later polls; one that came too late for this poll's plan is taken again by the next."""
        listed = lists.keep(self._context, self._listing.rows)
        self.findings.whole = listed.rows
        if not self._is_over:
            self._rows, self._is_complete, self._listed = listed.rows, True, listed

    def _page(self, token: str | None) -> Task:
        call = partial(
            list_compartments,
            tenancy_ocid=self._context.settings.tenancy_ocid,
            limit=self._listing.limit,
            page=token,
        )
        return Task(IDENTITY, LaneKey(self._context.settings.region, "identity"), call, "compartments")


@dataclass
class _Listing:
    """The list of compartments as far as it has come, so many a page."""

    limit: int
    rows: list[CompartmentRow] = field(default_factory=list)
    tokens: PageTokens = field(default_factory=PageTokens)
