"""A sandbox on the real clock, and a file of instances that leads there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.command_lines import kill_what_is_left, write_instances

from signal_client_oci.sandbox import Sandbox, system_clock


@pytest.fixture(autouse=True)
def _no_process_is_left():
    """Kill what a test that failed has started."""
    yield
    kill_what_is_left()


@pytest.fixture
def sandbox():
    """An OCI on loopback."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def tenancy(sandbox):
    """A tenancy with two Audit events, a log record and a problem of some minutes ago."""
    tenancy = sandbox.add_tenancy("acme", regions=("us-ashburn-1",))
    then = system_clock() - timedelta(minutes=5)
    for seconds in range(2):
        tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid, processed=then + timedelta(seconds=seconds))
    tenancy.emit_log_record("us-ashburn-1", tenancy.ocid, time=then)
    tenancy.add_problem(last_detected=then)
    return tenancy


@pytest.fixture
def toml(tmp_path, tenancy):
    """A TOML file with the one instance `prod`."""
    return write_instances(tmp_path, prod=tenancy.settings())
