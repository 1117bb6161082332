"""Cloud Guard: every problem of every state, and a new artifact whenever one changes (oci-python-sdk, `list_problems`).

A problem has no time of its last change, and being resolved does not move `timeLastDetected`, so a window cannot
find changes. Each poll lists all problems, open and closed, and compares them with the versions delivered before.
Only the reporting region answers. By default the service lists open problems of the last 30 days of one
compartment, so all four time bounds, the state and the subtree are always sent.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec

from signal_client_oci.artifacts.problems.record import ProblemRecord, read_problem
from signal_client_oci.contract import SourceName
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.limits import PAGES_A_SLICE, TURN_BYTES, TURN_SECONDS
from signal_client_oci.oci_api.pages import ORDINARY_PAGE, split_problems
from signal_client_oci.polling.context import Run
from signal_client_oci.polling.sources.windowed_api import read_page
from signal_client_oci.scheduler.requests import LaneName, Page, Request, Result, Step, token_mark
from signal_client_oci.settings.model import RISK_LEVELS
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region
from signal_client_oci.state.seen_problems import LeftScope
from signal_client_oci.state.seen_records import digest_of
from signal_client_oci.state.windows import DAY, floor_minute, minute_to_text, to_text

if TYPE_CHECKING:
    from signal_client_oci.oci_api.client import Client

__all__ = ["CloudGuardCollector", "reporting_region"]

TITLE: Final = "Cloud Guard Problems"
SERVICE: Final = "cloudguard"
_PROBLEMS_A_PAGE: Final = 1000
_BEFORE_CLOUD_GUARD: Final = datetime(2015, 1, 1, tzinfo=timezone.utc)
_LEFT_SCOPE_SECONDS: Final = 90 * DAY * 60  # as long as positions of what is out of scope
_CLOSING_MARGIN: Final = timedelta(days=1)

# A list takes one lifecycle detail only, so closed problems are asked for detail by detail.
_LISTS: Final = (
    ("ACTIVE", None),
    ("INACTIVE", "RESOLVED"),
    ("INACTIVE", "DISMISSED"),
    ("INACTIVE", "DELETED"),
)


class _Configuration(msgspec.Struct, rename="camel"):
    reporting_region: str | None = None
    status: str | None = None


class _ConfigurationJob(NamedTuple):
    kind: Literal["configuration"] = "configuration"


class _AnyObject(msgspec.Struct):
    """A JSON object, of which nothing is kept."""


class _ListJob(NamedTuple):
    """One page of one of the lists, of so many problems at most; `number` counts its pages from 1."""

    which: int
    token: str | None = None
    limit: int = _PROBLEMS_A_PAGE
    number: int = 1


class _DetailsJob(NamedTuple):
    """The details of one problem."""

    problem: ProblemRecord
    digest: bytes


def reporting_region(client: Client, tenancy: str) -> str:
    """Ask Cloud Guard's configuration for the region that holds the problems.

    Raises:
        Failure: CLOUD_GUARD_DISABLED, CLOUD_GUARD_NOT_ENABLED, CLOUD_GUARD_NOT_AUTHORIZED, or what went wrong.
    """
    answer = client.call("get_configuration", tenancy)
    try:
        configuration = msgspec.json.decode(answer.body, type=_Configuration)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failure(
            "RESPONSE_NOT_JSON", recovery=Recovery.RETRY, opc_request_id=answer.opc_request_id
        ) from error
    if configuration.status == "DISABLED":
        raise Failure("CLOUD_GUARD_DISABLED", opc_request_id=answer.opc_request_id)
    try:
        return canonical_region(configuration.reporting_region or "")
    except UnknownRegionError as error:
        detail = f"Cloud Guard names {(configuration.reporting_region or '')[:40]!a} as its reporting region"
        raise Failure("REGION_UNKNOWN", detail=detail, opc_request_id=answer.opc_request_id) from error


class CloudGuardCollector:
    """Collects the problems of the scope when their interval has passed."""

    source: SourceName = "cloud_guard"

    def __init__(self, run: Run) -> None:
        self._run = run
        self._settings = run.settings
        self._batcher = run.batchers["cloud_guard"]
        self._known = run.progress.problems
        self._listed: set[bytes] = set()
        self._tokens: set[bytes] = set()
        self._lane = LaneName(run.settings.region, SERVICE)
        self._details_open = 0
        self._next_list: _ListJob | None = None
        self._skipped = False
        self._complete = False
        self._failure: Failure | None = None
        self._details_failure: Failure | None = None
        self._counts: Counter[str] = Counter()
        self._minor_risks = frozenset(RISK_LEVELS).difference(run.settings.risk_levels)

    def begin(self) -> Iterator[Request]:
        """Ask for the configuration, unless the interval has not passed yet."""
        scope = f"{self._settings.scope_ocid} {self._settings.include_subcompartments}"
        if self._known.scope != scope:
            self._known.enter(scope)
        if not self._is_due():
            self._skipped = True
            return
        lookback = self._run.minute - self._settings.lookback_minutes
        begin = max(1, min(lookback, self._run.progress.owed_since or lookback))
        # never later than now's: the clock may have been ahead when the scope was entered
        self._known.since = min(self._known.since or begin, begin)
        ask = partial(_ask_region, self._settings.tenancy_ocid)
        yield Request(self._lane, ask, self, _ConfigurationJob())

    def _is_due(self) -> bool:
        read_at = self._known.read_at
        if read_at is None or read_at > self._run.polled_at:
            return True
        return self._run.minute - read_at // 60 >= self._settings.cloud_guard_interval_minutes

    def answered(self, request: Request, result: Any) -> Iterator[Step]:
        """Go from the configuration to the lists, page by page, and from new versions to their details."""
        job = request.job
        if isinstance(job, _ConfigurationJob):
            self._lane = LaneName(result, SERVICE)
            yield self._list(_ListJob(0))
        elif isinstance(job, _ListJob):
            yield from self._page(job, result)
        else:
            self._deliver(job.problem, job.digest, result)
            yield from self._details_done()

    def _page(self, job: _ListJob, page: Page) -> Iterator[Step]:
        self._next_list = self._after(job, page)
        is_last = self._next_list is None
        if not self._settings.cloud_guard_details:
            yield from self._go_on()  # the next page comes while this one's problems are taken
        yield from self._take(page.texts)
        self._complete = is_last
        yield from self._go_on()

    def _after(self, job: _ListJob, page: Page) -> _ListJob | None:
        """Return what is asked for after a page: the next page, the next list, or nothing more."""
        if page.next_page is None:
            return self._list_after(job)
        mark = token_mark(page.next_page)
        if mark in self._tokens:
            self._failure = Failure("PAGE_TOKEN_REPEATED", opc_request_id=page.opc_request_id)
            return None
        if job.number >= PAGES_A_SLICE:
            self._failure = Failure(
                "PAGES_WITHOUT_END",
                detail=f"the list of problems that are {_LISTS[job.which][1] or 'OPEN'}",
                opc_request_id=page.opc_request_id,
            )
            return self._list_after(job)
        self._tokens.add(mark)
        return _ListJob(job.which, page.next_page, job.limit, job.number + 1)

    def _list_after(self, job: _ListJob) -> _ListJob | None:
        self._tokens.clear()
        return _ListJob(job.which + 1) if job.which + 1 < len(_LISTS) else None

    def _go_on(self) -> Iterator[Request]:
        """Ask for the next page once the details of this one are in, so that few problems wait in memory."""
        if not self._details_open and self._next_list is not None:
            job, self._next_list = self._next_list, None
            yield self._list(job)

    def _take(self, texts: Iterable[bytes]) -> Iterator[Step]:
        """Deliver the versions that were not delivered before, or ask for their details; pause between two turns."""
        origin = self._run.origin(self._lane.region)
        closed: list[bytes] = []
        end, room = time.monotonic() + TURN_SECONDS, TURN_BYTES
        for text in texts:
            if room <= 0 or time.monotonic() >= end:
                yield None
                end, room = time.monotonic() + TURN_SECONDS, TURN_BYTES
            room -= len(text)
            problem = read_problem(text, origin)
            digest = digest_of(problem.id)
            if digest in self._listed:
                continue
            self._listed.add(digest)
            if digest in self._known:
                self._counts["unchanged"] += 1
            elif (problem.risk_level or "").upper() in self._minor_risks:
                self._counts["below_min_risk"] += 1
            elif self._was_closed_before(problem):
                closed.append(digest)
            elif self._settings.cloud_guard_details and problem.problem_id:
                self._details_open += 1
                ask = partial(_ask_details, problem.problem_id)
                yield Request(self._lane, ask, self, _DetailsJob(problem, digest))
            else:
                self._deliver(problem, digest, None)
        if closed:
            self._counts["closed_before_lookback"] += len(closed)
            self._batcher.note(partial(self._known.deliver, closed))

    def _was_closed_before(self, problem: ProblemRecord) -> bool:
        """True for a closed problem that the first poll leaves out.

        When it was closed is not in the list. An open problem's last detection advances daily, so one that was
        closed within the lookback was detected at most a day before the lookback's start.
        """
        if self._known.read_at is not None or problem.is_active or problem.last_detected is None:
            return False
        return floor_minute(problem.last_detected + _CLOSING_MARGIN) < self._known.since

    def _deliver(self, problem: ProblemRecord, digest: bytes, details: bytes | None) -> None:
        made = problem.to_artifact(details)
        self._counts["redacted"] += made.redacted
        self._counts["parse_errors"] += made.parse_error
        self._batcher.add(made.artifact, digest, self._known.deliver)

    def _details_done(self) -> Iterator[Request]:
        self._details_open -= 1
        yield from self._go_on()

    def cut_off(self, request: Request) -> None:
        """Note nothing: a list has no slices, and goes on from what was delivered of it."""

    def failed(self, request: Request, failure: Failure) -> Iterator[Step]:
        """Deliver the summary where only the details cannot be read; stop where a list cannot.

        A list whose page is too large begins again with fewer problems a page.
        """
        job = request.job
        if isinstance(job, _DetailsJob):
            self._counts["details_missing"] += 1
            self._details_failure = failure
            self._deliver(job.problem, job.digest, None)
            yield from self._details_done()
        elif isinstance(job, _ListJob) and failure.code == "RESPONSE_TOO_LARGE" and job.limit > 1:
            self._tokens.clear()
            yield self._list(_ListJob(job.which, limit=job.limit // 10))
        else:
            self._failure = failure
            self._next_list = None

    def more(self) -> Iterable[Request]:
        """Name nothing: pages of one list follow each other."""
        return ()

    def _list(self, job: _ListJob) -> Request:
        state, detail = _LISTS[job.which]
        until = self._run.started + timedelta(days=1)  # a detection may be stamped by a clock that is ahead
        arguments = {
            "lifecycle_state": state,
            "lifecycle_detail": detail,
            "time_first_detected_greater_than_or_equal_to": _BEFORE_CLOUD_GUARD,
            "time_first_detected_less_than_or_equal_to": until.replace(microsecond=0),
            "time_last_detected_greater_than_or_equal_to": _BEFORE_CLOUD_GUARD,
            "time_last_detected_less_than_or_equal_to": until.replace(microsecond=0),
            "limit": job.limit,
            "page": job.token,
        }
        if self._settings.include_subcompartments:
            arguments |= {"compartment_id_in_subtree": True, "access_level": "ACCESSIBLE"}
        return Request(self._lane, partial(_ask_list, self._settings.scope_ocid, arguments), self, job)

    def end(self, *, interrupted: bool) -> Result:  # noqa: ARG002  (what is open tells the same)
        """Remember what is listed now; the interval begins when everything was read."""
        counts = {name: count for name, count in sorted(self._counts.items()) if count}
        if self._skipped:
            return Result("skipped", covered_until=self._covered_until())
        if self._details_failure is not None:
            self._warn_of_details(self._details_failure)
        if self._failure is not None:
            is_partial = self._failure.code == "PAGES_WITHOUT_END"
            status: Literal["failed", "partial"] = "partial" if is_partial else "failed"
            return Result(status, self._failure.check(self.source, TITLE), self._covered_until(), counts)
        if not self._complete or self._details_open:
            error = Failure("STOPPED").check(self.source, TITLE)
            return Result("partial", error, self._covered_until(), counts)
        self._remember()
        return Result("ok", None, to_text(self._run.started), counts)

    def _remember(self) -> None:
        """Keep what is listed now, and for one poll more what was listed before it."""
        known, left = self._known, self._known.left
        delivered = known.listed
        known.listed = (delivered | known.before | left.delivered) & self._listed
        known.before = delivered - self._listed
        known.read_at = self._run.polled_at
        is_forgotten = (left.read_at or left.since * 60) < known.read_at - _LEFT_SCOPE_SECONDS
        known.left = LeftScope() if is_forgotten else left._replace(delivered=left.delivered - known.listed)

    def _warn_of_details(self, failure: Failure) -> None:
        message = (
            f"{self._counts['details_missing']} problems were delivered without details: {failure.message}"
        )
        self._run.warn(self.source, TITLE, "PROBLEM_DETAILS_MISSING", message, failure.opc_request_id)

    def _covered_until(self) -> str | None:
        read_at = self._known.read_at
        return None if read_at is None else minute_to_text(read_at // 60)


def _ask_region(tenancy: str, client: Client) -> str:
    return reporting_region(client, tenancy)


def _ask_list(scope: str, arguments: dict[str, Any], client: Client) -> Page:
    bounds = ORDINARY_PAGE._replace(check=client.check)
    return read_page(client.call("list_problems", scope, **arguments), split_problems, bounds)


def _ask_details(problem_id: str, client: Client) -> bytes:
    answer = client.call("get_problem", problem_id)
    try:
        msgspec.json.decode(answer.body, type=_AnyObject)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failure(
            "RESPONSE_NOT_JSON", recovery=Recovery.RETRY, opc_request_id=answer.opc_request_id
        ) from error
    return answer.body
