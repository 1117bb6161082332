"""`explain`: the troubleshooting entry of a code."""

from __future__ import annotations

import difflib
import json
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from signal_client_oci.cli.options import JsonOption
from signal_client_oci.cli.output.findings import print_remedy
from signal_client_oci.cli.output.one_line_errors import Fault
from signal_client_oci.cli.output.safe_text import shortened
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.errors.catalog import CATALOG, SECTIONS, CatalogEntry

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci explain                        all codes
  signal-client-oci explain CLOUD_GUARD_DISABLED
"""
_MOST_SHOWN: Final = 60
_LABEL_COLUMNS: Final = 10


def _codes() -> list[str]:
    return sorted(CATALOG)


def command(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE",
            help="A code of a check, a report or a log line. Without it: all codes.",
            autocompletion=_codes,
            show_default=False,
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say what a code means, how to make sure, and what to do."""
    name = None if code is None else _known(code)
    if as_json:
        chosen = CATALOG if name is None else {name: CATALOG[name]}
        typer.echo(json.dumps({one: entry._asdict() for one, entry in chosen.items()}, indent=2))
    elif name is None:
        _print_all(Screen.out())
    else:
        _print_one(Screen.out(), name, CATALOG[name])


def _known(code: str) -> str:
    name = code.strip().upper().replace("-", "_")
    if name in CATALOG:
        return name
    close = difflib.get_close_matches(name, CATALOG, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else "all codes: signal-client-oci explain"
    raise Fault(f"there is no code {shortened(code, _MOST_SHOWN)}; {hint}")


def _print_all(screen: Screen) -> None:
    columns = max(map(len, CATALOG))
    for section in SECTIONS:
        screen.heading(section.title)
        for name, entry in section.entries.items():
            row = Table.grid(padding=(0, 2))
            row.add_column(width=columns, no_wrap=True)
            row.add_column(overflow="fold")
            row.add_row(name, entry.summary)
            screen.print(screen.indented(row))


def _print_one(screen: Screen, name: str, entry: CatalogEntry) -> None:
    screen.print(Text(name, style="bold"))
    screen.print(screen.labelled("means", entry.summary, _LABEL_COLUMNS))
    screen.print(screen.labelled("find out", entry.diagnosis, _LABEL_COLUMNS))
    print_remedy(screen, entry.remedy, 2, _LABEL_COLUMNS)
