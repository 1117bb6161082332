"""What `run` shows: a live table on a terminal, log lines anywhere else; neither can hold up or end a poll.

An output that is gone for good ends the run in order, because a service that cannot be heard is not running.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from rich.live import Live
from typing_extensions import Self

from signal_client_oci.cli.output.log_lines import all_lines, host_lines
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.run_display.line_output import LineOutput, is_gone
from signal_client_oci.cli.run_display.live_table import LiveTable
from signal_client_oci.host import Schedule
from signal_client_oci.host.plugins import describe

__all__ = ["RunOutput", "open_output"]

_REFRESH_SECONDS: Final = 0.5
_LAST_LINES_SECONDS: Final = 2.0


class RunOutput(Protocol):
    """The output of a run.

    Attributes:
        failure: Why the run had to end, in words, "" where it had not.
        is_complete: Whether everything was written.
    """

    failure: str
    is_complete: bool

    def end(self, lines: Sequence[str]) -> None:
        """Print the last lines and write everything that is left."""


@contextmanager
def open_output(screen: Screen, table: LiveTable, schedule: Schedule) -> Iterator[RunOutput]:
    """Show what happens while the context lasts; the schedule is stopped when nobody can see it any more."""
    if screen.can_redraw:
        drawn = _TableOutput(screen, table, schedule)
        with host_lines(table.add_note), drawn:
            yield drawn
    else:
        lines = _LinesOutput(screen, schedule)
        lines.print(table.heading)
        try:
            with all_lines(lines.print):
                yield lines
        finally:
            lines.end(())


class _LinesOutput:
    """Log lines, written by a thread of their own."""

    def __init__(self, screen: Screen, schedule: Schedule) -> None:
        self.failure = ""
        self.is_complete = True
        self._schedule = schedule
        self._reader_left_last = False
        self._output = LineOutput(screen.stream, self._gone)
        self.print = self._output.print

    def end(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.print(line)
        unwritten = self._output.close(_LAST_LINES_SECONDS)
        self.is_complete = not unwritten
        if unwritten and not self._reader_left_last:
            error = self._output.failure
            reason = error.strerror if error else "its reader does not read"
            self.failure = f"standard output: {reason}; {unwritten:,} log lines could not be written"

    def _gone(self, error: OSError) -> None:
        """End the run; a reader that Ctrl-C ended too (`run | tee run.log`) is no failure."""
        self._reader_left_last = self._schedule.is_stopping and is_gone(error)
        self._schedule.stop()


class _TableOutput:
    """The live table on the terminal's other screen, where every drawing fits its size of that moment."""

    def __init__(self, screen: Screen, table: LiveTable, schedule: Schedule) -> None:
        self.failure = ""
        self.is_complete = True
        self._screen = screen
        self._table = table
        self._schedule = schedule
        self._over = threading.Event()
        self._live = Live(
            get_renderable=table.render,
            console=screen.console,
            screen=True,
            auto_refresh=False,  # rich's own thread would end in silence when the terminal is gone
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._thread = threading.Thread(target=self._keep_drawing, name="live table", daemon=True)

    def __enter__(self) -> Self:
        self._attempt(self._live.start)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def end(self, lines: Sequence[str]) -> None:
        """Leave the table in its last state on the terminal's normal screen, with the last lines below it."""
        self._leave()
        if not self.failure:
            self._attempt(lambda: self._screen.print(self._table.whole(), *lines))
        self.is_complete = not (self.failure or self._screen.has_failed)

    def _leave(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join(_LAST_LINES_SECONDS)
        if self._thread.is_alive():
            self.failure = "the terminal takes no output"
        else:
            self._attempt(self._live.stop)

    def _keep_drawing(self) -> None:
        while not self.failure:
            self._attempt(self._draw)
            if self._over.wait(_REFRESH_SECONDS):
                return

    def _draw(self) -> None:
        if not self._screen.stream.isatty():  # rich draws nothing then, in silence
            raise OSError(errno.EIO, "the terminal was closed")
        self._live.refresh()

    def _attempt(self, draw: Callable[[], None]) -> None:
        """Draw; any failure ends the run, because a table that stands still would look like a calm day."""
        try:
            draw()
        except Exception as error:  # noqa: BLE001
            reason = error.strerror if isinstance(error, OSError) else describe(error)
            self.failure = f"standard output: {reason}; the table could not be drawn"
            self._schedule.stop()
