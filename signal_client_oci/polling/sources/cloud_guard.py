"""Cloud Guard: every problem of every state, and a new artifact whenever one changes.

The way is: the configuration names the region that holds the problems; there, four lists are read one after another,
page by page; of each version that was not delivered before, the details are read, if the settings want them.

A problem has no time of its last change, and being resolved does not move `timeLastDetected`, so a window cannot
find changes. Each poll lists all problems, open and closed, and compares them with the versions delivered before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from signal_client_oci.artifacts.envelope import unmapped
from signal_client_oci.artifacts.problems.record import ProblemRecord, read_problem
from signal_client_oci.artifacts.secrets.harmless_texts import HarmlessTexts
from signal_client_oci.contract import SOURCES, Artifact, Check, SourceName
from signal_client_oci.errors.failure import Failure, make_check
from signal_client_oci.errors.quantities import counted
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import (
    MAX_PAGE_LIMIT,
    CloudGuardConfiguration,
    Page,
    get_configuration,
    get_problem,
    list_problems,
    reporting_region,
)
from signal_client_oci.oci_api.pages.bounds import ORDINARY_PAGE
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.paging import PageTokens, Turns
from signal_client_oci.polling.protocol import Hindsight, SourceOutcome, Step
from signal_client_oci.polling.scope import Scope
from signal_client_oci.scheduler.requests import LaneHealth, LaneKey, Task
from signal_client_oci.settings.model import RISK_LEVELS
from signal_client_oci.state.changes import (
    PROBLEMS,
    Change,
    Delivery,
    EnterProblems,
    FinishProblems,
    RememberProblems,
)
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_records import digest_of
from signal_client_oci.state.windows import DAY, floor_minute, minute_to_text, to_text

__all__ = ["CloudGuardSource"]

TITLE: Final = SOURCES["cloud_guard"]["title"]
SERVICE: Final = "cloudguard"
_BEFORE_CLOUD_GUARD: Final = datetime(2015, 1, 1, tzinfo=timezone.utc)
_LEFT_SCOPE_SECONDS: Final = 90 * DAY * 60  # as long as cursors of what is out of scope
_CLOSING_MARGIN: Final = timedelta(days=1)

# A list takes one lifecycle detail only, so closed problems are asked for detail by detail.
_LISTS: Final = (
    ("ACTIVE", None),
    ("INACTIVE", "RESOLVED"),
    ("INACTIVE", "DISMISSED"),
    ("INACTIVE", "DELETED"),
)


class _Configuration(NamedTuple):
    """Tags the task that asks for the configuration."""

    kind: Literal["configuration"] = "configuration"


@dataclass(frozen=True)
class _ListPage:
    """Tags one page of the list number `which`, of so many problems at most."""

    which: int
    token: str | None = None
    limit: int = MAX_PAGE_LIMIT
    tokens: PageTokens = field(default_factory=PageTokens)


class _Version(NamedTuple):
    """Tags the details of a problem's version that was not delivered before."""

    problem: ProblemRecord
    digest: bytes


@dataclass
class _Progress:
    """How far the poll has come.

    Attributes:
        has_configuration: Cloud Guard is enabled, and its problems are in a region that is known.
        next_list: The page that is asked for once the details of the last one are in.
        is_complete: The last page of the last list was taken.
        failure: Why a list could not be read to its end.
        details_failure: Why details could not be read; the summary was delivered in their place.
    """

    has_configuration: bool = False
    next_list: _ListPage | None = None
    is_complete: bool = False
    failure: Failure | None = None
    details_failure: Failure | None = None


class CloudGuardSource:
    """Reads the problems of the scope when their interval has passed."""

    name: SourceName = "cloud_guard"

    def __init__(self, context: PollContext, state: PollState) -> None:
        self._context = context
        self._settings = context.settings
        self._known = state.problems
        self._backfill_from = state.backfill_from
        # one for all pages, because what is mapped once for many problems is remembered by it
        self._origin = context.origin(context.settings.region)
        self._progress = _Progress()
        self._is_skipped = False
        self._listed: set[bytes] = set()
        self._new: deque[_Version] = deque()
        self._details_open = 0
        self._counts: Counter[str] = Counter()

    # --- configuration, lists, details --------------------------------------------------------------------

    def start(self, scope: Scope) -> Step:  # noqa: ARG002  (the service itself walks down from the scope)
        """Ask for the configuration, unless the interval has not passed yet."""
        problems_scope = f"{self._settings.scope_ocid} {self._settings.include_subcompartments}"
        lookback = self._context.minute - self._settings.lookback_minutes
        begin = max(1, min(lookback, self._backfill_from or lookback))
        self._is_skipped = not self._is_due(self._known.last_read(problems_scope))
        call = partial(get_configuration, tenancy_ocid=self._settings.tenancy_ocid)
        tasks = [] if self._is_skipped else [self._task(call, _Configuration())]
        return Step(tasks, (EnterProblems(problems_scope, begin),))

    def _is_due(self, read_at: int | None) -> bool:
        if read_at is None or read_at > self._context.polled_at:
            return True
        return self._context.minute - read_at // 60 >= self._settings.cloud_guard_interval_minutes

    def on_page(self, task: Task, page: CloudGuardConfiguration | Page[bytes] | bytes) -> Step:
        """Go from the configuration to the lists, page by page, and from new versions to their details."""
        tag = task.tag
        if isinstance(page, CloudGuardConfiguration):
            try:
                self._origin = self._context.origin(reporting_region(page))
            except Failure as failure:
                return self.on_failure(task, failure, LaneHealth(is_healthy=True))
            self._progress.has_configuration = True
            return Step([self._list(_ListPage(0))])
        if isinstance(page, Page):
            self._progress.next_list = self._after(tag, page)
            is_last = self._progress.next_list is None
            # without details, the next page comes while this one's problems are taken
            tasks = [] if self._settings.cloud_guard_details else self._next_page()
            return Step(tasks, self._take(page, is_last=is_last))
        self._details_open -= 1
        return Step(output=(self._delivery(tag, page),))

    def _after(self, tag: _ListPage, page: Page[bytes]) -> _ListPage | None:
        """Return what is asked for after a page: the next page, the next list, or nothing more."""
        following = _ListPage(tag.which + 1) if tag.which + 1 < len(_LISTS) else None
        if page.next_page is None:
            return following
        tag.tokens.pages += 1
        problem = tag.tokens.follow(page.next_page)
        if problem is None:
            return replace(tag, token=page.next_page)
        is_endless = problem == "PAGES_WITHOUT_END"
        detail = f"the list of problems that are {_LISTS[tag.which][1] or 'OPEN'}" if is_endless else ""
        self._progress.failure = Failure(problem, detail=detail, opc_request_id=page.opc_request_id)
        return following if is_endless else None

    def _next_page(self) -> list[Task]:
        following, self._progress.next_list = self._progress.next_list, None
        return [] if following is None else [self._list(following)]

    def refill(self, free: Mapping[LaneKey, int]) -> Step:  # noqa: ARG002  (what waits in a lane is paced there)
        """Ask for details, so many at a time; after the last of them, for the next page.

        Few problems wait in memory that way, however many are new.
        """
        tasks: list[Task] = []
        while self._new and self._details_open < self._settings.max_concurrency:
            version = self._new.popleft()
            self._details_open += 1
            call = partial(get_problem, problem_ocid=version.problem.problem_id or "")
            tasks.append(self._task(call, version))
        if not self._details_open:
            tasks += self._next_page()
        return Step(tasks)

    def on_failure(self, task: Task, failure: Failure, lane: LaneHealth) -> Step:  # noqa: ARG002  (it has one lane)
        """Deliver the summary where only the details cannot be read; stop where a list cannot.

        A list whose page is too large begins again with fewer problems a page.
        """
        tag = task.tag
        if failure.code == "STOPPED":
            return Step()
        if isinstance(tag, _Version):
            self._details_open -= 1
            self._counts["details_missing"] += 1
            self._progress.details_failure = failure
            return Step(output=(self._delivery(tag, None),))
        if isinstance(tag, _ListPage) and failure.code == "RESPONSE_TOO_LARGE" and tag.limit > 1:
            return Step([self._list(_ListPage(tag.which, limit=tag.limit // 10))])
        self._progress.failure = failure
        self._progress.next_list = None
        return Step()

    # --- tasks --------------------------------------------------------------------------------------------

    def _task(self, call: Callable[[Client], Any], tag: Any) -> Task:
        return Task(self.name, LaneKey(self._origin.region, SERVICE), call, tag)

    def _list(self, tag: _ListPage) -> Task:
        return self._task(_call_of_list(tag, self._context), tag)

    # --- problems -----------------------------------------------------------------------------------------

    def _take(self, page: Page[bytes], *, is_last: bool) -> Iterator[Delivery | Change]:
        """Yield what is delivered of a page, a turn at a time; what needs details waits for them."""
        turns, harmless = Turns(page.items), HarmlessTexts(are_masked=self._origin.redact)
        reads_details = self._settings.cloud_guard_details
        begin = self._known.since if self._known.read_at is None else None
        unwanted = frozenset(RISK_LEVELS).difference(self._settings.risk_levels)
        while turns.has_more:
            artifacts: list[Artifact] = []
            digests: list[bytes] = []
            closed: list[bytes] = []
            for block in turns.next_turn():
                for problem, digest in self._new_ones(block, unwanted):
                    if begin is not None and not problem.is_active and _was_closed_before(problem, begin):
                        closed.append(digest)
                    elif reads_details and problem.problem_id:
                        self._new.append(_Version(problem, digest))
                    else:
                        artifacts.append(self._artifact(problem, None, harmless=harmless.has(block)))
                        digests.append(digest)
            yield Delivery(artifacts, digests, PROBLEMS)
            if closed:
                self._counts["closed_before_lookback"] += len(closed)
                yield RememberProblems(closed)
        self._progress.is_complete = is_last

    def _new_ones(
        self, texts: Iterable[bytes], unwanted: frozenset[str]
    ) -> Iterator[tuple[ProblemRecord, bytes]]:
        """Yield problem and digest of each version that was not delivered before and is risky enough."""
        origin, listed, known = self._origin, self._listed, self._known
        for text in texts:
            problem = read_problem(text, origin)
            digest = digest_of(problem.id)
            if digest in listed:
                continue
            listed.add(digest)
            if digest in known:
                self._counts["unchanged"] += 1
            elif unwanted and (problem.risk_level or "").upper() in unwanted:
                self._counts["below_min_risk"] += 1
            else:
                yield problem, digest

    def _delivery(self, version: _Version, details: bytes | None) -> Delivery:
        return Delivery([self._artifact(version.problem, details)], [version.digest], PROBLEMS)

    def _artifact(self, problem: ProblemRecord, details: bytes | None, *, harmless: bool = False) -> Artifact:
        try:
            mapped = problem.to_artifact(details, harmless=harmless)
        except Exception as error:  # noqa: BLE001  (told with the problem, which must not stop those behind it)
            mapped = unmapped(problem, self.name, error)
        if mapped.redacted:
            self._counts["redacted"] += mapped.redacted
        if mapped.parse_error:
            self._counts["parse_errors"] += 1
        return mapped.artifact

    # --- the outcome --------------------------------------------------------------------------------------

    def finish(self, hindsight: Hindsight) -> SourceOutcome:
        """Remember what is listed now; the interval begins when everything was read."""
        progress, read_at = self._progress, self._known.read_at
        covered_until = None if read_at is None else minute_to_text(read_at // 60)
        counts = {name: count for name, count in sorted(self._counts.items()) if count}
        if self._is_skipped:
            return SourceOutcome("skipped", covered_until=covered_until)
        warnings = _details_warnings(progress.details_failure, self._counts["details_missing"])
        if progress.failure is not None:
            failure = hindsight.explain(
                progress.failure, self._origin.region, names_scope=progress.has_configuration
            )
            error = failure.check(self.name, TITLE)
            is_partial = progress.failure.code == "PAGES_WITHOUT_END"
            status: Literal["partial", "failed"] = "partial" if is_partial else "failed"
            return SourceOutcome(status, error, covered_until, counts, warnings=warnings)
        if not progress.is_complete or self._details_open or self._new:
            error = Failure("STOPPED").check(self.name, TITLE)
            return SourceOutcome("partial", error, covered_until, counts, warnings=warnings)
        finished = FinishProblems(self._listed, self._context.polled_at, _LEFT_SCOPE_SECONDS)
        started = to_text(self._context.started)
        return SourceOutcome("ok", None, started, counts, (finished,), warnings)


def _call_of_list(tag: _ListPage, context: PollContext) -> Callable[[Client], Page[bytes]]:
    """Return the call that asks for a page of a list.

    By default the service lists open problems of the last 30 days of one compartment, so all four time bounds, the
    state and the subtree are always sent.
    """
    state, detail = _LISTS[tag.which]
    until = context.started + timedelta(days=1)  # a detection may be stamped by a clock that is ahead
    return partial(
        list_problems,
        compartment_ocid=context.settings.scope_ocid,
        subtree=context.settings.include_subcompartments,
        lifecycle_state=state,
        lifecycle_detail=detail,
        detected_from=_BEFORE_CLOUD_GUARD,
        detected_until=until.replace(microsecond=0),
        limit=tag.limit,
        page=tag.token,
        bounds=ORDINARY_PAGE,
    )


def _was_closed_before(problem: ProblemRecord, since: int) -> bool:
    """True for a closed problem that the first poll, which delivers what was closed from minute `since` on, leaves out.

    When it was closed is not in the list. An open problem's last detection advances daily, so one that was closed
    within the lookback was detected at most a day before the lookback's start.
    """
    last_detected = problem.last_detected
    return last_detected is not None and floor_minute(last_detected + _CLOSING_MARGIN) < since


def _details_warnings(failure: Failure | None, count: int) -> list[Check]:
    if failure is None:
        return []
    were = "was" if count == 1 else "were"
    message = f"{counted(count, 'problem')} {were} delivered without details: {failure.message}"
    code, request = "PROBLEM_DETAILS_MISSING", failure.opc_request_id
    return [make_check("cloud_guard", TITLE, "warning", code, message, opc_request_id=request)]
