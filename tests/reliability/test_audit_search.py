"""Audit by search: the same events as by ListEvents, whatever changes, fails or comes late."""

import json
import random
from datetime import timedelta

import pytest
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    emit_everywhere,
    key_of,
)

from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.sources.audit_search import AuditSearchApi
from signal_client_oci.polling.windows.planner import Planner
from signal_client_oci.settings.model import parse_settings
from signal_client_oci.state.poll_state import PollState


def searching(tenancy, name="production", **settings):
    """An instance that searches Audit, and collects nothing else unless asked to."""
    others = {"logging_enabled": False, "cloud_guard_enabled": False}
    return Instance(tenancy, name, **{"audit_mode": "search"} | others | settings)


def ids(instance):
    """The ids of the audit artifacts."""
    return sorted(one["id"] for one in instance.artifacts("audit"))


def warnings(report, code):
    """The warnings of a report with a code."""
    return [one for one in report["warnings"] if one["code"] == code]


def queries(world):
    """The queries of all searches."""
    return [one.body["searchQuery"] for one in world.requests("search_logs")]


@pytest.mark.fast
@pytest.mark.slow
def test_both_modes_deliver_the_same(world):
    """Equal ids, times and metadata, by one search a region instead of one request a compartment."""
    tenancy = world.tenancy(HOME, FAR, compartments=5)
    events, search = searching(tenancy, "events", audit_mode="events"), searching(tenancy, "search")
    for _ in range(4):
        emit_everywhere(tenancy, 3, resource_name="web", status="404")
        world.clock.advance(minutes=5)
        events.poll()
        world.sandbox.request_log.clear()
        report = search.poll()
        assert report["status"] == "ok"
        assert report["sources"]["audit"]["counts"]["searched"] == 2
        assert len(world.requests("search_logs")) == 2
        assert world.requests("list_events") == []
    assert_exactly_once(search, "audit")
    assert ids(search) == ids(events)
    told = [
        {
            one["id"]: (one["timestamp"], {**one["metadata"], "instance": ""})
            for one in instance.artifacts("audit")
        }
        for instance in (events, search)
    ]
    for ident, (moment, metadata) in told[0].items():
        found = told[1][ident]
        assert found[0] == moment
        differing = {name for name in metadata.keys() | found[1] if metadata.get(name) != found[1].get(name)}
        assert differing <= {"program", "sourceInfo"}


@pytest.mark.fast
@pytest.mark.parametrize("subtree", [True, False])
def test_the_scope_is_searched_and_nothing_else(world, subtree):
    """A compartment as scope, with or without those below it, is one query; what is beside it is not collected."""
    tenancy = world.tenancy(compartments=1)
    team = tenancy.tree.subtree(tenancy.ocid)[1]
    below = tenancy.add_compartment("below", team)
    instance = searching(tenancy, compartment_ocid=team, include_subcompartments=subtree)
    wanted = [tenancy.emit_audit_event(HOME, one) for one in (team, below) if subtree or one == team]
    for one in (tenancy.ocid, below):
        tenancy.emit_audit_event(HOME, one)
    wanted += [tenancy.ground_truth.of("audit")[-1]] if subtree else []
    world.clock.advance(minutes=2)
    instance.poll()
    group = "_Audit_Include_Subcompartment" if subtree else "_Audit"
    assert queries(world) == [f'search "{team}/{group}" | sort by datetime asc']
    assert_exactly_once(instance, "audit", emitted=wanted)


@pytest.mark.parametrize("first", ["events", "search"])
@pytest.mark.sampled(2)
def test_the_mode_changes_with_a_backlog(world, first):
    """Hours after the last poll, the other mode takes over: nothing is lost, nothing comes twice, either way."""
    tenancy = world.tenancy(HOME, FAR, compartments=3)
    instance = searching(tenancy, audit_mode=first)
    instance.poll()
    for mode in ("search", "events") * 2 if first == "events" else ("events", "search") * 2:
        emit_everywhere(tenancy, 2)
        instance.catch_up(polls=1)
        for _ in range(5):
            world.clock.advance(minutes=47)
            emit_everywhere(tenancy)
        instance.settings["audit_mode"] = mode
        assert instance.catch_up(polls=1)["status"] == "ok"
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit")


def test_a_compartment_that_lags_makes_nothing_come_twice(world):
    """The search begins where the last compartment stands, and leaves out what the others delivered since."""
    tenancy = world.tenancy(HOME, compartments=2)
    instance = searching(tenancy, audit_mode="events")
    instance.poll()
    tenancy.deny("audit", tenancy.tree.subtree(tenancy.ocid)[1])
    for _ in range(6):
        emit_everywhere(tenancy)
        instance.catch_up(minutes=25, polls=1)
    instance.settings["audit_mode"] = "search"
    report = instance.catch_up(polls=1)
    assert report["sources"]["audit"]["fetched"] == 6
    assert report["sources"]["audit"]["counts"]["duplicates"] >= 12
    assert_exactly_once(instance, "audit")
    instance.catch_up(minutes=30, polls=3)
    (kept,) = json.loads(instance.stored)["sources"]["audit"][HOME]["positions"]
    assert kept[-1] == "0"
    assert_exactly_once(instance, "audit")


def test_compartments_that_appear_are_read_from_their_creation_after_a_change_back(world):
    """Created while Audit was searched, while nobody polled, and after the change: all events come once."""
    tenancy = world.tenancy(compartments=1)
    instance = searching(tenancy)
    instance.poll()
    for mode in ("search", "events", "events"):
        tenancy.add_compartment(f"new-{len(instance.reports)}")
        for _ in range(4):
            emit_everywhere(tenancy)
            world.clock.advance(minutes=50)
        instance.settings["audit_mode"] = mode
        instance.catch_up(polls=1)
    instance.catch_up(polls=4)
    assert_exactly_once(instance, "audit")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.sampled(2)
def test_any_history_of_modes(world, seed):
    """Compartments at different positions, refusals, dropped polls, late events: each event comes exactly once."""
    chance = random.Random(seed)
    tenancy = world.tenancy(HOME, FAR, compartments=3)
    tenancy.audit.page_size = 4
    instance = searching(tenancy, audit_mode=chance.choice(["events", "search"]))
    instance.poll()
    refused = None
    for _ in range(14):
        for _ in range(chance.randrange(1, 4)):
            late = timedelta(minutes=chance.choice([0, 0, 0, 3, 9]))
            lag = timedelta(seconds=chance.choice([3, 3, 100]))
            emit_everywhere(
                tenancy,
                processed=world.clock() + lag,
                event_time=world.clock(),
                visible=world.clock() + late + lag,
            )
            world.clock.advance(minutes=chance.choice([1, 5, 5, 40, 130]))
        if refused:
            tenancy.allow("audit", refused)
            refused = None
        elif chance.random() < 0.4:
            refused = chance.choice(tenancy.tree.subtree(tenancy.ocid))
            tenancy.deny("audit", refused)
        instance.settings["audit_mode"] = chance.choice(["events", "search"])
        instance.poll(
            drop_after=chance.choice([None, None, 1, 3, 6]), max_batch_artifacts=chance.choice([2, 50])
        )
    tenancy.allow("audit")
    world.clock.advance(minutes=20)
    for mode in ("search", "events"):
        instance.settings["audit_mode"] = mode
        assert instance.catch_up(polls=2)["status"] == "ok"
    assert_exactly_once(instance, "audit")


def hourly(instance, hours=1, minutes=20):
    """Poll for some hours; return the warnings of the comparison with their report's audit part."""
    found = []
    for _ in range(round(60 * hours / minutes)):
        report = instance.catch_up(minutes=minutes, polls=1)
        found += [one for one in report["warnings"] if one["code"].startswith("AUDIT_SEARCH")]
    return found


@pytest.mark.fast
@pytest.mark.slow
def test_what_the_search_leaves_out_in_silence_is_found_told_and_delivered(world):
    """Rows that a missing right hides are found in the hours that compare their compartment; each comes once."""
    tenancy = world.tenancy(compartments=1)
    team = tenancy.tree.subtree(tenancy.ocid)[1]
    tenancy.logging.unreadable_audit.add(team)
    instance = searching(tenancy)
    instance.poll()
    assert hourly(instance) == []
    told = []
    for _ in range(15):
        emit_everywhere(tenancy)
        told += hourly(instance, minutes=20, hours=1 / 3)
    instance.catch_up(polls=1)
    assert {one["code"] for one in told} == {"AUDIT_SEARCH_INCOMPLETE"}
    assert all(
        f"lacks 3 events that ListEvents has for {team} (team-0) in {HOME}" in one["message"] for one in told
    )
    assert "read log-content in tenancy" in told[0]["remedy"]
    assert {one["status"] for one in instance.reports} == {"ok"}
    events = searching(tenancy, "events", audit_mode="events", lookback_minutes=1000)
    events.poll()
    assert len(ids(instance)) == len(set(ids(instance))) == 15 + 3 * len(told)
    assert set(ids(instance)) <= set(ids(events))
    assert len(world.requests("list_events", compartments=(tenancy.ocid,))) >= 1


def test_a_complete_search_is_compared_in_silence(world):
    """Once an hour one list is asked for; where both agree, nothing is said and nothing comes twice."""
    tenancy = world.tenancy(HOME, FAR, compartments=2)
    tenancy.audit.page_size = 2
    instance = searching(tenancy)
    instance.poll()
    for _ in range(12):
        emit_everywhere(tenancy)
        assert hourly(instance, minutes=15, hours=1) == []
    places = [
        (one.region, *one.compartments) for one in world.requests("list_events") if "page" not in one.params
    ]
    assert set(places) == {
        (region, one) for region in tenancy.regions for one in tenancy.tree.subtree(tenancy.ocid)
    }
    assert 10 <= len(places) <= 12
    assert_exactly_once(instance, "audit")


@pytest.mark.fast
@pytest.mark.slow
def test_a_compartment_that_cannot_be_listed_is_told_apart(world):
    """Where ListEvents is refused, the comparison could not be made: that is said, and nothing is called incomplete."""
    tenancy = world.tenancy()
    tenancy.deny("audit")
    instance = searching(tenancy)
    instance.poll()
    emit_everywhere(tenancy)
    told = hourly(instance, hours=2)
    assert {one["code"] for one in told} == {"AUDIT_SEARCH_NOT_COMPARED"}
    assert all("404" in one["message"] and tenancy.ocid in one["message"] for one in told)
    assert instance.reports[-1]["status"] == "ok"
    assert_exactly_once(instance, "audit")


@pytest.mark.fast
@pytest.mark.slow
def test_nothing_is_compared_that_was_read_by_events(world):
    """After a change of mode, what ListEvents delivered before is not called missing, and does not come again."""
    tenancy = world.tenancy()
    tenancy.logging.unreadable_audit.add(tenancy.ocid)
    instance = searching(tenancy, audit_mode="events")
    instance.poll()
    emit_everywhere(tenancy, 4)
    instance.catch_up(minutes=5, polls=4)
    instance.settings["audit_mode"] = "search"
    assert hourly(instance, hours=4) == []
    assert_exactly_once(instance, "audit")


@pytest.mark.fast
@pytest.mark.parametrize("overlap", [0, 5, 15, 40])
@pytest.mark.slow
def test_late_events_are_found_whatever_overlap_is_set(world, overlap):
    """Up to 14 minutes late is not too late; less than 15 in the settings is overruled, which is said once."""
    tenancy = world.tenancy(HOME, FAR)
    instance = searching(tenancy, overlap_minutes=overlap)
    instance.poll()
    for late in (2, 8, 13):
        emit_everywhere(tenancy, event_time=world.clock(), visible=world.clock() + timedelta(minutes=late))
        instance.catch_up(minutes=3, polls=5)
    assert_exactly_once(instance, "audit")
    told = [len(warnings(report, "AUDIT_SEARCH_OVERLAP")) for report in instance.reports]
    assert told == [int(overlap < 15)] + [0] * 15


@pytest.mark.fast
@pytest.mark.slow
def test_rows_that_logging_shows_late_come_once(world):
    """Audit has an event at once, Logging minutes later: both the search and a change of mode deliver it once."""
    tenancy = world.tenancy(compartments=1)
    instance = searching(tenancy)
    instance.poll()
    for mode in ("search", "events", "search"):
        instance.settings["audit_mode"] = mode
        emit_everywhere(tenancy, searchable=world.clock() + timedelta(minutes=9))
        instance.catch_up(polls=4)
    assert_exactly_once(instance, "audit")


@pytest.mark.fast
@pytest.mark.slow
def test_with_logging_on_each_event_comes_once_through_audit(world):
    """Logging's own search finds the audit events too and leaves them to Audit."""
    tenancy = world.tenancy(compartments=1)
    tenancy.logging.includes_audit = True
    instance = searching(tenancy, logging_enabled=True)
    instance.poll()
    emit_everywhere(tenancy, 2)
    report = instance.catch_up(polls=1)
    assert report["sources"]["logging"]["counts"]["left_to_audit"] == 4
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (
            {"status": 404, "code": "NotAuthorizedOrNotFound"},
            "AUDIT_SEARCH_NOT_AUTHORIZED",
            "read log-content in",
        ),
        ({"status": 400, "code": "InvalidParameter"}, "AUDIT_SEARCH_REFUSED", "Audit Mode to events"),
        ({"status": 429, "code": "TooManyRequests"}, "THROTTLED", "Requests in Flight"),
    ],
)
@pytest.mark.usefixtures("few_attempts")
@pytest.mark.slow
def test_a_search_that_fails_for_long_says_what_to_do_and_stays_a_search(world, fault, code, words):
    """The other region is read on; after an hour the report says what to do; nothing is asked of ListEvents."""
    tenancy = world.tenancy(HOME, FAR, compartments=3)
    instance = searching(tenancy)
    instance.poll()
    emit_everywhere(tenancy)
    broken = world.fault(operation="search_logs", region=FAR, **fault)
    before = len(world.requests("list_events"))
    for minute in range(0, 90, 15):
        report = instance.catch_up(minutes=15, polls=1)
        assert report["sources"]["audit"]["error"]["code"] == code
        assert words in report["sources"]["audit"]["error"]["remedy"]
        assert report["sources"]["audit"]["error"]["message"].startswith(f"{FAR} could not be searched: ")
        stalled = warnings(report, "AUDIT_SEARCH_STALLED")
        assert len(stalled) == int(minute >= 45)
    assert f"in {FAR} since " in stalled[0]["message"]
    assert "Audit Mode to events" in stalled[0]["remedy"]
    assert len(world.requests("list_events")) - before <= 2
    world.sandbox.faults.remove(broken)
    assert instance.catch_up(polls=1)["status"] == "ok"
    assert_exactly_once(instance, "audit")


def test_an_idle_search_of_many_compartments_keeps_a_small_checkpoint(world):
    """With nothing in the overlap, 600 compartments in three regions are under 1 KB, also after a change of mode."""
    tenancy = world.tenancy(HOME, FAR, "uk-london-1", compartments=200)
    instance = searching(tenancy, audit_mode="events", logging_enabled=False)
    emit_everywhere(tenancy)
    instance.catch_up(polls=1)
    assert len(instance.stored) > 10_000
    instance.settings["audit_mode"] = "search"
    world.clock.advance(minutes=60)
    instance.catch_up(minutes=20, polls=2)
    assert len(instance.stored) < 1000
    assert_exactly_once(instance, "audit")


def test_the_scope_changes_while_audit_is_searched(world):
    """Narrower, without what is below it, and wider again: nothing of what is in the scope is lost."""
    tenancy = world.tenancy(compartments=2)
    team = tenancy.tree.subtree(tenancy.ocid)[1]
    below = tenancy.add_compartment("below", team, created=tenancy.tree.root.created)
    instance = searching(tenancy)
    instance.poll()
    wanted = set()
    for scope, subtree, mode in (
        ("", True, "search"),
        (team, True, "search"),
        (team, False, "search"),
        (team, True, "events"),
        ("", True, "search"),
        (team, True, "search"),
        ("", True, "events"),
    ):
        instance.settings |= {
            "compartment_ocid": scope,
            "include_subcompartments": subtree,
            "audit_mode": mode,
        }
        covered = set(tenancy.tree.subtree(scope or tenancy.ocid)) if subtree else {team}
        wanted |= {
            one.key
            for one in emit_everywhere(tenancy)
            if one.service == "audit" and one.compartment in covered
        }
        assert instance.catch_up(minutes=130, polls=2)["status"] == "ok"
    assert below in covered
    assert wanted <= set(instance.keys("audit"))
    ids = {(key_of("audit", artifact), artifact["id"]) for artifact in instance.artifacts("audit")}
    assert len(ids) == len({key for key, _ in ids})  # what both ways find has one id, and a text of each


@pytest.mark.parametrize("regions", [(HOME,), (HOME, FAR, "uk-london-1")])
def test_a_search_without_any_right_is_noticed_within_hours(world, regions):
    """Every row is hidden and only the root has events: that is told soon, however many compartments are idle."""
    tenancy = world.tenancy(*regions, compartments=100)
    tenancy.logging.unreadable_audit |= set(tenancy.tree.subtree(tenancy.ocid))
    instance = searching(tenancy)
    instance.poll()
    told = []
    for _ in range(2 * len(regions) + 2):
        tenancy.emit_audit_event(HOME, tenancy.ocid)
        told += hourly(instance, minutes=20)
    assert {one["code"] for one in told} == {"AUDIT_SEARCH_INCOMPLETE"}
    assert tenancy.ocid in told[0]["message"]


@pytest.mark.fast
@pytest.mark.slow
def test_a_comparison_that_the_poll_s_end_cuts_off_is_told(world):
    """Whoever polls with short deadlines learns that nothing was compared; the poll is not degraded by it."""
    tenancy = world.tenancy()
    instance = searching(tenancy)
    instance.poll()
    instance.catch_up(minutes=70, polls=1)
    world.clock.advance(minutes=70)
    world.fault("hang", operation="list_events")
    report = instance.poll(deadline_seconds=1.0)
    (told,) = [one for one in report["warnings"] if one["code"] == "AUDIT_SEARCH_NOT_COMPARED"]
    assert "stopped" in told["message"]
    assert report["sources"]["audit"]["status"] == "ok"


@pytest.mark.parametrize(("known", "slices"), [(0, 1), (7_000, 1), (9_000, 2), (500_000, 8)])
def test_a_busy_window_is_searched_in_slices_side_by_side(world, known, slices):
    """Where the overlap held thousands of events, the next window is cut for as many requests as may be in flight."""
    tenancy = world.tenancy()
    settings = parse_settings(tenancy.settings(audit_mode="search"))
    context = PollContext("acme", settings, world.clock, world.clock())
    state = PollState(tenancy.ocid)
    state.stream("audit", HOME).seen = [b""] * known
    scope = Scope((HOME,), (Compartment(tenancy.ocid, "", 0, deleted=False),))
    planner = Planner(AuditSearchApi(settings), context, state, scope, 15)
    (partition,) = planner.plan().partitions
    assert partition.slice_minutes == (60 // slices if slices > 1 else 0)
