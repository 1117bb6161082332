"""What cleans up after a test that failed, which may hang too, has a limit as the test had one.

`faulthandler_exit_on_timeout` ends a worker that hangs, whatever it waits for, but pytest stops that clock at the first
failure. A folder has it go on when its `conftest.py` imports the hook.
"""

from __future__ import annotations

import faulthandler

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

__all__ = ["pytest_exception_interact"]


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Start the clock again; it stops with the test."""
    seconds = float(node.config.getini("faulthandler_timeout") or 0)
    if seconds and isinstance(node, pytest.Item):
        stderr = node.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(seconds, file=stderr, exit=True)
