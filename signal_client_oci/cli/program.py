"""The name of the command line, apart from everything that it needs, so that every module can use it."""

from __future__ import annotations

from typing import Final

__all__ = ["PROGRAM"]

PROGRAM: Final = "signal-client-oci"
