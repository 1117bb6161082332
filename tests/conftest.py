"""Fixtures of the tests of whole polls; none of them is used unless it is asked for."""

import gc
import logging
import os
from collections import Counter

import pytest
import responses
import support.faults  # noqa: F401  registers the kinds of faults that tests inject
from hypothesis import HealthCheck, settings
from support import seam
from support.collecting import Host, Oci, raw_settings

from signal_client_oci.polling.scope_discovery.compartment_lists import lists
from signal_client_oci.sandbox import Sandbox, VirtualClock

# a busy machine must not fail a property: how fast anything is, the benchmarks measure
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
MANY_LOGGERS = 100
MOST_CORES = 4  # each process collects all tests, so more of them gain little


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep modules and thousands of collected tests, all of which stay, out of every garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_logfinish():
    """Forget the loggers that the SDK makes, one for each client: pytest goes through all of them for each test."""
    loggers = logging.root.manager.loggerDict
    if len(loggers) > MANY_LOGGERS:
        for name in [name for name in loggers if name.startswith("oci.base_client.")]:
            del loggers[name]


def pytest_xdist_auto_num_workers(config):
    """Say how many processes share the tests: those that are not slow keep a core each busy, the others often wait."""
    cores = min(os.cpu_count() or 1, MOST_CORES)
    return cores if "not slow" in config.option.markexpr else 2 * cores


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Start what takes longest first; whole polls over many faults are slow unless they are marked as fast.

    Of a test that is marked `sampled(n)` every n-th set of parameters is run, and the others with what is deep.
    """
    before = Counter()
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled:
            test = item.nodeid.partition("[")[0]
            if before[test] % sampled.args[0]:
                item.add_marker(pytest.mark.deep)
            before[test] += 1
        if "reliability" in item.path.parts and item.get_closest_marker("fast") is None:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_terminal_summary(terminalreporter):
    """Say at the end of the run what was left out because something is not installed, and how to install it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {report.longrepr[2] for report in skipped if "` installs " in report.longrepr[2]}
    if reasons:
        terminalreporter.section("SOME TESTS WERE LEFT OUT", yellow=True)
        terminalreporter.line("\n".join(sorted(reason.removeprefix("Skipped: ") for reason in reasons)))


@pytest.fixture
def clock():
    """A clock that stands still until it is moved."""
    return VirtualClock()


@pytest.fixture
def cloud(clock):
    """An OCI on loopback, by that clock."""
    with Sandbox(clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def oci(monkeypatch):
    """OCI at the HTTP seam; no request gets past it. Lists of compartments of earlier tests are forgotten."""
    monkeypatch.setattr(lists, "_kept", {})
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher._FIRST_DELAY", 0.002)
    with responses.RequestsMock(target=seam.TARGET, assert_all_requests_are_fired=False) as mock:
        yield Oci(mock)


@pytest.fixture
def instance(oci, clock):
    """Make a host for one instance over the seam: `instance("audit", region=...)`."""
    del oci

    def make(*sources, **settings):
        return Host(raw_settings(*sources, **settings), clock)

    return make
