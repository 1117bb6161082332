"""Wrong options and files: one line on stderr, exit code 2, nothing on stdout, nothing sent."""

from __future__ import annotations

import sys

import pytest
from support.command_lines import call, one_line, run, write_instances

COMMON = ("check", "poll", "run")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMON)
@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["--no-such-option"], "--help"),
        (["missing.toml"], "does not exist"),
        (["."], "is a directory"),
        (["broken.toml"], "is not valid TOML"),
        (["binary.toml"], "is not UTF-8 text"),
        (["empty.toml"], "is empty"),
        (["oci.toml", "--instance", "nope"], "it has: prod"),
        (["oci.toml", "--profile", "X"], "cannot be combined"),
        (["--instance", "prod"], "--profile"),
        (["--oci-config", "missing"], "oci setup config"),
        (["oci.toml", "--set", "regoin=x"], "did you mean region?"),
        (["oci.toml", "--set", "region"], "NAME=VALUE"),
        (["oci.toml", "--set", "canaryTr0ub4dor=1"], "--set: not a setting; see: signal-client-oci schema"),
        (
            ["oci.toml", "--instance", "MIIEvQcanaryTr0ub4dor"],
            "has no instance of the name given; it has: prod",
        ),
        (["oci.toml", "--set", "private_key=canary"], "other users can see a secret"),
        (["nokey.toml"], "does not exist"),
    ],
)
def test_a_wrong_option_or_file_is_one_line(capsys, tmp_path, monkeypatch, toml, command, arguments, way_out):
    """Whatever is wrong is told in one line with the way out, and no value of a secret."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.toml").write_text("[instances.prod\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.toml").touch()
    (tmp_path / "nokey.toml").write_text(toml.read_text().replace("prod.pem", "gone.pem"))
    told = one_line(call(capsys, command, *arguments))
    assert way_out in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["poll", "--source", "flow"], "'--source' / '-s': 'flow' is not one of 'audit', "),
        (["poll", "--since", "soon"], "give 90m, 2h, 3d"),
        (["poll", "--since", "15d"], "14 days"),
        (["poll", "--state", "."], "name"),
        (["poll", "--state", "prod.pem"], "not a checkpoint file"),
        (["poll", "--state", "prod.pem/x"], "name a"),
        (["run", "--directory", "prod.pem"], "name"),
        (["run", "--set", "max_concurrency"], "NAME=VALUE"),
    ],
)
def test_a_wrong_option_of_one_command_is_one_line(capsys, tmp_path, monkeypatch, toml, arguments, way_out):
    """The same holds for the options that only one command has, and nothing is overwritten."""
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "prod.pem").read_bytes()
    assert way_out in one_line(call(capsys, arguments[0], toml, *arguments[1:]))
    assert (tmp_path / "prod.pem").read_bytes() == before


def test_several_instances_ask_for_the_option_that_names_one(capsys, tmp_path, tenancy):
    """A file with several instances tells their names and the option."""
    path = write_instances(tmp_path, prod=tenancy.settings(), staging=tenancy.settings())
    told = one_line(call(capsys, "check", path))
    assert "--instance" in told
    assert "prod, staging" in told


def test_nothing_is_sent_for_a_wrong_option(capsys, sandbox, toml):
    """Options are read before anything else happens."""
    one_line(call(capsys, "poll", toml, "--since", "soon"))
    assert sandbox.requests == []


def test_control_characters_in_a_wrong_value_do_not_reach_the_terminal(capsys):
    """What was typed or pasted is quoted without what a terminal acts on."""
    told = one_line(call(capsys, "check", "\x1b]0;owned\x07\u202ename.toml"))
    assert "\x1b" not in told
    assert "\u202e" not in told


@pytest.mark.slow
def test_a_fault_of_a_process_shows_no_traceback():
    """The real program behaves like the one in this process."""
    told = one_line(run("poll", "/nowhere/oci.toml"))
    assert told.startswith("signal-client-oci: /nowhere/oci.toml: does not exist")


@pytest.mark.slow
def test_a_key_that_others_may_read_is_warned_of(capsys, tmp_path, toml):
    """The warning names the file and the command that closes it; the check goes on."""
    (tmp_path / "prod.pem").chmod(0o644)
    ended = call(capsys, "check", toml)
    assert ended.code == 0
    assert ended.err.startswith("warning: ")
    assert "chmod 600" in ended.err


def test_a_closed_output_is_told(capsys, monkeypatch, sandbox, toml):
    """`poll >&-`: one line with the way out, and nothing is read that could not be written."""
    monkeypatch.setattr(sys, "stdout", None)
    assert one_line(call(capsys, "poll", toml)) == (
        "signal-client-oci: standard output is closed; send it somewhere, e.g. to /dev/null\n"
    )
    assert sandbox.requests == []
