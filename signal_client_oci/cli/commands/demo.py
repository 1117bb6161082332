"""`demo`: the whole job against a simulated tenancy in this process."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.cluster_options import cluster_errors, need_cluster_extra
from signal_client_oci.cli.host import host_for, one_line_errors
from signal_client_oci.cli.interruption import terminate_like_interrupt
from signal_client_oci.cli.options import expand_path
from signal_client_oci.cli.output.log_lines import host_lines, only_host_warnings
from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host import JsonLinesSink, StateDirectory
from signal_client_oci.host.files.atomic_files import private_directory

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci demo
  signal-client-oci demo --directory demo && less demo/artifacts.jsonl
  signal-client-oci demo --cluster

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
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster", help="Show a cluster of three nodes instead, parts of which are killed (a minute)."
        ),
    ] = False,
) -> None:
    """Show the whole job against a simulated tenancy.

    It shows the host's list, the form, the connection test, three polls and their artifacts. It needs no account
    and no network: a sandbox in this process simulates Oracle Cloud, on its own clock. At the end the demo
    compares what arrived with what the sandbox emitted.
    """
    passed = _show_cluster(directory) if cluster else _show(directory)
    raise typer.Exit(0 if passed else FAILED)


def _show(directory: Path | None) -> bool:
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
        return DemoShow(Screen.out(), demo, host, file).run()


def _show_cluster(directory: Path | None) -> bool:
    """Run the cluster's demo; a temporary directory is removed unless the demo fails."""
    need_cluster_extra()
    from signal_client_oci.cli.demo.cluster_run import ClusterShow  # noqa: PLC0415  loads the sandbox
    from signal_client_oci.cli.demo.cluster_tenancies import open_cluster_tenancies  # noqa: PLC0415  the same
    from signal_client_oci.cli.demo.nats_process import NatsProcess, NatsServerError  # noqa: PLC0415

    place = _prepare(directory)
    passed = False
    try:
        with ExitStack() as stack:
            stack.enter_context(cluster_errors())
            stack.enter_context(one_line_errors())
            stack.enter_context(terminate_like_interrupt())
            stack.enter_context(host_lines(lambda _line: None))  # the server is killed on purpose
            try:
                server = stack.enter_context(NatsProcess(place / "nats"))
            except NatsServerError as error:
                raise CommandError(str(error)) from None
            tenancies = stack.enter_context(open_cluster_tenancies())
            passed = asyncio.run(ClusterShow(Screen.out(), tenancies, server, place).run())
    except KeyboardInterrupt:
        passed = True  # nobody will look for its logs
        raise
    finally:
        if passed and directory is None:
            shutil.rmtree(place)
    return passed


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
