"""`poll`: poll one instance once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.host import host_for, one_line_errors
from signal_client_oci.cli.interruption import stop_on_signals
from signal_client_oci.cli.options import (
    Chosen,
    FileArgument,
    InstanceOption,
    OciConfigOption,
    ProfileOption,
    SetOption,
    SourceChoice,
    SourceOption,
    StrictOption,
    expand_path,
)
from signal_client_oci.cli.output.log_lines import only_host_warnings
from signal_client_oci.cli.output.one_line_errors import FAILED, INTERRUPTED, CommandError
from signal_client_oci.cli.output.poll_report import print_report
from signal_client_oci.cli.output.progress import counting
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.redirections import refuse_redirection
from signal_client_oci.cli.since import lookback_minutes
from signal_client_oci.host import CheckpointFile, CheckpointStore, MemoryCheckpoints, PollResult, StreamSink
from signal_client_oci.host.files.system_errors import way_out
from signal_client_oci.host.instances import Instance

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci poll --profile DEFAULT --since 2h > artifacts.jsonl
  signal-client-oci poll oci.toml -i prod --source audit | jq .metadata
  signal-client-oci poll oci.toml -i prod --state prod.state >> prod.jsonl

\b
Artifacts go to standard output, one JSON object a line; the report goes to
standard error. With --state, the checkpoint of the last complete batch is
kept, however the poll ends, and the next poll resumes from it.

\b
Exit codes:
  0    ok or degraded; with --strict only ok
  1    the poll failed, or its output or report could not be written
  2    a wrong option or file
  130  interrupted (Ctrl-C, SIGTERM)
"""

_SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="Where a first poll begins: 90m, 2h, 3d or 2026-03-02T09:00Z; at most 14 days ago.",
        show_default=False,
    ),
]
_StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="Keep the checkpoint in this file, and resume from it next time.",
        show_default=False,
    ),
]


def command(  # noqa: PLR0913  one parameter for each option
    file: FileArgument = None,
    *,
    instance: InstanceOption = None,
    profile: ProfileOption = None,
    oci_config: OciConfigOption = None,
    changes: SetOption = None,
    since: _SinceOption = None,
    sources: SourceOption = None,
    state: _StateOption = None,
    strict: StrictOption = False,
) -> None:
    """Poll one instance and print its new artifacts as JSON lines."""
    notes = Screen.err()
    chosen = Chosen(file, profile, oci_config, changes or ()).one(instance, notes)
    chosen = _adjusted(chosen, since, sources)
    with ExitStack() as stack:
        stack.enter_context(one_line_errors())
        stack.enter_context(only_host_warnings(notes))
        store: CheckpointStore = (
            stack.enter_context(_open_checkpoints(state)) if state else MemoryCheckpoints()
        )
        if since and store.load(chosen.name) is not None:
            notes.warn([f"--since has no effect: {state} has a checkpoint, and the poll resumes from it"])
        result, interrupted = _poll(chosen, store, notes)
    print_report(notes, result)
    code = FAILED if notes.has_failed else _exit_code(result, strict=strict)
    raise typer.Exit(INTERRUPTED if interrupted else code)


def _adjusted(instance: Instance, since: str | None, sources: list[SourceChoice] | None) -> Instance:
    if since is not None:
        minutes = lookback_minutes(since, datetime.now(timezone.utc))
        instance = instance.with_settings(lookback_minutes=minutes)
    if sources:
        switches = {f"{source.value}_enabled": source in sources for source in SourceChoice}
        instance = instance.with_settings(**switches)
    return instance


@contextmanager
def _open_checkpoints(path: Path) -> Iterator[CheckpointFile]:
    """Open a checkpoint file; raises `CommandError` if it cannot be used or is some other file."""
    path = expand_path(path, "--state")
    refuse_redirection(path, f"--state {path}")
    with ExitStack() as stack:
        try:
            store = stack.enter_context(CheckpointFile(path))
            body = store.content()
        except OSError as error:
            problem = f"--state {path}: {error.strerror or 'cannot be opened'}"
            raise CommandError(f"{problem}; {way_out(error)}, or name another file") from None
        if body.strip() and not _is_checkpoint(body):
            raise CommandError(f"--state {path}: not a checkpoint file; name another one, or a new one")
        yield store


def _is_checkpoint(body: bytes) -> bool:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "version" in content


def _poll(instance: Instance, store: CheckpointStore, notes: Screen) -> tuple[PollResult, bool]:
    """Poll once; return the result, and whether a signal ended the poll."""
    host = host_for([instance], store, StreamSink(sys.stdout))
    # Artifacts and a progress display on the same terminal would overwrite each other.
    display = None if sys.stdout.isatty() else notes
    with stop_on_signals() as stop, counting(display, instance.name) as on_progress:
        result = host.poll_once(instance.name, {"should_stop": stop.is_set}, on_progress)
        return result, stop.is_set()


def _exit_code(result: PollResult, *, strict: bool) -> int:
    status = result.report["status"]
    return FAILED if status == "failed" or (strict and status != "ok") else 0
