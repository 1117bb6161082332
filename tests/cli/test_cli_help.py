"""Help, version, completion, and a start that loads no SDK."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.command_lines import call, one_line, run
from typer.testing import CliRunner

from signal_client_oci import __version__
from signal_client_oci.cli.app import app
from signal_client_oci.host.instances import read_instances

COMMANDS = ("demo", "check", "policy", "poll", "run", "schema", "explain")
HELP_COLUMNS = 80


def test_help_names_every_command_and_gives_examples():
    """A new user finds the commands and lines to copy."""
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert all(f"\n  {name} " in shown.output for name in COMMANDS)
    assert "\n    signal-client-oci demo" in shown.output


def test_without_arguments_help_is_shown(capsys):
    """Nothing to do is no fault."""
    ended = call(capsys)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: signal-client-oci ")


def test_commands_are_described_whole(capsys):
    """No description in the list of commands is cut off."""
    listed = call(capsys, "--help").out.partition("Commands:")[2].partition("Examples:")[0]
    assert listed.count("\n") > len(COMMANDS)
    assert "..." not in listed


def test_the_instances_file_of_the_help_can_be_read(capsys, tmp_path):
    """What the help shows is what the program takes."""
    lines = call(capsys, "--help").out.splitlines()
    begin = lines.index("    [instances.prod]")
    (tmp_path / "key.pem").write_text("a key")
    table = [line.replace("~/.oci/oci_api_key.pem", "key.pem") for line in lines[begin : begin + 6]]
    path = tmp_path / "oci.toml"
    path.write_text("\n".join(table))
    assert read_instances(path).only().settings["region"] == "us-ashburn-1"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples_and_fits_a_narrow_terminal(capsys, command):
    """Each command's help shows lines to copy, unbroken, and is plain text of 80 columns."""
    ended = call(capsys, command, "--help")
    assert ended.code == 0
    assert f"\n    signal-client-oci {command}" in ended.out
    assert max(map(len, ended.out.splitlines())) <= HELP_COLUMNS
    assert "\x1b" not in ended.out
    assert "\b" not in ended.out


@pytest.mark.parametrize("command", ["demo", "check", "poll", "run"])
def test_exit_codes_are_documented_in_help(capsys, command):
    """Scripts need not guess what an exit code means."""
    lines = call(capsys, command, "--help").out.splitlines()
    codes = [line.split()[0] for line in lines[lines.index("  Exit codes:") + 1 :] if line.strip()]
    assert {"0", "2"} <= set(codes)


def test_version_names_what_a_bug_report_needs(capsys):
    """The versions of the package, the SDK and Python stand in one line."""
    ended = call(capsys, "--version")
    assert ended.code == 0
    assert ended.out.startswith(f"signal-client-oci {__version__} (oci 2.")


@pytest.mark.slow
def test_commands_that_send_nothing_do_not_import_the_sdk(toml):
    """Help, schema, policy and explain start without `oci`, which takes most of a second to import."""
    policy = ["policy", str(toml), "--terraform"]
    lines = (
        ["--help"],
        ["poll", "--help"],
        ["schema"],
        ["policy"],
        policy,
        ["explain"],
        ["explain", "STOPPED"],
    )
    program = f"""
import sys
from signal_client_oci.cli import main
for arguments in {lines!r}:
    try:
        main(arguments)
    except SystemExit as ended:
        assert not ended.code, arguments
assert "oci" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, timeout=30)


@pytest.mark.slow
def test_without_its_extra_one_line_says_how_to_get_it():
    """Who installed the plugin alone is told the command that adds the command line."""
    program = (
        "import sys; sys.modules['typer'] = None; from signal_client_oci.cli import main; main(['demo'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "pip install 'signal-client-oci[cli]'" in ended.stderr


@pytest.mark.slow
def test_shell_completion_offers_commands_and_codes():
    """The shell's completion asks the program itself."""
    asked = {"_SIGNAL_CLIENT_OCI_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    assert "explain" in run(COMP_WORDS="signal-client-oci ex", **asked).out.split()
    asked["COMP_CWORD"] = "2"
    offered = run(COMP_WORDS="signal-client-oci explain CLOUD_GUARD_D", **asked).out
    assert offered.split() == ["CLOUD_GUARD_DISABLED"]


def test_a_wrong_command_is_told_with_the_right_one(capsys):
    """A slip of the finger shows what was meant."""
    assert "Did you mean 'poll'" in one_line(call(capsys, "pol"))
