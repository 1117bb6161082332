"""Output for people: coloured and fitted to a terminal, plain and unwrapped anywhere else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from signal_client_oci.cli.output.safe_text import printable

__all__ = ["Screen", "word"]

_UNWRAPPED: Final = 100_000
_LINE_INTERVAL_SECONDS: Final = 10.0
_STYLES: Final = {
    "ok": "green",
    "warning": "yellow",
    "degraded": "yellow",
    "partial": "yellow",
    "failed": "bold red",
    "skipped": "dim",
    "waiting": "dim",
    "polling": "cyan",
    "unowned": "bold red",
    "lost": "bold red",
    "disabled": "dim",
    "made": "green",
    "added": "green",
    "changed": "yellow",
    "removed": "yellow",
    "unchanged": "dim",
}


class Screen:
    """One stream for people.

    On a terminal, lines are fitted to its width, and coloured unless `NO_COLOR` is set. A pipe or a file gets whole
    lines without colours, drawings or trailing blanks. With `may_fail`, what cannot be written does not stop the
    command, and `has_failed` says so at its end.
    """

    def __init__(self, stream: TextIO, *, may_fail: bool = False) -> None:
        self.stream = stream
        self.has_failed = False
        self.warnings: list[str] = []
        self._may_fail = may_fail
        self.is_terminal = stream.isatty()
        self._is_plain = not self.is_terminal or bool(os.environ.get("NO_COLOR"))
        self.console = Console(
            file=stream,
            color_system=None if self._is_plain else "auto",
            width=None if self.is_terminal else _UNWRAPPED,
            markup=False,
            emoji=False,
            highlight=False,
        )

    @classmethod
    def out(cls, *, may_fail: bool = False) -> Screen:
        """Return the screen of standard output."""
        return cls(sys.stdout, may_fail=may_fail)

    @classmethod
    def err(cls) -> Screen:
        """Return the screen of standard error; the command's work does not depend on anybody reading it."""
        return cls(sys.stderr, may_fail=True)

    @property
    def can_redraw(self) -> bool:
        """Whether printed lines can be redrawn."""
        return self.is_terminal and not self.console.is_dumb_terminal

    def print(self, *parts: RenderableType) -> None:
        """Print each part; a `str` has no markup and is made printable."""
        try:
            self._print(parts)
        except OSError:
            if not self._may_fail:
                raise
            self.has_failed = True

    def _print(self, parts: Iterable[RenderableType]) -> None:
        for part in parts:
            renderable = Text(printable(part)) if isinstance(part, str) else part
            if self.is_terminal:
                self.console.print(renderable)
                continue
            with self.console.capture() as captured:
                self.console.print(renderable)
            self.stream.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
        self.stream.flush()

    def blank(self) -> None:
        """Print an empty line."""
        self.print(Text(""))

    def heading(self, text: str) -> None:
        """Print a heading with an empty line above it."""
        self.blank()
        self.print(Text(printable(text), style="bold"))

    def warn(self, messages: Iterable[str]) -> None:
        """Print one line for each message."""
        for message in messages:
            self.warnings.append(message)
            self.print(Text.assemble(("warning: ", "yellow"), printable(message)))

    @contextmanager
    def waiting(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show a spinner and a line that can be updated; a pipe or file gets the line now and then."""
        if self._is_plain or not self.can_redraw:
            yield _OccasionalLine(self)
            return
        with self.console.status(Text(printable(text))) as status:
            yield lambda changed: status.update(Text(printable(changed)))

    def indented(self, renderable: RenderableType, columns: int = 2) -> Padding:
        """Return a renderable with some blank columns to its left."""
        return Padding(renderable, (0, 0, 0, columns))

    def labelled(
        self, label: str, text: str, columns: int = 14, *, indent: int = 2, style: str = ""
    ) -> Padding:
        """Return a text with a label to its left; further lines of the text are aligned."""
        row = Table.grid(padding=(0, 1))
        row.add_column(width=columns - 1, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(Text(printable(label), style=style or "bold"), Text(printable(text), style=style))
        return self.indented(row, indent)

    def table(self, *headers: str, numbers: Iterable[str] = (), last_folds: bool = True) -> Table:
        """Return an empty table; columns in `numbers` are right-aligned, the last one shrinks if needed."""
        table = Table(
            box=box.SIMPLE_HEAD if self.is_terminal else None,
            padding=(0, 1, 0, 0) if self.is_terminal else (0, 1),
            pad_edge=False,
            show_edge=False,
            header_style="bold",
        )
        for header in headers:
            last = header == headers[-1]
            table.add_column(
                header,
                justify="right" if header in numbers else "left",
                no_wrap=not last,
                overflow="fold" if last and last_folds else "ellipsis",
            )
        return table


class _OccasionalLine:
    """Prints one line of many, so that a log file shows progress without filling up."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._due = time.monotonic() + _LINE_INTERVAL_SECONDS

    def __call__(self, text: str) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _LINE_INTERVAL_SECONDS
            self._screen.print(text)


def word(status: str, text: str | None = None) -> Text:
    """Return a status, or the text that tells of it, in the colour of the status."""
    return Text(printable(status if text is None else text), style=_STYLES.get(status, ""))
