"""Promise 6: whatever goes wrong on whichever page, the report says what, and afterwards nothing is missing."""

import itertools
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import NamedTuple

import pytest
from support.redirect_target import unvisited_target
from support.world import (
    HOME,
    Instance,
    assert_exactly_once,
    assert_nothing_missing,
    codes,
    emit_everywhere,
    statuses,
)

from signal_client_oci.sandbox import RateLimit
from signal_client_oci.state.seen_records import digest_of

REQUESTS_AT_MOST = 180
IN_AN_HOUR = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)


class Service(NamedTuple):
    """One row of the table: an operation, the source that it is for, and what a 404 and half a body are called.

    `compartments` is how many there are below the tenancy, so that the operation has several pages, or several calls.
    """

    name: str
    operation: str
    source: str | None
    denied: str
    half: str = "RESPONSE_CUT_OFF"
    compartments: int = 0


class Trouble(NamedTuple):
    """One column: how an answer goes wrong, and what the report calls it; a later page may have its own name."""

    how: dict
    code: str
    later: str = ""
    pages: tuple = (1, "later")


SERVICES = [
    Service("audit", "list_events", "audit", "AUDIT_NOT_AUTHORIZED", compartments=1),
    Service("logging", "search_logs", "logging", "LOGGING_NOT_AUTHORIZED", compartments=1),
    Service("cloudguard", "list_problems", "cloud_guard", "CLOUD_GUARD_NOT_AUTHORIZED"),
    Service(
        "identity",
        "list_compartments",
        None,
        "COMPARTMENTS_NOT_AUTHORIZED",
        "RESPONSE_NOT_JSON",
        compartments=2,
    ),
]
SMALL_SERVICES = [
    Service(
        "cloudguard", "get_configuration", "cloud_guard", "CLOUD_GUARD_NOT_AUTHORIZED", "RESPONSE_NOT_JSON"
    ),
    Service("identity", "list_region_subscriptions", None, "REGIONS_NOT_AUTHORIZED", "RESPONSE_NOT_JSON"),
]

NONE = "nothing is wrong"
ODD = "records are odd"
TROUBLES = {
    "400": Trouble({"status": 400}, "INVALID_REQUEST", "PAGE_TOKEN_REFUSED"),
    "401": Trouble({"status": 401}, "NOT_AUTHENTICATED"),
    "403": Trouble({"status": 403}, "FORBIDDEN"),
    "404": Trouble({"status": 404}, "denied"),
    "409": Trouble({"status": 409}, "CONFLICT"),
    "429": Trouble({"status": 429}, "THROTTLED"),
    "429 for an hour": Trouble({"status": 429, "headers": {"Retry-After": "3600"}}, "THROTTLED"),
    "429 until a date": Trouble({"status": 429, "headers": {"Retry-After": IN_AN_HOUR}}, "THROTTLED"),
    "429 and nonsense": Trouble({"status": 429, "headers": {"Retry-After": "soon"}}, "THROTTLED"),
    "500": Trouble({"status": 500}, "SERVICE_ERROR"),
    "502": Trouble({"status": 502}, "SERVICE_ERROR"),
    "503": Trouble({"status": 503}, "SERVICE_ERROR"),
    "504": Trouble({"status": 504}, "SERVICE_ERROR"),
    "418": Trouble({"status": 418}, "UNEXPECTED_STATUS"),
    "HTML": Trouble({"kind": "html"}, "RESPONSE_NOT_JSON"),
    "empty body": Trouble({"kind": "empty_body"}, "RESPONSE_NOT_JSON"),
    "null": Trouble({"kind": "null"}, "RESPONSE_NOT_JSON"),
    "wrong shape": Trouble({"kind": "wrong_shape"}, "RESPONSE_NOT_JSON"),
    "cut JSON": Trouble({"kind": "cut_json"}, "half"),
    "truncated": Trouble({"kind": "truncated"}, "RESPONSE_CUT_OFF"),
    "reset": Trouble({"kind": "reset"}, "UNREACHABLE"),
    "reset in the body": Trouble({"kind": "reset_mid_body"}, "RESPONSE_CUT_OFF"),
    "hang": Trouble({"kind": "hang"}, "TIMEOUT"),
    "hang in the body": Trouble({"kind": "hang_mid_body"}, "TIMEOUT"),
    "slow drip": Trouble({"kind": "slow_drip", "seconds": 0.1}, "TIMEOUT"),
    "broken UTF-8": Trouble({"kind": "broken_utf8"}, ODD),
    "control characters": Trouble({"kind": "control_characters"}, ODD),
    "gzip bomb": Trouble({"kind": "gzip_bomb", "size": 4 << 20}, "RESPONSE_TOO_LARGE"),
    "redirect": Trouble({"kind": "redirect"}, "REDIRECTED"),
    "redirect 307": Trouble({"kind": "redirect", "status": 307}, "REDIRECTED"),
    "repeated token": Trouble({"kind": "repeated_page_token"}, "PAGE_TOKEN_REPEATED", pages=(None, "later")),
    "empty token": Trouble({"kind": "empty_page_token"}, NONE),
    "expired token": Trouble({"kind": "expired_page_token"}, "PAGE_TOKEN_REFUSED", pages=("later",)),
    "clock skew": Trouble({"kind": "clock_skew", "seconds": 3600}, "CLOCK_SKEW"),
}


def _pages(row, column, trouble):
    """Every fault meets every service, and the first page or a later one in turn; both where they are told apart."""
    return trouble.pages if trouble.later else trouble.pages[(row + column) % len(trouble.pages) :][:1]


def _marks(row, column):
    """Every fault meets one service or two; the other cells of the table are deep."""
    return () if (row + column) % 3 == 0 else pytest.mark.deep


CELLS = [
    pytest.param(service, trouble, page, id=f"{service.name}-{name}-{page}", marks=_marks(row, column))
    for row, service in enumerate(SERVICES)
    for column, (name, trouble) in enumerate(TROUBLES.items())
    for page in _pages(row, column, trouble)
]


@pytest.fixture(autouse=True)
def _small_bodies(monkeypatch):
    """Bodies are too large soon."""
    monkeypatch.setattr("signal_client_oci.oci_api.transport.MAX_BODY_BYTES", 300_000)


@pytest.fixture
def _quick_pace(monkeypatch):
    """A lane whose every answer is 429 is still asked a hundred times a second; `pacing` itself has its own tests."""
    monkeypatch.setattr("signal_client_oci.scheduler.rate_limiter._LEAST_RATE", 100.0)


@pytest.fixture
def tenancy(world, monkeypatch):
    """A tenancy all of whose listings have several pages."""
    made = world.tenancy(compartments=2)
    for service in SERVICES:
        _have_several_pages(made, service, monkeypatch)
    return made


def _have_several_pages(tenancy, service, monkeypatch):
    if service.name == "audit":
        tenancy.audit.page_size = 2
    elif service.name == "logging":
        tenancy.logging.empty_pages = frozenset({1})
    elif service.name == "cloudguard":
        tenancy.cloud_guard.empty_pages = frozenset({1})
    else:
        monkeypatch.setattr("signal_client_oci.polling.scope_discovery.discovery._PAGE_LIMIT", 1)


@contextmanager
def _impatient(trouble):
    """Give up soon what never comes; what does come may take its time, on a busy machine too."""
    with pytest.MonkeyPatch.context() as patch:
        if trouble.code == "TIMEOUT":
            patch.setattr("signal_client_oci.oci_api.transport.READ_SECONDS", 0.5)
            patch.setattr("signal_client_oci.oci_api.transport.TOTAL_SECONDS", 0.7)
        yield


@pytest.mark.usefixtures("_quick_pace", "few_attempts")
@pytest.mark.parametrize(("service", "trouble", "page"), CELLS)
def test_every_fault_of_every_service_on_every_page(world, monkeypatch, service, trouble, page):
    """The report names the fault, the other sources go on, and when it has ended everything has come once."""
    tenancy = world.tenancy(compartments=service.compartments)
    _have_several_pages(tenancy, service, monkeypatch)
    # Cloud Guard is read in the poll with the fault and in the last one, where it is the one in trouble in all
    interval = 5 if service.source == "cloud_guard" else 10
    instance = Instance(tenancy, cloud_guard_interval_minutes=interval, lookback_minutes=25)
    if service.source is None:
        instance.poll()
    emit_everywhere(tenancy, 3, problems=2)
    world.clock.advance(minutes=20)
    fault = world.fault(service=service.name, operation=service.operation, page=page, **trouble.how)
    with _impatient(trouble):
        report = instance.poll()
    assert fault.hits
    assert sum(one["requests"] for one in report["sources"].values()) <= REQUESTS_AT_MOST
    _assert_told(report, service, trouble, page)
    world.sandbox.faults.clear()
    report = instance.catch_up(polls=1)
    assert report["status"] == "ok"
    assert not codes(report)
    world.sandbox.request_log.clear()
    instance.catch_up(polls=1)
    assert {one.service for one in world.sandbox.requests} >= {"audit", "logging", "cloudguard"}
    if trouble.code == ODD:
        assert_nothing_missing(instance)
    else:
        assert_exactly_once(instance)
    assert not unvisited_target().visits


def _assert_told(report, service, trouble, page):
    expected = {"audit": "ok", "logging": "ok", "cloud_guard": "ok"}
    code = trouble.later if page == "later" and trouble.later else trouble.code
    code = {"denied": service.denied, "half": service.half}.get(code, code)
    if code == ODD:
        _assert_odd_is_told(report, service)
        return
    if code == NONE:
        assert report["status"] == "ok"
        assert not codes(report)
        return
    assert report["status"] == "degraded"
    assert codes(report) == {code}
    if service.source:
        expected[service.source] = "failed"
    assert statuses(report) == expected


def _assert_odd_is_told(report, service):
    """Records that hold what no JSON holds are delivered and counted; a list of compartments is refused."""
    if service.source is None:
        assert codes(report) == {"RESPONSE_NOT_JSON"}
    else:
        counts = report["sources"][service.source]["counts"]
        assert counts.get("parse_errors", 0) > 0 or codes(report) == {"RESPONSE_NOT_JSON"}


WITHOUT_PAGES = {
    name: trouble for name, trouble in TROUBLES.items() if "token" not in name and trouble.code != ODD
}


@pytest.mark.usefixtures("few_attempts")
@pytest.mark.parametrize("name", WITHOUT_PAGES)
@pytest.mark.parametrize("service", SMALL_SERVICES, ids=lambda service: service.operation)
@pytest.mark.sampled(3)
def test_every_fault_of_what_is_asked_once(world, service, name):
    """Cloud Guard's configuration and the region list may fail in every way too; it is told and made good."""
    trouble = WITHOUT_PAGES[name]
    tenancy = world.tenancy()
    instance = Instance(tenancy, additional_regions=["all"])
    emit_everywhere(tenancy, 2, problems=2)
    world.clock.advance(minutes=5)
    fault = world.fault(service=service.name, operation=service.operation, **trouble.how)
    with _impatient(trouble):
        report = instance.poll()
    assert fault.hits
    _assert_told(report, service, trouble, 1)
    world.sandbox.faults.clear()
    assert instance.catch_up(polls=1)["status"] == "ok"
    assert_exactly_once(instance)


@pytest.mark.usefixtures("few_attempts")
@pytest.mark.parametrize("name", WITHOUT_PAGES)
@pytest.mark.sampled(3)
def test_every_fault_of_a_problem_s_details(world, name):
    """A problem whose details cannot be read is delivered with its summary, once, and the report says so."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, audit_enabled=False, logging_enabled=False)
    tenancy.add_problem()
    fault = world.fault(service="cloudguard", operation="get_problem", **WITHOUT_PAGES[name].how)
    with _impatient(WITHOUT_PAGES[name]):
        report = instance.poll()
    assert fault.hits
    assert codes(report) == {"PROBLEM_DETAILS_MISSING"}
    assert report["sources"]["cloud_guard"]["counts"]["details_missing"] == 1
    (summary,) = (one.raw.decode() for one in tenancy.ground_truth.of("cloudguard"))
    assert [artifact["raw"] for artifact in instance.artifacts("cloud_guard")] == [summary]
    world.sandbox.faults.clear()
    instance.catch_up(polls=1)
    assert_exactly_once(instance, "cloud_guard")


def test_a_token_that_expires_once_costs_one_restart(world, tenancy):
    """A refused page token makes the window start again within the same poll; what came before is not repeated."""
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    emit_everywhere(tenancy, 3)
    world.clock.advance(minutes=5)
    for service in ("audit", "logging"):
        world.fault("expired_page_token", service=service, page="later", times=1)
    report = instance.poll()
    assert report["status"] == "ok"
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.parametrize("how", ["seconds", "date"])
def test_retry_after_is_honoured(world, tenancy, how):
    """The same request comes again no sooner than the service asked for, and the report counts the answer."""
    ready = int(time.time()) + 2
    until = time.monotonic() + ready - time.time()
    date = format_datetime(datetime.fromtimestamp(ready, timezone.utc), usegmt=True)
    headers = {"Retry-After": "1" if how == "seconds" else date}
    world.fault(status=429, service="audit", compartment=tenancy.ocid, headers=headers, times=1)
    report = Instance(tenancy, logging_enabled=False, cloud_guard_enabled=False).poll()
    assert report["status"] == "ok"
    assert report["sources"]["audit"]["retries"] == 1
    assert report["sources"]["audit"]["counts"]["throttled"] == 1
    first, second = world.requests("list_events", compartments=(tenancy.ocid,))
    assert second.started >= (first.started + 1 if how == "seconds" else until) - 0.05


def test_a_throttled_tenancy_is_read_completely(world, tenancy, monkeypatch):
    """Under a rate limit the poll slows down, and in the end everything has come once."""
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher._FIRST_DELAY", 0.05)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    emit_everywhere(tenancy, 3)
    world.sandbox.rate_limit = RateLimit(per_second=40, burst=2)
    for _ in range(6):
        report = instance.catch_up(polls=1)
        if report["status"] == "ok":
            break
    assert any("THROTTLED" in codes(one) or one["sources"]["audit"]["retries"] for one in instance.reports)
    instance.catch_up(polls=3)
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.parametrize(
    "how", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "1"}}, {"kind": "hang"}]
)
def test_retries_stay_inside_the_budget(world, tenancy, monkeypatch, how):
    """However often it is worth trying again, the poll is over at its deadline."""
    monkeypatch.setattr("signal_client_oci.scheduler.dispatcher._FIRST_DELAY", 0.5)
    monkeypatch.setattr("signal_client_oci.oci_api.transport.READ_SECONDS", 30)
    monkeypatch.setattr("signal_client_oci.oci_api.transport.TOTAL_SECONDS", 30)
    world.fault(tenancy=tenancy.ocid, **how)
    began = time.monotonic()
    report = Instance(tenancy).poll(deadline_seconds=0.7)
    assert time.monotonic() - began < 0.7 + 10
    assert report["status"] in ("degraded", "failed")
    assert report["sources"]["audit"]["fetched"] == 0


def test_an_unreachable_host_is_told(tenancy):
    """Nothing listens where the endpoint should be: every source says so, and nothing is lost."""
    instance = Instance(tenancy)
    instance.poll()
    emit_everywhere(tenancy, 2, problems=1)
    right = instance.settings["endpoint_template"]
    instance.settings["endpoint_template"] = "http://127.0.0.1:9/{region}/{service}"
    report = instance.catch_up(polls=1)
    assert report["status"] == "failed"
    assert codes(report) == {"UNREACHABLE"}
    instance.settings["endpoint_template"] = right
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_every_region_hears_of_its_own_fault(world):
    """Two sources with two different faults: each report entry has its own code."""
    tenancy = world.tenancy(compartments=1)
    world.fault(status=404, service="audit", region=HOME)
    world.fault("html", service="logging", region=HOME)
    world.fault(status=500, service="cloudguard")
    report = Instance(tenancy).poll()
    found = {source: one["error"]["code"] for source, one in report["sources"].items()}
    assert found == {
        "audit": "AUDIT_NOT_AUTHORIZED",
        "logging": "RESPONSE_NOT_JSON",
        "cloud_guard": "SERVICE_ERROR",
    }


def test_a_defect_of_ours_is_a_report_too(world, tenancy, monkeypatch):
    """An exception that nobody expected ends as a report that counts what was delivered, and nothing is lost."""
    instance = Instance(tenancy, cloud_guard_enabled=False)
    emit_everywhere(tenancy, 3)
    world.clock.advance(minutes=2)
    monkeypatch.setattr("signal_client_oci.polling.sources.deliveries.digest_of", _failing_after(5))
    report = instance.poll(max_batch_artifacts=1)
    assert report["status"] == "failed"
    assert codes(report) == {"INTERNAL_ERROR"}
    monkeypatch.undo()
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit", "logging")


def _failing_after(count):
    calls = itertools.count()

    def digest(identity):
        if next(calls) >= count:
            raise ZeroDivisionError("the text of an exception may hold a secret")
        return digest_of(identity)

    return digest
