"""`demo`: the connector does its whole job against a tenancy inside this process."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.host import host_for, told_in_one_line
from signal_client_oci.cli.options import expanded
from signal_client_oci.cli.output.log_lines import only_host_warnings
from signal_client_oci.cli.output.one_line_errors import FAILED, Fault
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host import JsonLinesSink, StateDirectory
from signal_client_oci.host.atomic_files import private_directory

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci demo
  signal-client-oci demo --directory demo && less demo/artifacts.jsonl

\b
Exit codes:
  0  every record arrived exactly once
  1  something did not
  2  a wrong option or directory
"""


def command(
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            "-d",
            metavar="DIR",
            help="Where artifacts and positions go; empty or new (default: a temporary directory).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the whole job against an invented tenancy.

    The host's list, the form, the validation, three polls and their artifacts are shown. It needs no account
    and no network: a sandbox in this process plays Oracle Cloud, on a clock of its own. At the end the demo
    compares what arrived with what the sandbox emitted.
    """
    from signal_client_oci.cli.demo.demo_run import DemoShow  # noqa: PLC0415  loads the sandbox
    from signal_client_oci.cli.demo.demo_tenancy import demo_tenancy  # noqa: PLC0415  the same

    with ExitStack() as stack:
        stack.enter_context(told_in_one_line())
        place = _prepared(directory)
        file = place / "artifacts.jsonl"
        stack.enter_context(only_host_warnings(Screen.err()))
        demo = stack.enter_context(demo_tenancy())
        store = stack.enter_context(StateDirectory(place))
        sink = stack.enter_context(JsonLinesSink(file))
        host = host_for([demo.instance()], store, sink)
        sound = DemoShow(Screen.out(), demo, host, file).run()
    raise typer.Exit(0 if sound else FAILED)


def _prepared(directory: Path | None) -> Path:
    """Return a directory with nothing in it; raises `Fault` or `StateError`."""
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="signal-client-oci-demo-"))
    directory = expanded(directory, "--directory")
    try:
        private_directory(directory)
        if any(directory.iterdir()):
            raise Fault(f"--directory {directory}: is not empty; name a new one")
    except OSError as error:
        raise Fault(
            f"--directory {directory}: {error.strerror or 'cannot be used'}; name a new one"
        ) from None
    return directory
