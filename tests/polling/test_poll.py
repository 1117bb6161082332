"""Whole polls over sockets: every record once, in every region and compartment, within the host's limits."""

import copy
import itertools
import json
import logging
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from support import seam
from support.collecting import SERVICES, SOURCES, Answer, Host, key_of, raw_settings

from signal_client_oci import plugin
from signal_client_oci.host.conformance import PollTerms, checked_poll
from signal_client_oci.host.conformance.hook_checks import check_validation
from signal_client_oci.polling.scope_discovery.discovery import ScopeDiscovery
from signal_client_oci.polling.sources.audit import AuditApi
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.settings.schema import FIELDS
from signal_client_oci.state.seen_records import SeenRecords

HOME, FAR = "us-ashburn-1", "eu-frankfurt-1"


@pytest.fixture
def tenancy(cloud, clock):
    """A tenancy in two regions with a tree of three levels below the root, a year old."""
    tenancy = cloud.add_tenancy("acme", (HOME, FAR))
    old = clock() - timedelta(days=365)
    first = tenancy.add_compartment("first", created=old)
    second = tenancy.add_compartment("second", first, created=old)
    tenancy.add_compartment("third", second, created=old)
    tenancy.add_compartment("beside", created=old)
    return tenancy


@pytest.fixture
def host(tenancy, clock):
    """A host that polls it."""
    return Host(tenancy.settings(), clock)


def emit(tenancy, count=1, **late):
    """Put records into every compartment of every region; some show up late."""
    now = tenancy.clock()
    for region in tenancy.regions:
        for compartment in tenancy.tree.subtree(tenancy.ocid):
            for number in range(count):
                moment = now + timedelta(seconds=7 * number)
                visible = moment + timedelta(**late)
                tenancy.emit_audit_event(region, compartment, processed=moment, visible=visible)
                tenancy.emit_log_record(region, compartment, time=moment, visible=visible)


def assert_once(host, tenancy, *sources):
    """What was delivered is what was emitted, each once, each with an id of its own."""
    for source in sources or SOURCES:
        assert Counter(host.keys(source)) == Counter(tenancy.ground_truth.keys(SERVICES[source]))
    ids = [artifact["id"] for source in SOURCES for artifact in host.artifacts(source)]
    assert len(set(ids)) == len(ids)


# --- every record once --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_record_arrives_once_over_many_polls(tenancy, host, clock):
    """Two regions, a tree of three levels and its root, pages, late records: nothing missing, nothing twice."""
    tenancy.audit.page_size = 3
    tenancy.audit.empty_pages = tenancy.logging.empty_pages = frozenset({1})
    problem = tenancy.add_problem()
    for number in range(8):
        emit(tenancy, 2, minutes=(0, 4, 14)[number % 3])
        if number == 4:
            tenancy.update_problem(problem, lifecycle_detail="RESOLVED")
            tenancy.add_problem(risk_level="CRITICAL")
        clock.advance(minutes=5)
        assert host.poll()["status"] == "ok"
    for _ in range(3):
        clock.advance(minutes=10)
        host.poll()
    assert_once(host, tenancy)
    assert {artifact["metadata"]["geoRegion"] for artifact in host.artifacts("audit")} == {HOME, FAR}
    compartments = {
        json.loads(artifact["raw"])["data"]["compartmentId"] for artifact in host.artifacts("audit")
    }
    assert compartments == set(tenancy.tree.subtree(tenancy.ocid))


@pytest.mark.slow
def test_polls_far_apart_miss_nothing(tenancy, host, clock):
    """Three days without a poll are read from where the last one ended."""
    host.poll()
    for _ in range(12):
        clock.advance(hours=6)
        emit(tenancy)
    clock.advance(minutes=2)
    host.poll()
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_a_quiet_poll_delivers_nothing(tenancy, host, clock):
    """The next poll re-reads the overlap, counts what it knows, and has no artifact and no batch."""
    emit(tenancy)
    clock.advance(minutes=5)
    host.poll()
    batches = len(host.batches)
    clock.advance(minutes=5)
    report = host.poll()
    assert len(host.batches) == batches
    assert [part["fetched"] for part in report["sources"].values()] == [0, 0, 0]
    assert report["sources"]["audit"]["counts"]["duplicates"] == 10


@pytest.mark.slow
def test_the_same_checkpoint_gives_the_same_ids(tenancy, host, clock):
    """What is read again from a stored checkpoint has the ids that it had."""
    emit(tenancy, 3)
    tenancy.add_problem()
    clock.advance(minutes=5)
    runs = []
    for _ in range(2):
        host.stored, host.batches = b"null", []
        host.poll()
        runs.append(sorted((one["id"], one["raw"]) for source in SOURCES for one in host.artifacts(source)))
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_another_process_goes_on_from_the_checkpoint(tenancy, host, clock):
    """A checkpoint that was written by this process is continued by a new one, without loss or repeat."""
    emit(tenancy)
    clock.advance(minutes=5)
    host.poll()
    emit(tenancy)
    clock.advance(minutes=5)
    given = {"settings": host.settings, "checkpoint": host.checkpoint, "now": clock().isoformat()}
    program = """
import json, sys
from datetime import datetime
from signal_client_oci.plugin import signal_client_poll
given = json.load(sys.stdin)
now = datetime.fromisoformat(given["now"])
items = signal_client_poll("oci-cloud", "acme", given["settings"], given["checkpoint"], {"now": lambda: now})
json.dump(list(items), sys.stdout)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    *batches, report = checked_poll(json.loads(done.stdout), PollTerms("acme"))
    assert report["status"] == "ok"
    host.batches += batches
    assert_once(host, tenancy, "audit", "logging")
    host.stored = json.dumps(report["checkpoint"]).encode()
    clock.advance(minutes=5)
    host.poll()
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_two_tenancies_in_one_process_share_nothing(cloud, clock):
    """Two instances whose polls are under way at the same time each get their own records, and only those."""
    hosts = []
    for name in ("acme", "globex"):
        tenancy = cloud.add_tenancy(name, (HOME,))
        emit(tenancy, 4)
        tenancy.add_problem()
        hosts.append((Host(tenancy.settings(), clock, name), tenancy))
    clock.advance(minutes=5)
    items = [iter(host.items(max_batch_artifacts=1)) for host, _ in hosts]
    open_ones = list(zip(hosts, items, strict=True))
    while open_ones:
        for pair in list(open_ones):
            (host, _), poll = pair
            item = next(poll, None)
            if item is None:
                open_ones.remove(pair)
            elif item["type"] == "batch":
                host.batches.append(item)
    for host, tenancy in hosts:
        assert_once(host, tenancy)
        assert {one["metadata"]["instance"] for one in host.artifacts("audit")} == {host.name}
        assert {one["metadata"]["oci.tenancyId"] for one in host.artifacts("audit")} == {tenancy.ocid}


@pytest.mark.slow
def test_two_instances_of_one_tenancy_have_positions_of_their_own(tenancy, clock):
    """The same tenancy twice: each instance gets everything."""
    emit(tenancy)
    clock.advance(minutes=5)
    for name in ("one", "other"):
        host = Host(tenancy.settings(cloud_guard_enabled=False), clock, name)
        host.poll()
        assert_once(host, tenancy, "audit", "logging")


# --- the host's side ----------------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_host_asks(cloud, tenancy, host):
    """A generator that is made and not used sends nothing and starts no thread."""
    threads = set(threading.enumerate())
    host.items()
    assert cloud.requests == []
    assert set(threading.enumerate()) == threads
    assert tenancy.ocid


@pytest.mark.parametrize("limit", [1, 7, 1000])
@pytest.mark.slow
def test_batches_have_no_more_artifacts_than_the_host_takes(tenancy, host, clock, limit):
    """The limit is kept and used, and the union is the same."""
    emit(tenancy, 3)
    clock.advance(minutes=5)
    host.poll(max_batch_artifacts=limit)
    sizes = [len(batch["artifacts"]) for batch in host.batches if batch["source"] == "audit"]
    assert max(sizes) == min(limit, 30)
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_batches_have_no_more_bytes_than_the_host_takes(tenancy, host, clock):
    """The bytes of `raw` are bounded; a record that is larger by itself comes alone."""
    emit(tenancy, 2)
    tenancy.emit_audit_event(HOME, tenancy.ocid, additional_details={"large": "ä" * 10_000})
    clock.advance(minutes=5)
    host.poll(max_batch_bytes=6000)
    sizes = [[len(one["raw"].encode()) for one in batch["artifacts"]] for batch in host.batches]
    assert max(map(len, sizes)) > 1
    assert all(sum(raws) <= 6000 or len(raws) == 1 for raws in sizes)
    assert max(max(raws) for raws in sizes if raws) > 20_000
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_each_batch_is_a_place_to_go_on_from(tenancy, host, clock):
    """Whichever batch's checkpoint was stored last: what came after it comes again, with its ids, and no more."""
    emit(tenancy, 2)
    tenancy.add_problem()
    clock.advance(minutes=5)
    items = list(host.items(max_batch_artifacts=8))
    batches = [copy.deepcopy(item) for item in items if item["type"] == "batch"]
    everything = Counter(one["id"] for batch in batches for one in batch["artifacts"])
    for number in range(len(batches)):
        until = Counter(one["id"] for batch in batches[: number + 1] for one in batch["artifacts"])
        host.stored = json.dumps(batches[number]["checkpoint"]).encode()
        host.batches = []
        host.poll()
        again = Counter(one["id"] for batch in host.batches for one in batch["artifacts"])
        assert until + again == everything


@pytest.mark.slow
def test_the_hosts_checkpoint_is_not_touched(tenancy, host, clock):
    """The object that the host passes in stays as it is; batches hand over objects of their own."""
    emit(tenancy)
    host.poll()
    clock.advance(minutes=5)
    given = host.checkpoint
    before = copy.deepcopy(given)
    items = list(
        plugin.signal_client_poll(
            "oci-cloud", "acme", host.settings, given, {"now": clock, "max_batch_artifacts": 3}
        )
    )
    assert given == before
    assert len(items) > 3
    snapshots = [item["checkpoint"] for item in items]
    assert len({id(one) for one in snapshots}) == len(snapshots)
    assert snapshots[0] != snapshots[-1]


@pytest.mark.slow
def test_a_context_may_be_empty(cloud):
    """Without a clock and limits, the real time and the contract's defaults hold."""
    tenancy = cloud.add_tenancy("real", (HOME,), clock=lambda: datetime.now(timezone.utc))
    tenancy.emit_audit_event(HOME, tenancy.ocid, processed=datetime.now(timezone.utc) - timedelta(minutes=5))
    items = list(plugin.signal_client_poll("oci-cloud", "acme", tenancy.settings(), None, {}))
    assert [
        key_of("audit", one) for item in items[:-1] for one in item["artifacts"]
    ] == tenancy.ground_truth.keys("audit")
    assert items[-1]["status"] == "ok"


@pytest.mark.slow
def test_a_naive_clock_counts_as_utc(tenancy, host, clock):
    """A host whose clock forgets its zone is understood."""
    emit(tenancy)
    clock.advance(minutes=5)
    host.clock = lambda: clock().replace(tzinfo=None)
    assert host.poll()["status"] == "ok"
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_a_source_that_is_switched_off_costs_nothing(cloud, tenancy, host, clock):
    """It is skipped, without a request; the others are collected."""
    emit(tenancy)
    clock.advance(minutes=5)
    host.settings |= {"logging_enabled": False, "cloud_guard_enabled": False}
    report = host.poll()
    assert report["status"] == "ok"
    assert [part["status"] for part in report["sources"].values()] == ["ok", "skipped", "skipped"]
    assert {one.service for one in cloud.requests} == {"audit", "identity"}
    assert_once(host, tenancy, "audit")


@pytest.mark.slow
def test_a_report_says_what_was_done(tenancy, host, clock):
    """Requests, artifacts and the minute up to which all is covered, source by source."""
    emit(tenancy)
    tenancy.add_problem()
    clock.advance(minutes=5)
    report = host.poll()
    assert report["started_at"] == report["finished_at"] == "2026-03-02T09:05:00.000Z"
    audit, logs, guard = (report["sources"][source] for source in SOURCES)
    assert (audit["fetched"], logs["fetched"], guard["fetched"]) == (10, 10, 1)
    assert (audit["requests"], logs["requests"]) == (10, 2)
    assert audit["covered_until"] == logs["covered_until"] == "2026-03-02T09:04:00Z"
    assert guard["covered_until"] == "2026-03-02T09:05:00.000Z"
    assert (audit["retries"], audit["error"], report["warnings"]) == (0, None, [])
    assert audit["counts"]["read"] == 10


@pytest.mark.slow
def test_one_source_that_fails_leaves_the_others_alone(cloud, tenancy, host, clock):
    """A denied service is failed, the report degraded, the rest delivered; all denied is failed."""
    emit(tenancy)
    tenancy.deny("logging")
    clock.advance(minutes=5)
    report = host.poll()
    assert report["status"] == "degraded"
    assert [part["status"] for part in report["sources"].values()] == ["ok", "failed", "ok"]
    assert_once(host, tenancy, "audit")
    for service in ("audit", "cloudguard"):
        tenancy.deny(service)
    clock.advance(minutes=30)
    assert host.poll()["status"] == "failed"
    assert {part["error"]["code"] for part in host.report["sources"].values()} == {
        "AUDIT_NOT_AUTHORIZED",
        "LOGGING_NOT_AUTHORIZED",
        "CLOUD_GUARD_NOT_AUTHORIZED",
    }
    for service in ("audit", "logging", "cloudguard"):
        tenancy.allow(service)
    clock.advance(minutes=5)
    host.poll()
    assert_once(host, tenancy, "audit", "logging")
    assert cloud.requests


# --- the beginning ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_position_exists_from_the_first_checkpoint_on(cloud, tenancy, host, clock):
    """A first poll that ends right after its first batch, whichever that is, keeps its lookback for the next one."""
    emit(tenancy)
    for _ in range(3):
        tenancy.add_problem()
    clock.advance(minutes=5)
    cloud.latency = {"identity": 0.3}
    items = host.items(max_batch_artifacts=1)
    first = next(items)
    items.close()
    assert first["source"] == "cloud_guard"
    host.batches.append(first)
    host.stored = json.dumps(first["checkpoint"]).encode()
    cloud.latency = 0.0
    clock.advance(hours=3)
    host.poll()
    assert_once(host, tenancy)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lookback", "age"), [(None, 5), (90, 80), ("90", 80), (" 90 ", 80), (90.0, 80), (True, 50), (0, 50)]
)
@pytest.mark.sampled(3)
def test_a_first_poll_that_fails_keeps_its_lookback(cloud, clock, lookback, age):
    """Settings that are wrong for hours at the beginning lose nothing that their lookback covers, however written."""
    tenancy = cloud.add_tenancy("small", (HOME,))
    host = Host(tenancy.settings(), clock)
    emit(tenancy)
    clock.advance(minutes=age)
    good = host.settings
    host.settings = good | {"lookback_minutes": lookback}
    host.settings |= {"user_ocid": "nonsense"}
    assert host.poll()["status"] == "failed"
    clock.advance(hours=9)
    host.poll()
    host.settings = good
    host.poll()
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_wrong_settings_keep_a_checkpoint_that_was_there(tenancy, host, clock):
    """A slip in the settings does not lose the position of an instance that has run before."""
    host.poll()
    before = host.stored
    good = host.settings
    host.settings = good | {"region": "mars-1"}
    clock.advance(days=2)
    host.poll()
    assert json.loads(host.stored) == json.loads(before)
    emit(tenancy)
    clock.advance(minutes=5)
    host.settings = good
    host.poll()
    assert_once(host, tenancy, "audit", "logging")


# --- settings that are wrong --------------------------------------------------------------------------------------

WRONG = {
    "tenancy_ocid": ["", "ocid1.user.oc1..a", "nonsense", 7],
    "user_ocid": ["", "ocid1.tenancy.oc1..a", "x\r\ny"],
    "fingerprint": ["", "aa:bb", "zz" * 16],
    "private_key": ["", "nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", 7],
    "region": ["", "mars-1", "us-ashburn-1.evil.example.com", "../x", "US West"],
    "compartment_ocid": ["nonsense", "ocid1.user.oc1..a", "ocid1.tenancy.oc1..another"],
    "private_key_passphrase": [7],
    "include_subcompartments": ["perhaps", 2],
    "additional_regions": [["mars-1"], "us-gov-ashburn-1", {"a": 1}],
    "audit_enabled": ["perhaps"],
    "logging_enabled": ["perhaps"],
    "cloud_guard_enabled": ["perhaps"],
    "audit_mode": ["export", 1],
    "logging_query": ['search "x"', "where a = 'b", "| sort by time", "where a = 1 | count"],
    "cloud_guard_interval_minutes": [0, 1441, "soon"],
    "cloud_guard_min_risk": ["SEVERE"],
    "cloud_guard_details": ["perhaps"],
    "lookback_minutes": [0, 20161, 1.5],
    "overlap_minutes": [-1, 121],
    "redact_secrets": ["perhaps"],
    "max_concurrency": [0, 65],
    "endpoint_template": [
        "http://example.com/{region}/{service}",
        "ftp://x",
        "https://user:pw@example.com/{region}",
    ],
}
CASES = [(field, value) for field, values in WRONG.items() for value in values]


def test_every_setting_has_its_wrong_values():
    """The table below leaves no setting out."""
    assert set(WRONG) == set(plugin.signal_client_settings_schema("oci-cloud")["properties"])


@pytest.mark.parametrize(
    ("field", "value"), CASES, ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)]
)
def test_a_wrong_setting_is_named_and_nothing_is_sent(cloud, tenancy, host, field, value):
    """Each setting in turn: the report fails naming it, the connection test has a way out for it, no request."""
    host.settings = host.settings | {field: value}
    report = host.poll()
    assert report["status"] == "failed"
    assert host.batches == []
    checks = {json.dumps(part["error"]) for part in report["sources"].values() if part["error"]}
    (check,) = map(json.loads, checks)
    if check["name"] == "settings":
        assert f"{FIELDS[field].schema['title']}: " in check["message"]
    else:
        assert (check["name"], field) == ("private_key", "private_key")
    answer = check_validation(plugin.signal_client_validate_connection("oci-cloud", host.settings))
    assert answer["status"] == "failed"
    assert len(answer["field_errors"][field]) > 20
    assert cloud.requests == []
    assert tenancy.ocid


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fingerprint": ":".join(["ab"] * 16)}, "KEY_FINGERPRINT_MISMATCH"),
        ({"private_key": shared_private_key_pem(1)}, "KEY_FINGERPRINT_MISMATCH"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}, None),
    ],
)
def test_a_key_that_does_not_fit_sends_nothing(cloud, tenancy, host, changes, code):
    """The key is opened and compared with the fingerprint before anything is signed."""
    host.settings = host.settings | changes
    report = host.poll()
    error = report["sources"]["audit"]["error"]
    assert report["status"] == "failed"
    assert error["name"] == "private_key"
    assert code in (None, error["code"])
    assert error["remedy"]
    assert cloud.requests == []
    assert tenancy.ocid


@pytest.mark.parametrize("settings", [None, [], "x", 7, {}])
def test_settings_that_are_none_are_a_report(settings, clock):
    """Whatever the host hands over as settings, the answer is a failed report."""
    host = Host(settings, clock)
    assert host.poll()["status"] == "failed"


@pytest.mark.parametrize("off", [False, "false", " False "])
def test_a_source_that_is_off_is_skipped_even_if_the_key_is_wrong(host, off):
    """What is switched off has not failed, however that is written."""
    host.settings = host.settings | {"fingerprint": ":".join(["ab"] * 16), "logging_enabled": off}
    assert host.poll()["sources"]["logging"]["status"] == "skipped"


# --- log lines ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_log_line_that_operators_look_for(tenancy, host, clock, caplog):
    """One INFO line a source and poll begins with what was fetched, and names the instance after it."""
    caplog.set_level(logging.INFO, logger="signal_client_oci")
    emit(tenancy)
    tenancy.add_problem()
    clock.advance(minutes=5)
    host.poll()
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("INFO", "oci-cloud: fetched 10 audit events (instance acme)"),
        ("INFO", "oci-cloud: fetched 10 log records (instance acme)"),
        ("INFO", "oci-cloud: fetched 1 Cloud Guard problems (instance acme)"),
    ]
    caplog.clear()
    clock.advance(minutes=5)
    host.poll()
    assert [record.getMessage() for record in caplog.records] == [
        "oci-cloud: fetched 0 audit events (instance acme)",
        "oci-cloud: fetched 0 log records (instance acme)",
    ]


@pytest.mark.slow
def test_failures_are_logged_with_code_and_remedy(tenancy, host, caplog):
    """A WARNING line has the code, the instance, what is wrong and what to do, in one line each."""
    caplog.set_level(logging.INFO, logger="signal_client_oci")
    tenancy.deny("audit")
    tenancy.deny("identity")
    host.poll()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any(
        line.startswith("oci-cloud: AUDIT_NOT_AUTHORIZED (instance acme): ") and "read audit-events" in line
        for line in warnings
    )
    assert any("COMPARTMENTS_NOT_AUTHORIZED" in line and "inspect compartments" in line for line in warnings)
    assert not any("\n" in line for line in warnings)


@pytest.mark.slow
def test_an_instance_name_cannot_forge_a_log_line(tenancy, clock, caplog):
    """Control characters in the instance's name do not reach the log."""
    caplog.set_level(logging.INFO, logger="signal_client_oci")
    host = Host(tenancy.settings(), clock, "acme\n[INFO] oci-cloud: fetched 99 audit events\x1b[2J")
    host.poll()
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert caplog.records


@pytest.mark.slow
def test_the_package_configures_no_logging(host):
    """A poll adds no handler and sets no level: that is the host's."""
    before = _logging_state()
    host.poll()
    assert _logging_state() == before


def _logging_state():
    root = logging.getLogger()
    own = [name for name in logging.root.manager.loggerDict if name.startswith("signal_client_oci")]
    return (
        list(root.handlers),
        root.level,
        logging.getLogger("oci").level,
        [(name, logging.getLogger(name).handlers) for name in own if logging.getLogger(name).handlers],
    )


# --- what must not happen -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 2, 5])
def test_after_a_defect_the_next_poll_goes_on_behind_the_last_batch(tenancy, host, clock, monkeypatch, call):
    """What a poll had taken in hand when something broke in it is read again, never taken for delivered."""
    emit(tenancy, 3)
    clock.advance(minutes=5)
    commit, calls = SeenRecords.commit, itertools.count(1)

    def broken(self, *args, **kwargs):
        if next(calls) == call:
            raise RuntimeError("canary")
        commit(self, *args, **kwargs)

    monkeypatch.setattr(SeenRecords, "commit", broken)
    report = host.poll()
    assert report["status"] == "failed"
    assert report["sources"]["audit"]["error"]["code"] == "INTERNAL_ERROR"
    monkeypatch.undo()
    clock.advance(hours=3)
    assert host.poll()["status"] == "ok"
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_a_defect_in_the_list_of_compartments_is_told(tenancy, host, clock, monkeypatch):
    """The scope alone is read then, the poll is not `ok`, and the compartments' records come with the next one."""
    emit(tenancy)
    clock.advance(minutes=5)
    monkeypatch.setattr(ScopeDiscovery, "_keep", lambda *_: 1 / 0)
    report = host.poll()
    monkeypatch.undo()
    assert report["status"] == "degraded"
    assert "INTERNAL_ERROR" in host.warned()
    clock.advance(hours=2)
    assert host.poll()["status"] == "ok"
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_audit_takes_over_what_logging_left(tenancy, host, clock):
    """Switched on while Logging is hours behind, Audit begins where Logging stands, which leaves its events to it."""
    host.settings = host.settings | {"audit_enabled": False, "cloud_guard_enabled": False}
    clock.advance(minutes=5)
    host.poll()
    clock.advance(minutes=5)
    emit(tenancy)
    clock.advance(hours=5)
    host.settings = host.settings | {"audit_enabled": True}
    assert host.poll()["status"] == "ok"
    assert_once(host, tenancy, "audit", "logging")


@pytest.mark.slow
def test_a_defect_is_reported_and_leaves_the_other_sources_alone(tenancy, host, clock, monkeypatch, caplog):
    """An exception that nobody expected is a check by the name of its kind; its text, maybe a secret, is left out."""
    emit(tenancy)
    clock.advance(minutes=5)

    def broken(*_):
        raise RuntimeError("canary")

    monkeypatch.setattr(AuditApi, "read", broken)
    report = host.poll()
    assert report["status"] == "degraded"
    assert report["sources"]["audit"]["error"]["code"] == "INTERNAL_ERROR"
    assert "RuntimeError" in report["sources"]["audit"]["error"]["message"]
    assert "canary" not in json.dumps(report) + caplog.text
    assert_once(host, tenancy, "logging")
    monkeypatch.undo()
    clock.advance(minutes=5)
    host.poll()
    assert_once(host, tenancy, "audit", "logging")


def test_the_first_request_needs_no_more_than_is_asked_for(oci, instance):
    """One source, one compartment, one region: one request."""
    oci.audit(Answer([]))
    host = instance("audit")
    host.poll()
    assert len(oci.asked) == 1
    assert raw_settings()["tenancy_ocid"] == seam.TENANCY


class Rude(str):
    """A value that breaks whatever looks at it."""

    __slots__ = ()

    def __len__(self):
        raise ZeroDivisionError

    def strip(self, *_):
        """Break too."""
        raise ZeroDivisionError


@pytest.mark.parametrize("field", ["region", "private_key", "fingerprint"])
def test_a_defect_in_reading_the_settings_is_reported(field, tenancy):
    """Whatever breaks while the settings are read, the poll ends with a report and keeps the host's checkpoint."""
    settings = {**tenancy.settings(), field: Rude("x")}
    items = list(plugin.signal_client_poll("oci-cloud", "try", settings, {"version": 1}, {}))
    assert [item["type"] for item in items] == ["report"]
    assert items[0]["status"] == "failed"
    assert items[0]["checkpoint"] == {"version": 1}
