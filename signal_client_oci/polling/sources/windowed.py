"""Reads a source by windows of time: Audit and Logging Search.

Each (region, compartment) has its own position. A stream is what is asked for together: one compartment for Audit,
several at the same position for Logging. Its window is cut into pieces that adapt to what they contain, and several
pieces may be under way; the position moves over a piece when it and all before it were read to their last page. What
a later piece delivered before an interruption is remembered by its digests, so it is not delivered again.

A page is taken in turns, and the poll may end between two of them: what was delivered of the page is remembered in
the same way, and its piece stays open. A page that is too large, or one too many, is asked for again in smaller
slices: shorter windows first, then fewer records a page, then fewer compartments.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from signal_client_oci.contract import Artifact, Check, SourceName
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.limits import PAGES_A_SLICE, TURN_BYTES, TURN_SECONDS
from signal_client_oci.oci_api.pages import ORDINARY_PAGE, SMALLEST_SLICE_PAGE
from signal_client_oci.polling.context import Run
from signal_client_oci.polling.scope import Compartment, ScopeCollector
from signal_client_oci.polling.sources.planning import Piece, Planner, Stream
from signal_client_oci.polling.sources.windowed_api import WindowedService, ask_page
from signal_client_oci.scheduler.dispatcher import Crew
from signal_client_oci.scheduler.requests import LaneName, Page, Request, Result, Step, token_mark
from signal_client_oci.state.checkpoint import tag_of
from signal_client_oci.state.cursor import Position, advance, tried
from signal_client_oci.state.seen_records import Digests, digest_of
from signal_client_oci.state.windows import (
    minute_to_datetime,
    minute_to_text,
    next_span,
    piece_end,
    spare_span,
)

__all__ = ["WindowCollector"]

_MANY_DIGESTS: Final = 20_000
_PIECES_AHEAD: Final = 4  # times the concurrency: how many pieces may wait for one that takes long
_TOO_MUCH: Final = frozenset({"RESPONSE_TOO_LARGE", "PAGES_WITHOUT_END"})


class _New(NamedTuple):
    """Artifacts and their digests."""

    artifacts: list[Artifact]
    digests: list[bytes]


class _Turns:
    """The records of a page in turns, each so short that deadline and memory can be looked at after it."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self.has_more = True
        self._texts = iter(texts)

    def next_turn(self) -> Iterator[bytes]:
        """Yield the records of one turn: at least one, unless none is left."""
        clock, end, room = time.monotonic, time.monotonic() + TURN_SECONDS, TURN_BYTES
        for text in self._texts:
            yield text
            room -= len(text)
            if room <= 0 or clock() >= end:
                return
        self.has_more = False


class WindowCollector:
    """Collects one windowed source from all regions and compartments of the scope.

    Attributes:
        source: The source's name.
        has_new_denials: A compartment that could be read in the poll before was refused.
    """

    def __init__(
        self,
        service: WindowedService,
        run: Run,
        crew: Crew,
        scope: ScopeCollector,
    ) -> None:
        self.source: SourceName = service.source
        self._service = service
        self._run = run
        self._crew = crew
        self._regions = scope.regions
        self._overlap = max(run.settings.overlap_minutes, service.least_overlap)
        self._batcher = run.batchers[service.source]
        for region in scope.regions:
            run.progress.track(service.source, region).overlap = self._overlap
        planner = Planner(service, run, scope, self._overlap)
        self._prune = planner.prune
        self._streams = planner.streams()
        self._long: list[Stream] = []
        self._keys = planner.keys
        self._asked_for = planner.asked_for
        self._forget_at = _MANY_DIGESTS
        self._has_answers = False
        self._failures: list[tuple[str, Compartment, Failure]] = []
        self.has_new_denials = False
        self._counts: Counter[str] = Counter()

    def begin(self) -> Iterator[Request]:
        """Name the first request of each stream, those that waited longest first."""
        for stream in self._streams:
            yield from self._next_piece(stream, self._service.longest)
        self._long = [stream for stream in self._streams if stream.planned < stream.window.end]

    # --- pieces and pages ---------------------------------------------------------------------------------

    def more(self) -> Iterator[Request]:
        """Name further pieces of long windows while their lane has places left."""
        self._long = [one for one in self._long if not one.abandoned and one.planned < one.window.end]
        for stream in self._long:
            lane = LaneName(stream.region, self._service.service)
            while self._can_use_a_place(stream) and self._crew.has_place(lane):
                longest = spare_span(stream.planned, stream.window.end)
                yield from self._next_piece(stream, min(longest, self._service.longest))

    def _can_use_a_place(self, stream: Stream) -> bool:
        unread = sum(not piece.done for piece in stream.open)
        is_ahead = len(stream.open) > _PIECES_AHEAD * self._run.settings.max_concurrency
        done = stream.abandoned or stream.planned >= stream.window.end
        return not (done or is_ahead or stream.is_on_trial or unread >= self._run.settings.max_concurrency)

    def _next_piece(self, stream: Stream, longest: int) -> Iterator[Request]:
        if stream.abandoned or stream.planned >= stream.window.end:
            return
        end = piece_end(stream.planned, stream.window.end, stream.span, self._overlap)
        piece = Piece(stream, stream.planned, min(end, stream.planned + longest), self._service)
        stream.planned = piece.end
        stream.open.append(piece)
        yield self._page(piece, None)

    def _page(self, piece: Piece, token: str | None) -> Request:
        lane = LaneName(piece.stream.region, self._service.service)
        ocids = [compartment.ocid for compartment in piece.stream.compartments]
        # neighbouring pieces share what their bounds may leave out
        first = max(piece.stream.window.start, piece.start - self._service.least_overlap)
        start, end = minute_to_datetime(first), minute_to_datetime(piece.end)
        bounds = SMALLEST_SLICE_PAGE if _is_smallest(piece) else ORDINARY_PAGE
        send = partial(ask_page, piece.service, ocids, start, end, token, bounds=bounds)
        return Request(lane, send, self, piece)

    def answered(self, request: Request, page: Page) -> Iterator[Step]:
        """Ask for the next page, which comes while this one's records are taken; after the last, close the piece."""
        piece: Piece = request.job
        stream = piece.stream
        stream.reached = self._has_answers = True
        self._go_back(stream)
        piece.pages += 1
        failure = None if page.next_page is None else self._paging_failure(piece, page, page.next_page)
        if page.next_page is not None and failure is None and not stream.abandoned:
            piece.tokens.add(token_mark(page.next_page))
            yield self._page(piece, page.next_page)
        yield from self._take(page.texts, piece)
        if stream.abandoned:
            return
        if page.next_page is None:
            piece.done = True
            piece.tokens.clear()
            yield from self._close_pieces(stream, piece)
        elif failure is not None:
            yield from self.failed(request, failure)

    def _paging_failure(self, piece: Piece, page: Page, token: str) -> Failure | None:
        """Return why the page's token is not followed, None if it is."""
        if token_mark(token) in piece.tokens:
            return Failure("PAGE_TOKEN_REPEATED", recovery=Recovery.RETRY, opc_request_id=page.opc_request_id)
        if piece.pages < PAGES_A_SLICE:
            return None
        region = piece.stream.region
        message = (
            f"{self._service.title}: a slice in {region} had {PAGES_A_SLICE:,} pages and more; it is read again "
            "in smaller slices"
        )
        if not _is_minute(piece):
            self._run.warn(self.source, self._service.title, "PAGES_WITHOUT_END", message)
        return Failure("PAGES_WITHOUT_END", opc_request_id=page.opc_request_id)

    def _close_pieces(self, stream: Stream, piece: Piece) -> Iterator[Request]:
        length = piece.end - piece.start
        if stream.planned < stream.window.end:
            stream.span = next_span(length, piece.pages, min(stream.ceiling, self._service.longest))
        while stream.open and stream.open[0].done:
            first = stream.open.popleft()
            stream.moved |= first.end > stream.through
            read_at = self._run.read_at_millisecond()
            self._batcher.note(partial(self._advance, stream, first.end, read_at))
        if not stream.open:
            yield from self._next_piece(stream, self._service.longest)
        if stream.finished:
            self._batcher.note(partial(self._settle, stream, span=0, denied=False))

    def _take(self, texts: Iterable[bytes], piece: Piece) -> Iterator[None]:
        """Deliver the records that were not delivered before, in their order; yield between two turns."""
        stream = piece.stream
        track = self._run.progress.track(self.source, stream.region)
        # only these decide how long a record can come again, whichever compartment it names
        tags = {one.ocid: tag_of(self._keys[one.ocid]) for one in stream.compartments}
        # where the end may be inclusive, that minute comes again too
        last = piece.end + self._service.least_overlap
        turns = _Turns(texts)
        while turns.has_more:
            for tag, new in self._new_records(turns.next_turn(), stream, track.digests, tags):
                file = partial(track.digests.file_all, tag=tag, end=last)
                self._batcher.add_all(new.artifacts, new.digests, file)
            if turns.has_more:
                yield None
        if len(track.digests) > self._forget_at:
            track.forget_settled()
            self._forget_at = max(_MANY_DIGESTS, len(track.digests) * 5 // 4)

    def _new_records(
        self, texts: Iterable[bytes], stream: Stream, known: Digests, tags: Mapping[str, bytes]
    ) -> Iterator[tuple[bytes, _New]]:
        """Yield what is not known yet, records in a row that have their tag in common together."""
        service, counts, claim = self._service, self._counts, known.claim
        origin = self._run.origin(stream.region)
        own_tag = tag = tags[stream.compartments[0].ocid]
        new = _New([], [])
        for text in texts:
            record = service.read(text, origin)
            if service.left_out(record):
                counts["left_to_audit"] += 1
                continue
            digest = digest_of(record.id)
            if not claim(digest):
                counts["duplicates"] += 1
                continue
            artifact, redacted, has_parse_error = record.to_artifact()
            if redacted:
                counts["redacted"] += redacted
            if has_parse_error:
                counts["parse_errors"] += 1
            named = tags.get(record.compartment or "", own_tag)
            if named != tag:
                if new.digests:
                    yield tag, new
                tag, new = named, _New([], [])
            new.artifacts.append(artifact)
            new.digests.append(digest)
        if new.digests:
            yield tag, new

    # --- what goes wrong ----------------------------------------------------------------------------------

    def cut_off(self, request: Request) -> None:
        """Ask for smaller pieces next time: an answer came, and the poll's time was too short for it."""
        piece: Piece = request.job
        piece.stream.reached = True

    def failed(self, request: Request, failure: Failure) -> Iterator[Step]:
        """Start again after a lost page token, divide what can be divided, or leave the stream where it was."""
        piece: Piece = request.job
        stream = piece.stream
        if stream.abandoned:
            return
        if _can_begin_again(piece, failure):
            piece.pages = 0
            piece.tokens.clear()
            yield self._page(piece, None)
            return
        stream.abandoned = stream.reached = True
        if stream.undoes_a_leap and failure.code != "CLOCK_SKEW":
            self._go_back(stream)
        parts = self._divided(stream, piece, failure)
        if parts:
            self._streams += parts
            for part in parts:
                yield from self._next_piece(part, self._service.longest)
            self._long += parts
            return
        if failure.code in _TOO_MUCH:
            failure = _with_minute(failure, piece)
        denied = failure.recovery in (Recovery.COMPARTMENT, Recovery.REQUEST)
        span = stream.span_after_interruption() if failure.recovery is Recovery.RETRY else 0
        self._batcher.note(partial(self._settle, stream, span=span, denied=denied))
        for compartment in stream.compartments:
            if compartment.deleted and failure.recovery is Recovery.COMPARTMENT:
                self._counts["deleted"] += 1
            else:
                self._failures.append((stream.region, compartment, failure))
                self.has_new_denials |= failure.recovery is Recovery.COMPARTMENT and not stream.denied

    def excuse(self, deleted: set[str]) -> None:
        """Count refusals of compartments that turned out to be deleted as that, and no longer as failures."""
        kept = [one for one in self._failures if one[1].ocid not in deleted]
        self._counts["deleted"] += len(self._failures) - len(kept)
        self._failures = kept

    def _divided(self, stream: Stream, piece: Piece, failure: Failure) -> list[Stream]:
        """Return what to ask for in place of `stream`: shorter pieces or fewer compartments; [] if neither helps."""
        members = stream.compartments
        if failure.code in _TOO_MUCH and not _is_minute(piece):
            return [stream.part(members, max(1, (piece.end - piece.start) // 4))]
        if len(members) == 1 or failure.recovery is Recovery.REGION:
            return []
        if failure.recovery is Recovery.RETRY:
            if not self._crew.is_hopeful(LaneName(stream.region, self._service.service)):
                return []
            return [stream.part((one,), stream.span) for one in members]
        half = len(members) // 2
        return [stream.part(members[:half], stream.span), stream.part(members[half:], stream.span)]

    # --- positions ----------------------------------------------------------------------------------------

    def _change(self, stream: Stream, change: Callable[[Position], Position]) -> None:
        positions = self._run.progress.track(self.source, stream.region).positions
        changed: dict[Position, Position] = {}
        for compartment in stream.compartments:
            key = self._keys[compartment.ocid]
            before = positions[key]
            if before not in changed:
                changed[before] = change(before)
            positions[key] = changed[before]

    def _go_back(self, stream: Stream) -> None:
        """Let the position go back, now that an answer shows that the clock is right: OCI refuses a wrong one."""
        if stream.goes_back is not None:
            change = partial(self._change, stream, partial(_replaced, stream.goes_back))
            stream.goes_back = None
            self._batcher.note(change)

    def _advance(self, stream: Stream, end: int, read_at: int) -> None:
        self._change(
            stream,
            partial(
                advance,
                end=end,
                polled_at=self._run.polled_at_millisecond,
                read_at=read_at,
                overlap=self._overlap,
                leapt=stream.leapt,
                whole=end >= stream.window.end,
            ),
        )

    def _settle(self, stream: Stream, *, span: int, denied: bool) -> None:
        self._change(stream, partial(tried, minute=self._run.minute, span=span, denied=denied))

    # --- the report ---------------------------------------------------------------------------------------

    def end(self, *, interrupted: bool) -> Result:  # noqa: ARG002  (the streams tell what is unfinished)
        """Sum up; streams that the interruption cut off go on with smaller pieces next time."""
        unfinished = [stream for stream in self._streams if not stream.finished]
        for stream in unfinished:
            if stream.goes_back is not None and stream.undoes_a_leap:
                self._change(stream, partial(_replaced, stream.goes_back))
            if stream.reached:
                self._settle(stream, span=stream.span_after_interruption(), denied=False)
        for region in self._regions:
            if self._has_answers:  # OCI would have refused a clock that is years ahead
                self._prune(region)
            self._forget(region)
        return self._result(unfinished)

    def _forget(self, region: str) -> None:
        """Drop the digests that are not needed any more, and say so where needed ones had to go."""
        track = self._run.progress.track(self.source, region)
        dropped = self._run.progress.dropped.get((self.source, region), 0)
        if track.forget_settled() < dropped:
            message = f"{self._service.title}: digests of delivered records had to be dropped in {region}"
            self._run.warn(self.source, self._service.title, "OVERLAP_TOO_FULL", message)

    def _result(self, unfinished: list[Stream]) -> Result:
        failed = len(self._failures)
        denied = sum(failure.recovery is Recovery.COMPARTMENT for _, _, failure in self._failures)
        stopped = sum(len(stream.compartments) for stream in unfinished)
        total = self._asked_for
        counts = {name: count for name, count in sorted(self._counts.items()) if count}
        counts["read"] = max(0, total - failed - stopped - self._counts["deleted"])
        numbers = (("denied", denied), ("failed", failed - denied), ("unfinished", stopped))
        counts |= {name: n for name, n in numbers if n}
        error = self._error(total) if failed else None
        if error is None and unfinished:
            error = Failure("STOPPED").check(self.source, self._service.title)
        status = "ok"
        if error is not None:
            status = "failed" if failed and not counts["read"] and not stopped else "partial"
        return Result(status, error, self._covered_until(), counts)  # type: ignore[arg-type]

    def _error(self, total: int) -> Check:
        region, compartment, failure = self._failures[0]
        name = "".join(character for character in compartment.name if character.isprintable())[:60]
        where = f"{compartment.ocid} ({name})" if name else compartment.ocid
        message = f"{where} in {region}: {failure.message}"
        if total > 1:
            message = f"{len(self._failures)} of {total} compartments could not be read, among them {message}"
        return failure.check(self.source, self._service.title, message=message)

    def _covered_until(self) -> str | None:
        keys = set(self._keys.values())
        tracks = [self._run.progress.track(self.source, region) for region in self._regions]
        through = [one.through for track in tracks for key, one in track.positions.items() if key in keys]
        return minute_to_text(min(through)) if through else None


def _is_minute(piece: Piece) -> bool:
    """True if no shorter window than the piece's can be asked for."""
    return piece.end - piece.start <= 1


def _is_smallest(piece: Piece) -> bool:
    """True if nothing smaller than the piece can be asked for, so that its pages have to be taken as they are."""
    is_alone = len(piece.stream.compartments) == 1
    return is_alone and _is_minute(piece) and piece.service.with_smaller_pages() is None


def _can_begin_again(piece: Piece, failure: Failure) -> bool:
    """True if the piece's first page is worth asking for again: once for a token, or with smaller pages."""
    if failure.code == "PAGE_TOKEN_REFUSED" and not piece.restarted:
        piece.restarted = True
        return True
    if failure.code != "RESPONSE_TOO_LARGE" or not _is_minute(piece):
        return False
    smaller = piece.service.with_smaller_pages()
    if smaller is None:
        return False
    piece.service = smaller
    return True


def _with_minute(failure: Failure, piece: Piece) -> Failure:
    """Return the failure with the minute that cannot be read; the report adds compartment and region."""
    minute = f"in the minute from {minute_to_text(piece.start)}"
    return Failure(
        failure.code,
        detail=f"{failure.detail}, {minute}" if failure.detail else minute,
        recovery=failure.recovery,
        status=failure.status,
        opc_request_id=failure.opc_request_id,
    )


def _replaced(new: Position, _old: Position) -> Position:
    return new
