"""A test that hangs ends."""

from __future__ import annotations

import os

import pytest
from support.deadline import deadline


def test_what_waits_for_ever_is_failed_again_and_again(monkeypatch):
    """The wait for a pipe that nobody writes to fails, and so does the one while it is cleaned up; then all is over."""
    monkeypatch.setattr("support.deadline.AGAIN_SECONDS", 0.02)
    reading, writing = os.pipe()
    with os.fdopen(reading) as pipe, os.fdopen(writing, "w"):

        def hang_twice():
            try:
                pipe.read()
            finally:
                pipe.read()

        with pytest.raises(pytest.fail.Exception, match=r"not done within 0\.02 s") as failed, deadline(0.02):
            hang_twice()
    assert isinstance(failed.value.__context__, pytest.fail.Exception)
