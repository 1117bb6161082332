"""The rows of the table: what is run in turn, and what of it is compared with which target."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from tests.benchmarks.bench import Bench
from tests.benchmarks.scenario import NOW, Scenario, Stretch
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.verdicts import Verdict, at_least, at_most

__all__ = ["ROWS", "Row", "memory_scenario"]

HOUR: Final = 60
DAY: Final = 24 * 60
MEMORY_LOOKBACK: Final = 7 * DAY
REGIONS: Final = ["us-ashburn-1", "eu-frankfurt-1", "uk-london-1"]
SDK: Final = "SDK generator, `to_dict`, JSON lines"
SDK_LOOP: Final = "SDK loop, `to_dict`, JSON lines"

Row = Callable[[Bench, Sizes], Iterator[Verdict]]


def _day_of(count: int) -> list[Stretch]:
    """Records spread evenly over the day that ends where a poll's window does."""
    return [(NOW - 1 - DAY, NOW - 1, count)]


def _hour_of(count: int) -> list[Stretch]:
    """Records spread evenly over the hour that a first poll reaches back by default."""
    return [(NOW - 1 - HOUR, NOW - 1, count)]


def _uneven_day(count: int) -> list[Stretch]:
    """A day with a quiet night, a busy morning and one very busy quarter of an hour."""
    start, end = NOW - 1 - DAY, NOW - 1
    night, quarter = count // 40, count // 10
    noon = start + 12 * 60
    rest = count - night - quarter
    return [
        (start, start + 6 * 60, night),
        (start + 6 * 60, noon, rest // 2),
        (noon, noon + 15, quarter),
        (noon + 15, end, rest - rest // 2),
    ]


def memory_scenario(count: int) -> Scenario:
    """Return a week with `count` audit events, 100 a page."""
    return Scenario(f"memory-{count}", audit=[(NOW - 1 - MEMORY_LOOKBACK, NOW - 1, count)], page_size=100)


def _throughput(
    row: str, against: str, scenario: Scenario, least: float, service: str, **settings: Any
) -> Row:
    """Compare records a second with the SDK's own way."""

    def measure(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
        here = _sized(scenario, sizes)
        bench.ceiling(here, service, DAY)
        ceiling = [_rate(bench.ceiling(here, service, DAY), "records") for _ in range(min(3, sizes.repeats))]
        ours, theirs, least_work = [], [], []
        for _ in range(sizes.repeats):
            run = bench.ours(here, lookback_minutes=DAY, **settings)
            _require_all(run, here.records)
            ours.append(_rate(run["polls"][0]))
            theirs.append(_rate(_complete(bench.baseline(here, service, DAY), here)))
            least_work.append(_rate(_complete(bench.least(here, service, DAY), here)))
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        possible = statistics.median(one / other for one, other in zip(least_work, theirs, strict=True))
        told = (
            f"{statistics.median(ours):,.0f}/s against {statistics.median(theirs):,.0f}/s",
            f"raw texts with an id alone: {statistics.median(least_work):,.0f}/s, {possible:.1f}x",
            f"the server alone: {statistics.median(ceiling):,.0f}/s",
        )
        remark = "; ".join(told)
        yield at_least(row, against, ratios, least, "x", remark)

    return measure


def _sized(scenario: Scenario, sizes: Sizes) -> Scenario:
    """Fill a scenario of the throughput rows: what it names is as large as the run wants it."""
    name, page_size = scenario.name, scenario.page_size
    if name.startswith("audit"):
        return Scenario(name, audit=_day_of(sizes.events), page_size=page_size)
    if name.startswith("logging"):
        return Scenario(name, logging=_day_of(sizes.logs))
    return Scenario(name, problems=sizes.problems)


def _many_compartments(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Wait for many compartments at once instead of one after the other."""
    scenario = Scenario(
        "compartments",
        compartments=sizes.compartments,
        audit=_hour_of(2),
        each=_hour_of(2),
        latency=sizes.latency,
    )
    ours, theirs = [], []
    for _ in range(sizes.repeats):
        run = bench.ours(scenario, audit_enabled=True, max_concurrency=8)
        _require_all(run, scenario.records)
        ours.append(run["polls"][0]["seconds"])
        requests = sum(run["counts"].values())
        baseline = _complete(bench.baseline(scenario, "audit", HOUR, sizes.compartments), scenario)
        theirs.append(baseline["seconds"])
    waiting = f"{sizes.latency * 1000:.0f} ms a request"
    row = f"{sizes.compartments} compartments, {waiting}, little data, `max_concurrency` 8"
    ideal = requests / 8 * sizes.latency
    remark = f"{statistics.median(ours):.2f} s against {statistics.median(theirs):.2f} s"
    ratios = [other / one for one, other in zip(ours, theirs, strict=True)]
    yield at_least(row, f"{SDK}, one compartment after the other", ratios, 7, "x", remark)
    over = [one / ideal for one in ours]
    yield at_most(
        row,
        "the ideal: requests ÷ 8, times latency",
        over,
        1.25,
        "x",
        f"{requests} requests, ideal {ideal:.2f} s",
    )


def _back_fill(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Read a day of one compartment in pieces, several at a time."""
    scenario = Scenario("back-fill", audit=_uneven_day(sizes.pages * 100), latency=sizes.page_latency)
    ours, theirs, requests = [], [], []
    for _ in range(sizes.repeats):
        run = bench.ours(scenario, lookback_minutes=DAY, audit_enabled=True)
        _require_all(run, scenario.records)
        ours.append(run["polls"][0]["seconds"])
        requests.append(run["counts"]["audit 200"])
        theirs.append(_complete(bench.baseline(scenario, "audit", DAY), scenario)["seconds"])
    remark = (
        f"{statistics.median(ours):.2f} s against {statistics.median(theirs):.2f} s; "
        f"{statistics.median(requests):.0f} requests for {sizes.pages} pages"
    )
    row = (
        f"back-fill: 24 h of one compartment, {sizes.pages} pages, {sizes.page_latency * 1000:.0f} ms a page"
    )
    yield at_least(row, SDK, [other / one for one, other in zip(ours, theirs, strict=True)], 6, "x", remark)


def _throttled(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Keep to a rate that nobody told."""
    compartments = sizes.throttled - 1
    scenario = Scenario(
        "throttled", compartments=compartments, each=_hour_of(1), rate=float(sizes.rate), burst=sizes.rate
    )
    shares, refused = [], []
    for _ in range(sizes.repeats):
        run = bench.ours(scenario, audit_enabled=True)
        _require_all(run, scenario.records)
        accepted, denied = run["counts"]["audit 200"], run["counts"].get("audit 429", 0)
        shares.append(100 * max(0, accepted - sizes.rate) / run["polls"][0]["seconds"] / sizes.rate)
        refused.append(100 * denied / (accepted + denied))
    row = f"throttled: {sizes.rate} requests/s accepted, {sizes.rate} at once, {sizes.throttled} requests"
    yield at_least(row, "the accepted rate", shares, 90, " %", "what went at once is left out")
    yield at_most(row, "requests answered 429", refused, 5, " %")


def _memory(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Take no more memory for ten times the events."""
    grown: dict[int, list[float]] = {count: [] for count in sizes.memory}
    seconds = []
    for _ in range(sizes.repeats):
        for count in sizes.memory:
            run = bench.ours(memory_scenario(count), lookback_minutes=MEMORY_LOOKBACK, audit_enabled=True)
            _require_all(run, count)
            poll = run["polls"][0]
            grown[count].append(poll["rss_peak"] - poll["rss_before"])
        seconds.append(poll["seconds"])
    few, many = sizes.memory
    row = f"memory: one poll of {many:,} events"
    remark = f"in {statistics.median(seconds):.0f} s"
    yield at_most(row, "peak RSS over the process before the poll", grown[many], 40, " MiB", remark)
    more = [large - small for small, large in zip(grown[few], grown[many], strict=True)]
    yield at_most(
        row,
        f"the same with {few:,} events",
        more,
        8,
        " MiB",
        f"there: {statistics.median(grown[few]):.1f} MiB",
    )


def _idle(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Ask once for each compartment where nothing is new."""
    scenario = Scenario(
        "idle", compartments=sizes.compartments, audit=_hour_of(10), logging=_hour_of(10), problems=10
    )
    enabled = {f"{source}_enabled": True for source in ("audit", "logging", "cloud_guard")}
    extra, processor = [], []
    for _ in range(sizes.repeats):
        run = bench.ours(scenario, minutes=(NOW, NOW + 5), **enabled)
        idle = run["polls"][1]
        requests = sum(idle["requests"].values())
        extra.append(float(requests - (sizes.compartments + 1)))
        processor.append(1000 * idle["cpu_seconds"] / requests)
    row = f"idle poll, {sizes.compartments} compartments, nothing new, all sources"
    remark = f"{statistics.median(processor):.2f} ms of processor time a request"
    yield at_most(row, "requests beyond one for each compartment", extra, 20, "", remark)


def _thousands(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Read Audit of thousands of compartments in three regions by searches and by lists, idle and with new events."""
    each = sizes.news // len(REGIONS)
    scenario = Scenario(
        "thousands",
        compartments=sizes.thousands,
        audit=[(NOW + 5, NOW + 8, each)],
        latency=sizes.page_latency / 10,
    )
    polls: dict[str, list[list[dict[str, Any]]]] = {"search": [], "events": []}
    for _ in range(sizes.repeats):
        for mode, runs in polls.items():
            run = bench.ours(
                scenario,
                minutes=(NOW, NOW + 5, NOW + 10),
                additional_regions=REGIONS[1:],
                audit_enabled=True,
                audit_mode=mode,
            )
            _require_all(run, each * len(REGIONS))
            runs.append(run["polls"])
    where = f"{len(REGIONS)} regions with {sizes.thousands:,} compartments"
    for poll, state, pages in (
        (1, "nothing new", 0),
        (2, f"{each * len(REGIONS):,} new events", -(-each // 1000)),
    ):
        row = f"`audit_mode` search, {where}, {state}"
        found, listed = ([run[poll] for run in polls[mode]] for mode in ("search", "events"))
        requests = [float(one["requests"]["audit"] - len(REGIONS) * (1 + pages)) for one in found]
        told = f"{found[0]['requests']['audit']} requests, by events {listed[0]['requests']['audit']:,}"
        yield at_most(row, "requests beyond one and its pages for each region", requests, 3, "", told)
        ratios = [other["seconds"] / one["seconds"] for one, other in zip(found, listed, strict=True)]
        seconds = [statistics.median(one["seconds"] for one in each_of) for each_of in (found, listed)]
        yield at_least(
            row, "`audit_mode` events", ratios, 5, "x", f"{seconds[0]:.2f} s against {seconds[1]:.2f} s"
        )


def _one_window(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Read many events of one window by a search and by lists of 100 a page."""
    scenario = Scenario("one-window", audit=_hour_of(sizes.events), page_size=100)
    rates: dict[str, list[float]] = {"search": [], "events": []}
    for _ in range(sizes.repeats):
        for mode, samples in rates.items():
            run = bench.ours(scenario, audit_enabled=True, audit_mode=mode)
            _require_all(run, scenario.records)
            samples.append(_rate(run["polls"][0]))
    ratios = [one / other for one, other in zip(rates["search"], rates["events"], strict=True)]
    medians = [statistics.median(rates[mode]) for mode in ("search", "events")]
    row = f"`audit_mode` search, {sizes.events:,} events of one window, 1,000 a page"
    remark = f"{medians[0]:,.0f}/s against {medians[1]:,.0f}/s"
    yield at_least(row, "`audit_mode` events, 100 a page", ratios, 1, "x", remark)


def _host_start(bench: Bench, sizes: Sizes) -> Iterator[Verdict]:
    """Load the entry point, register, give the schema."""
    ratios, ours = [], []
    bench.start()
    for _ in range(sizes.starts):
        sample = bench.start()
        ours.append(1000 * sample["ours"])
        ratios.append(sample["ours"] / sample["pydantic"])
    remark = f"{statistics.median(ours):.0f} ms; `oci` {'was' if sample['oci_imported'] else 'not'} imported"
    yield at_most(
        "host start: load, register, schema", '`python -c "import pydantic"`', ratios, 1.5, "x", remark
    )


ROWS: Final[dict[str, Row]] = {
    "audit-1000": _throughput(
        "throughput, 1 compartment, 1,000 events a page",
        SDK,
        Scenario("audit-1000", page_size=1000),
        4,
        "audit",
        audit_enabled=True,
    ),
    "audit-100": _throughput(
        "throughput, 1 compartment, 100 events a page",
        SDK,
        Scenario("audit-100", page_size=100),
        3,
        "audit",
        audit_enabled=True,
    ),
    "logging": _throughput(
        "Logging Search, 1,000 a page", SDK_LOOP, Scenario("logging"), 1.8, "logging", logging_enabled=True
    ),
    "cloud-guard": _throughput(
        "Cloud Guard, 1,000 a page, `cloud_guard_details` off",
        SDK,
        Scenario("cloud-guard"),
        2.5,
        "cloudguard",
        cloud_guard_enabled=True,
        cloud_guard_details=False,
    ),
    "compartments": _many_compartments,
    "back-fill": _back_fill,
    "throttled": _throttled,
    "memory": _memory,
    "idle": _idle,
    "thousands": _thousands,
    "one-window": _one_window,
    "start": _host_start,
}


def _rate(run: dict[str, Any], count: str = "fetched") -> float:
    return float(run[count] / run["seconds"])


def _complete(baseline: dict[str, Any], scenario: Scenario) -> dict[str, Any]:
    """Return a baseline's run that got everything."""
    if baseline["fetched"] != scenario.records:
        raise RuntimeError(f"the baseline fetched {baseline['fetched']} of {scenario.records}")
    return baseline


def _require_all(run: dict[str, Any], records: int) -> None:
    """A run that lost or repeated something is no measurement."""
    fetched = sum(poll["fetched"] for poll in run["polls"])
    statuses: Sequence[str] = [poll["status"] for poll in run["polls"]]
    if (fetched, run["distinct"]) != (records, records) or set(statuses) != {"ok"}:
        raise RuntimeError(f"{fetched} fetched, {run['distinct']} distinct of {records}, {statuses}")
