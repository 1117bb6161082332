"""How large everything is in a full run, in a minute's run, and in the test that it runs at all."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "TINY", "Sizes"]


@dataclass(frozen=True)
class Sizes:
    """The sizes of one run.

    Attributes:
        name: How the run is called in its output.
        repeats: Pairs of runs for each row.
        starts: Starts of a host that are measured.
        passes: Passes over a page for each stage.
        events: Audit events of the throughput rows.
        logs: Log records.
        problems: Cloud Guard problems.
        compartments: Compartments with little in them.
        thousands: Compartments of the row that compares the ways to read Audit.
        news: New events there, in all regions together.
        latency: Seconds an answer takes in the row of the compartments.
        pages: Pages of the back-fill.
        page_latency: Seconds a page of the back-fill takes.
        throttled: Requests in the throttled row.
        rate: Requests a second that the server accepts there, and at once.
        memory: Numbers of events whose memory is compared.
        plot: Numbers of events in the plot.
        copies: Whether the processes are copies of one that has loaded everything: quick, and too warm to measure.
    """

    name: str
    repeats: int
    starts: int
    passes: int
    events: int
    logs: int
    problems: int
    compartments: int
    thousands: int
    news: int
    latency: float
    pages: int
    page_latency: float
    throttled: int
    rate: int
    memory: tuple[int, int]
    plot: tuple[int, ...]
    copies: bool = False


FULL = Sizes(
    name="full",
    repeats=5,
    starts=15,
    passes=9,
    events=100_000,
    logs=200_000,
    problems=20_000,
    compartments=300,
    thousands=2_000,
    news=9_999,
    latency=0.1,
    pages=200,
    page_latency=0.2,
    throttled=600,
    rate=20,
    memory=(100_000, 1_000_000),
    plot=(1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
)
QUICK = Sizes(
    name="quick",
    repeats=1,
    starts=3,
    passes=9,
    events=15_000,
    logs=30_000,
    problems=5_000,
    compartments=100,
    thousands=200,
    news=999,
    latency=0.1,
    pages=60,
    page_latency=0.2,
    throttled=160,
    rate=20,
    memory=(10_000, 60_000),
    plot=(1_000, 10_000),
)
TINY = Sizes(
    name="tiny",
    repeats=1,
    starts=1,
    passes=1,
    events=1_500,
    logs=1_500,
    problems=300,
    compartments=6,
    thousands=6,
    news=30,
    latency=0.01,
    pages=5,
    page_latency=0.01,
    throttled=30,
    rate=100,
    memory=(200, 400),
    plot=(300,),
    copies=True,
)
