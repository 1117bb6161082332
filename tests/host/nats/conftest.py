"""A NATS server for the tests of a module."""

from __future__ import annotations

import pytest
from support.nats_server import NatsServer


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory):
    """A server with JetStream; each test makes streams and buckets of its own and removes them."""
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server
