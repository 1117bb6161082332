"""Generated records: repeatable keys, found from any position, served like others."""

from datetime import timedelta

import pytest
from support.generated_load import generate_audit_events, generate_log_records

from signal_client_oci.sandbox.clocks import to_micros

HOME = "us-ashburn-1"


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
        assert list(made.between((entry.at, entry.sequence + 1), now, now)) == everything[index + 1 :]
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
