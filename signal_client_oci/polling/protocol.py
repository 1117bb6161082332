"""What the poll's loop and the sources know of each other: this page is the whole of it.

A source decides in the poll's own thread and never waits: it is given what its tasks brought, one by one, and answers
with the next tasks and with what it made of a page. It sends nothing, queues nothing and changes no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from signal_client_oci.contract import Check, SourceName
from signal_client_oci.errors.catalog import DENIED_CODES
from signal_client_oci.errors.failure import Failure
from signal_client_oci.polling.scope import Scope
from signal_client_oci.scheduler.requests import LaneHealth, LaneKey, Task
from signal_client_oci.state.changes import Change, Delivery

__all__ = ["Asker", "Hindsight", "Source", "SourceOutcome", "Step"]


@dataclass(frozen=True)
class Step:
    """What a source answers.

    Attributes:
        tasks: What to send at once, before any of the output is made.
        output: Artifacts and changes in the order in which they hold. It is made as it is taken, a turn at a time,
            and may be given up between two items: then the poll has ended.
        warnings: What the operator should know though nothing failed.
    """

    tasks: Sequence[Task] = ()
    output: Iterable[Delivery | Change] = ()
    warnings: Sequence[Check] = ()


@dataclass(frozen=True)
class SourceOutcome:
    """How a source fared, for the report.

    Attributes:
        status: The report's status.
        error: What went wrong, None where nothing did.
        covered_until: Until when everything was read (RFC 3339), None where nothing is known.
        counts: Whole numbers by name.
        changes: What is true now that the poll is over.
        warnings: What the operator should know.
    """

    status: Literal["ok", "failed", "skipped", "partial"]
    error: Check | None = None
    covered_until: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    warnings: Sequence[Check] = ()


@dataclass(frozen=True)
class Hindsight:
    """What only the end of a poll knows, and what it makes of a failure.

    Attributes:
        accepting: Regions that accepted the key.
        scope_error: COMPARTMENT_UNKNOWN or COMPARTMENT_DELETED where the tenancy's list says so of the scope, else "".
    """

    accepting: frozenset[str] = frozenset()
    scope_error: str = ""

    def explain(self, failure: Failure, region: str, *, names_scope: bool = True) -> Failure:
        """Return a failure with the code that its cause has: the region, not the key; the scope, not the policy.

        A region can answer 401 although the tenancy is subscribed to it, while users are replicated to it
        (cd3-automation-toolkit#138). `names_scope` says that the request was about the scope or what is below it.
        """
        if failure.code == "NOT_AUTHENTICATED" and self.accepting - {region}:
            return failure.recoded("REGION_REFUSES_KEY", f"rejected by {region}")
        if self.scope_error and names_scope and failure.code in DENIED_CODES:
            return failure.recoded(self.scope_error)
        return failure


class Asker(Protocol):
    """Who has tasks: a source, or the discovery of the scope."""

    def on_page(self, task: Task, page: Any) -> Step:
        """Take what a task brought."""
        ...

    def on_failure(self, task: Task, failure: Failure, lane: LaneHealth) -> Step:
        """Take a task's final failure.

        STOPPED says that the poll's end came while the answer arrived, so that less should be asked for next time.
        """
        ...

    def refill(self, free: Mapping[LaneKey, int]) -> Step:
        """Return tasks for places that would stay empty."""
        ...


class Source(Asker, Protocol):
    """One source, as the poll drives it."""

    @property
    def name(self) -> SourceName:
        """The source's name."""
        ...

    def start(self, scope: Scope) -> Step:
        """Return the first tasks; the output is changes that hold before anything was read."""
        ...

    def finish(self, hindsight: Hindsight) -> SourceOutcome:
        """Sum up, once, when nothing is under way any more."""
        ...
