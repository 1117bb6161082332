"""`poll`: read what is new of one instance, once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.host import host_for, told_in_one_line
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
    expanded,
)
from signal_client_oci.cli.output.log_lines import only_host_warnings
from signal_client_oci.cli.output.one_line_errors import FAILED, INTERRUPTED, Fault
from signal_client_oci.cli.output.poll_report import print_report
from signal_client_oci.cli.output.progress import counting
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.since import lookback_minutes
from signal_client_oci.host import CheckpointFile, CheckpointStore, MemoryCheckpoints, PollResult, StreamSink
from signal_client_oci.host.instances import Instance

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci poll --profile DEFAULT --since 2h > artifacts.jsonl
  signal-client-oci poll oci.toml -i prod --source audit | jq .metadata
  signal-client-oci poll oci.toml -i prod --state prod.state >> prod.jsonl

\b
Artifacts go to standard output, one JSON object a line; the report goes to
standard error. With --state, the position after the last complete batch is
kept, however the poll ends: the next one goes on there.

\b
Exit codes:
  0    read (ok or degraded; with --strict only ok)
  1    nothing could be read, or the output could not be written
  2    a wrong option or file
  130  interrupted (Ctrl-C, SIGTERM)
"""

_SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="How far a first poll reaches back: 90m, 2h, 3d or 2026-03-02T09:00Z; at most 14 days.",
        show_default=False,
    ),
]
_StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="Keep the position in this file and go on there next time.",
        show_default=False,
    ),
]


def command(  # noqa: PLR0913  one for each option
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
    """Read what is new of one instance and print it as JSON lines."""
    notes = Screen.err()
    chosen = Chosen(file, profile, oci_config, changes or ()).one(instance, notes)
    chosen = _adjusted(chosen, since, sources)
    with ExitStack() as stack:
        stack.enter_context(told_in_one_line())
        stack.enter_context(only_host_warnings(notes))
        store: CheckpointStore = stack.enter_context(_opened(state)) if state else MemoryCheckpoints()
        if since and store.load(chosen.name) is not None:
            notes.warn([f"--since has no effect: {state} holds a position, and reading goes on there"])
        result, interrupted = _polled(chosen, store, notes)
    print_report(notes, result)
    raise typer.Exit(INTERRUPTED if interrupted else _exit_code(result, strict=strict))


def _adjusted(instance: Instance, since: str | None, sources: list[SourceChoice] | None) -> Instance:
    if since is not None:
        minutes = lookback_minutes(since, datetime.now(timezone.utc))
        instance = instance.with_settings(lookback_minutes=minutes)
    if sources:
        switches = {f"{source.value}_enabled": source in sources for source in SourceChoice}
        instance = instance.with_settings(**switches)
    return instance


@contextmanager
def _opened(path: Path) -> Iterator[CheckpointFile]:
    """Hold a checkpoint file; raises `Fault` for one that cannot be used, or is a file of something else."""
    path = expanded(path, "--state")
    with ExitStack() as stack:
        try:
            store = stack.enter_context(CheckpointFile(path))
            body = store.content()
        except OSError as error:
            raise Fault(f"--state {path}: {error.strerror or 'cannot be opened'}; name a file") from None
        if body.strip() and not _is_checkpoint(body):
            raise Fault(f"--state {path}: is not a file of positions; name another, or a new one")
        yield store


def _is_checkpoint(body: bytes) -> bool:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "version" in content


def _polled(instance: Instance, store: CheckpointStore, notes: Screen) -> tuple[PollResult, bool]:
    """Return the result of a poll, and whether a signal ended it."""
    host = host_for([instance], store, StreamSink(sys.stdout))
    # Lines on a terminal and a moving sign on the same one would overwrite each other.
    shows = None if sys.stdout.isatty() else notes
    with stop_on_signals() as stop, counting(shows, instance.name) as on_progress:
        result = host.poll_once(instance.name, {"should_stop": stop.is_set}, on_progress)
        return result, stop.is_set()


def _exit_code(result: PollResult, *, strict: bool) -> int:
    status = result.report["status"]
    return FAILED if status == "failed" or (strict and status != "ok") else 0
