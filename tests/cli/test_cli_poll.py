"""`poll`: JSON lines on stdout, the report on stderr, and a position that never runs ahead of the output."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections import Counter
from datetime import timedelta

import pytest
from support.command_lines import (
    COMMAND,
    WAIT_SECONDS,
    Ended,
    begin,
    call,
    environment,
    finished,
    killed_after,
    lines_until,
    one_line,
    start,
    write_instances,
)
from support.generated_load import generate_audit_events
from support.sandbox_changes import revoke_key

from signal_client_oci.sandbox import system_clock

MANY = 2000
MORE_THAN_A_PIPE_HOLDS = 300


def only_audit(folder, tenancy, events):
    """An instance that reads only Audit, one request at a time, of a tenancy with so many more events."""
    now = system_clock()
    place = (tenancy.regions[0], tenancy.ocid)
    generate_audit_events(tenancy, place, (now - timedelta(minutes=40), now - timedelta(minutes=10)), events)
    settings = tenancy.settings(logging_enabled=False, cloud_guard_enabled=False, max_concurrency=1)
    return write_instances(folder, prod=settings)


def streams(ended: Ended) -> Counter[str]:
    """How many artifacts of which stream a poll gave."""
    return Counter(artifact["metadata"]["streamName"] for artifact in ended.artifacts)


@pytest.mark.slow
def test_artifacts_go_to_stdout_and_the_report_to_stderr(capsys, toml):
    """A pipe carries nothing but artifacts."""
    ended = call(capsys, "poll", toml)
    assert ended.code == 0
    assert streams(ended) == {"oci_cloud_audit": 2, "oci_cloud_logging": 1, "oci_cloud_guard": 1}
    assert ended.err.startswith("prod: ok, 4 artifacts, ")
    assert "\x1b" not in ended.out + ended.err


@pytest.mark.slow
def test_with_state_nothing_comes_twice(capsys, tmp_path, tenancy, toml):
    """The second poll goes on where the first one ended."""
    state = tmp_path / "prod.state"
    first = call(capsys, "poll", toml, "--state", state)
    again = call(capsys, "poll", toml, "--state", state)
    assert (len(first.artifacts), again.artifacts) == (4, [])
    tenancy.emit_log_record("us-ashburn-1", tenancy.ocid, time=system_clock() - timedelta(minutes=2))
    assert streams(call(capsys, "poll", toml, "--state", state)) == {"oci_cloud_logging": 1}


@pytest.mark.slow
def test_without_state_every_poll_is_a_first_one(capsys, toml):
    """Nothing is kept anywhere unless asked for."""
    assert call(capsys, "poll", toml).artifacts == call(capsys, "poll", toml).artifacts


@pytest.mark.parametrize(("since", "expected"), [("2m", 0), ("2h", 2)])
@pytest.mark.slow
def test_since_decides_how_far_a_first_poll_reaches_back(capsys, toml, since, expected):
    """Events before it are left out."""
    assert len(call(capsys, "poll", toml, "--since", since, "--source", "audit").artifacts) == expected


@pytest.mark.slow
def test_since_is_told_to_be_useless_with_a_position(capsys, tmp_path, toml):
    """An option that changes nothing says so."""
    arguments = ("poll", toml, "--state", tmp_path / "prod.state", "--since", "2h")
    assert "--since" not in call(capsys, *arguments).err
    assert call(capsys, *arguments).err.startswith("warning: --since has no effect: ")


@pytest.mark.slow
def test_source_switches_the_others_off_for_one_call(capsys, sandbox, toml):
    """Only the named source is asked; its switch in the settings does not matter."""
    ended = call(capsys, "poll", toml, "--source", "logging", "--set", "logging_enabled=false")
    assert streams(ended) == {"oci_cloud_logging": 1}
    assert {request.service for request in sandbox.requests} <= {"logging", "identity"}


@pytest.mark.slow
def test_a_failed_poll_shows_the_remedy_and_exits_with_1(capsys, tenancy, toml):
    """An operator who reads stderr knows what to do."""
    revoke_key(tenancy)
    ended = call(capsys, "poll", toml)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("NOT_AUTHENTICATED") == ended.err.count("remedy ") == 1, "one cause is told once"
    assert " 0 compartment reads" in ended.err


@pytest.mark.slow
def test_a_degraded_poll_passes_unless_strict(capsys, tenancy, toml):
    """What could be read was read."""
    tenancy.cloud_guard.status = "DISABLED"
    assert call(capsys, "poll", toml).code == 0
    assert call(capsys, "poll", toml, "--strict").code == 1


def test_a_state_that_is_no_position_is_left_alone(capsys, tmp_path, toml):
    """A slip in the file's name costs nothing."""
    other = tmp_path / "package.json"
    other.write_text('{"name": "important"}')
    ended = call(capsys, "poll", toml, "--state", other)
    assert (ended.code, ended.out) == (2, "")
    assert json.loads(other.read_text()) == {"name": "important"}


@pytest.mark.slow
def test_names_in_events_do_not_steer_the_terminal(capsys, tenancy, toml):
    """A compartment's name with escapes and direction marks, quoted in an error, is shown harmless."""
    ocid = tenancy.add_compartment(
        "\x1b[2Jwiped\u202egnp.exe[bold]", created=system_clock() - timedelta(days=1)
    )
    tenancy.deny("audit", compartment=ocid)
    ended = call(capsys, "poll", toml)
    assert "wiped" in ended.err
    assert "[bold]" in ended.err
    assert not {"\x1b", "\u202e"} & set(ended.out + ended.err)


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_poll_quietly(tmp_path, tenancy):
    """`poll | head -1`: no traceback, exit code 1, and what was not taken is not marked as read."""
    path = only_audit(tmp_path, tenancy, MORE_THAN_A_PIPE_HOLDS)
    state = tmp_path / "prod.state"
    process = start("poll", path, "--state", state)
    assert lines_until(process, len)[0].startswith("{")
    process.stdout.close()
    with killed_after(process, WAIT_SECONDS):
        assert process.stderr.read() == ""
    assert process.wait(WAIT_SECONDS) == 1
    assert not state.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_poll_is_taken_up_where_its_output_ended(capsys, tmp_path, tenancy, number):
    """After a signal nothing is missing; after one that can be handled, nothing comes twice either."""
    path = only_audit(tmp_path, tenancy, MANY)
    tenancy.latency = {"audit": 0.1}
    state = tmp_path / "prod.state"
    process = start("poll", path, "--state", state)
    (first,) = lines_until(process, len)
    process.send_signal(number)
    ended = finished(process)
    whole = [
        json.loads(line) for line in (first + ended.out).splitlines(keepends=True) if line.endswith("\n")
    ]
    assert len(whole) < MANY
    assert "Traceback" not in ended.err
    tenancy.latency = None
    rest = call(capsys, "poll", path, "--state", state).artifacts
    ids = Counter(artifact["id"] for artifact in [*whole, *rest])
    assert len(ids) == MANY + 2
    if number != signal.SIGKILL:
        assert ended.code == 130
        assert set(ids.values()) == {1}


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "writable", "parent"])
def test_a_state_that_another_could_change_is_refused_before_anything_is_read(
    capsys, tmp_path, sandbox, toml, kind
):
    """One line with the path and the way out, exit code 2, nothing is asked for and nothing changes."""
    victim, state = tmp_path / "victim", tmp_path / "deep" / "prod.state"
    victim.write_text('{"version": 1}')
    state.parent.mkdir(mode=0o700)
    if kind == "link":
        state.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(state)
    elif kind == "directory":
        state.mkdir()
    elif kind == "writable":
        state.write_text('{"version": 1}')
        state.chmod(0o666)
    else:
        state.parent.chmod(0o777)
    told = one_line(call(capsys, "poll", toml, "--state", state))
    assert str(state if kind != "parent" else state.parent) in told
    assert "; " in told
    assert victim.read_text() == '{"version": 1}'
    assert sandbox.requests == []


def test_a_home_of_nobody_is_told(capsys, toml):
    """A path that begins with a user's home that does not exist is one line, no traceback."""
    told = one_line(call(capsys, "poll", toml, "--state", "~nobody-of-this-name/prod.state"))
    assert "begins with ~ but there is no such home directory; give a full path" in told


@pytest.mark.slow
def test_output_goes_wherever_the_shell_sends_it(tmp_path, toml):
    """The device of a pipe takes the artifacts: what the operator redirects to is the operator's choice."""
    out = tmp_path / "out.jsonl"
    words = [*COMMAND, "poll", str(toml), "--source", "audit"]
    ended = subprocess.run(
        ["/bin/sh", "-c", f'{shlex.join(words)} > /dev/stdout | cat > "{out}"'],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SECONDS,
        env=environment(),
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert len(out.read_text().splitlines()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("target", ["a pipe with a name", "a link"])
def test_output_goes_into_pipes_and_links_too(tmp_path, toml, target):
    """Opened as a shell does for `>>`, a pipe with a name and a link to a file take the artifacts."""
    out, taken = tmp_path / "out.jsonl", tmp_path / "taken"
    if target == "a link":
        out.symlink_to(taken)
        taken.touch()
    else:
        os.mkfifo(out)
    with os.fdopen(os.open(out, os.O_RDONLY | os.O_NONBLOCK)) as reader:
        with out.open("a") as stdout:
            ended = finished(begin(["poll", toml, "--source", "audit"], stdout=stdout))
        assert ended.code == 0, ended.err
        assert len(reader.read().splitlines()) == 2
