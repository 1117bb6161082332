"""What `run` shows: the troubled instances at any size of the terminal, and lines that never hold up a poll."""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from signal_client_oci.cli.output.log_lines import all_lines
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.run_display import line_output
from signal_client_oci.cli.run_display.line_output import LineOutput
from signal_client_oci.cli.run_display.live_table import LiveTable
from signal_client_oci.cli.run_display.run_output import open_output
from signal_client_oci.host import BatchProgress, PollOutcome, PollResult, Schedule
from signal_client_oci.host.instances import Instance

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)
LONG = 10.0


def report(status="ok", **sources):
    """A poll's report with these sources, the others skipped."""
    skipped = {"status": "skipped", "fetched": 0, "requests": 0, "retries": 0, "error": None}
    skipped |= {"covered_until": None, "counts": {}}
    return {
        "type": "report",
        "status": status,
        "sources": {name: skipped | sources.get(name, {}) for name in ("audit", "logging", "cloud_guard")},
        "warnings": [],
    }


def drawn(table):
    """The table as lines of text."""
    stream = StringIO()
    Screen(stream).print(table.render())
    return stream.getvalue().splitlines()


def test_the_live_table_shows_status_lag_counts_and_the_last_error():
    """Each instance and source has a line, and a trouble stands below with its remedy, once."""
    table = LiveTable([Instance("prod", {})], Screen(StringIO()), lambda: NOW, "heading")
    error = {
        "code": "AUDIT_NOT_AUTHORIZED",
        "message": "denied \x1b[31m[red]",
        "remedy": "Allow it.",
        "title": "Audit",
    }
    covered = (NOW - timedelta(minutes=2, seconds=5)).isoformat().replace("+00:00", "Z")
    for _ in range(2):
        table.started("prod")
        table.progress(BatchProgress("prod", "logging", 7, 7, 1))
        result = report(
            "degraded",
            audit={"status": "failed", "error": error},
            logging={"status": "ok", "fetched": 7, "covered_until": covered},
        )
        table.finished(PollOutcome("prod", PollResult("prod", result, {}, 1, 0, 0.1), None, 300.0))
    lines = drawn(table)
    audit, logging, cloud_guard = (line.split() for line in lines[3:6])
    assert audit == ["prod", "Audit", "failed", "09:00:00", "0", "0", "-", "AUDIT_NOT_AUTHORIZED"]
    assert logging == ["Logging", "ok", "09:00:00", "7", "14", "2m05s"]
    assert cloud_guard[:3] == ["Cloud", "Guard", "skipped"]
    below = [line for line in lines if line.startswith("prod: ")]
    assert below == [r"prod: AUDIT_NOT_AUTHORIZED: denied \x1b[31m[red]. Allow it."]


def test_a_poll_that_broke_off_is_shown_as_failed():
    """A defect or a full disk is visible, with the host's reason."""
    table = LiveTable([Instance("prod", {})], Screen(StringIO()), lambda: NOW, "heading")
    table.started("prod")
    assert all("polling" in line for line in drawn(table)[3:6])
    table.finished(PollOutcome("prod", None, "No space left on device", 300.0))
    lines = drawn(table)
    assert lines[1] == "1 instance, 1 failed: prod ABORTED"
    assert all("failed" in line for line in lines[3:6])
    assert lines[-1] == "prod: the poll was aborted: No space left on device"


def poll_of(table, name, code="", status="failed"):
    """A poll that ended with this code, or well."""
    table.started(name)
    error = {"code": code, "message": "Refused.", "remedy": "Repair it. " * 30, "title": "Audit"}
    source = {"status": "failed", "error": error} if code else {"status": "ok", "fetched": 3}
    sources = dict.fromkeys(("audit", "logging", "cloud_guard"), source)
    result = PollResult(name, report(status if code else "ok", **sources), {}, 1, 0, 0.1)
    table.finished(PollOutcome(name, result, None, 300.0))


def screen_of(width, height):
    """A terminal of this size, in memory."""
    screen = Screen(StringIO())
    screen.console = Console(
        file=StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    screen.is_terminal = True
    return screen


def lines_on(table, screen):
    """What the terminal shows."""
    lines = screen.console.render_lines(table.render(), pad=False)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 24), (80, 12), (200, 100), (60, 8), (80, 40)])
@pytest.mark.slow
def test_a_failing_instance_is_seen_at_any_size(width, height):
    """Of twenty, the one that fails is counted and named above, first in the table, explained below; nothing is cut."""
    screen = screen_of(width, height)
    table = LiveTable([Instance(f"acme-{n}", {}) for n in range(1, 21)], screen, lambda: NOW, "heading")
    assert lines_on(table, screen)[1] == "20 instances, none polled yet"
    for number in range(1, 21):
        poll_of(table, f"acme-{number}", {17: "NOT_AUTHENTICATED"}.get(number, ""))
    table.started("acme-17")  # what the last poll found is known until the next one ends
    lines = lines_on(table, screen)
    assert len(lines) <= height
    assert lines[1].startswith("20 instances, 1 failed: acme-17 NOT_AUTHENTICATED; 19 ok"[:width])
    assert lines[4].startswith("acme-17")
    explained = any(line.startswith("acme-17: NOT_AUTHENTICATED: Refused.") for line in lines)
    assert explained == (height > 8)  # where there is room for more than the table
    rows = sum(bool(re.match(r"acme-\d+ ", line)) for line in lines)
    hidden = [int(line.split()[1]) for line in lines if line.startswith("... ") and " more: " in line]
    assert rows + sum(hidden) == 20
    poll_of(table, "acme-17")
    assert lines_on(table, screen)[1] == "20 instances, all ok"
    assert not [line for line in lines_on(table, screen) if "NOT_AUTHENTICATED" in line]


@pytest.mark.slow
def test_many_troubled_instances_are_counted_worst_first():
    """The first are named, the others counted; degraded ones after failed ones."""
    screen = screen_of(200, 24)
    table = LiveTable([Instance(f"acme-{n}", {}) for n in range(1, 21)], screen, lambda: NOW, "heading")
    for number in range(1, 7):
        poll_of(
            table,
            f"acme-{number}",
            "SKEW" if number % 2 else "THROTTLED",
            "failed" if number > 1 else "degraded",
        )
    lines = lines_on(table, screen)
    assert lines[1] == (
        "20 instances, 5 failed: acme-2 THROTTLED, acme-3 SKEW, acme-4 THROTTLED and 2 more; "
        "1 degraded: acme-1 SKEW; 14 not polled yet"
    )
    names = [line.split()[0] for line in lines[4:10]]
    assert names == ["acme-2", "acme-3", "acme-4", "acme-5", "acme-6", "acme-1"]


@pytest.fixture
def pipe():
    """The two ends of a pipe, as text streams."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w") as writer:
        yield reader, writer


class Stoppable(Schedule):
    """A schedule without instances, that tells when it is stopped."""

    def __init__(self):
        self.stopped = threading.Event()

    @property
    def is_stopping(self):
        """Whether it was stopped."""
        return self.stopped.is_set()

    def stop(self):
        """Stop."""
        self.stopped.set()


def table_on(screen):
    """The table of one instance."""
    return LiveTable([Instance("prod", {})], screen, lambda: NOW, "heading")


def test_on_a_terminal_the_whole_table_is_left_behind():
    """At the end the terminal's normal screen has the table and the last lines, and notes of the host."""
    screen = screen_of(80, 24)
    screen.stream = screen.console.file
    screen.stream.isatty = lambda: True
    schedule = Stoppable()
    with open_output(screen, table_on(screen), schedule) as output:
        logging.getLogger("signal_client_oci.host").warning("a note of the host")
        output.end(["stopped: 0 artifacts"])
    left = screen.stream.getvalue().rsplit("\x1b[?1049l", 1)[1]
    assert "1 instance, none polled yet" in left
    assert "a note of the host" in left
    assert left.endswith("stopped: 0 artifacts\n")
    assert (output.failure, output.is_complete, schedule.is_stopping) == ("", True, False)


def test_elsewhere_log_lines_replace_the_table():
    """A heading, a line with time and level for each log record, and the last lines."""
    stream = StringIO()
    screen = Screen(stream)
    with open_output(screen, table_on(screen), Stoppable()) as output:
        logging.getLogger("signal_client_oci").info("oci-cloud: fetched %d", 3)
        output.end(["stopped"])
    first, line, last = stream.getvalue().splitlines()
    assert (first, last) == ("heading", "stopped")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[INFO\] oci-cloud: fetched 3", line)


@pytest.mark.parametrize("ctrl_c_first", [False, True])
def test_a_reader_that_ctrl_c_ended_too_is_no_failure(pipe, ctrl_c_first):
    """`run | tee log`: Ctrl-C ends both. A reader that went away before ends the run, which is a failure."""
    reader, writer = pipe
    screen, schedule = Screen(writer), Stoppable()
    if ctrl_c_first:
        schedule.stop()
    reader.close()
    with open_output(screen, table_on(screen), schedule) as output:
        assert schedule.stopped.wait(LONG)
        output.end(["stopped"])
    assert not output.is_complete
    assert output.failure == (
        "" if ctrl_c_first else "standard output: Broken pipe; 2 log lines could not be written"
    )


def test_lines_that_never_find_space_are_a_failure_at_the_end(monkeypatch):
    """The run goes on for as long as it likes; that lines are missing is said when it ends."""
    monkeypatch.setattr(line_output, "_RETRY_SECONDS", 0.001)
    schedule = Stoppable()
    with Path("/dev/full").open("w") as full:
        screen = Screen(full)
        with open_output(screen, table_on(screen), schedule) as output:
            logging.getLogger("signal_client_oci").info("one")
            assert not schedule.is_stopping
            output.end(["stopped"])
    assert output.failure == "standard output: No space left on device; 3 log lines could not be written"
    assert not output.is_complete


def test_a_log_line_that_cannot_be_shown_stops_nobody(monkeypatch):
    """Whoever logs goes on, as with every handler of Python's own."""
    told = []

    def show(line):
        told.append(line)
        raise OSError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    with all_lines(show):
        logging.getLogger("signal_client_oci").info("one")
        logging.getLogger("signal_client_oci").info("two")
    assert len(told) == 2


def test_a_terminal_that_is_gone_ends_the_run():
    """The table cannot be drawn any more: the schedule stops, and the output says why; nothing is raised."""

    class Gone(StringIO):
        def write(self, _text):
            raise OSError(errno.EIO, "Input/output error")

        def isatty(self):
            return True

    screen = screen_of(80, 24)
    screen.stream = screen.console.file = Gone()
    schedule = Stoppable()
    with open_output(screen, table_on(screen), schedule) as output:
        assert schedule.stopped.wait(LONG)
        output.end(["stopped"])
    assert output.failure == "standard output: Input/output error; the table could not be drawn"
    assert not output.is_complete


def test_lines_wait_for_a_disk_that_is_full(tmp_path, monkeypatch):
    """A line that was cut is continued where it was cut; none is lost, none comes twice, and nobody waits."""
    real, failures = os.write, [True] * 5

    def write(descriptor, view):
        if len(view) < 5 and failures and failures.pop():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, view[: max(1, len(view) // 2)])

    monkeypatch.setattr(line_output, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(os, "write", write)
    with (tmp_path / "log").open("w") as stream:
        output = LineOutput(stream, lambda _error: None)
        for number in range(20):
            output.print(f"line\n{number}")
        until = time.monotonic() + LONG
        while failures:
            assert time.monotonic() < until
            time.sleep(0.001)
        assert output.close(LONG) == 0
    assert (tmp_path / "log").read_text() == "".join(f"line {number}\n" for number in range(20))
    assert output.failure is None


def test_a_reader_that_goes_away_is_told_once(pipe):
    """Whoever prints notices nothing; the failure is passed on once, and what was not written is counted."""
    reader, writer = pipe
    told = []
    gone = threading.Event()
    output = LineOutput(writer, lambda error: (told.append(error.errno), gone.set()))
    reader.close()
    output.print("one")
    assert gone.wait(LONG)
    output.print("two")
    assert output.close(LONG) == 2
    assert told == [errno.EPIPE]


def test_a_reader_that_does_not_read_holds_up_nobody(pipe):
    """Lines wait in memory, those beyond the bound are counted, and closing does not wait for ever either."""
    reader, writer = pipe
    output = LineOutput(writer, lambda _error: None, max_lines=5)
    for number in range(10_000):
        output.print(f"{number} " + "x" * 100)
    assert output.close(0.01) > 0
    reader.close()
    assert output.close(LONG) > 0  # the thread has ended, and writes to no descriptor that is used again


def test_lines_that_were_left_out_are_counted_in_their_place(tmp_path):
    """The log says itself where it has a gap."""
    with (tmp_path / "log").open("w") as stream:
        output = LineOutput(stream, lambda _error: None, max_lines=2)
        with output._changed:  # the writing thread cannot take any
            for letter in "abcd":
                output.print(letter)
        until = time.monotonic() + LONG
        while output._lines:
            assert time.monotonic() < until
            time.sleep(0.001)
        output.print("e")
        assert output.close(LONG) == 0
    written = (tmp_path / "log").read_text().splitlines()
    assert written == ["a", "b", "2 lines were left out: the output took none meanwhile", "e"]
