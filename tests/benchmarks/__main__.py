"""`python -m tests.benchmarks`: runs every row, prints the table, exits 1 when a target is missed.

`--quick` takes about a minute and writes nothing; a full run writes `docs/performance.md` and its plot.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.chart import Line, Panel, svg
from tests.benchmarks.page import DOCS, stages_table, table, write
from tests.benchmarks.rows import MEMORY_LOOKBACK, ROWS, memory_scenario
from tests.benchmarks.sizes import FULL, QUICK, TINY, Sizes
from tests.benchmarks.verdicts import Verdict

_BASELINE_UP_TO = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return 0 if every target is met, else 1."""
    options = _parser().parse_args(arguments)
    sizes = {"full": FULL, "quick": QUICK, "tiny": TINY}[options.size]
    before = os.getloadavg()[0]
    with Bench(copies=sizes.copies) as bench:
        bench.start()  # where the plugin is not installed this fails, better now than after all other rows
        verdicts = list(_measured(bench, sizes, options.only))
        stages = bench.stages(sizes.passes)
        whole = options.only == list(ROWS)
        plot = _plot(bench, sizes) if options.write or (whole and options.size == "full") else ""
    _say(table(verdicts), stages_table(stages))
    load = f"Load before and after: {before:.1f}, {os.getloadavg()[0]:.1f}."
    directory = options.write or (DOCS if whole and options.size == "full" else None)
    if directory:
        write(Path(directory), verdicts, stages, load, plot, sizes.repeats)
    if options.json:
        Path(options.json).write_text(
            json.dumps([one.to_json() for one in verdicts], indent=1), encoding="utf-8"
        )
    missed = [one.row for one in verdicts if not one.met]
    _say(f"{len(verdicts) - len(missed)} targets met, {len(missed)} missed. {load}")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="a minute's version")
    size.add_argument(
        "--tiny", dest="size", action="store_const", const="tiny", help="only to see that it runs"
    )
    parser.add_argument(
        "--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS)
    )
    parser.add_argument(
        "--write", metavar="DIRECTORY", help="where performance.md is (default: docs, in a full run)"
    )
    parser.add_argument("--json", metavar="FILE", help="write every sample there")
    parser.set_defaults(size="full")
    return parser


def _measured(bench: Bench, sizes: Sizes, names: Sequence[str]) -> Iterator[Verdict]:
    for name in names:
        began = time.perf_counter()
        for verdict in ROWS[name](bench, sizes):
            met = "met" if verdict.met else "MISSED"
            _say(
                f"{met:6} {verdict.row} / {verdict.against}: {verdict.measured} "
                f"(target {verdict.target}; {verdict.spread}) {verdict.remark}"
            )
            yield verdict
        _say(f"       {name}: {time.perf_counter() - began:.0f} s")


def _plot(bench: Bench, sizes: Sizes) -> str:
    """Measure ours and the baseline for each number of events, and draw both."""
    rates: dict[str, list[tuple[float, float]]] = {"signal-client-oci": [], "SDK generator": []}
    memory: dict[str, list[tuple[float, float]]] = {"signal-client-oci": [], "SDK generator": []}
    for count in sizes.plot:
        scenario = memory_scenario(count)
        runs = [
            bench.ours(scenario, lookback_minutes=MEMORY_LOOKBACK, audit_enabled=True)["polls"][0]
            for _ in range(min(3, sizes.repeats) if count <= _BASELINE_UP_TO else 1)
        ]
        _add("signal-client-oci", count, runs, rates, memory)
        if count <= _BASELINE_UP_TO:
            _add("SDK generator", count, [bench.baseline(scenario, "audit", MEMORY_LOOKBACK)], rates, memory)
    return svg(
        [
            Panel("events a second", [Line(name, points) for name, points in rates.items()]),
            Panel(
                "peak memory over the process before, MiB",
                [Line(name, points) for name, points in memory.items()],
            ),
        ]
    )


def _add(
    name: str,
    count: int,
    runs: Sequence[dict[str, float]],
    rates: dict[str, list[tuple[float, float]]],
    memory: dict[str, list[tuple[float, float]]],
) -> None:
    rates[name].append((count, statistics.median(run["fetched"] / run["seconds"] for run in runs)))
    memory[name].append((count, statistics.median(run["rss_peak"] - run["rss_before"] for run in runs)))


def _say(*texts: str) -> None:
    print(*texts, sep="\n\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
