"""Writes what was measured into `docs/performance.md`, between its marks, and the plot beside it."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.bench import ROOT
from tests.benchmarks.verdicts import Verdict

__all__ = ["machine", "table", "write"]

_PACKAGES: Final = ("signal-client-oci", "oci", "msgspec", "cryptography", "urllib3", "pydantic", "pluggy")
_MEASURED: Final = re.compile(r"(<!-- measured:begin -->\n).*(<!-- measured:end -->)", re.DOTALL)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| benchmark | against | target | median | spread | | |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in verdicts:
        met = "met" if one.met else "**missed**"
        cells = (one.row, one.against, one.target, one.measured, one.spread, met, one.remark)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine() -> str:
    """Describe machine and versions, without any name or path."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {platform.system()} on {platform.machine()}, "
        f"Python {platform.python_version()}; {versions}. {dt.date.today():%B %Y}."  # noqa: DTZ011
    )


def write(
    directory: Path,
    verdicts: Sequence[Verdict],
    stages: Mapping[str, Any],
    load: str,
    plot: str,
    repeats: int,
) -> None:
    """Replace the measured part of the page in `directory`, and its plot."""
    page = directory / "performance.md"
    text = page.read_text(encoding="utf-8")
    parts = [
        table(verdicts),
        "",
        f"Medians of {repeats} runs each, spread from the smallest to the largest. {machine()} {load}",
        "",
        "![Events a second, and memory over the process before, against the number of events](performance.svg)",
        "",
        "### Where a record's time goes",
        "",
        stages_table(stages),
        "",
    ]
    measured = "\n".join(parts)
    page.write_text(_MEASURED.sub(lambda found: found[1] + measured + found[2], text), encoding="utf-8")
    (directory / "performance.svg").write_text(plot, encoding="utf-8")


def stages_table(told: Mapping[str, Any]) -> str:
    """Return the stages' times in Markdown, a column for each kind of record."""
    kinds: dict[str, dict[str, float]] = told["stages"]
    names = [f"{kind} ({stages['bytes']:,.0f} bytes)" for kind, stages in kinds.items()]
    lines = [f"| µs of processor time | {' | '.join(names)} |", "|---|" + "---|" * len(kinds)]
    rows = {
        name: [stages[name] for stages in kinds.values()]
        for name in next(iter(kinds.values()))
        if name != "bytes"
    }
    rows["together"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    lines += [f"| {name} | {' | '.join(f'{one:.1f}' for one in row)} |" for name, row in rows.items()]
    lines += [
        "",
        f"A request takes {told['request'] / 1000:.2f} ms of processor time by itself, whatever is in the page.",
    ]
    return "\n".join(lines)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


DOCS: Final = ROOT / "docs"
