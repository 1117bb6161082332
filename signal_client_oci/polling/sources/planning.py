"""Which compartments a windowed source reads in a poll, together and from when on.

A stream is what is asked for together: one compartment for Audit, several at the same position for Logging. Its
window is cut into pieces as it is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from signal_client_oci.polling.context import Run
from signal_client_oci.polling.scope import Compartment, ScopeCollector
from signal_client_oci.polling.sources.windowed_api import WindowedService
from signal_client_oci.state.checkpoint import Track, compartment_key
from signal_client_oci.state.cursor import Position, due_window, read_again_from, rewind, start_at
from signal_client_oci.state.windows import DAY, Window, minute_to_text

__all__ = ["Piece", "Planner", "Stream"]

_NEW_COMPARTMENT_MARGIN: Final = 15
_DELETED_MARGIN: Final = 30
_FORGOTTEN_AFTER: Final = 90 * DAY
_LONGEST_LOOKBACK: Final = 14 * DAY
_LONGEST_RETENTION: Final = 366 * DAY  # Audit keeps 365 days at most, Logging 180


@dataclass(eq=False)
class Piece:
    """One part of a stream's window: `[start, end)`, read page by page with `service`."""

    stream: Stream
    start: int
    end: int
    service: WindowedService
    pages: int = 0
    tokens: set[bytes] = field(default_factory=set)
    restarted: bool = False
    done: bool = False


@dataclass(eq=False)
class Stream:
    """What is asked for together, and how far that has come in this poll.

    Attributes:
        region: Region identifier.
        compartments: Its members, all at the same position.
        window: What is to be read, in minutes.
        through: Everything before this minute was read by earlier polls.
        leapt: See `positions.advance`.
        denied: The poll before was refused too.
        span: Minutes that the next piece should have, 0 = not known.
        ceiling: Minutes that no piece may exceed, because a longer one was cut off by the poll before.
        planned: Pieces were made up to this minute.
        goes_back: Where to go back to because the clock went back; it holds once an answer shows the clock to be right.
        open: Pieces that were not read to their end, or that wait for one before them, in order.
        abandoned: Nothing more of it is read in this poll.
        reached: It had an answer in this poll.
        moved: Its position moved in this poll.
    """

    region: str
    compartments: tuple[Compartment, ...]
    window: Window
    through: int
    leapt: bool
    denied: bool
    span: int
    ceiling: int
    planned: int
    goes_back: Position | None = None
    open: deque[Piece] = field(default_factory=deque)
    abandoned: bool = False
    reached: bool = False
    moved: bool = False

    def part(self, members: tuple[Compartment, ...], span: int) -> Stream:
        """Return a stream for some of the members, or for shorter pieces, from the first open piece on."""
        start = self.open[0].start
        rest = Window(start, self.window.end)
        return Stream(
            self.region,
            members,
            rest,
            self.through,
            self.leapt,
            self.denied,
            span,
            self.ceiling,
            start,
            self.goes_back,
        )

    def span_after_interruption(self) -> int:
        """Return the next poll's span: much shorter where this one got nowhere, else somewhat longer."""
        length = max((piece.end - piece.start for piece in self.open), default=1)
        return max(1, length * 2 if self.moved else length // 4)

    @property
    def undoes_a_leap(self) -> bool:
        """True if it still has to go back over a leap; by the next answer the clock may have passed its end.

        Where there is no leap, it starts again like a first poll, from wherever the clock stands.
        """
        return self.goes_back is not None and self.goes_back.tried > 0

    @property
    def is_on_trial(self) -> bool:
        """True while its pieces are still those that the poll before left for it, and nothing was answered yet.

        It is asked one request at a time: what is refused for its own sake must not look like the service's limit.
        """
        return self.span == self.ceiling and not self.reached

    @property
    def finished(self) -> bool:
        """True when nothing of it is left to be read in this poll."""
        return self.abandoned or (self.planned >= self.window.end and not self.open)


class Planner:
    """Makes a poll's streams of one source, and the positions of what is read for the first time.

    Attributes:
        keys: Compartment OCID → key in the checkpoint.
        asked_for: (region, compartment) pairs that the poll is to read.
    """

    def __init__(self, service: WindowedService, run: Run, scope: ScopeCollector, overlap: int) -> None:
        self.keys = {
            compartment.ocid: compartment_key(compartment.ocid) for compartment in scope.compartments
        }
        self.asked_for = 0
        self._service = service
        self._run = run
        self._scope = scope
        self._overlap = overlap

    def streams(self) -> list[Stream]:
        """Return the streams of all regions: those that waited longest first, among them those that failed last."""
        planned = [
            (_turn(position), stream)
            for region in self._scope.regions
            for position, stream in self._plan(region)
        ]
        planned.sort(key=lambda pair: pair[0])
        return [stream for _, stream in planned]

    def _plan(self, region: str) -> Iterator[tuple[Position, Stream]]:
        track = self._run.progress.track(self._service.source, region)
        together: dict[tuple[Position, bool], list[Compartment]] = {}
        fresh = not track.positions
        for compartment in self._scope.compartments:
            position = self._position_now(region, compartment, fresh=fresh)
            if position is not None:
                self.asked_for += 1
                behind = self._gone_back(position)
                together.setdefault((behind or position, behind is not None), []).append(compartment)
        for (position, goes_back), members in together.items():
            window = due_window(position, self._run.newest, self._overlap)
            if window is None:
                continue
            self._warn_of_gap(window)
            window = Window(max(window.start, self._run.newest - _LONGEST_RETENTION), window.end)
            size = 1 if position.denied else self._service.together
            for at in range(0, len(members), size):
                stream = self._stream(region, tuple(members[at : at + size]), window, position)
                stream.goes_back = position if goes_back else None
                yield position, stream

    def _stream(
        self, region: str, members: tuple[Compartment, ...], window: Window, position: Position
    ) -> Stream:
        new_part = window.end - max(window.start, position.through)
        since_tried = self._run.minute - position.tried
        leapt = position.tried > 0 and min(new_part, since_tried) > self._overlap
        ceiling = position.span or self._service.longest
        denied, span = bool(position.denied), position.span
        return Stream(region, members, window, position.through, leapt, denied, span, ceiling, window.start)

    def _position_now(self, region: str, compartment: Compartment, *, fresh: bool) -> Position | None:
        """Return where reading of a compartment stands; None if it is not read any more."""
        run, key = self._run, self.keys[compartment.ocid]
        track = run.progress.track(self._service.source, region)
        position = track.positions.get(key)
        if position is None:
            known_before = not (fresh or self._scope.owed_since or self._is_new(track, compartment))
            if compartment.deleted and known_before:
                return None
            first = self._first_minute(track, compartment, fresh=fresh)
            position = start_at(min(first, self._left_by_logging(region, key) or first))
        elif position.begin == position.through:
            position = self._begun_by_this_clock(position)
        if compartment.deleted and self._is_done(position):
            track.positions.pop(key, None)
            return None
        deleted = (position.deleted or run.minute) if compartment.deleted else 0
        position = position._replace(deleted=deleted)
        track.positions[key] = position
        return position

    def _begun_by_this_clock(self, position: Position) -> Position:
        """Return where something begins that was never read, earlier where the clock was ahead at its beginning."""
        went_back = max(0, position.tried - self._run.minute)
        if not went_back and position.begin <= self._run.newest:
            return position
        lookback = self._run.newest - self._run.settings.lookback_minutes
        begin = max(0, min(position.begin - went_back, lookback))
        return position._replace(through=begin, begin=begin, tried=0)

    def _gone_back(self, position: Position) -> Position | None:
        """Return where reading goes on because the clock stands behind what was read, None where it does not."""
        run = self._run
        behind = rewind(position, run.newest, run.settings.lookback_minutes, self._overlap)
        if behind is not None:
            message = f"reading goes on from {minute_to_text(behind.through)}"
            run.warn(self._service.source, self._service.title, "CLOCK_WENT_BACK", message)
        return behind

    def _first_minute(self, track: Track, compartment: Compartment, *, fresh: bool) -> int:
        """Return where reading of something begins that was not read before."""
        lookback = self._run.newest - self._run.settings.lookback_minutes
        if self._scope.owed_since:
            return max(self._run.newest - _LONGEST_LOOKBACK, min(lookback, self._scope.owed_since))
        if fresh:
            return min(lookback, self._subscribed_since() or lookback)
        return compartment.created if self._is_new(track, compartment) else lookback

    def _left_by_logging(self, region: str, key: str) -> int:
        """Return from when on Logging leaves its audit records to Audit, which is only read from now on; 0 = never."""
        logging = self._run.progress.tracks.get(("logging", region))
        behind = logging.positions.get(key) if logging and self._service.source == "audit" else None
        if behind is None or not self._run.settings.logging_enabled:
            return 0
        return max(self._run.newest - _LONGEST_LOOKBACK, read_again_from(behind, self._overlap))

    def _is_new(self, track: Track, compartment: Compartment) -> bool:
        """True if it was created since the track was last read, so that nothing of it was read."""
        known = self._complete_until([track])
        return known > 0 and compartment.created >= known - _NEW_COMPARTMENT_MARGIN

    def _complete_until(self, tracks: Iterable[Track]) -> int:
        """Return the minute of the last poll that read the tracks with a list of compartments, 0 = not known.

        The list may have been taken again since, in polls without this source or region.
        """
        listed = self._scope.listed_before // 60
        last = max((one.tried for track in tracks for one in track.positions.values()), default=0)
        return min(listed, last or listed)

    def _subscribed_since(self) -> int:
        """Return since when a region may have been subscribed without being read, 0 if the operator names them."""
        if self._run.settings.additional_regions != ["all"]:
            return 0
        tracks = self._run.progress.tracks.items()
        others = [track for (source, _), track in tracks if source == self._service.source]
        return self._complete_until(others) if any(track.positions for track in others) else 0

    def _is_done(self, position: Position) -> bool:
        """True if a deleted compartment's late events must be in by now."""
        if not position.deleted or self._run.minute <= position.deleted + self._overlap + _DELETED_MARGIN:
            return False
        return bool(position.denied) or position.through > position.deleted + self._overlap

    def prune(self, region: str) -> None:
        """Forget compartments that have been out of the scope for so long that OCI has forgotten them too."""
        track = self._run.progress.track(self._service.source, region)
        oldest = self._run.minute - _FORGOTTEN_AFTER
        keys = set(self.keys.values())
        for key in [key for key, one in track.positions.items() if key not in keys and one.tried < oldest]:
            del track.positions[key]

    def _warn_of_gap(self, window: Window) -> None:
        kept_from = self._run.minute - self._service.shortest_retention * DAY
        if window.start < kept_from:
            message = (
                f"{self._service.title}: records from {minute_to_text(window.start)} to {minute_to_text(kept_from)} "
                f"may be missing, because OCI may keep no more than {self._service.shortest_retention} days"
            )
            self._run.warn(self._service.source, self._service.title, "RETENTION_EXCEEDED", message)


def _turn(position: Position) -> tuple[int, bool]:
    """Order by the last poll that tried; what failed there comes after what did not, so that it holds up nobody."""
    return position.tried, bool(position.denied or position.span)
