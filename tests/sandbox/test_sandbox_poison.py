"""Odd records and generated ones: sound pages around them, exact texts, repeatable keys."""

import json
from datetime import timedelta

import pytest
from oci.loggingsearch.models import SearchLogsDetails

from signal_client_oci.sandbox.generated import generate_audit_events, generate_log_records
from signal_client_oci.sandbox.http.clocks import to_micros
from signal_client_oci.sandbox.poison import emit_poison

HOME = "us-ashburn-1"


@pytest.mark.parametrize(("service", "least"), [("audit", 40), ("logging", 40), ("cloudguard", 60)])
def test_every_odd_record_is_json_of_its_own(tenancy, service, least):
    """A page of them is sound JSON; only the deep one is too deep for Python's reader."""
    emitted = emit_poison(tenancy, service, HOME, tenancy.ocid)
    assert len({one.raw for one in emitted}) == len({one.key for one in emitted}) == len(emitted) >= least
    too_deep = []
    for one in emitted:
        try:
            json.loads(one.raw)
        except RecursionError:
            too_deep.append(one)
    assert len(too_deep) == 1
    assert max(len(one.raw) for one in emitted) > 5 << 20


def test_odd_events_are_served_in_one_sound_page(tenancy, connect, clock):
    """The bytes of the page are the records' bytes with commas between them."""
    emitted = emit_poison(tenancy, "audit", HOME, tenancy.ocid)
    client = connect("audit")
    client.base_client.deserialize_response_data = lambda data, *_rest: data
    page = client.list_events(tenancy.ocid, clock() - timedelta(hours=1), clock()).data
    assert page == b"[" + b",".join(one.raw for one in emitted) + b"]"


def test_odd_records_do_not_break_a_filtered_search(tenancy, connect, clock):
    """Records that no condition can be applied to meet none."""
    emit_poison(tenancy, "logging", HOME, tenancy.ocid)
    sound = tenancy.emit_log_record(HOME, tenancy.ocid, time=clock() - timedelta(seconds=1), log_type="sound")
    details = SearchLogsDetails(
        time_start=clock() - timedelta(hours=1),
        time_end=clock(),
        search_query=f"search \"{tenancy.ocid}\" | where type = 'sound' | sort by datetime asc",
    )
    [result] = connect("logging").search_logs(details).data["results"]
    assert result == json.loads(sound.raw)


@pytest.mark.parametrize("generate", [generate_audit_events, generate_log_records])
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_generated_records_are_spread_evenly_and_found_from_any_position(tenancy, clock, generate, count):
    """Reading on from any record gives exactly the records after it."""
    start, end = clock() - timedelta(hours=1), clock()
    made = generate(tenancy, (HOME, tenancy.ocid), (start, end), count)
    now = to_micros(end)
    everything = list(made.between((0, 0), now, now))
    assert len(everything) == len(made) == count
    assert [entry.at for entry in everything] == sorted(entry.at for entry in everything)
    assert to_micros(start) == everything[0].at
    for index in {0, count // 2, count - 1}:
        entry = everything[index]
        assert list(made.between(entry.after, now, now)) == everything[index + 1 :]
        assert list(made.between((entry.at, entry.sequence), now, now)) == everything[index:]
        assert list(made.between((0, 0), entry.at, now)) == everything[:index]
        assert list(made.between((0, 0), now, entry.at)) == everything[: index + 1]


def test_generated_events_are_served_like_others(tenancy, connect, pages, clock):
    """In pages, each key once, beside events that were emitted singly."""
    period = (clock() - timedelta(hours=1), clock())
    made = generate_audit_events(tenancy, (HOME, tenancy.ocid), period, 250)
    single = tenancy.emit_audit_event(HOME, tenancy.ocid, processed=period[0] + timedelta(minutes=30))
    found = pages(connect("audit").list_events, tenancy.ocid, *period)
    events = [event for page in found for event in page]
    assert [len(page) for page in found] == [100, 100, 51]
    assert sorted(event["eventId"] for event in events) == sorted([*made.keys(), single.key])
    assert events[0]["eventTime"] == "2026-03-02T08:00:00.000Z"
