"""What `run` shows on a terminal: a line for each instance and source, the troubled ones first, fitted to its size."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from signal_client_oci.cli.output.poll_report import SOURCE_TITLES
from signal_client_oci.cli.output.safe_text import printable, shortened
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.cli.run_display.instance_rows import InstanceRow, SourceRow
from signal_client_oci.host import BatchProgress, Observer, PollOutcome
from signal_client_oci.host.headline import VERDICTS, headline_parts
from signal_client_oci.host.instances import Instance

__all__ = ["LiveTable"]

_COLUMNS: Final = ("Status", "Polled UTC", "New", "Total", "Lag", "Last error")
_NUMBERS: Final = ("New", "Total", "Lag")
_HOST_NOTES: Final = 3
_NAME_COLUMNS: Final = 16
_HEAD_LINES: Final = 2  # above the table
_HEADER_LINES: Final = 2  # of the table
_MIN_NOTE_LINES: Final = 4
_NOTE_SHARE: Final = 4
_MIN_ROWS: Final = 2


class LiveTable(Observer):
    """Follows a schedule and renders its state; each method can be called from any thread.

    `now` is the clock for the lag of a source: the time since the moment that it was read to. `heading` says in a line
    what runs and how to stop it.
    """

    def __init__(
        self, instances: Iterable[Instance], screen: Screen, now: Callable[[], datetime], heading: str
    ) -> None:
        self._screen = screen
        self._now = now
        self.heading = heading
        self._lock = threading.Lock()
        self._host_notes: list[str] = []
        self._rows = {one.name: InstanceRow(one.name) for one in instances if one.enabled}

    def started(self, instance: str) -> None:
        """Show that a poll runs."""
        with self._lock:
            self._rows[instance].start()

    def progress(self, progress: BatchProgress) -> None:
        """Count a batch."""
        with self._lock:
            source = self._rows[progress.instance].sources[progress.source]
            source.new += progress.artifacts
            source.total += progress.artifacts

    def finished(self, outcome: PollOutcome) -> None:
        """Show how a poll ended; what the last one had to say is over."""
        with self._lock:
            row = self._rows[outcome.instance]
            self._host_notes = [note for note in self._host_notes if note not in row.named_notes()]
            if outcome.result is None:
                row.abort(outcome.problem or "", self._now())
            else:
                row.finish(outcome.result.report, self._now())

    def add_note(self, line: str) -> None:
        """Show a log line of the host below the table, the newest last."""
        with self._lock:
            self._host_notes = [*self._host_notes, printable(line)][-_HOST_NOTES:]

    def render(self) -> Group:
        """Return what fits the terminal as it is now: everything, or a line for each instance, or the first of them."""
        with self._lock:
            width, height = self._screen.console.size
            notes = self._notes(width)
            room = height - _HEAD_LINES - _HEADER_LINES - _MIN_ROWS
            most = max(0, min(room, max(_MIN_NOTE_LINES, height // _NOTE_SHARE)))
            if len(notes) > most:
                notes = [*notes[: max(0, most - 1)], Text("...")][:most]
            return self._drawn(notes, height - _HEAD_LINES - len(notes))

    def whole(self) -> Group:
        """Return everything, for the end of the run."""
        with self._lock:
            return self._drawn(self._notes(self._screen.console.width), None)

    def summary(self) -> str:
        """Return in one line what was collected since the start."""
        with self._lock:
            return f"{sum(row.total for row in self._rows.values()):,} artifacts"

    def _notes(self, width: int) -> list[Text]:
        """Return what needs attention in lines of this width, first of the instances that failed, below a blank one."""
        own = [note for row in self._sorted() for note in row.named_notes()]
        texts = map(Text, dict.fromkeys([*own, *self._host_notes]))
        lines = [line for text in texts for line in text.wrap(self._screen.console, width)]
        return [Text(""), *lines] if lines else []

    def _sorted(self) -> list[InstanceRow]:
        return sorted(self._rows.values(), key=lambda row: row.rank)

    def _drawn(self, notes: Sequence[Text], lines: int | None) -> Group:
        """Return heading and headline, a table of at most so many lines, and notes."""
        parts = headline_parts(row.standing for row in self._rows.values())
        headline = Text.assemble(*(word(verdict or "", text) for text, verdict in parts))
        top = [Text(printable(self.heading), style="dim"), headline]
        for line in top:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*top, *self._tables(self._sorted(), lines), *notes)

    def _tables(self, rows: Sequence[InstanceRow], lines: int | None) -> Iterator[RenderableType]:
        for_each_source = len(rows) * len(SOURCE_TITLES) + _HEADER_LINES
        if lines is None or for_each_source <= lines:
            yield self._table_of_sources(rows)
            return
        shown = lines - _HEADER_LINES
        if len(rows) > shown:
            shown = max(1, shown - 1)
        yield self._table_of_instances(rows[:shown])
        if hidden := Counter(row.outcome for row in rows[shown:]):
            words = ", ".join(f"{hidden[outcome]} {outcome}" for outcome in VERDICTS if hidden[outcome])
            yield Text(f"... {len(rows) - shown} more: {words}", style="dim")

    def _table_of_sources(self, rows: Sequence[InstanceRow]) -> Table:
        table = self._screen.table("Instance", "Source", *_COLUMNS, numbers=_NUMBERS, last_folds=False)
        for row in rows:
            for number, (name, source) in enumerate(row.sources.items()):
                label = "" if number else shortened(row.name, _NAME_COLUMNS)
                table.add_row(label, SOURCE_TITLES[name], *self._cells(source.status, source))
        return table

    def _table_of_instances(self, rows: Sequence[InstanceRow]) -> Table:
        table = self._screen.table("Instance", *_COLUMNS, numbers=_NUMBERS, last_folds=False)
        for row in rows:
            table.add_row(shortened(row.name, _NAME_COLUMNS), *self._cells(row.status, row.merged()))
        return table

    def _cells(self, status: str, source: SourceRow) -> Iterator[str | Text]:
        yield word(status)
        yield "-" if source.polled is None else f"{source.polled:%H:%M:%S}"
        yield f"{source.new:,}"
        yield f"{source.total:,}"
        if source.covered_until is None:
            yield "-"
        else:
            yield _duration((self._now() - source.covered_until).total_seconds())
        yield Text(source.error, style="red")


def _duration(seconds: float) -> str:
    """Return a duration in at most two units."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004  seconds in a minute
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004  minutes in an hour
        return f"{minutes}m{rest:02}s"
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest:02}m" if hours < 24 else f"{hours // 24}d{hours % 24:02}h"  # noqa: PLR2004  a day
