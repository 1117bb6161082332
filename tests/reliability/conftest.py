"""One sandbox for each test, and the parts of a poll that would only cost time made quick."""

import pytest
from support.world import World


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    """Retries come at once; how long they wait is a matter of `workers`, not of what is promised here."""
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher._FIRST_DELAY", 0.002)


@pytest.fixture
def few_attempts(monkeypatch):
    """Half of the attempts are made; how many it takes to give a request up is a matter of `workers` too."""
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher.ATTEMPTS", 2)


@pytest.fixture
def world():
    """An OCI of the test's own."""
    made = World()
    with made.sandbox:
        yield made
