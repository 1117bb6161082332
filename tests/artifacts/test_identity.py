"""The id is a function of the record alone: one record has one id, two records have two."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.example_records import NAMES, ORIGIN, example, text_of

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.artifacts.problems.record import read_problem

READERS = {"audit": read_audit_event, "logging": read_log_record, "cloud_guard": read_problem}
EVENT = example("audit_update_security_list")["record"]
FLOW = example("logging_flow_accepted")["record"]
PROBLEM = example("cloud_guard_public_bucket")["record"]


def id_of(source, record, **origin):
    """Return the id of a record that was read from another origin."""
    text = record if isinstance(record, bytes) else text_of(record)
    return READERS[source](text, dataclasses.replace(ORIGIN, **origin)).id


def changed(record, path, value):
    """Return a copy of a record with another value at a path of keys."""
    other = copy.deepcopy(record)
    *parents, last = path.split(".")
    place = other
    for key in parents:
        place = place[key]
    place[last] = value
    return other


def as_audit_log(event):
    """Write an audit event as the log group `_Audit` keeps it."""
    oracle = {"loggroupid": "_Audit", "tenantid": "t", "ingestedtime": "2026-03-04T09:15:32.002Z"}
    content = {"data": {**event["data"], "message": "done"}, "dataschema": "2.0", "id": event["eventId"]}
    content |= {"oracle": oracle, "source": "", "specversion": "1.0", "time": event["eventTime"]}
    return {"datetime": 1, "logContent": {**content, "type": event["eventType"]}}


@pytest.mark.parametrize("name", NAMES)
def test_an_id_has_its_form(name):
    """An id is 32 lower-case hexadecimal digits."""
    found = example(name)["artifact"]["id"]
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", NAMES)
def test_an_id_does_not_depend_on_the_reading(name):
    """Neither instance nor redaction nor the time of reading nor details change it."""
    given_record = example(name)
    source, record = given_record["source"], given_record["record"]
    ids = {
        id_of(source, record),
        id_of(source, record, instance="other"),
        id_of(source, record, redact=False),
        id_of(source, record, read_at="2027-01-01T00:00:00Z"),
    }
    assert ids == {given_record["artifact"]["id"]}


def test_examples_have_different_ids():
    """Two records never share an id, but for an audit event and its own log record."""
    ids = [example(name)["artifact"]["id"] for name in NAMES if name != "logging_audit_record"]
    assert len(set(ids)) == len(ids)


@pytest.mark.slow
def test_an_audit_event_and_its_log_record_share_an_id():
    """The Audit API and the log group `_Audit` give the same event the same id."""
    for name in NAMES:
        record = example(name)["record"]
        if name.startswith("audit"):
            log = read_log_record(text_of(as_audit_log(record)), ORIGIN)
            assert log.from_audit
            assert log.id == id_of("audit", record)


DIFFERENT = [
    "eventTime",
    "eventType",
    "data.eventName",
    "data.compartmentId",
    "data.resourceId",
    "data.eventGroupingId",
]


@pytest.mark.parametrize("path", DIFFERENT)
def test_events_that_share_an_event_id_are_told_apart(path):
    """An event id that repeats does not make one record of two."""
    assert id_of("audit", changed(EVENT, path, "2026-03-04T09:15:27.349Z")) != id_of("audit", EVENT)


def test_tenancies_and_regions_are_told_apart():
    """The same bytes from another tenancy or region are another record, but a problem has no region."""
    for source, record in (("audit", EVENT), ("audit", {}), ("logging", FLOW)):
        assert id_of(source, record) != id_of(source, record, region="eu-frankfurt-1")
        assert id_of(source, record) != id_of(source, record, tenancy_ocid="ocid1.tenancy.oc1..other")
    assert id_of("cloud_guard", PROBLEM) == id_of("cloud_guard", PROBLEM, region="eu-frankfurt-1")
    assert id_of("cloud_guard", PROBLEM) != id_of(
        "cloud_guard", PROBLEM, tenancy_ocid="ocid1.tenancy.oc1..other"
    )


@pytest.mark.parametrize("path", ["data.compartmentId", "data.resourceId", "data.eventGroupingId"])
def test_null_and_empty_count_the_same(path):
    """A field that is null, empty or missing gives one id: sources differ in how they write nothing."""
    without = changed(EVENT, path, None)
    missing = copy.deepcopy(without)
    del missing["data"][path.partition(".")[2]]
    assert len({id_of("audit", each) for each in (without, missing, changed(EVENT, path, ""))}) == 1


def test_spelling_of_the_time_does_not_count():
    """The same instant in another spelling is the same event."""
    spellings = ["2026-03-04T09:15:27.348Z", "2026-03-04T09:15:27.348000Z", "2026-03-04T10:15:27.348+01:00"]
    assert len({id_of("audit", changed(EVENT, "eventTime", time)) for time in spellings}) == 1


def test_what_is_not_read_for_the_identity_does_not_count():
    """Order of keys, unknown fields and the rest of the event leave an audit event's id alone."""
    other = {**changed(EVENT, "data.response", None), "unknown": [1]}
    assert id_of("audit", json.dumps(other, indent=1, sort_keys=True).encode()) == id_of("audit", EVENT)


NO_ID = [None, "", 17, {"a": 1}, []]


@pytest.mark.parametrize("event_id", NO_ID, ids=range(len(NO_ID)))
def test_an_event_without_an_id_goes_by_its_bytes(event_id):
    """Without a usable event id two events differ as soon as one byte differs."""
    event = changed(EVENT, "eventId", event_id)
    assert id_of("audit", event) == id_of("audit", event)
    assert id_of("audit", event) != id_of("audit", changed(event, "data.response.status", "404"))


@pytest.mark.slow
def test_identity_is_by_bytes_where_a_field_of_it_is_unreadable():
    """A wrong type in a field that identifies does not make one record of two."""
    first, second = (changed(EVENT, "data.resourceId", {"n": n}) for n in (1, 2))
    assert id_of("audit", first) != id_of("audit", second)


def test_identity_does_not_depend_on_the_depth_of_calls():
    """A record whose nesting is about as deep as readers can follow has one id from wherever it is read."""
    text = text_of(EVENT)[:-1] + b',"deep":' + b"[" * 700 + b"]" * 700 + b"}"

    def at_depth(depth):
        return id_of("audit", text) if depth == 0 else at_depth(depth - 1)

    assert {at_depth(depth) for depth in (0, 200, 400)} == {id_of("audit", EVENT)}


def test_log_records_go_by_every_byte():
    """`logContent.id` repeats, so any difference makes another record, and equal bytes are one."""
    assert id_of("logging", FLOW) == id_of("logging", copy.deepcopy(FLOW))
    assert id_of("logging", FLOW) != id_of("logging", changed(FLOW, "logContent.data.packets", 10))


@pytest.mark.parametrize("path", ["id", "lifecycleDetail", "riskLevel", "timeLastDetected"])
def test_a_problem_that_changes_is_a_new_record(path):
    """A problem comes again when its state, risk or last detection changes."""
    assert id_of("cloud_guard", changed(PROBLEM, path, "other")) != id_of("cloud_guard", PROBLEM)


def test_a_problem_that_changes_otherwise_is_the_same_record():
    """A score or a name that moves makes no new record."""
    assert id_of("cloud_guard", changed(PROBLEM, "riskScore", 1)) == id_of("cloud_guard", PROBLEM)


@settings(deadline=None)
@given(st.lists(st.text(), min_size=5, max_size=5), st.lists(st.text(), min_size=5, max_size=5))
@pytest.mark.slow
def test_fields_cannot_be_shifted_into_each_other(first, second):
    """Two events that differ in how text is spread over their fields have different ids."""
    paths = ["eventId", "data.eventName", "data.compartmentId", "data.resourceId", "data.eventGroupingId"]
    events = []
    for values in (first, second):
        event = EVENT
        for path, value in zip(paths, values, strict=True):
            event = changed(event, path, value)
        events.append(event)
    if first[0] and second[0]:
        assert (id_of("audit", events[0]) == id_of("audit", events[1])) == (first == second)
