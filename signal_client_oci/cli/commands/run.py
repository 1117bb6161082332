"""`run`: poll every instance of a file on its interval until stopped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.host import host_for, one_line_errors
from signal_client_oci.cli.interruption import terminate_like_interrupt
from signal_client_oci.cli.options import (
    Chosen,
    FileArgument,
    InstancesOption,
    OciConfigOption,
    ProfileOption,
    SetOption,
    expand_path,
)
from signal_client_oci.cli.output.artifact_files import ArtifactFiles
from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.run_display.live_table import LiveTable
from signal_client_oci.cli.run_display.run_output import open_output
from signal_client_oci.cli.status_page import HttpOption, status_page
from signal_client_oci.host import Host, Observer, Schedule, StateDirectory
from signal_client_oci.host.files.system_errors import way_out
from signal_client_oci.host.http.board import StatusBoard
from signal_client_oci.host.instances import Instance
from signal_client_oci.host.observers import Observers

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci run oci.toml
  signal-client-oci run oci.toml --directory /var/lib/signal-client-oci
  signal-client-oci run oci.toml -i prod -i staging | tee run.log
  signal-client-oci run oci.toml --http 127.0.0.1:9464

\b
Artifacts of an instance go to DIR/artifacts/NAME.jsonl, its checkpoint to
DIR/checkpoints; the next run resumes from it. DIR must belong to the user who
runs this, and nobody else may be able to write to it.
In a pipe or a file, log lines replace the table.

\b
Exit codes:
  0    stopped (Ctrl-C, SIGTERM)
  1    standard output could not be written to any more
  2    a wrong option or file
  130  exited at once (Ctrl-C twice)
"""
_GRACE_SECONDS: Final = 5.0
_RESUMES: Final = "nothing is lost, and the next poll resumes from the last checkpoint"


def command(  # noqa: PLR0913  one parameter for each option
    file: FileArgument = None,
    *,
    instances: InstancesOption = None,
    profile: ProfileOption = None,
    oci_config: OciConfigOption = None,
    changes: SetOption = None,
    directory: Annotated[
        Path,
        typer.Option("--directory", "-d", metavar="DIR", help="Where artifacts and checkpoints are kept."),
    ] = Path("signal-client-oci-data"),
    http: HttpOption = None,
) -> None:
    """Poll all instances into files, until Ctrl-C.

    Each has its own interval (poll_interval_minutes in FILE, 5 by default), file and checkpoint.
    """
    screen, notes = Screen.out(may_fail=True), Screen.err()
    chosen = Chosen(file, profile, oci_config, changes or ()).several(instances, notes)
    enabled = [one for one in chosen if one.enabled]
    if not enabled:
        raise CommandError("every instance is disabled; set enabled = true for one")
    place = expand_path(directory, "--directory")
    with ExitStack() as stack:
        stack.enter_context(one_line_errors())
        try:
            store = stack.enter_context(StateDirectory(place))
            names = [one.name for one in enabled]
            sink = stack.enter_context(ArtifactFiles(place / "artifacts", names))
        except OSError as error:
            what = f"--directory {error.filename or place}: {error.strerror or 'cannot be used'}"
            raise CommandError(f"{what}; {way_out(error)}, or name another directory") from None
        stack.enter_context(terminate_like_interrupt())
        board = StatusBoard()
        for one in enabled:
            board.watch(one.name, one.poll_interval_minutes * 60.0)
        url = stack.enter_context(status_page(http, board, screen))
        page = f", status page {url}," if url else ""
        heading = f"Polling {_count(enabled)}{page} into {directory}/artifacts. Press Ctrl-C to stop."
        table = LiveTable(enabled, screen, _utc_now, heading)
        for warning in (*notes.warnings, *screen.warnings):
            table.add_note(f"warning: {warning}")  # the table covers what was printed before
        _keep_polling(host_for(enabled, store, sink), table, screen, directory, board)


def _keep_polling(host: Host, table: LiveTable, screen: Screen, directory: Path, board: Observer) -> None:
    schedule = Schedule(host, observer=Observers(board, table))
    with open_output(screen, table, schedule) as output:
        still_running = schedule.run(_GRACE_SECONDS)
        last_lines = [
            *(f"warning: {name}: the poll was aborted; {_RESUMES}" for name in still_running),
            f"stopped: {table.summary()} in {directory}/artifacts",
        ]
        output.end(last_lines)
    if not output.is_complete:
        Screen.err().print(*last_lines)
    if output.failure:
        raise CommandError(f"{output.failure}; the run ended in order: {_RESUMES}", FAILED)


def _count(instances: Sequence[Instance]) -> str:
    return f"{instances[0].name}" if len(instances) == 1 else f"{len(instances)} instances"


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)
