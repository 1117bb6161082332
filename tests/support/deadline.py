"""A deadline for each part of a test: one that hangs fails, shows where it waits, and the others are run.

A folder has it when its `conftest.py` imports the three hooks. It reaches whatever the main thread waits for: a pipe
of a child, a lock, a socket, an event loop. What even that does not end, `faulthandler_exit_on_timeout` does.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

__all__ = ["pytest_runtest_call", "pytest_runtest_setup", "pytest_runtest_teardown"]

SECONDS = 60.0
SLOW_SECONDS = 240.0
AGAIN_SECONDS = 5.0
"""After the first alarm what a test cleans up gets so long, again and again."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Fail the test when the block takes longer, wherever it is then."""

    def too_long(_number: int, _frame: object) -> None:
        pytest.fail(f"not done within {seconds:g} seconds; the traceback shows what it waits for")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _within(item: pytest.Item) -> Generator[None, object, object]:
    is_slow = item.get_closest_marker("slow") is not None
    with deadline(SLOW_SECONDS if is_slow else SECONDS):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Limit the fixtures."""
    return (yield from _within(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Limit the test."""
    return (yield from _within(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Limit what the fixtures clean up."""
    return (yield from _within(item))
