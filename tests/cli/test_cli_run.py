"""`run`: polls all instances into files until it is told to stop, and goes on where it ended."""

from __future__ import annotations

import json
import signal
import time
from datetime import datetime, timedelta, timezone
from io import StringIO

import pytest
from support.command_lines import call, finished, on_terminal, one_line, run, start, write_instances

from signal_client_oci.cli.output.artifact_files import ArtifactFiles
from signal_client_oci.cli.output.live_table import LiveTable
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host import BatchProgress, PollOutcome, PollResult, StateDirectory
from signal_client_oci.host.instances import Instance

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)
SECONDS_TO_STOP = 8.0


def polled(directory, path, number):
    """The log lines of a run that is told to stop once every instance was polled, and how long stopping took."""
    process = start("run", path, "--directory", directory)
    lines = []
    while sum("Cloud Guard" in line or "log records" in line for line in lines) < 2:
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    began = time.monotonic()
    process.send_signal(number)
    ended = finished(process)
    assert time.monotonic() - began < SECONDS_TO_STOP
    assert (ended.code, ended.err) == (0, "")
    return "".join(lines) + ended.out


@pytest.mark.slow
def test_run_polls_every_instance_until_a_signal_and_goes_on_there(tmp_path, sandbox, tenancy):
    """Each instance has its file, stopping is no failure, and started again nothing comes twice."""
    other = sandbox.add_tenancy("umbrella", regions=("us-ashburn-1",))
    path = write_instances(tmp_path, prod=tenancy.settings(), second=other.settings())
    data = tmp_path / "data"
    first = polled(data, path, signal.SIGINT)
    assert "[INFO] oci-cloud: fetched 2 audit events (instance prod)\n" in first
    assert "[INFO] oci-cloud: fetched 0 audit events (instance second)\n" in first
    assert "stopped: 4 artifacts in " in first
    again = polled(data, path, signal.SIGTERM)
    assert "[INFO] oci-cloud: fetched 0 audit events (instance prod)\n" in again
    written = (data / "artifacts" / "prod.jsonl").read_text().splitlines()
    assert len({json.loads(line)["id"] for line in written}) == len(written) == 4
    assert (data / "artifacts" / "second.jsonl").read_text() == ""


def test_on_a_terminal_a_table_is_drawn_until_ctrl_c(tmp_path, toml):
    """The table shows each source, and what was collected is told at the end."""
    ended = on_terminal("run", toml, "--directory", tmp_path / "data", until="\x1b[32mok")
    assert ended.code == 0
    assert "Last error" in ended.out
    assert "[INFO]" not in ended.out
    assert "stopped: 4 artifacts in" in ended.out


def test_a_place_that_another_process_uses_is_refused(capsys, tmp_path, toml):
    """Two processes never write to one place."""
    with StateDirectory(tmp_path / "data"):
        told = one_line(call(capsys, "run", toml, "--directory", tmp_path / "data"))
    assert "in use by another process" in told


def test_a_directory_that_others_may_write_to_is_refused(tmp_path, toml):
    """One line with the path and the command, exit code 2, and nothing is made in it."""
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    told = one_line(run("run", toml, "--directory", data))
    assert f"{data}: every user can replace the files in it" in told
    assert f"chmod o-w {data}" in told
    assert list(data.iterdir()) == []


def test_a_home_of_nobody_is_told(capsys, toml):
    """A path that begins with a user's home that does not exist is one line, no traceback."""
    told = one_line(call(capsys, "run", toml, "--directory", "~nobody-of-this-name/data"))
    assert "begins with ~ but there is no such home directory; give a full path" in told


def test_instances_that_are_all_switched_off_are_a_fault(capsys, tmp_path, toml):
    """Nothing would ever happen."""
    toml.write_text(toml.read_text() + "\nenabled = false\n")
    assert "is disabled" in one_line(call(capsys, "run", toml, "--directory", tmp_path / "data"))


def test_names_that_could_meet_in_one_file_are_kept_apart(tmp_path):
    """Case, other alphabets and path separators cannot make two instances share a file, or leave the directory."""
    names = [
        "prod",
        "Prod",
        "PROD",
        "../prod",
        "/prod",
        ".",
        "..",
        "",
        "prod.jsonl",
        "prod\0",
        "prod\n",
        "-prod",
    ]
    names += ["Ünit", "\u0440rod", "\uff50rod", "pro\u200bd", "\ud800", "x" * 200, "x" * 100_000, "con"]
    with ArtifactFiles(tmp_path, names) as files:
        for name in names:
            files.publish(name, [{"id": "1", "source": "", "timestamp": "", "raw": "", "metadata": {}}])
    assert len(list(tmp_path.iterdir())) == len(names)
    assert len({path.name.lower() for path in tmp_path.iterdir()}) == len(names)


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
    assert all("failed" in line for line in lines[3:6])
    assert lines[-1] == "prod: the poll was aborted: No space left on device"
