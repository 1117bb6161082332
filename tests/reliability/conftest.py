"""One sandbox for each test, and the parts of a poll that would only cost time made quick."""

import functools

import oci.signer
import pytest
from world import World

import signal_client_oci.sandbox.tenancy as tenancy_module


@pytest.fixture(scope="session", autouse=True)
def _known_keys():
    """Check each throw-away RSA key once in the whole run: it takes longer than the rest of a small poll."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oci.signer, "load_private_key", functools.cache(oci.signer.load_private_key))
        patch.setattr(tenancy_module, "public_key_of", functools.cache(tenancy_module.public_key_of))
        yield


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    """Retries come at once; how long they wait is a matter of `workers`, not of what is promised here."""
    monkeypatch.setattr("signal_client_oci.workers._FIRST_DELAY", 0.002)


@pytest.fixture
def world():
    """An OCI of the test's own."""
    made = World()
    with made.sandbox:
        yield made
