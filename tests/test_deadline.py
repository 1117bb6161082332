"""A test that hangs while it cleans up ends, and the others are run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = """
import time
import pytest

@pytest.fixture
def hanging():
    yield
    time.sleep(60)

def test_fails_and_hangs(hanging):
    assert hanging

def test_after_it():
    pass
"""
_SETTINGS = """
[pytest]
faulthandler_timeout = 0.3
faulthandler_exit_on_timeout = true
"""


@pytest.mark.slow
def test_what_hangs_after_a_failure_is_ended_with_its_stack(tmp_path):
    """The worker is replaced, the failure and the hanging fixture are told, and the next test passes."""
    (tmp_path / "test_hanging.py").write_text(_TESTS)
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from support.deadline import pytest_exception_interact\n"
    )
    (tmp_path / "pytest.ini").write_text(_SETTINGS)
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert re.search(r"test_hanging\.py.*line 8 in hanging", done.stderr), done.stdout + done.stderr
    assert "2 failed, 1 passed" in done.stdout
