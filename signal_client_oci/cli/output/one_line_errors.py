"""How a command ends when it cannot do its job: one line on standard error and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.program import PROGRAM

__all__ = ["FAILED", "INTERRUPTED", "WRONG_USE", "CommandError", "OneLineGroup"]

FAILED: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130

# Newer versions of Typer contain a copy of click, older ones import click: this works with both.
_UsageError: Final[Any] = typer.BadParameter.__bases__[0]


class CommandError(Exception):
    """What stops a command, in one line with the way out; `code` is the exit code."""

    def __init__(self, message: str, code: int = WRONG_USE) -> None:
        super().__init__(message)
        self.code = code


class OneLineGroup(TyperGroup):
    """The commands; an error of one of them is one line, not a box or a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command line and raise `SystemExit` with its exit code."""
        if not sys.stdout or not sys.stderr:
            # Closed by the caller: artifacts would be lost while the checkpoint advances.
            if sys.stderr:
                _print_error(PROGRAM, "standard output is closed; send it somewhere, e.g. to /dev/null")
            sys.exit(WRONG_USE)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        extra["standalone_mode"] = False
        run = super().main
        try:
            sys.exit(_exit_code(lambda: run(*args, **extra)))
        finally:
            _discard_unwritten()


def _exit_code(run: Callable[[], Any]) -> int:
    """Return the exit code of a command line, after printing what stopped it."""
    try:
        code = run()
        sys.stdout.flush()
    except CommandError as error:
        _print_error(PROGRAM, str(error))
        return error.code
    except BrokenPipeError:
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except OSError as error:
        _print_error(PROGRAM, f"{error.filename or 'the output'}: {error.strerror or type(error).__name__}")
        return FAILED
    except _UsageError as error:
        where = error.ctx.command_path if error.ctx else PROGRAM
        message = (
            error.format_message().rstrip(".").replace(": Value error, ", ": ")
        )  # pydantic's words, passed on by Typer
        _print_error(where, f"{message} (see {where} --help)")
        return WRONG_USE
    return code if isinstance(code, int) else 0


def _print_error(where: str, message: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it; the exit code says that something failed
        sys.stderr.write(f"{where}: {printable(message)}\n")
        sys.stderr.flush()


def _discard_unwritten() -> None:
    """Discard what an output does not take, so that the interpreter's last flush cannot change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
