"""Checks on a screen: the status of each and, below those that failed, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rich.table import Table
from rich.text import Text

from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.contract import Check

__all__ = ["print_check", "print_checks", "print_remedy"]

_STATUS_COLUMNS: Final = 9
_REMEDY_COLUMNS: Final = 8
_STATEMENTS: Final = re.compile(r"(?:`Allow [^`]*`(?:;\s*)?)+")


def print_checks(screen: Screen, checks: Iterable[Check]) -> None:
    """Print one line for each check, with the remedy below each warning or failure; one that was told is only named."""
    checks = list(checks)
    told: dict[str, str] = {}
    titles = max((len(printable(check["title"])) for check in checks), default=0)
    for check in checks:
        row = Table.grid(padding=(0, 1))
        row.add_column(width=_STATUS_COLUMNS - 1, no_wrap=True)
        row.add_column(width=titles + 1, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(word(check["status"]), printable(check["title"]), printable(check["message"]))
        screen.print(row)
        if check["status"] in {"warning", "failed"}:
            _print_facts(screen, check)
            first = told.setdefault(check["remedy"], check["title"])
            remedy = check["remedy"] if first == check["title"] else f"As for {first}."
            print_remedy(screen, remedy, _STATUS_COLUMNS)


def print_check(screen: Screen, check: Check) -> None:
    """Print a check of a report: what is wrong, then the remedy."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=_STATUS_COLUMNS - 1, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(word(check["status"]), Text(printable(f"{check['title']}: {check['message']}")))
    screen.print(row)
    _print_facts(screen, check)
    print_remedy(screen, check["remedy"], _STATUS_COLUMNS)


def print_remedy(screen: Screen, remedy: str, indent: int, columns: int = _REMEDY_COLUMNS) -> None:
    """Print a remedy, with its policy statements on lines of their own, ready to copy."""
    statements = re.findall(r"`(Allow [^`]*)`", remedy)
    prose = _STATEMENTS.sub("the statements below", remedy)
    screen.print(screen.labelled("remedy", prose, columns, indent=indent))
    for statement in statements:
        screen.print(screen.indented(Text(printable(statement), overflow="fold"), indent + 2))


def _print_facts(screen: Screen, check: Check) -> None:
    facts = [check["code"]]
    if check["duration_ms"]:
        facts.append(f"{check['duration_ms']} ms")
    if check["opc_request_id"]:
        facts.append(f"request id {check['opc_request_id']}")
    screen.print(screen.indented(Text(printable(", ".join(facts)), style="dim"), _STATUS_COLUMNS))
