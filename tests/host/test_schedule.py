"""Instances polled on their intervals, each for itself."""

import logging
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.host_fakes import Fake, counting, instance, plugins_of, report

from signal_client_oci.host import Host, MemoryCheckpoints, MemorySink, Observer, Schedule
from signal_client_oci.host.schedule import deadline_seconds

LONG = 10.0


class Clock:
    """Monotonic seconds that pass only while a schedule waits; stops the schedule after so many waits."""

    def __init__(self, waits):
        self.now = 0.0
        self.waits = waits
        self.waited = []

    def monotonic(self):
        """Seconds since the beginning."""
        return self.now

    def wait(self, event, seconds):
        """Let the seconds pass at once."""
        self.waited.append(seconds)
        self.now += seconds
        if len(self.waited) >= self.waits:
            event.set()
        return event.is_set()


class Watching(Observer):
    """Keeps all news, in order."""

    def __init__(self):
        self.news = []
        self.outcomes = []

    def started(self, instance):
        """Keep the name."""
        self.news.append(("started", instance))

    def progress(self, progress):
        """Keep the count."""
        self.news.append(("progress", progress.delivered))

    def finished(self, outcome):
        """Keep the outcome."""
        self.news.append(("finished", outcome.instance))
        self.outcomes.append(outcome)


def host_of(poll, *instances, sink=None):
    """A host in memory."""
    sink = sink or MemorySink()
    return Host(plugins_of(Fake(poll)), MemoryCheckpoints(), sink, instances or [instance()])


def run(host, clock, **more):
    """Run a schedule by a clock until that stops it; the names still running must be none."""
    schedule = Schedule(host, wait=clock.wait, monotonic=clock.monotonic, **more)
    schedule.start()
    assert schedule.join(LONG) == ()
    return schedule


def test_an_instance_is_polled_at_once_and_then_on_its_interval():
    """The interval counts from start to start: a poll that took a minute waits four of five."""
    clock = Clock(3)
    starts = []

    def poll(*_):
        starts.append(clock.now)
        clock.now += 60.0
        yield report()

    run(host_of(poll), clock)
    assert starts == [0.0, 300.0, 600.0]
    assert clock.waited == [240.0, 240.0, 240.0]


def test_a_poll_longer_than_its_interval_is_followed_at_once():
    """Nothing is skipped and no wait is negative."""
    clock = Clock(2)

    def poll(*_):
        clock.now += 700.0
        yield report()

    run(host_of(poll), clock)
    assert clock.waited == [0.0, 0.0]


def test_each_poll_goes_on_where_the_last_ended():
    """Over many rounds every artifact comes once."""
    sink = MemorySink()
    run(host_of(counting(20), sink=sink), Clock(4))
    assert [int(item["id"], 16) for item in sink.artifacts()] == list(range(20))


def test_the_context_holds_deadline_and_stop():
    """The budget is the interval less a margin; extra context is handed on; `should_stop` tells of `stop`."""
    seen = []

    def poll(_name, _settings, _checkpoint, context):
        seen.append((context["deadline_seconds"], context["max_batch_bytes"], context["should_stop"]()))
        schedule.stop()
        seen.append(context["should_stop"]())
        yield report()

    schedule = Schedule(host_of(poll), context={"max_batch_bytes": 9})
    schedule.start()
    assert schedule.join(LONG) == ()
    assert seen == [(290.0, 9, False), True]


@pytest.mark.parametrize(
    ("interval", "deadline"), [(60, 54.0), (100, 90.0), (300, 290.0), (86_400, 86_390.0)]
)
def test_a_deadline_ends_before_the_next_poll_is_due(interval, deadline):
    """A tenth of the interval is kept back, ten seconds at most."""
    assert deadline_seconds(interval) == deadline


def test_a_failing_poll_is_told_and_tried_again():
    """An exception, a breach or a full disk end one poll, not the schedule; the log line has no secret."""
    rounds = []

    def poll(*_):
        rounds.append(True)
        if len(rounds) == 1:
            raise RuntimeError("canary-secret")
        if len(rounds) == 2:
            return iter([])
        return iter([report()])

    watching = Watching()
    run(host_of(poll, instance(key="canary-secret")), Clock(3), observer=watching)
    problems = [outcome.problem for outcome in watching.outcomes]
    assert problems[0].startswith("signal_client_poll: raised RuntimeError at test_schedule.py:")
    assert problems[1] == "poll: ended without a report [NO_REPORT]"
    assert problems[2] is None
    assert watching.outcomes[2].result.report["status"] == "ok"


def test_a_failure_is_logged_once_without_secrets(caplog):
    """One WARNING with the instance's name; an unknown exception's text was rejected."""

    class Broken(MemorySink):
        def publish(self, _name, _artifacts):
            raise RuntimeError("canary-secret")

    host = Host(plugins_of(Fake(counting(1))), MemoryCheckpoints(), Broken(), [instance()])
    with caplog.at_level(logging.DEBUG):
        run(host, Clock(1))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.records[0].getMessage().startswith("one: the poll was aborted: RuntimeError at ")
    assert "canary" not in caplog.text


def test_a_polling_thread_that_dies_starts_anew(caplog):
    """A log handler that raises costs no more than a minute, and the line that says so is tried too."""
    rounds = []

    class Failing(logging.Handler):
        def emit(self, record):
            if record.levelno == logging.WARNING:
                raise OSError("canary-secret")

    def poll(*_):
        rounds.append(True)
        if len(rounds) == 1:
            raise RuntimeError
        yield report()

    handler, clock = Failing(), Clock(3)
    logger = logging.getLogger("signal_client_oci.host")
    logger.addHandler(handler)
    try:
        run(host_of(poll), clock)
    finally:
        logger.removeHandler(handler)
    assert clock.waited == [60.0, 300.0, 300.0]
    assert len(rounds) == 3
    (died,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert re.fullmatch(
        r"one: the polling thread died \(OSError at test_schedule\.py:\d+\) and starts anew in 60 seconds; "
        "nothing is lost",
        died.getMessage(),
    )


def test_a_plugin_that_exits_ends_one_poll():
    """`sys.exit` in a plugin is an aborted poll, not the end of the instance's thread in silence."""
    rounds = []

    def poll(*_):
        rounds.append(True)
        if len(rounds) == 1:
            raise SystemExit(3)
        yield report()

    watching = Watching()
    run(host_of(poll), Clock(2), observer=watching)
    assert [outcome.problem is None for outcome in watching.outcomes] == [False, True]
    assert "signal_client_poll: raised SystemExit at test_schedule.py:" in watching.outcomes[0].problem


@pytest.mark.slow
def test_an_instance_that_hangs_or_fails_delays_no_other():
    """With one instance hanging for ever and one failing, the third is polled again and again."""
    release, enough = threading.Event(), threading.Event()
    polls = []

    def poll(name, *_):
        if name == "hanging":
            release.wait(LONG)
        elif name == "failing":
            raise RuntimeError
        else:
            polls.append(name)
            if len(polls) == 5:
                enough.set()
        yield report()

    names = ("hanging", "failing", "well")
    schedule = Schedule(
        host_of(poll, *map(instance, names)), wait=lambda event, _seconds: event.wait(0.0) or event.is_set()
    )
    schedule.start()
    assert enough.wait(LONG)
    schedule.stop()
    assert schedule.join(0.5) == ("hanging",)
    release.set()
    assert schedule.join(LONG) == ()


def test_observers_hear_of_every_step():
    """Started, a progress for each batch, finished, with the seconds until the next poll."""
    watching = Watching()
    run(host_of(counting(5)), Clock(1), observer=watching)
    assert watching.news == [("started", "one"), ("progress", 3), ("progress", 5), ("finished", "one")]
    assert watching.outcomes[0].next_poll_in_seconds == 300.0


def test_an_observer_that_fails_does_not_stop_the_collecting(caplog):
    """Each method may raise; all artifacts are delivered all the same."""

    class Failing(Observer):
        def started(self, _instance):
            raise ValueError

        def progress(self, _progress):
            raise ValueError

        def finished(self, _outcome):
            raise ValueError

    sink = MemorySink()
    run(host_of(counting(5), sink=sink), Clock(2), observer=Failing())
    assert len(sink.artifacts()) == 5
    assert "the observer failed: ValueError at test_schedule.py" in caplog.text


def test_disabled_instances_are_left_alone():
    """They are not polled; with none enabled there is nothing to run, which is told."""
    polled = []

    def poll(name, *_):
        polled.append(name)
        yield report()

    off = replace(instance("off"), enabled=False)
    run(host_of(poll, instance("on"), off), Clock(2))
    assert polled == ["on", "on"]
    with pytest.raises(ValueError, match="no instance is enabled"):
        Schedule(host_of(poll, off)).run()


def test_an_instance_that_is_disabled_meanwhile_pauses():
    """`Host.configure` takes effect at the next round, in both directions."""
    polled = []

    def poll(name, *_):
        polled.append(name)
        yield report()

    host = host_of(poll)
    clock = Clock(4)

    def wait(event, seconds):
        host.configure(replace(instance(), enabled=len(clock.waited) == 2))
        return clock.wait(event, seconds)

    schedule = Schedule(host, wait=wait, monotonic=clock.monotonic)
    schedule.start()
    assert schedule.join(LONG) == ()
    assert len(polled) == 2


def test_stop_ends_run_from_another_thread():
    """`run` returns once `stop` was called and the polls in flight have ended."""
    schedule = Schedule(host_of(lambda *_: iter([report()])))
    threading.Timer(0.0, schedule.stop).start()
    assert schedule.run(LONG) == ()


@pytest.mark.slow
@pytest.mark.parametrize("hanging", [False, True])
def test_ctrl_c_ends_run_cleanly(hanging):
    """A real SIGINT: the poll in flight ends with its report stored, a hanging one is named, no traceback."""
    child = Path(__file__).with_name("interrupted_child.py")
    command = [sys.executable, child, "hanging" if hanging else "obeying"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "polling\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=LONG)
        finally:
            process.kill()
    assert err == ""
    assert process.returncode == 0
    assert out == (
        "still running: one\n" if hanging else "stopped\nstored: {'version': 1, 'stopped': True}\n"
    )
