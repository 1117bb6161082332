"""Promise 8, for any answer: a poll's time and memory are bounded, whatever a page holds and however many there are."""

import itertools
import time
import tracemalloc
from datetime import timedelta

import pytest
from support.generated_load import generate_audit_events, generate_log_records
from support.loopback_servers import LoopbackServer, http_answer
from support.validating import by_name, validated
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    codes,
    emit_everywhere,
    nothing_left,
    statuses,
    window_of,
)

from signal_client_oci.contract import SOURCES
from signal_client_oci.oci_api.loading import load_sdk
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.oci_api.pages.bounds import Bounds
from signal_client_oci.scheduler import dispatcher as workers

SLACK = 2.0
OTHERS = 10.0  # what a busy machine may take from this process, which its processor time does not count
MIB = 1 << 20
ONE = b'[{"eventId":"x","eventTime":"2026-03-02T08:00:00Z","data":{"eventName":"A","message":"%b"}}]'
DEEP = b'[{"eventId":"x","eventTime":7,"data":{"additionalDetails":{"l":[%b]}}}]'


def _many(text, count):
    return b"[" + (text + b",") * (count - 1) + text + b"]"


HOSTILE = {
    "tiny objects": (lambda: _many(b"{}", 4_000_000), "RESPONSE_TOO_LARGE"),
    "tiny objects and a number": (lambda: _many(b"{}", 4_000_000)[:-1] + b",0]", "RESPONSE_TOO_LARGE"),
    "numbers": (lambda: _many(b"0", 6_000_000), "RESPONSE_TOO_LARGE"),
    "lists that never end": (lambda: b"[" * 50_000_000, "TIMEOUT"),
    "a list that is cut off": (lambda: _many(b'{"a":"b","c":"d"}', 2_000_000)[:-1], "RESPONSE_TOO_LARGE"),
    "one huge record": (lambda: ONE % (b"x y " * (12 * MIB)), ""),
    "one huge record that is no JSON": (lambda: ONE % (b"x\x01y " * (5 * MIB)), ""),
    "one huge record of many parts": (lambda: DEEP % _many(b'{"a":"b"}', 5_000_000), ""),
}


def _template(server):
    return f"http://127.0.0.1:{server.port}/{{region}}/{{service}}"


@pytest.fixture
def audit_alone(world):
    """An instance that reads the tenancy's root compartment from Audit alone, without masking."""

    def make(*regions, compartments=0, **settings):
        chosen = {"logging_enabled": False, "cloud_guard_enabled": False, "redact_secrets": False}
        return Instance(world.tenancy(*regions, compartments=compartments), **chosen | settings)

    return make


@pytest.fixture
def peak():
    """Measure how many bytes are allocated at most beyond those that there were."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.sampled(3)
def test_the_deadline_is_kept_whatever_a_page_holds(world, audit_alone, name):
    """Megabytes of any shape, sound or not, do not hold a poll beyond its deadline, and it leaves nothing."""
    body, code = HOSTILE[name]
    instance = audit_alone()
    world.fault("body", body=body(), operation="list_events")
    with nothing_left(world):
        began, spent = time.monotonic(), time.process_time()
        report = instance.poll(deadline_seconds=1.5)
        assert time.process_time() - spent < 1.5 + SLACK
        assert time.monotonic() - began < 1.5 + SLACK + OTHERS
    assert codes(report) <= {code, "STOPPED", "TIMEOUT"}
    assert (report["status"] == "ok") == (not codes(report))
    assert report["status"] != "ok" or (not code and instance.published)


class _Stop:
    """A `should_stop` that asks to stop some tenths of a second after the first answer was sent."""

    def __init__(self, world, seconds):
        self._world, self._seconds = world, seconds
        self._before = len(world.sandbox.requests)
        self.answered = self.spent = 0.0

    def __call__(self):
        if not self.answered and any(
            one.status == 200 for one in self._world.sandbox.requests[self._before :]
        ):
            self.answered, self.spent = time.monotonic(), time.process_time()
        return bool(self.answered) and time.monotonic() > self.answered + self._seconds


@pytest.mark.slow
@pytest.mark.untraced
def test_a_page_that_no_deadline_is_long_enough_for_is_read_over_polls(world, audit_alone):
    """Fifty megabytes of events on one page: each poll ends in time and gets on, and each event arrives once."""
    instance = audit_alone()
    tenancy = instance.tenancy
    tenancy.audit.page_size = 100_000
    end = world.clock() - timedelta(minutes=2)
    made = generate_audit_events(tenancy, (HOME, tenancy.ocid), (end - timedelta(minutes=10), end), 20_000)
    delivered = []
    for _ in range(12):
        stop = _Stop(world, 0.5)
        report = instance.poll(should_stop=stop)
        assert time.process_time() - stop.spent < 0.5 + SLACK
        assert time.monotonic() - stop.answered < 0.5 + SLACK + OTHERS
        delivered.append(len(instance.published))
        if statuses(report)["audit"] == "ok":
            break
    assert statuses(report)["audit"] == "ok"
    assert len(delivered) > 1, "the test must not fit into one poll"
    assert instance.keys("audit") == sorted(made.keys())


@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
def test_should_stop_is_asked_between_the_records_of_a_page(world, monkeypatch, source):
    """A poll that is told to stop within a page delivers what it mapped of it, and the next poll the rest."""
    for module in ("paging", "loop"):
        monkeypatch.setattr(f"signal_client_oci.polling.{module}.TURN_SECONDS", 0.0)
    monkeypatch.setattr("signal_client_oci.polling.paging._BLOCK_RECORDS", 1)
    monkeypatch.setattr("signal_client_oci.polling.deadline.LAST_CALL_SECONDS", 0.0)
    others = {f"{one}_enabled": False for one in {"audit", "logging", "cloud_guard"} - {source}}
    tenancy = world.tenancy()
    instance = Instance(tenancy, cloud_guard_details=False, **others)
    instance.poll()
    tenancy.audit.page_size = 1000
    emit_everywhere(tenancy, 200, problems=200)
    world.clock.advance(minutes=6)
    asked = itertools.count()
    report = instance.poll(should_stop=lambda: next(asked) > 100)
    assert statuses(report)[source] == "partial"
    assert codes(report) == {"STOPPED"}
    assert 0 < len(instance.published) < 200
    asked_before = len(world.sandbox.requests)
    instance.catch_up(polls=2, minutes=6)
    assert len(world.sandbox.requests) > asked_before
    assert_exactly_once(instance, source)


@pytest.mark.parametrize("kept", [True, False])
def test_a_crash_within_a_page_repeats_one_batch_at_most(world, audit_alone, monkeypatch, kept):
    """What a poll handed out of half a page is in the checkpoint that came with it."""
    for module in ("paging", "loop"):
        monkeypatch.setattr(f"signal_client_oci.polling.{module}.TURN_SECONDS", 0.0)
    instance = audit_alone()
    instance.tenancy.audit.page_size = 1000
    emit_everywhere(instance.tenancy, 100)
    world.clock.advance(minutes=2)
    instance.poll(drop_after=4, store_last=kept, max_batch_artifacts=10)
    assert len(instance.published) == 40
    instance.catch_up(polls=2)
    assert len(instance.published) == (100 if kept else 110)
    assert len({artifact["id"] for _, artifact in instance.published}) == 100


def test_an_answer_that_arrives_too_slowly_is_asked_for_in_smaller_slices(world, audit_alone):
    """Where the deadline comes in the middle of a body, the next poll asks for less, until it gets through."""
    instance = audit_alone()
    instance.poll()
    world.clock.advance(minutes=100)
    for age in range(2, 98):
        instance.tenancy.emit_audit_event(
            HOME, instance.tenancy.ocid, processed=world.clock() - timedelta(minutes=age)
        )
    world.fault("slow_drip", service="audit", seconds=0.0001)
    spans = []
    for _ in range(3):
        asked = len(world.sandbox.requests)
        instance.poll(deadline_seconds=0.5)
        spans.append(_longest_span(world.sandbox.requests[asked:]))
    assert spans[0] > 90
    assert spans[2] <= spans[1] / 3 <= spans[0] / 9
    world.sandbox.faults.clear()
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit")


def _longest_span(requests):
    windows = [window_of(one) for one in requests if one.operation == "list_events"]
    return max(end - start for start, end in windows) / 60e6


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.deep
@pytest.mark.parametrize("text", [b"{}", b"0"])
def test_tiny_records_cost_a_poll_no_more_memory_than_a_few_bodies(audit_alone, peak, text):
    """Millions of records in one body are counted before anything is made of them."""
    body = _many(text, 5 * MIB // (len(text) + 1))
    with LoopbackServer(http_answer("200 OK", body)) as server:
        alone = {"include_subcompartments": False, "max_concurrency": 1, "lookback_minutes": 1}
        instance = audit_alone(endpoint_template=_template(server), **alone)
        before = peak()
        report = instance.poll()
        assert peak() - before < 3 * len(body) + 16 * MIB
        assert server.heads
    assert codes(report) == {"RESPONSE_TOO_LARGE"}
    message = report["sources"]["audit"]["error"]["message"]
    assert HOME in message
    assert instance.tenancy.ocid in message
    assert "in the minute from 2026-03-02 " in message


def test_an_error_with_an_endless_body_is_read_to_its_beginning(audit_alone, peak):
    """The body of an error cannot fill the memory either; the status still tells what it is."""
    body = _many(b"{}", 4 * MIB)
    with LoopbackServer(http_answer("503 Service Unavailable", body)) as server:
        instance = audit_alone(endpoint_template=_template(server))
        before = peak()
        report = instance.poll()
        assert peak() - before < len(body)
    assert codes(report) == {"SERVICE_ERROR"}


def test_a_slow_host_does_not_make_memory_grow(world, audit_alone, monkeypatch):
    """All lanes of a poll together hold one number of bytes that were not mapped yet, and one page more."""
    made = []

    def memory():
        made.append(PageMemory(200_000))
        return made[0]

    monkeypatch.setattr(workers, "PageMemory", memory)
    instance = audit_alone(HOME, FAR, "uk-london-1", "ap-tokyo-1", compartments=4)
    page = sum(len(one.raw) + 1 for one in emit_everywhere(instance.tenancy, 50)[:50:2]) * 2
    world.clock.advance(minutes=2)
    with instance.polling({"now": instance.clock, "max_batch_artifacts": 20}) as items:
        for item in items:
            instance.publish(item)
            instance.store(item)
            time.sleep(0.002)
    assert item["status"] == "ok"
    assert page < made[0].most <= 200_000 + 2 * page
    assert not made[0].is_full
    assert_exactly_once(instance, "audit")


# --- pages that are too large -----------------------------------------------------------------------------------------


def _audit_events(world, instance, count):
    end = world.clock() - timedelta(minutes=2)
    tenancy = instance.tenancy
    return generate_audit_events(tenancy, (HOME, tenancy.ocid), (end - timedelta(minutes=50), end), count)


@pytest.mark.parametrize("bounds", [Bounds(40, MIB), Bounds(1000, 100_000)], ids=["records", "bytes"])
def test_a_page_that_is_too_large_is_asked_for_in_smaller_slices(world, audit_alone, monkeypatch, bounds):
    """Beyond a page's limit of records or bytes shorter windows bring all of it, each record once."""
    monkeypatch.setattr("signal_client_oci.polling.sources.windowed.ORDINARY_PAGE", bounds)
    instance = audit_alone()
    instance.tenancy.audit.page_size = 1000
    made = _audit_events(world, instance, 600)
    report = instance.poll()
    assert report["status"] == "ok"
    spans = [end - start for start, end in map(window_of, world.requests("list_events"))]
    assert min(spans) <= max(spans) / 4
    assert instance.keys("audit") == sorted(made.keys())


@pytest.mark.parametrize("source", ["audit", "logging"])
def test_a_minute_that_is_too_large_is_read_all_the_same(world, monkeypatch, source):
    """A minute cannot be cut: Logging is asked for fewer records a page, a page of Audit is taken as it is."""
    monkeypatch.setattr("signal_client_oci.polling.sources.windowed.ORDINARY_PAGE", Bounds(40, MIB))
    tenancy = world.tenancy()
    others = {f"{one}_enabled": False for one in {"audit", "logging", "cloud_guard"} - {source}}
    instance = Instance(tenancy, **others)
    tenancy.audit.page_size = 1000
    start = world.clock() - timedelta(minutes=7)
    generate = {"audit": generate_audit_events, "logging": generate_log_records}[source]
    made = generate(tenancy, (HOME, tenancy.ocid), (start, start + timedelta(seconds=50)), 300)
    report = instance.poll()
    assert report["status"] == "ok"
    assert instance.keys(source) == sorted(made.keys())
    limits = {one.params.get("limit") for one in world.requests("search_logs")}
    assert limits == (set() if source == "audit" else {"1000", "100", "10"})


def test_a_minute_that_cannot_be_taken_is_named_and_stays(world, audit_alone, monkeypatch):
    """More than even a minute may hold is an error with region, compartment and minute, and is asked for again."""
    monkeypatch.setattr("signal_client_oci.polling.sources.windowed.ORDINARY_PAGE", Bounds(40, MIB))
    monkeypatch.setattr("signal_client_oci.polling.sources.windowed.SMALLEST_SLICE_PAGE", Bounds(100, MIB))
    instance = audit_alone()
    instance.tenancy.audit.page_size = 1000
    start = world.clock() - timedelta(minutes=7)
    there = (HOME, instance.tenancy.ocid)
    made = generate_audit_events(instance.tenancy, there, (start, start + timedelta(seconds=50)), 300)
    for _ in range(2):
        error = instance.poll()["sources"]["audit"]["error"]
        assert error["code"] == "RESPONSE_TOO_LARGE"
        minute = f"{start:%Y-%m-%d %H:%M} UTC"
        assert all(name in error["message"] for name in (*there, minute, "more than 100 records"))
        assert "Nothing is skipped" in error["remedy"]
    monkeypatch.undo()
    instance.catch_up(polls=1)
    assert instance.keys("audit") == sorted(made.keys())


def test_a_list_of_compartments_that_is_too_large_is_told(world):
    """A list beyond its limit of rows does not end the poll: the scope itself is read, and a warning says why."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    rows = _many(b'{"id":"ocid1.compartment.oc1..a","name":"n"}', 25_000)
    world.fault("body", body=rows, operation="list_compartments")
    emit_everywhere(tenancy)
    world.clock.advance(minutes=2)
    report = instance.poll()
    assert codes(report) == {"RESPONSE_TOO_LARGE"}
    limits = [one.params["limit"] for one in world.requests("list_compartments")]
    assert limits == ["1000", "100", "10", "1"]
    assert instance.keys("audit")
    world.sandbox.faults.clear()
    instance.catch_up(polls=2, minutes=16)
    assert_exactly_once(instance, "audit", "logging")


def test_problems_on_a_page_that_is_too_large_are_asked_for_in_smaller_ones(world, monkeypatch):
    """The lists begin again with fewer problems a page, and each problem arrives once."""
    monkeypatch.setattr("signal_client_oci.polling.sources.cloud_guard.ORDINARY_PAGE", Bounds(20, MIB))
    tenancy = world.tenancy()
    instance = Instance(tenancy, audit_enabled=False, logging_enabled=False)
    emit_everywhere(tenancy, 0, problems=50)
    report = instance.poll()
    assert report["status"] == "ok"
    assert_exactly_once(instance, "cloud_guard")
    assert {one.params["limit"] for one in world.requests("list_problems")} == {"1000", "100", "10"}


# --- pages without an end ---------------------------------------------------------------------------------------------


@pytest.fixture
def few_pages(monkeypatch):
    """A slice has eight pages at most."""
    monkeypatch.setattr("signal_client_oci.polling.paging.PAGES_A_SLICE", 8)
    return 8


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("audit", "list_events"),
        ("logging", "search_logs"),
        ("cloudguard", "list_problems"),
        ("identity", "list_compartments"),
    ],
)
@pytest.mark.sampled(2)
def test_pages_without_an_end_end(world, few_pages, service, operation):
    """Ever new page tokens end at a number of pages, the report says so, and afterwards all has arrived once."""
    tenancy = world.tenancy(compartments=2)
    instance = Instance(tenancy)
    emit_everywhere(tenancy, 2, problems=2)
    world.clock.advance(minutes=2)
    world.fault("endless_page_tokens", operation=operation)
    report = instance.poll()
    assert report["status"] != "ok"
    assert "PAGES_WITHOUT_END" in codes(report)
    # a window of an hour, cut to quarters; of Logging, three compartments are asked for together and then alone
    assert few_pages <= len(world.requests(operation)) <= few_pages * 60
    others = {"audit", "logging", "cloud_guard"} - {{"cloudguard": "cloud_guard"}.get(service, service)}
    assert {statuses(report)[other] for other in others} == {"ok"}
    world.sandbox.faults.clear()
    instance.catch_up(polls=3, minutes=16)
    assert_exactly_once(instance)


@pytest.mark.usefixtures("few_pages")
def test_a_slice_of_very_many_pages_is_read_in_smaller_ones(world, audit_alone):
    """What is over the number of pages is not lost: shorter windows bring it, each record once, with a warning."""
    instance = audit_alone()
    instance.tenancy.audit.page_size = 10
    made = _audit_events(world, instance, 300)
    report = instance.poll()
    assert statuses(report)["audit"] == "ok"
    assert codes(report) == {"PAGES_WITHOUT_END"}
    assert instance.keys("audit") == sorted(made.keys())


def test_a_list_of_compartments_without_an_end_gives_those_that_it_began_with(world, few_pages):
    """The compartments that were listed so far are read, and those behind them once the list is whole."""
    tenancy = world.tenancy(compartments=3)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    emit_everywhere(tenancy)
    world.clock.advance(minutes=2)
    world.fault("endless_page_tokens", operation="list_compartments")
    instance.poll()
    assert len(world.requests("list_compartments")) == few_pages
    assert_exactly_once(instance, "audit", "logging")


# --- the connection test --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("text", [b"{}", b"["], ids=["tiny objects", "lists that never end"])
@pytest.mark.sampled(2)
def test_the_connection_test_is_bounded_too(world, peak, monkeypatch, text):
    """Megabytes in place of every answer: the checks say so in time, and their memory stays within the limits."""
    monkeypatch.setattr("signal_client_oci.validation.connection_test.ALL_SECONDS", 4.0)
    body = _many(text, 4_000_000)
    load_sdk(SOURCES)
    with LoopbackServer(http_answer("200 OK", body)) as server:
        settings = world.tenancy(HOME, FAR).settings(endpoint_template=_template(server))
        before, kept_before = peak(), tracemalloc.get_traced_memory()[0]
        answer = validated(settings)
        assert peak() - before < 64 * MIB + 3 * len(body)
        assert tracemalloc.get_traced_memory()[0] - kept_before < len(body) / 2  # no failure keeps its answer
    assert answer["status"] == "failed"
    assert by_name(answer)["authentication"]["code"] in ("RESPONSE_TOO_LARGE", "RESPONSE_NOT_JSON")
    assert {check["status"] for check in answer["checks"][2:]} == {"failed"}
