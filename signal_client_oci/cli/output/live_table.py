"""What `run` shows on a terminal: a live line for each instance and source."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.cli.output.poll_report import SOURCE_TITLES, checks_to_resolve
from signal_client_oci.cli.output.safe_text import printable, shortened
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.contract import SourceReport
from signal_client_oci.host import BatchProgress, Observer, PollOutcome
from signal_client_oci.host.instances import Instance

__all__ = ["LiveTable"]

_HEADERS: Final = ("Instance", "Source", "Status", "Polled", "New", "Total", "Lag", "Last error")
_NUMBERS: Final = ("New", "Total", "Lag")
_NOTES_SHOWN: Final = 3
_NAME_COLUMNS: Final = 16


@dataclass
class _Line:
    """One source of one instance; `new` are the artifacts of the last poll."""

    status: str = "waiting"
    polled: datetime | None = None
    new: int = 0
    total: int = 0
    covered_until: datetime | None = None
    error: str = ""


class LiveTable(Observer):
    """Follows a schedule and renders its state; each method can be called from any thread.

    `now` is the clock for the lag of a source: the time since the moment that it was read to.
    """

    def __init__(
        self, instances: Iterable[Instance], screen: Screen, now: Callable[[], datetime], heading: str
    ) -> None:
        self._screen = screen
        self._now = now
        self._heading = heading
        self._lock = threading.Lock()
        self._notes: deque[str] = deque(maxlen=_NOTES_SHOWN)
        self._lines = {
            one.name: {source: _Line() for source in SOURCE_TITLES} for one in instances if one.enabled
        }

    def started(self, instance: str) -> None:
        """Show that a poll runs."""
        with self._lock:
            for line in self._lines[instance].values():
                line.status, line.new = "polling", 0

    def progress(self, progress: BatchProgress) -> None:
        """Count a batch."""
        with self._lock:
            line = self._lines[progress.instance][progress.source]
            line.new += progress.artifacts
            line.total += progress.artifacts

    def finished(self, outcome: PollOutcome) -> None:
        """Show how a poll ended."""
        with self._lock:
            if outcome.result is None:
                self._aborted(outcome.instance, outcome.problem or "")
                return
            report = outcome.result.report
            for source, one in report["sources"].items():
                self._lines_of(outcome.instance, source, one)
            for check in checks_to_resolve(report):
                self._note(
                    f"{outcome.instance}: {check['code']}: {check['message'].rstrip('.')}. {check['remedy']}"
                )

    def add_note(self, line: str) -> None:
        """Show a log line of the host below the table."""
        with self._lock:
            self._note(line)

    def render(self) -> Group:
        """Return the table in its present state, with the last notes below it."""
        with self._lock:
            parts: list[RenderableType] = [
                Text(printable(self._heading), style="dim"),
                Text(""),
                self._table(),
            ]
            if self._notes:
                parts += [Text(""), *map(Text, self._notes)]
            return Group(*parts)

    def summary(self) -> str:
        """Return in one line what was collected since the start."""
        with self._lock:
            total = sum(line.total for lines in self._lines.values() for line in lines.values())
        return f"{total:,} artifacts"

    def _table(self) -> Table:
        table = self._screen.table(*_HEADERS, numbers=_NUMBERS, last_folds=False)
        for name, lines in self._lines.items():
            for number, (source, line) in enumerate(lines.items()):
                label = "" if number else shortened(name, _NAME_COLUMNS)
                table.add_row(label, SOURCE_TITLES[source], word(line.status), *self._cells(line))
            table.add_section()
        return table

    def _cells(self, line: _Line) -> Iterator[str | Text]:
        yield "-" if line.polled is None else f"{line.polled:%H:%M:%S}"
        yield f"{line.new:,}"
        yield f"{line.total:,}"
        yield (
            "-"
            if line.covered_until is None
            else _duration((self._now() - line.covered_until).total_seconds())
        )
        yield Text(line.error, style="red")

    def _lines_of(self, instance: str, source: str, report: SourceReport) -> None:
        line = self._lines[instance][source]
        line.status, line.new, line.polled = report["status"], report["fetched"], self._now()
        line.covered_until = utc_moment(report["covered_until"] or "") or line.covered_until
        if report["status"] != "skipped":
            line.error = printable(report["error"]["code"]) if report["error"] else ""

    def _aborted(self, instance: str, problem: str) -> None:
        for line in self._lines[instance].values():
            line.status, line.polled, line.error = "failed", self._now(), "ABORTED"
        self._note(f"{instance}: the poll was aborted: {problem}")

    def _note(self, text: str) -> None:
        """Keep a line to show below the table, each once, the newest last."""
        line = printable(text)
        if line in self._notes:
            self._notes.remove(line)
        self._notes.append(line)


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
