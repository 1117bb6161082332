"""The command line `signal-client-oci`: try, check and run the connector without Conductor (extra `cli`).

Nothing in the plugin imports it. Commands import what they need when they run, so that help, `schema`, `policy` and
`explain` do not load the OCI SDK.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final, NoReturn

from signal_client_oci.cli.program import PROGRAM

__all__ = ["main"]

_NEEDED: Final = ("typer", "rich")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line with `arguments` (the process's own by default) and end with its exit code."""
    if not all(map(find_spec, _NEEDED)):
        sys.stderr.write(
            f"{PROGRAM}: the command line needs the extra `cli`: pip install 'signal-client-oci[cli]'\n"
        )
        sys.exit(2)
    from signal_client_oci.cli.app import app  # noqa: PLC0415  its dependencies are optional

    sys.exit(app(args=arguments, prog_name=PROGRAM))
