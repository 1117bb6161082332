"""The status page in a browser; skipped, and loudly, where there is none."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack

import pytest
from support.browser import Browser

from signal_client_oci.host.http.addresses import ListenAddress
from signal_client_oci.host.http.server import serve

_PROGRAMS = ("chromium", "chromedriver")
_MISSING = "the status page needs"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser window for the tests of a module: CI must have one, elsewhere its tests are skipped.

    It is closed then, because a page that is shown takes processor time from all tests that follow.
    """
    found = {name: shutil.which(name) for name in _PROGRAMS}
    missing = [name for name, path in found.items() if not path]
    if missing:
        reason = f"{_MISSING} {' and '.join(missing)}; `bash tests/form/install.sh` installs them"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    profile = tmp_path_factory.mktemp("profile")
    window = Browser(found["chromedriver"], found["chromium"], profile, logs=True)
    yield window
    window.close()


@pytest.fixture
def serving():
    """Serve boards until the test ends: `serving(board)`, at an address if one is given."""
    with ExitStack() as stack:

        def start(board, address=None):
            server = serve(board, address or ListenAddress("127.0.0.1", 0))
            stack.callback(server.close)
            return server

        yield start


def pytest_terminal_summary(terminalreporter):
    """Say it at the end of the run if nobody looked at the page."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)}
    for reason in sorted(reason for reason in reasons if _MISSING in reason):
        terminalreporter.section("THE STATUS PAGE WAS NOT TESTED", yellow=True)
        terminalreporter.line(reason)
