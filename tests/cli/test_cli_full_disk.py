"""Outputs that fail: a full disk, a limit, a reader that went away, one file for two things; in real processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from support.command_lines import begin, call, finished

from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.redirections import refuse_redirection

FEW_BYTES = 200  # less than any checkpoint


def shell(
    *arguments: object,
    stdout: IO[str] | int = subprocess.PIPE,
    stderr: IO[str] | int = subprocess.PIPE,
    most_bytes: int = resource.RLIM_INFINITY,
) -> tuple[int, str, str]:
    """Run a command that can write no file beyond a size, as with a quota; return exit code, stdout and stderr."""
    limits = (most_bytes, most_bytes)
    ended = finished(begin(arguments, stdout=stdout, stderr=stderr, file_bytes=limits))
    return ended.code, ended.out, ended.err


@pytest.mark.slow
def test_a_device_that_is_full_is_one_line(toml):
    """Output that cannot be written is told with the way out and what comes again, and the exit code is 1."""
    with Path("/dev/full").open("w") as full:
        code, _, told = shell("poll", toml, stdout=full)
    assert code == 1
    assert told.startswith("signal-client-oci: standard output: No space left on device; free some space. ")
    assert "Nothing is lost: this batch of 2 artifacts comes again with the next poll" in told
    assert told.count("\n") == 1


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_written_is_told_of_its_own_file(capsys, tmp_path, toml):
    """Not of the output, which was fine; no temporary file stays, and the next poll delivers the same artifacts."""
    state = tmp_path / "prod.state"
    code, out, told = shell("poll", toml, "--state", state, most_bytes=FEW_BYTES)
    assert code == 1
    assert told.startswith(
        f"signal-client-oci: {state}: File too large; raise the limit on the size of files"
    )
    assert (
        "Nothing is lost: the artifacts delivered with this checkpoint come again, with the same ids" in told
    )
    assert [path.name for path in tmp_path.iterdir() if "state" in path.name] == [".prod.state.lock"]
    again = call(capsys, "poll", toml, "--state", state)
    assert out
    assert again.out.startswith(out)


@pytest.mark.slow
def test_after_a_full_disk_an_output_ends_with_a_whole_line(capsys, tmp_path, toml):
    """`>>` onto a disk that fills up in the middle of a line: cut back, the file named, and the next poll goes on."""
    whole = call(capsys, "poll", toml, "--source", "audit").out
    out, state = tmp_path / "f.jsonl", tmp_path / "prod.state"
    poll = ("poll", toml, "--source", "audit", "--state", state)
    for limit, expected in ((len(whole) - 9, ""), (resource.RLIM_INFINITY, whole)):
        with out.open("a") as file:
            code, _, told = shell(*poll, stdout=file, most_bytes=limit)
        assert out.read_text() == expected
        assert (code, f"{out}: File too large" in told) == ((0, False) if expected else (1, True))


@pytest.mark.slow
def test_a_torn_last_line_is_removed_before_more_is_appended(capsys, tmp_path, toml):
    """`poll >> f.jsonl` after a crash: every line is an artifact, and what was cut is told."""
    whole = call(capsys, "poll", toml, "--source", "audit").out
    out = tmp_path / "f.jsonl"
    out.write_text(whole + whole[:50])
    with out.open("a") as file:
        code, _, told = shell("poll", toml, "--source", "audit", stdout=file)
    assert out.read_text() == whole * 2
    assert code == 0
    assert f"warning: {out}: removed an incomplete last line of 50 bytes" in told


@pytest.mark.parametrize("name", ["itself", "a link", "a hard link", "stderr"])
def test_an_output_is_recognised_by_whatever_name(tmp_path, monkeypatch, name):
    """Device and inode tell, not the path; another file with the same content is another file."""
    out, other = tmp_path / "f.jsonl", tmp_path / "other"
    out.touch()
    path = other if "link" in name else out
    if name == "a link":
        other.symlink_to(out)
    elif name == "a hard link":
        os.link(out, other)
    with out.open("a") as file:
        monkeypatch.setattr(sys, "stderr" if name == "stderr" else "stdout", file)
        with pytest.raises(CommandError, match=r"^--state: is the file that standard .* goes to"):
            refuse_redirection(path, "--state")
        refuse_redirection(Path("/dev/null"), "--state")
        refuse_redirection(tmp_path / "missing", "--state")


@pytest.mark.slow
@pytest.mark.parametrize("by_descriptor", [False, True])
def test_state_and_output_in_one_file_are_refused(tmp_path, sandbox, toml, by_descriptor):
    """By its name and as /dev/fd/1, before anything is read: they would overwrite each other."""
    out = tmp_path / "f.jsonl"
    state = Path("/dev/fd/1") if by_descriptor else out
    with out.open("a") as file:
        code, _, told = shell("poll", toml, "--state", state, stdout=file)
    assert code == 2
    assert told == (
        f"signal-client-oci: --state {state}: is the file that standard output goes to (>); "
        "they would overwrite each other: name two files\n"
    )
    assert sandbox.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("which", ["instances", "artifacts"])
def test_no_output_goes_into_a_file_of_the_command(tmp_path, toml, which):
    """Nor into the file of instances, nor log lines into the artifacts of `run`."""
    data = tmp_path / "data"
    path = toml if which == "instances" else data / "artifacts" / "prod.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.mkdir(exist_ok=True)
    data.chmod(0o700)
    before = path.read_text() if path.exists() else ""
    with path.open("a") as file:
        code, _, told = shell("run", toml, "--directory", data, stdout=file)
    assert (code, path.read_text()) == (2, before)
    assert f"{path}: is the file that standard output goes to (>); " in told


@pytest.mark.slow
def test_a_report_that_nobody_reads_does_not_stop_the_poll(tmp_path, toml):
    """With standard error gone all artifacts are delivered, the checkpoint is stored, and the exit code says so."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        code, out, _ = shell("poll", toml, "--state", tmp_path / "prod.state", stderr=gone)
    assert (code, out.count("\n")) == (1, 4)
    assert (tmp_path / "prod.state").exists()
