"""`check`: the connection test of an instance."""

from __future__ import annotations

import json
from typing import Final

import typer
from rich.text import Text

from signal_client_oci.cli.host import host_for, one_line_errors
from signal_client_oci.cli.options import (
    Chosen,
    FileArgument,
    InstanceOption,
    JsonOption,
    OciConfigOption,
    ProfileOption,
    SetOption,
    StrictOption,
)
from signal_client_oci.cli.output.findings import print_checks
from signal_client_oci.cli.output.log_lines import only_host_warnings
from signal_client_oci.cli.output.one_line_errors import FAILED
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.contract import Check, Validation
from signal_client_oci.host import MemoryCheckpoints, MemorySink
from signal_client_oci.host.instances import Instance

__all__ = ["EXAMPLES", "command", "print_validation", "validate"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci check --profile DEFAULT
  signal-client-oci check oci.toml --instance prod
  signal-client-oci check oci.toml -i prod --set cloud_guard_enabled=false
  signal-client-oci check --json | jq -r '.checks[] | .code + " " + .message'

\b
Exit codes:
  0  data flows (ok or degraded; with --strict only ok)
  1  the connection failed, or the settings are wrong
  2  a wrong option or file
"""


def command(  # noqa: PLR0913  one parameter for each option
    file: FileArgument = None,
    *,
    instance: InstanceOption = None,
    profile: ProfileOption = None,
    oci_config: OciConfigOption = None,
    changes: SetOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Test an instance's connection and say what is missing.

    Settings and key are checked first, then authentication, compartments and every enabled source.
    """
    notes = Screen.err()
    chosen = Chosen(file, profile, oci_config, changes or ()).one(instance, notes)
    with one_line_errors(), only_host_warnings(notes):
        validation = validate(chosen, notes)
    if as_json:
        typer.echo(json.dumps(validation, indent=2))
    else:
        print_validation(Screen.out(), validation, chosen)
    passed = validation["status"] == "ok" if strict else validation["ok"]
    raise typer.Exit(0 if passed else FAILED)


def validate(instance: Instance, notes: Screen) -> Validation:
    """Run the connection test, with a progress display on a terminal."""
    host = host_for([instance], MemoryCheckpoints(), MemorySink())
    with notes.waiting(f"checking {instance.name}"):
        return host.validate(instance.name)


def print_validation(screen: Screen, validation: Validation, instance: Instance) -> None:
    """Print the summary, then the checks, then the wrong settings."""
    status = word(validation["status"])
    screen.print(
        Text.assemble(
            (f"{printable(instance.name)}: ", "bold"), status, f". {printable(validation['summary'])}"
        )
    )
    screen.blank()
    wrong = validation["field_errors"]
    print_checks(screen, [_without_fields(check) if wrong else check for check in validation["checks"]])
    if wrong:
        screen.heading("Settings to correct")
        for field, message in wrong.items():
            screen.print(screen.labelled(field, message, max(map(len, wrong)) + 2))


def _without_fields(check: Check) -> Check:
    """Shorten the check of the settings, because the list of wrong settings says the same in detail."""
    return {**check, "message": "see below"} if check["code"] == "SETTINGS_INVALID" else check
