"""`run`: polls all instances into files until it is told to stop, and goes on where it ended."""

from __future__ import annotations

import json
import resource
import signal
import time

import pytest
from support.command_lines import (
    WAIT_SECONDS,
    Terminal,
    begin,
    call,
    finished,
    killed_after,
    lines_until,
    on_terminal,
    one_line,
    run,
    start,
    write_instances,
)

from signal_client_oci.cli.interruption import stop_on_signals, terminate_like_interrupt
from signal_client_oci.cli.output.artifact_files import ArtifactFiles
from signal_client_oci.host import StateDirectory

SECONDS_TO_STOP = 8.0


def polled(directory, path, number):
    """The log lines of a run that is told to stop once every instance was polled, and how long stopping took."""
    process = start("run", path, "--directory", directory)
    lines = lines_until(
        process, lambda lines: sum("Cloud Guard" in line or "log records" in line for line in lines) >= 2
    )
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


@pytest.mark.slow
def test_on_a_terminal_a_table_is_drawn_until_ctrl_c(tmp_path, toml):
    """The table shows each source, and what was collected is told at the end."""
    ended = on_terminal("run", toml, "--directory", tmp_path / "data", until="\x1b[32mok")
    assert ended.code == 0
    assert "Last error" in ended.out
    assert "[INFO]" not in ended.out
    assert "stopped: 4 artifacts in" in ended.out


@pytest.mark.slow
def test_on_a_small_terminal_the_failing_one_of_twenty_is_seen(tmp_path, tenancy):
    """On 24 lines and, after a change of size, on 10; the whole table is left on the normal screen at the end."""
    only_audit = tenancy.settings(logging_enabled=False, cloud_guard_enabled=False)
    instances = {f"acme-{number}": only_audit for number in range(1, 21)}
    instances["acme-17"] = only_audit | {"fingerprint": ":".join(["00"] * 16)}
    path = write_instances(tmp_path, **instances)
    (tmp_path / "acme-1.pem").chmod(0o644)
    headline = "20 instances, 1 failed: acme-17 KEY_FINGERPRINT_MISMATCH; 19 ok"
    terminal = Terminal("run", path, "--directory", tmp_path / "data", columns=80, lines=24)
    drawn = terminal.drawing(headline, most_lines=24)
    assert drawn[4].split()[:2] == ["acme-17", "failed"]
    terminal.resize(120, 40)
    terminal.drawing(headline, "warning: ", "acme-1.pem", most_lines=40)
    terminal.resize(70, 10)
    drawn = terminal.drawing(headline, most_lines=10)
    assert drawn[4].split()[:2] == ["acme-17", "failed"]
    assert max(map(len, drawn)) <= 70
    ended = terminal.interrupt()
    assert ended.code == 0
    left = ended.out.rsplit("\x1b[?1049l", 1)[1]
    assert all(f"acme-{number} " in left for number in range(1, 21))
    assert "stopped: 38 artifacts in " in left


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_the_run_in_order(tmp_path, toml):
    """The process does not live on unseen: checkpoints are stored, and the exit code is 1."""
    data = tmp_path / "data"
    terminal = Terminal("run", toml, "--directory", data, columns=80, lines=24)
    terminal.drawing("1 instance, all ok", most_lines=24)
    terminal.close()
    assert terminal.process.wait(WAIT_SECONDS) == 1
    assert [path.suffix for path in (data / "checkpoints").iterdir()] == [".json"]


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_run_in_order(tmp_path, toml):
    """`run | head -1`: the polls end and store their checkpoints, it is told on stderr, and the exit code is 1."""
    data = tmp_path / "data"
    toml.write_text(
        toml.read_text() + "\npoll_interval_minutes = 0.2\n"
    )  # a busy reader may have missed the first poll
    process = start("run", toml, "--directory", data)
    process.stdout.readline()
    process.stdout.close()
    with killed_after(process, WAIT_SECONDS):
        told = process.stderr.read()
    assert process.wait(WAIT_SECONDS) == 1
    assert "stopped: " in told
    last = told.splitlines()[-1]
    assert last.startswith("signal-client-oci: standard output: Broken pipe; ")
    assert last.endswith(
        "the run ended in order: nothing is lost, and the next poll resumes from the last checkpoint"
    )
    assert "Traceback" not in told
    assert [path.suffix for path in (data / "checkpoints").iterdir()] == [".json"]


def polled_into(path, artifacts):
    """Wait until a file has so many artifacts."""
    until = time.monotonic() + WAIT_SECONDS
    while not path.exists() or path.read_text().count("\n") < artifacts:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
def test_log_lines_that_find_no_space_stop_no_poll(tmp_path, toml):
    """The disk of the log is full, then freed: everything was polled meanwhile, and no line is missing afterwards."""
    data, log, size = tmp_path / "data", tmp_path / "log", 100_000
    log.write_text("x" * (size - 1) + "\n")
    with log.open("a") as stdout:
        limits = (size, resource.RLIM_INFINITY)
        process = begin(["run", toml, "--directory", data], stdout=stdout, file_bytes=limits)
    polled_into(data / "artifacts" / "prod.jsonl", 4)
    assert log.stat().st_size == size
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until = time.monotonic() + WAIT_SECONDS
    while "Cloud Guard problems" not in log.read_text()[size:]:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert (process.wait(WAIT_SECONDS), process.stderr.read()) == (0, "")
    lines = log.read_text()[size:].splitlines()
    assert lines[0].startswith("Polling prod into ")
    assert "[INFO] oci-cloud: fetched 2 audit events (instance prod)" in lines[1]
    assert lines[-1].startswith("stopped: 4 artifacts in ")


@pytest.mark.parametrize("ignored", [False, True])
def test_closing_the_terminal_stops_a_command_like_ctrl_c(ignored):
    """Unless `nohup` has asked that it does not; afterwards everything is as it was."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        for context in (terminate_like_interrupt, stop_on_signals):
            with context():
                assert (signal.getsignal(signal.SIGHUP) == signal.SIG_IGN) == ignored
            assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_place_that_another_process_uses_is_refused(capsys, tmp_path, toml):
    """Two processes never write to one place."""
    with StateDirectory(tmp_path / "data"):
        told = one_line(call(capsys, "run", toml, "--directory", tmp_path / "data"))
    assert "in use by another process" in told


@pytest.mark.slow
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
