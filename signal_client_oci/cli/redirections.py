"""Where the shell sends the two outputs: never into a file that the command itself reads or writes."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from signal_client_oci.cli.output.one_line_errors import CommandError

__all__ = ["refuse_redirection"]

_OUTPUTS: Final = (("standard output", ">"), ("standard error", "2>"))


def refuse_redirection(path: Path, named: str) -> None:
    """Raise `CommandError` if an output goes into the file at `path`, by whatever name; `named` is how to call it."""
    try:
        found = path.expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return  # what does not exist yet is no output either; what cannot be used is refused by those who open it
    if not stat.S_ISREG(found.st_mode):
        return  # a terminal can be read and written to
    for (words, sign), output in zip(_OUTPUTS, _outputs(), strict=True):
        if output is not None and os.path.samestat(found, output):
            raise CommandError(
                f"{named}: is the file that {words} goes to ({sign}); they would overwrite each other: name two files"
            )


def _outputs() -> Iterable[os.stat_result | None]:
    for stream in (sys.stdout, sys.stderr):
        found = None
        with contextlib.suppress(
            OSError, io.UnsupportedOperation, AttributeError
        ):  # a stream in memory is no file
            found = os.fstat(stream.fileno())
        yield found
