"""The metrics, as a scraper reads them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.board_news import BoardNews, failed_with, read_until
from support.host_fakes import check

from signal_client_oci.host.http.metrics import PREFIX, Exposition

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def scraped(news):
    """Sample name and values of labels → value, for the connector's own metrics."""
    labels = ("instance", "source", "result", "code", "le", "version")
    text, _ = Exposition(news.board).render("")
    return {
        (
            sample.name.removeprefix(PREFIX),
            *(sample.labels[name] for name in labels if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    }


def test_what_the_board_knows_is_exposed():
    """Each number has its name, instance and source; what is not known has no sample."""
    news = BoardNews("prod")
    before = scraped(news)
    assert before["polls_completed_total", "prod", "ok"] == 0
    assert not {("lag_seconds", "prod", "audit"), ("source_ok", "prod", "audit")} & before.keys()
    counts = {"duplicates": 3, "redacted": 2, "throttled": 1, "parse_errors": 4}
    news.poll("prod", took=3.0, records=5, audit=read_until(60, 3, **counts), logging=failed_with("TIMEOUT"))
    news.abort("prod")
    news.pass_time(10)
    now = scraped(news)
    assert now["polls_completed_total", "prod", "ok"] == now["polls_completed_total", "prod", "aborted"] == 1
    per_source = {
        "records_fetched_total": 5,
        "requests_total": 1,
        "retries_total": 0,
        "throttled_total": 1,
        "repeats_left_out_total": 3,
        "secrets_masked_total": 2,
        "parse_errors_total": 4,
        "lag_seconds": 70,
        "source_ok": 1,
    }
    assert {name: now[name, "prod", "audit"] for name in per_source} == per_source
    assert now["source_ok", "prod", "logging"] == 0
    assert now["errors_total", "prod", "logging", "TIMEOUT"] == 1
    assert now["checkpoint_bytes", "prod"] == 22
    assert (now["poll_interval_seconds", "prod"], now["seconds_without_report", "prod"]) == (300, 10)
    assert now["poll_duration_seconds_sum", "prod"] == 3
    buckets = [now["poll_duration_seconds_bucket", "prod", bound] for bound in ("0.5", "2.5", "5.0", "+Inf")]
    assert buckets == [1, 1, 2, 2]  # the poll that was aborted took no time


def test_polls_with_a_warning_are_counted_by_its_code():
    """A warning that only one report in an hour has is still there for who scrapes later; each poll counts once."""
    news = BoardNews("prod")
    news.poll("prod", warnings=[check(), check()])
    news.poll("prod", warnings=[check() | {"code": "not a code"}])
    news.poll("prod")
    now = scraped(news)
    assert now["warnings_total", "prod", "POLICY_MISSING"] == now["warnings_total", "prod", "OTHER"] == 1


@pytest.mark.parametrize("accept", ["", "text/plain;version=0.0.4", OPEN_METRICS])
def test_hostile_names_are_label_values(accept):
    """No name of an instance can add a line or a label, in either format, and equal ones stay two series."""
    hostile = ['a"} 1\nsignal_client_fake 1', "back\\slash", "\ud800", "line\u2028", "x" * 1000]
    news = BoardNews(*hostile)
    text, content_type = Exposition(news.board).render(accept)
    assert content_type.split(";")[0] == (accept.split(";")[0] or "text/plain")
    lines = [line for line in text.decode().splitlines() if line.startswith("signal_client_polling")]
    assert len(lines) == len(hostile) == len(set(lines))
    assert not any(line.startswith("signal_client_fake") for line in text.decode().splitlines())


@pytest.mark.slow
def test_labels_are_bounded_by_what_is_watched():
    """The number of series depends on the instances, never on what polls bring; a forgotten instance is gone."""
    news = BoardNews("prod")
    news.poll("prod", "degraded", audit=failed_with("TIMEOUT"))
    few = len(scraped(news))
    for number in range(200):
        news.poll(
            "prod", "degraded", records=number, audit=failed_with(f"CODE_{number}", message=str(number))
        )
    assert len(scraped(news)) - few <= 50
    news.board.forget("prod")
    assert {name for name, *_ in scraped(news)} == {"build_info"}
