"""The board as Prometheus metrics: a registry of its own whose values are read from the board at each scrape.

Every name has the host's prefix `signal_client_`. The label `instance` has one value for each watched instance,
`source` one for each of its sources, `code` at most fifty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from signal_client_oci import __version__
from signal_client_oci.host.http.board import BoardState, StatusBoard
from signal_client_oci.host.http.status import DURATION_BOUNDS, InstanceStatus, SourceStatus, SourceTotals

__all__ = ["PREFIX", "Exposition"]

PREFIX: Final = "signal_client_"
_INSTANCE: Final = ("instance",)
_SOURCE: Final = ("instance", "source")
_SOURCE_COUNTERS: Final[tuple[tuple[str, str, Callable[[SourceTotals], int]], ...]] = (
    (
        "records_fetched",
        "Artifacts that were published and whose checkpoint was stored.",
        lambda one: one.records,
    ),
    ("requests", "Requests sent to OCI for this source.", lambda one: one.requests),
    ("retries", "Requests that were not the first attempt.", lambda one: one.retries),
    ("throttled", "Answers of OCI with status 429.", lambda one: one.throttled),
    ("repeats_left_out", "Records left out because they had been delivered before.", lambda one: one.repeats),
    ("secrets_masked", "Secrets masked in records.", lambda one: one.masked),
    (
        "parse_errors",
        "Records delivered although something in them could not be read.",
        lambda one: one.parse_errors,
    ),
)
_INSTANCE_GAUGES: Final[tuple[tuple[str, str, Callable[[InstanceStatus, BoardState], float | None]], ...]] = (
    (
        "poll_interval_seconds",
        "From the start of one poll to the start of the next.",
        lambda one, _: one.interval_seconds,
    ),
    (
        "seconds_without_report",
        "Seconds since a poll last ended with a report, whatever it says; before the first, since the start.",
        lambda one, state: one.seconds_without_report(state.monotonic),
    ),
    (
        "checkpoint_bytes",
        "Size of the last checkpoint as compact JSON; absent before the first.",
        lambda one, _: one.checkpoint_bytes,
    ),
    ("polling", "1 while a poll runs, else 0.", lambda one, _: float(one.is_polling)),
)


class Exposition:
    """Renders the metrics of a board, and those of the process, in the format that a scraper asks for."""

    def __init__(self, board: StatusBoard) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_BoardCollector(board))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their content type, for the value of an Accept header."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _BoardCollector(Collector):
    """Makes the metric families of a board."""

    def __init__(self, board: StatusBoard) -> None:
        self._board = board

    def collect(self) -> Iterator[Metric]:
        """Yield each family, all of one moment."""
        state = self._board.state()
        yield _build_info()
        yield _polls(state)
        yield _durations(state)
        for name, text, gauge in _INSTANCE_GAUGES:
            values = ((one, gauge(one, state)) for one in state.instances)
            yield _instance_gauge(name, text, ((one, value) for one, value in values if value is not None))
        for name, text, counter in _SOURCE_COUNTERS:
            yield _source_counter(name, text, counter, state)
        yield _errors(state)
        yield _warnings(state)
        yield _lag(state)
        yield _source_ok(state)


def _build_info() -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}build_info", "The version that runs; always 1.", labels=("version",))
    family.add_metric((__version__,), 1)
    return family


def _polls(state: BoardState) -> Metric:
    text = "Polls that ended, by the status of their report; aborted: without a report."
    family = CounterMetricFamily(f"{PREFIX}polls_completed", text, labels=("instance", "result"))
    for one in state.instances:
        for result in ("ok", "degraded", "failed", "aborted"):
            family.add_metric((one.label, result), one.polls.get(result, 0))
    return family


def _durations(state: BoardState) -> Metric:
    text = "Seconds that polls took, however they ended."
    family = HistogramMetricFamily(f"{PREFIX}poll_duration_seconds", text, labels=_INSTANCE)
    bounds = [*map(str, DURATION_BOUNDS), "+Inf"]
    for one in state.instances:
        buckets = list(zip(bounds, map(float, accumulate(one.durations)), strict=True))
        family.add_metric((one.label,), buckets, one.duration_sum)
    return family


def _instance_gauge(name: str, text: str, values: Iterable[tuple[InstanceStatus, float]]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}{name}", text, labels=_INSTANCE)
    for one, value in values:
        family.add_metric((one.label,), value)
    return family


def _source_counter(
    name: str, text: str, counter: Callable[[SourceTotals], int], state: BoardState
) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}{name}", text, labels=_SOURCE)
    for one, source in _sources(state):
        family.add_metric((one.label, source.name), counter(source.totals))
    return family


def _errors(state: BoardState) -> Metric:
    text = "Polls whose report names this error for the source."
    family = CounterMetricFamily(f"{PREFIX}errors", text, labels=(*_SOURCE, "code"))
    for one, source in _sources(state):
        for code, count in source.totals.errors.items():
            family.add_metric((one.label, source.name, code), count)
    return family


def _warnings(state: BoardState) -> Metric:
    text = "Polls whose report has this warning."
    family = CounterMetricFamily(f"{PREFIX}warnings", text, labels=("instance", "code"))
    for one in state.instances:
        for code, count in one.warned.items():
            family.add_metric((one.label, code), count)
    return family


def _lag(state: BoardState) -> Metric:
    text = "Seconds from the moment that the source was read to until now; absent while that moment is not known."
    family = GaugeMetricFamily(f"{PREFIX}lag_seconds", text, labels=_SOURCE)
    for one, source in _sources(state):
        lag = source.lag_seconds(state.now)
        if lag is not None:
            family.add_metric((one.label, source.name), lag)
    return family


def _source_ok(state: BoardState) -> Metric:
    text = "1 if the source was read completely when it was last due, else 0; absent before the first time."
    family = GaugeMetricFamily(f"{PREFIX}source_ok", text, labels=_SOURCE)
    for one, source in _sources(state):
        if source.status not in {"waiting", "skipped"}:
            family.add_metric((one.label, source.name), float(source.status == "ok"))
    return family


def _sources(state: BoardState) -> Iterator[tuple[InstanceStatus, SourceStatus]]:
    return ((one, source) for one in state.instances for source in one.sources)
