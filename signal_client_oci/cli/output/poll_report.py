"""The report of a poll on a screen: a line for each source, then what went wrong and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.text import Text

from signal_client_oci.cli.output.findings import print_check
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.contract import SOURCES, Check, Report, SourceReport
from signal_client_oci.errors.causes import told_once
from signal_client_oci.errors.quantities import counted
from signal_client_oci.host import PollResult

__all__ = ["SOURCE_TITLES", "checks_to_resolve", "format_minute", "print_report"]

SOURCE_TITLES: Final[Mapping[str, str]] = {name: name.replace("_", " ").title() for name in SOURCES}
"""Short titles, for the narrow columns of tables."""
_HEADERS: Final = ("Source", "Status", "Fetched", "Requests", "Read until")
_TITLE_COLUMNS: Final = 13
_COUNTS: Final[Mapping[str, str]] = {
    "duplicates": "repeats left out",
    "left_to_audit": "left to Audit",
    "redacted": "secrets masked",
    "throttled": "requests throttled (429)",
    "read": "compartment reads",
    "searched": "regions searched",
}


def print_report(screen: Screen, result: PollResult) -> None:
    """Print the report of one poll."""
    report = result.report
    total = sum(result.delivered.values())
    facts = f"{counted(total, 'artifact')}, {_size(result.raw_bytes)}, {result.duration_seconds:.1f} s"
    screen.print(
        Text.assemble((f"{printable(result.instance)}: ", "bold"), word(report["status"]), f", {facts}")
    )
    screen.blank()
    table = screen.table(*_HEADERS, numbers=("Fetched", "Requests"))
    for name, source in report["sources"].items():
        table.add_row(SOURCE_TITLES[name], word(source["status"]), *_cells(source))
    screen.print(table)
    for name, source in report["sources"].items():
        if further := _further(source):
            screen.print(screen.labelled(SOURCE_TITLES[name], further, _TITLE_COLUMNS, indent=0, style="dim"))
    for check in checks_to_resolve(report):
        screen.blank()
        print_check(screen, check)


def checks_to_resolve(report: Report) -> list[Check]:
    """Return the errors and warnings of a report, each cause once: one failure can stop several sources."""
    return told_once(report)


def _cells(source: SourceReport) -> tuple[str, str, str]:
    if source["status"] == "skipped":
        return "-", "-", "-"
    return f"{source['fetched']:,}", f"{source['requests']:,}", format_minute(source["covered_until"])


def _further(source: SourceReport) -> str:
    """Return the other counts in words."""
    if source["status"] == "skipped":
        return "not due, or disabled"
    counts = source["counts"] | ({"retries": source["retries"]} if source["retries"] else {})
    return ", ".join(
        f"{count:,} {_COUNTS.get(name, name.replace('_', ' '))}" for name, count in counts.items()
    )


def format_minute(moment: str | None) -> str:
    """Return an RFC 3339 time as date, hour and minute."""
    return "-" if moment is None else f"{printable(moment)[:16].replace('T', ' ')}Z"


def _size(count: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004  bytes in a KiB
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:,.1f} GiB"
