"""Which regions and compartments a poll covers.

ListCompartments gives the whole tree only from the tenancy and never the root itself (oci-python-sdk, docstring of
`list_compartments`), so the list is taken there and walked down from the scope, which is always part of it. The list
is taken again when it is older than 15 minutes, at a first poll, and in a new process; what is kept in memory is used
only if the checkpoint says that it is the list of the last poll.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import rows_of
from signal_client_oci.oci_api.limits import MAX_COMPARTMENTS, PAGES_A_SLICE
from signal_client_oci.polling.context import Run
from signal_client_oci.scheduler.requests import LaneKey, Request, Result, token_mark
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region
from signal_client_oci.state.windows import floor_minute

__all__ = ["LIST_MINUTES", "Compartment", "ScopeCollector"]

LIST_MINUTES: Final = 15
_PAGE_LIMIT: Final = 1000
_LISTS_KEPT: Final = 64
_SAFE_OCID: Final = re.compile(r"[A-Za-z0-9._:-]{1,255}")  # it goes into queries, paths and log lines


class Compartment(NamedTuple):
    """A compartment of the scope; `created` is a minute since 1970, 0 where it is not known."""

    ocid: str
    name: str
    created: int
    deleted: bool


class _Row(msgspec.Struct, rename="camel"):
    """What is read of a compartment in ListCompartments."""

    id: str
    compartment_id: str | None = None
    name: str | None = None
    lifecycle_state: str | None = None
    time_created: str | None = None


class _Subscription(msgspec.Struct, rename="camel"):
    """What is read of a region in ListRegionSubscriptions."""

    region_name: str
    status: str


_ROWS: Final = msgspec.json.Decoder(list[_Row])
_SUBSCRIPTIONS: Final = msgspec.json.Decoder(list[_Subscription])


class _Listed(NamedTuple):
    rows: list[_Row]
    listed_at: int
    digest: str


_kept: dict[tuple[str, ...], _Listed] = {}
_kept_lock: Final = threading.Lock()


class ScopeCollector:
    """Finds the regions and compartments, with as few requests as possible.

    Attributes:
        regions: Region identifiers, complete once `end` was called.
        compartments: The scope and what is below it, complete once `end` was called.
        listed_before: Second of the list before this one, 0 = there was none: what was created since is new.
        owed_since: Minute from which on what is found for the first time has to be read, 0 = from the lookback.
        degraded: Something could not be found out; a warning says what.
    """

    source = "identity"

    def __init__(self, run: Run) -> None:
        self._run = run
        self._settings = run.settings
        self._lane = LaneKey(run.settings.region, "identity")
        self._rows: list[_Row] = []
        self._pages: list[_Row] = []
        self._tokens: set[bytes] = set()
        self._page_limit = _PAGE_LIMIT
        self._is_kept_list = False
        self._ended = False
        self.regions = [self._settings.region]
        self.compartments: list[Compartment] = []
        self.listed_before = run.progress.listed_at
        self.owed_since = run.progress.owed_since
        self.degraded = False
        self._complete = False

    def begin(self) -> Iterator[Request]:
        """Ask for the compartments and the region subscriptions, as far as they are needed."""
        self._owe_the_lookback()
        additional = self._settings.additional_regions
        if additional == ["all"]:
            yield Request(self._lane, self._ask_regions, self, "regions")
        else:
            self.regions += additional
        if self._settings.include_subcompartments:
            kept = self._fresh()
            if kept is None:
                yield self._page(None)
            else:
                self._rows, self._complete, self._is_kept_list = kept.rows, True, True

    def list_again(self) -> Iterator[Request]:
        """Ask for the compartments again: now, where an earlier poll's list was used, else in the next poll."""
        if self._is_kept_list:
            self._is_kept_list = False
            yield self._page(None)
        else:
            with _kept_lock:
                _kept.pop(self._cache_key(), None)

    @property
    def deleted_meanwhile(self) -> set[str]:
        """OCIDs that the list taken again calls deleted."""
        return {row.id for row in self._pages if row.lifecycle_state in ("DELETED", "DELETING")}

    def answered(self, request: Request, result: Any) -> Iterator[Request]:
        """Take the subscriptions, or one page of compartments."""
        if request.job == "regions":
            ready = [one.region_name for one in result if one.status == "READY"]
            self.regions += [name for name in self._known(ready) if name not in self.regions]
            return
        rows, token = result
        self._pages += rows
        if token is None:
            if not self._ended:
                self._rows, self._complete = self._pages, True
            self._keep()
        elif token_mark(token) in self._tokens:
            yield from self.failed(request, Failure("PAGE_TOKEN_REPEATED"))
        elif len(self._tokens) >= PAGES_A_SLICE - 1 or len(self._pages) >= MAX_COMPARTMENTS:
            self._end_early()
        else:
            self._tokens.add(token_mark(token))
            yield self._page(token)

    def _end_early(self) -> None:
        """Go on with what was listed so far, beside the last list; what comes after it is still owed."""
        if self._ended:
            return
        kept = self._last_known()
        self._rows = [*(kept.rows if kept else ()), *self._pages]
        failure = Failure("PAGES_WITHOUT_END", detail="the list of compartments")
        message = f"{failure.message}; collecting from the first {len(self._pages):,} compartments of it"
        self._warn("Compartments", failure.code, message)

    def cut_off(self, request: Request) -> None:
        """Note nothing: the list is taken again by the next poll."""

    def failed(self, request: Request, failure: Failure) -> Iterable[Request]:
        """Go on with what is known: the home region, the scope alone, or the last list of this process.

        A list whose page is too large begins again with fewer compartments a page.
        """
        if request.job == "compartments" and failure.code == "RESPONSE_TOO_LARGE" and self._page_limit > 1:
            self._page_limit //= 10
            self._pages.clear()
            self._tokens.clear()
            return (self._page(None),)
        if self._ended:
            return ()
        if request.job == "regions":
            title, code = "Subscribed regions", failure.code
            if failure.recovery is Recovery.COMPARTMENT:
                code = "REGIONS_NOT_AUTHORIZED"
            message = f"{failure.message}; collecting from {self._settings.region} alone"
            self._warn(title, code, message, failure.opc_request_id)
            return ()
        self._fall_back(failure)
        return ()

    def more(self) -> Iterable[Request]:
        """Name nothing: what is needed was asked for at once."""
        return ()

    def end(self, *, interrupted: bool) -> Result:
        """Walk down from the scope."""
        if interrupted:
            self._do_without()
        self._ended = True
        self.compartments = list(self._walk())
        self._note_what_is_owed(interrupted=interrupted)
        return Result("ok")

    def _do_without(self) -> None:
        """Go on although an answer is still to come."""
        missing = Failure("TIMEOUT", detail="Identity has not answered yet")
        if self._settings.include_subcompartments and not self._complete:
            self._fall_back(missing)
        else:
            message = f"{missing.message}; collecting from {self._settings.region} alone"
            self._warn("Subscribed regions", missing.code, message)

    def _fall_back(self, failure: Failure) -> None:
        kept = self._last_known()
        self._rows = kept.rows if kept else []
        what = "the compartments of the last list" if kept else "the scope's own compartment alone"
        message = f"{failure.message}; collecting from {what}"
        self._warn("Compartments", failure.code, message, failure.opc_request_id)

    def _page(self, token: str | None) -> Request:
        return Request(self._lane, lambda client: self._ask_compartments(client, token), self, "compartments")

    def _ask_compartments(self, client: Any, token: str | None) -> tuple[list[_Row], str | None]:
        answer = client.call(
            "list_compartments",
            self._settings.tenancy_ocid,
            compartment_id_in_subtree=True,
            access_level="ANY",
            limit=self._page_limit,
            page=token,
        )
        return rows_of(answer, _ROWS), answer.next_page

    def _ask_regions(self, client: Any) -> list[_Subscription]:
        answer = client.call("list_region_subscriptions", self._settings.tenancy_ocid)
        subscriptions: list[_Subscription] = rows_of(answer, _SUBSCRIPTIONS)
        return subscriptions

    def _known(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the regions that the SDK knows; an unknown name would make it build some other host's name."""
        for name in names:
            try:
                yield canonical_region(name)
            except UnknownRegionError:
                message = (
                    f"the tenancy is subscribed to {name[:40]!a}, which this version of the SDK does not know"
                )
                self._warn("Subscribed regions", "REGION_UNKNOWN", message)

    def _warn(self, title: str, code: str, message: str, opc_request_id: str | None = None) -> None:
        self.degraded = True
        self._run.warn("compartments", title, code, message, opc_request_id)

    def _owe_the_lookback(self) -> None:
        """Note a first poll's beginning before any batch can carry a checkpoint without it.

        A clock that went back since was ahead at that beginning.
        """
        progress = self._run.progress
        begin = self._run.newest - self._settings.lookback_minutes
        if progress.owed_since:
            went_back = max(0, progress.last_tried() - self._run.minute)
            progress.owed_since = self.owed_since = max(1, min(progress.owed_since - went_back, begin))
        elif not progress.listed_at:
            progress.owed_since = max(1, begin)

    def _note_what_is_owed(self, *, interrupted: bool) -> None:
        """Keep the first poll's beginning until a poll has found everything that there is to read."""
        needed = self._settings.include_subcompartments
        if not self.degraded and not interrupted and (self._complete or not needed):
            self._run.progress.owed_since = 0

    def _cache_key(self) -> tuple[str, ...]:
        settings = self._settings
        return (
            self._run.instance,
            settings.tenancy_ocid,
            settings.user_ocid,
            settings.fingerprint,
            settings.region,
            settings.endpoint_template,
        )

    def _last_known(self) -> _Listed | None:
        with _kept_lock:
            return _kept.get(self._cache_key())

    def _fresh(self) -> _Listed | None:
        """Return the kept list if it is the last poll's and young enough."""
        kept, progress = self._last_known(), self._run.progress
        if kept is None or (kept.listed_at, kept.digest) != (progress.listed_at, progress.tree):
            return None
        return kept if 0 <= self._run.polled_at - kept.listed_at < LIST_MINUTES * 60 else None

    def _keep(self) -> None:
        """Keep the list for later polls; one that came too late for this poll's plan is taken again by the next."""
        digest = hashlib.blake2b(msgspec.json.encode(self._pages), digest_size=8).hexdigest()
        listed = _Listed(self._pages, self._run.polled_at, digest)
        with _kept_lock:
            _kept.pop(self._cache_key(), None)
            _kept[self._cache_key()] = listed
            while len(_kept) > _LISTS_KEPT:
                del _kept[next(iter(_kept))]
        if not self._ended:
            self._run.progress.listed_at, self._run.progress.tree = listed.listed_at, digest

    def _walk(self) -> Iterator[Compartment]:
        """Yield the scope and everything below it, each once."""
        scope = self._settings.scope_ocid
        rows = {row.id: row for row in self._rows if _SAFE_OCID.fullmatch(row.id)}
        if len(rows) < len(self._rows) and any(not _SAFE_OCID.fullmatch(row.id) for row in self._rows):
            message = "the list of compartments holds texts that are no OCIDs; they are not collected from"
            self._warn("Compartments", "RESPONSE_NOT_JSON", message)
        below: dict[str, list[_Row]] = {}
        for row in rows.values():
            if row.compartment_id:
                below.setdefault(row.compartment_id, []).append(row)
        is_root = scope == self._settings.tenancy_ocid
        if self._complete and rows and not is_root and scope not in rows:
            self._warn(
                "Compartments", "COMPARTMENT_UNKNOWN", f"{scope} is not among the tenancy's compartments"
            )
        yield _compartment(rows[scope]) if scope in rows else Compartment(scope, "", 0, deleted=False)
        seen, waiting = {scope}, [scope]
        while waiting:
            for row in below.get(waiting.pop(), ()):
                if row.id not in seen:
                    seen.add(row.id)
                    waiting.append(row.id)
                    yield _compartment(row)


def _compartment(row: _Row) -> Compartment:
    created = utc_moment(row.time_created or "")
    return Compartment(
        row.id,
        row.name or "",
        0 if created is None else floor_minute(created),
        deleted=row.lifecycle_state == "DELETED",
    )
