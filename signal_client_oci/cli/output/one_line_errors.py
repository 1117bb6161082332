"""How a command ends when it cannot do what it was asked for: one line on stderr and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperGroup

from signal_client_oci.cli import PROGRAM
from signal_client_oci.cli.output.safe_text import shown

__all__ = ["FAILED", "INTERRUPTED", "WRONG_USE", "Fault", "OneLineGroup"]

FAILED: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130

# Newer versions of Typer bring their own copy of click, older ones use the real one: this name fits both.
_UsageError: Final[Any] = typer.BadParameter.__bases__[0]


class Fault(Exception):  # noqa: N818  (what the operator did is at fault, or what was found; not always an error)
    """What stops a command, in one line with the way out; `code` is the exit code."""

    def __init__(self, message: str, code: int = WRONG_USE) -> None:
        super().__init__(message)
        self.code = code


class OneLineGroup(TyperGroup):
    """The commands; whatever stops one of them is told in one line, not in a box or a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command line and raise `SystemExit` with its exit code."""
        if not sys.stdout or not sys.stderr:
            # Closed by the caller: artifacts would go nowhere while their position moves on.
            sys.exit(WRONG_USE)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        extra["standalone_mode"] = False
        run = super().main
        sys.exit(_exit_code(lambda: run(*args, **extra)))


def _exit_code(run: Callable[[], Any]) -> int:
    """Return the exit code of a command line, after telling what stopped it."""
    try:
        code = run()
        sys.stdout.flush()
    except Fault as fault:
        _tell(PROGRAM, str(fault))
        return fault.code
    except BrokenPipeError:
        _leave_stdout()
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except OSError as error:
        _tell(PROGRAM, f"{error.filename or 'the output'}: {error.strerror or type(error).__name__}")
        _leave_stdout()
        return FAILED
    except _UsageError as error:
        where = error.ctx.command_path if error.ctx else PROGRAM
        message = (
            error.format_message().rstrip(".").replace(": Value error, ", ": ")
        )  # pydantic's words, by Typer
        _tell(where, f"{message} (see {where} --help)")
        return WRONG_USE
    return code if isinstance(code, int) else 0


def _tell(where: str, message: str) -> None:
    sys.stderr.write(f"{where}: {shown(message)}\n")


def _leave_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush cannot fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        return
    finally:
        os.close(nowhere)
