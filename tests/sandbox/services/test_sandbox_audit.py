"""The sandbox's Audit service, read with the real SDK."""

from datetime import timedelta

import oci
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.sandbox.data.timeline import TimelineEntry, Timelines, page_of

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"
MINUTE = timedelta(minutes=1)


def listed(pages, client, compartment, start, end):
    """Return the eventIds of a window, read to its end."""
    return [event["eventId"] for page in pages(client.list_events, compartment, start, end) for event in page]


@pytest.mark.slow
def test_an_event_is_found_in_exactly_its_region_and_compartment(tenancy, connect, pages, clock):
    """Neither another region nor a compartment above or below shows an event."""
    parent = tenancy.add_compartment("parent")
    child = tenancy.add_compartment("child", parent)
    event = tenancy.emit_audit_event(HOME, parent)
    window = (clock() - MINUTE, clock() + MINUTE)
    found = {
        (region, compartment): listed(pages, connect("audit", region), compartment, *window)
        for region in (HOME, OTHER)
        for compartment in (tenancy.ocid, parent, child)
    }
    assert found.pop((HOME, parent)) == [event.key]
    assert not any(found.values())


def test_a_window_includes_its_start_and_excludes_its_end_by_processed_time(tenancy, connect, pages, clock):
    """The processed time decides, whatever the event's own time says."""
    start, end = clock(), clock() + MINUTE
    clock.advance(hours=1)
    processed = {"before": start - timedelta(microseconds=1), "first": start, "end": end}
    for name, moment in processed.items():
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=moment, event_time=start, event_id=name)
    assert listed(pages, connect("audit"), tenancy.ocid, start, end) == ["first"]


def test_an_event_appears_at_its_visible_time(tenancy, connect, pages, clock):
    """A late event lies in an old window, but only once it has become visible."""
    processed = clock()
    tenancy.emit_audit_event(HOME, tenancy.ocid, processed=processed, visible=processed + 10 * MINUTE)
    clock.advance(minutes=9)
    assert listed(pages, connect("audit"), tenancy.ocid, processed, processed + MINUTE) == []
    clock.advance(minutes=1)
    assert len(listed(pages, connect("audit"), tenancy.ocid, processed, processed + MINUTE)) == 1


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_pages_hold_the_page_size_and_everything_once(tenancy, connect, pages, clock, count):
    """Events of one millisecond are cut into pages without loss or repetition."""
    for _ in range(count):
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=clock())
    found = pages(connect("audit").list_events, tenancy.ocid, clock(), clock() + MINUTE)
    sizes = [len(page) for page in found]
    assert sizes == [100] * (max(count - 1, 0) // 100) + [count - max(count - 1, 0) // 100 * 100]
    assert sorted(event["eventId"] for page in found for event in page) == tenancy.ground_truth.keys("audit")


def test_empty_pages_in_the_middle_lose_nothing(tenancy, connect, pages, clock):
    """The first and the third page are empty and name a next page all the same."""
    tenancy.audit.page_size, tenancy.audit.empty_pages = 2, frozenset({1, 3})
    for _ in range(5):
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=clock())
    found = pages(connect("audit").list_events, tenancy.ocid, clock(), clock() + MINUTE)
    assert [len(page) for page in found] == [0, 2, 0, 2, 1]


def test_seconds_of_a_window_are_honoured(tenancy, connect, pages, clock):
    """What the real service does is not documented; the sandbox takes them at their word."""
    for second in (5, 30, 89, 90):
        processed = clock() + timedelta(seconds=second)
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=processed, event_id=str(second))
    start = clock() + timedelta(seconds=30)
    clock.advance(hours=1)
    assert listed(pages, connect("audit"), tenancy.ocid, start, start + MINUTE) == ["30", "89"]


def test_events_beyond_the_retention_are_gone(tenancy, connect, pages, clock):
    """A window that reaches back too far shows what is left, without an error."""
    tenancy.audit.retention = timedelta(days=90)
    for days in (91, 89):
        tenancy.emit_audit_event(
            HOME, tenancy.ocid, processed=clock() - timedelta(days=days), event_id=str(days)
        )
    assert listed(pages, connect("audit"), tenancy.ocid, clock() - timedelta(days=120), clock()) == ["89"]


def test_unknown_denied_and_unreadable_compartments_are_404(tenancy, connect, clock):
    """A missing policy cannot be told from a missing compartment."""
    denied, deleted = tenancy.add_compartment("denied"), tenancy.add_compartment("deleted")
    tenancy.deny("audit", compartment=denied)
    tenancy.delete_compartment(deleted, readable=False)
    for compartment in (denied, deleted, "ocid1.compartment.oc1..unknown"):
        with pytest.raises(oci.exceptions.ServiceError) as refused:
            connect("audit").list_events(compartment, clock(), clock() + MINUTE)
        assert (refused.value.status, refused.value.code) == (404, "NotAuthorizedOrNotFound")
    tenancy.allow("audit", compartment=denied)
    assert connect("audit").list_events(denied, clock(), clock() + MINUTE).data == []


def test_a_deleted_compartment_stays_readable(tenancy, connect, pages, clock):
    """Late events of a deleted compartment can still be collected."""
    deleted = tenancy.add_compartment("deleted")
    tenancy.delete_compartment(deleted)
    tenancy.emit_audit_event(HOME, deleted, event_id="late")
    assert listed(pages, connect("audit"), deleted, clock(), clock() + MINUTE) == ["late"]


@pytest.mark.parametrize("change", ["token", "query", "expired"])
@pytest.mark.slow
def test_a_token_that_does_not_fit_is_refused(tenancy, connect, clock, change):
    """Garbage, a token of another query and one of an expired listing are each a 400."""
    for _ in range(101):
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=clock())
    client, end = connect("audit"), clock() + MINUTE
    token = client.list_events(tenancy.ocid, clock(), end).next_page
    if change == "expired":
        tenancy.audit.listings.expire(token)
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        client.list_events(
            tenancy.ocid,
            clock(),
            end + MINUTE if change == "query" else end,
            page="garbage" if change == "token" else token,
        )
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


def test_the_models_of_the_sdk_read_an_event(tenancy, connect, clock):
    """The shape is the documented one, down to lists as header values."""
    tenancy.emit_audit_event(
        HOME, tenancy.ocid, event_name="CreateUser", status="200", request_headers={"X-Real-IP": ["10.0.0.9"]}
    )
    [event] = (
        connect("audit", skip_deserialization=False).list_events(tenancy.ocid, clock(), clock() + MINUTE).data
    )
    assert event.data.event_name == "CreateUser"
    assert event.data.response.status == "200"
    assert event.data.request.headers["X-Real-IP"] == ["10.0.0.9"]
    assert event.event_time == clock() - timedelta(seconds=3)


def test_a_raw_record_is_sent_byte_for_byte(tenancy, connect, clock):
    """Numbers, order and blanks of an odd record arrive as they were given."""
    raw = b'{ "eventId":"odd", "n":1.10, "big":123456789012345678901234567890 }'
    tenancy.emit_audit_event(HOME, tenancy.ocid, raw=raw)
    client = connect("audit")
    client.base_client.deserialize_response_data = lambda data, *_rest: data
    assert client.list_events(tenancy.ocid, clock(), clock() + MINUTE).data == b"[" + raw + b"]"


def test_requests_are_recorded_with_their_window_and_without_their_signature(
    tenancy, connect, pages, sandbox, clock
):
    """Tests can assert windows, pages and counts; the signature is not kept."""
    for _ in range(101):
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=clock())
    pages(connect("audit").list_events, tenancy.ocid, clock(), clock() + MINUTE)
    first, second = sandbox.requests
    assert (first.service, first.operation, first.region) == ("audit", "list_events", HOME)
    assert first.compartments == (tenancy.ocid,)
    assert first.params["startTime"] == "2026-03-02T09:00:00Z"
    assert (first.page, second.page, first.status, second.status) == (1, 2, 200, 200)
    assert "authorization" not in first.headers
    assert "Signature" not in repr(first)
    assert sandbox.request_log.counts() == {200: 2}


entries = st.builds(
    TimelineEntry,
    st.integers(0, 20),
    st.integers(0, 10**6),
    st.integers(0, 30),
    st.sampled_from([b"a", b"b"]),
    st.sampled_from(["one", "two"]),
)


@pytest.mark.slow
@given(
    st.lists(entries, unique_by=lambda entry: entry.sequence),
    st.integers(1, 5),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 30),
)
def test_reading_in_pieces_is_reading_at_once(records, size, start, end, now):
    """Whatever the page size, the pages are the window: visible, in order, once each."""
    timelines = Timelines()
    for record in records:
        timelines.add(HOME, record)
    expected = sorted(entry for entry in records if start <= entry.at < end and entry.visible <= now)
    position, found = (start, 0), []
    while position:
        entries_left = timelines.between(HOME, ["one", "two"], position, end, now)
        page, position = page_of(entries_left, size)
        assert len(page) == size or position is None
        found += page
    assert found == expected
