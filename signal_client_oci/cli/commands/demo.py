"""`demo`: the whole job against a simulated tenancy in this process."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.host import host_for, one_line_errors
from signal_client_oci.cli.options import expand_path
from signal_client_oci.cli.output.log_lines import only_host_warnings
from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host import JsonLinesSink, StateDirectory
from signal_client_oci.host.files.atomic_files import private_directory

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci demo
  signal-client-oci demo --directory demo && less demo/artifacts.jsonl

\b
Exit codes:
  0  every record arrived exactly once
  1  a record did not, or a check failed
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
            help="Where artifacts and checkpoints go; empty or new (default: a temporary directory).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the whole job against a simulated tenancy.

    It shows the host's list, the form, the connection test, three polls and their artifacts. It needs no account
    and no network: a sandbox in this process simulates Oracle Cloud, on its own clock. At the end the demo
    compares what arrived with what the sandbox emitted.
    """
    from signal_client_oci.cli.demo.demo_run import DemoShow  # noqa: PLC0415  loads the sandbox
    from signal_client_oci.cli.demo.demo_steps import open_demo_tenancy  # noqa: PLC0415  the same

    with ExitStack() as stack:
        stack.enter_context(one_line_errors())
        place = _prepare(directory)
        file = place / "artifacts.jsonl"
        stack.enter_context(only_host_warnings(Screen.err()))
        demo = stack.enter_context(open_demo_tenancy())
        store = stack.enter_context(StateDirectory(place))
        sink = stack.enter_context(JsonLinesSink(file))
        host = host_for([demo.instance()], store, sink)
        passed = DemoShow(Screen.out(), demo, host, file).run()
    raise typer.Exit(0 if passed else FAILED)


def _prepare(directory: Path | None) -> Path:
    """Return an empty directory; raises `CommandError` or `StateError`."""
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="signal-client-oci-demo-"))
    directory = expand_path(directory, "--directory")
    try:
        private_directory(directory)
        if any(directory.iterdir()):
            raise CommandError(f"--directory {directory}: is not empty; name a new one")
    except OSError as error:
        raise CommandError(
            f"--directory {directory}: {error.strerror or 'cannot be used'}; name a new one"
        ) from None
    return directory
