"""The board: what polls tell is added up, kept for a while, and said in one line."""

from __future__ import annotations

import threading
from datetime import timedelta

from support.board_news import INTERVAL, NOON, BoardNews, failed_with, read_until
from support.host_fakes import Fake, counting, instance, plugins_of, source_report

from signal_client_oci.host import Host, MemoryCheckpoints, MemorySink, Schedule
from signal_client_oci.host.http.board import StatusBoard
from signal_client_oci.host.http.board_headline import board_headline, most_troubled_first
from signal_client_oci.host.http.chart import CHART_SLOTS, SLOT_SECONDS, ChartPoint, add_to_chart
from signal_client_oci.host.observers import Observers
from signal_client_oci.host.schedule import Observer


def only(news):
    """The only instance on the board."""
    (one,) = news.board.state().instances
    return one


def test_what_polls_report_is_added_up():
    """Records count as they are published, the other numbers with each report; a poll's end and duration are kept."""
    news = BoardNews("prod")
    counts = {"duplicates": 3, "redacted": 2, "throttled": 1, "parse_errors": 4}
    for _ in range(2):
        news.poll("prod", records=5, audit=read_until(30, news.seconds, **counts) | {"retries": 1})
    one = only(news)
    audit = one.sources[0]
    totals = audit.totals
    assert (totals.records, totals.requests, totals.retries, audit.new) == (10, 2, 2, 5)
    assert (totals.repeats, totals.masked, totals.throttled, totals.parse_errors) == (6, 4, 2, 8)
    assert (one.polls, one.duration_sum, sum(one.durations)) == ({"ok": 2}, 4.0, 2)
    assert one.checkpoint_bytes == len('{"version":1,"next":7}')
    assert (one.is_polling, one.next_poll) == (False, NOON + timedelta(seconds=4 + INTERVAL - 2))


def test_a_source_that_was_not_due_keeps_what_was_known_of_it():
    """A skipped source is neither repaired nor forgotten; one that was never due is skipped."""
    news = BoardNews("prod")
    skipped = source_report("skipped") | {"covered_until": None}
    news.poll("prod", "degraded", audit=failed_with("TIMEOUT"), cloud_guard=skipped)
    news.poll("prod", audit=skipped, cloud_guard=skipped)
    audit, _, cloud_guard = only(news).sources
    assert (audit.status, audit.error["code"], audit.totals.errors) == ("failed", "TIMEOUT", {"TIMEOUT": 1})
    assert cloud_guard.status == "skipped"


def test_lag_grows_while_nothing_is_read():
    """The lag is measured now, not when the poll ended, and a failure does not forget what was read before."""
    news = BoardNews("prod")
    assert only(news).sources[0].lag_seconds(NOON) is None
    news.poll("prod", audit=read_until(60, at=2))
    news.poll("prod", "degraded", audit=failed_with("TIMEOUT"))
    news.pass_time(100)
    state = news.board.state()
    assert state.instances[0].sources[0].lag_seconds(state.now) == 60 + 2 + 100


def test_three_intervals_without_a_report_are_overdue():
    """An instance waits for its first poll, is overdue after three intervals without a report, aborted polls or not."""
    news = BoardNews("prod")

    def verdict():
        return only(news).verdict(news.board.state().monotonic)

    assert verdict() == "waiting"
    news.poll("prod")
    news.pass_time(3 * INTERVAL)
    assert verdict() == "ok"
    news.abort("prod")
    assert verdict() == "failed"
    news.pass_time(1)
    assert verdict() == "overdue"
    news.poll("prod", "degraded")
    assert verdict() == "degraded"


def test_the_headline_counts_and_names_the_troubled_ones():
    """One line says how many instances there are, how many are in trouble and which, worst first."""
    names = [f"acme-{number}" for number in range(20)]
    news = BoardNews(*names)
    assert board_headline(news.board.state()) == "20 instances, none polled yet"
    for name in names:
        news.poll(name)
    assert board_headline(news.board.state()) == "20 instances, all ok"
    news.poll("acme-17", "failed", audit=failed_with("NOT_AUTHENTICATED"))
    assert board_headline(news.board.state()) == "20 instances, 1 failed: acme-17 NOT_AUTHENTICATED; 19 ok"
    news.poll("acme-3", "degraded", audit=failed_with("THROTTLED"))
    news.abort("acme-4")
    news.poll("acme-5", "degraded", warnings=[{"code": "CLOCK_IS_OFF", "message": "", "remedy": ""}])
    for number in (6, 7):
        news.poll(f"acme-{number}", "degraded", audit=failed_with("TIMEOUT"))
    news.board.watch("new", INTERVAL)
    failed = "2 failed: acme-4 ABORTED, acme-17 NOT_AUTHENTICATED"
    degraded = "4 degraded: acme-3 THROTTLED, acme-5 CLOCK_IS_OFF, acme-6 TIMEOUT and 1 more"
    assert (
        board_headline(news.board.state()) == f"21 instances, {failed}; {degraded}; 14 ok; 1 not polled yet"
    )
    assert [one.name for one in most_troubled_first(news.board.state())][:5] == [
        "acme-4",
        "acme-17",
        "acme-3",
        "acme-5",
        "acme-6",
    ]


def test_labels_are_safe_and_different():
    """Names that would meet once they are made safe and short are told apart; a blank one has a label."""
    news = BoardNews("a\u202e", "a\\u202e", "x" * 200, "x" * 300, "", "\ud800")
    labels = [one.label for one in news.board.state().instances]
    assert labels[:2] == ["a\\u202e", "a\\u202e (2)"]
    assert len(set(labels)) == 6
    assert all(label.isprintable() and 0 < len(label) < 110 for label in labels)


def test_codes_are_few_however_many_are_invented():
    """A plugin that makes up codes, or codes that are no codes, cannot add labels without end."""
    news = BoardNews("prod")
    for number in range(80):
        news.poll("prod", "degraded", audit=failed_with(f"CODE_{number}"))
    news.poll("prod", "degraded", audit=failed_with('evil"} 1\n'))
    errors = only(news).sources[0].totals.errors
    assert (len(errors), errors["OTHER"], sum(errors.values())) == (51, 31, 81)


def test_an_instance_that_is_not_watched_is_ignored():
    """News that comes after an instance was given away changes nothing; one that comes back starts anew."""
    news = BoardNews("prod", "other")
    news.poll("prod", records=5)
    news.board.forget("prod")
    news.poll("prod", records=5)
    assert [one.name for one in news.board.state().instances] == ["other"]
    news.board.watch("prod", 60.0)
    news.board.watch("other", 60.0)
    assert [one.interval_seconds for one in news.board.state().instances] == [60.0, 60.0]
    assert news.board.state().instances[1].sources[0].totals.records == 0


def test_the_chart_keeps_six_hours():
    """Slots are summed up, older ones go, and a clock that is set back adds no slot out of order."""
    chart = ()
    for slot in range(2 * CHART_SLOTS):
        moment = NOON + timedelta(seconds=slot * SLOT_SECONDS)
        chart = add_to_chart(add_to_chart(chart, moment, records=slot), moment, records=1, lag_seconds=slot)
    first = int(NOON.timestamp()) // SLOT_SECONDS
    newest = 2 * CHART_SLOTS - 1
    assert len(chart) == CHART_SLOTS
    assert chart[-1] == ChartPoint(first + newest, newest + 1, newest)
    back = add_to_chart(chart, NOON, records=1)
    assert back == (*chart[:-1], ChartPoint(first + newest, newest + 2, newest))


class _Broken(Observer):
    def started(self, instance):
        """Fail."""
        raise RuntimeError(instance)


def test_a_schedule_fills_the_board_beside_another_observer():
    """The host's own schedule tells the board everything, and an observer that fails keeps nothing from it."""
    board = StatusBoard()
    board.watch("one", INTERVAL)
    ended = threading.Event()

    def wait(stop, _seconds):
        ended.set()
        return stop.wait(30)

    host = Host(plugins_of(Fake(counting(7))), MemoryCheckpoints(), MemorySink(), [instance()])
    schedule = Schedule(host, observer=Observers(_Broken(), board), wait=wait)
    schedule.start()
    assert ended.wait(30)
    schedule.stop()
    assert schedule.join(30) == ()
    (one,) = board.state().instances
    assert (one.result, one.polls, one.sources[0].totals.records) == ("ok", {"ok": 1}, 7)
