"""`schema`: the settings form as JSON Schema."""

from __future__ import annotations

import json
from typing import Final

import typer

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.plugin import signal_client_settings_schema

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci schema > form.json
  signal-client-oci schema | jq '.properties | keys'
"""


def command() -> None:
    """Print the settings form as JSON Schema (2020-12)."""
    typer.echo(json.dumps(signal_client_settings_schema(CONNECTOR), indent=2))
