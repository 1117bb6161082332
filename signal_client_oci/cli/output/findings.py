"""Checks on a screen: how each stands and, below those that are wrong, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rich.table import Table
from rich.text import Text

from signal_client_oci.cli.output.safe_text import shown
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.contract import Check

__all__ = ["print_checks", "print_remedy", "print_trouble"]

_STATUS_COLUMNS: Final = 9
_REMEDY_COLUMNS: Final = 8
_STATEMENTS: Final = re.compile(r"(?:`Allow [^`]*`(?:;\s*)?)+")


def print_checks(screen: Screen, checks: Iterable[Check]) -> None:
    """Print one line for each check, and the way out below each that is not in order."""
    checks = list(checks)
    titles = max((len(shown(check["title"])) for check in checks), default=0)
    for check in checks:
        row = Table.grid(padding=(0, 1))
        row.add_column(width=_STATUS_COLUMNS - 1, no_wrap=True)
        row.add_column(width=titles + 1, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(word(check["status"]), shown(check["title"]), shown(check["message"]))
        screen.print(row)
        if check["status"] in {"warning", "failed"}:
            _print_facts(screen, check)
            print_remedy(screen, check["remedy"], _STATUS_COLUMNS)


def print_trouble(screen: Screen, check: Check) -> None:
    """Print a check of a report: what is wrong, then the way out."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=_STATUS_COLUMNS - 1, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(word(check["status"]), Text(shown(f"{check['title']}: {check['message']}")))
    screen.print(row)
    _print_facts(screen, check)
    print_remedy(screen, check["remedy"], _STATUS_COLUMNS)


def print_remedy(screen: Screen, remedy: str, indent: int, columns: int = _REMEDY_COLUMNS) -> None:
    """Print what to do; policy statements in it stand on lines of their own, to be copied."""
    statements = re.findall(r"`(Allow [^`]*)`", remedy)
    prose = _STATEMENTS.sub("the statements below", remedy)
    screen.print(screen.labelled("remedy", prose, columns, indent=indent))
    for statement in statements:
        screen.print(screen.indented(Text(shown(statement), overflow="fold"), indent + 2))


def _print_facts(screen: Screen, check: Check) -> None:
    facts = [check["code"]]
    if check["duration_ms"]:
        facts.append(f"{check['duration_ms']} ms")
    if check["opc_request_id"]:
        facts.append(f"request id {check['opc_request_id']}")
    screen.print(screen.indented(Text(shown(", ".join(facts)), style="dim"), _STATUS_COLUMNS))
