"""Audit events as a search gives them: the event's own id and fields, whatever the envelope around it."""

import json
from datetime import datetime, timezone

import pytest

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.artifacts.logs.audit_record import read_searched_event
from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.oci_api.event_ids import listed_event, searched_event_id
from signal_client_oci.sandbox.data.audit_events import audit_event, audit_log_content

TENANCY = "ocid1.tenancy.oc1..aaaaaaaat"
TEAM = ("ocid1.compartment.oc1..aaaaaaaateam", "team")
MOMENT = datetime(2026, 3, 2, 8, 30, 0, 123_000, tzinfo=timezone.utc)
ORIGIN = Origin("production", TENANCY, "us-ashburn-1", True, "2026-03-02T09:00:00.000Z")  # noqa: FBT003
EVENT = "11111111-2222-4333-8444-555555555555"
TOKEN = "ST$eyJraWQiOiJhc3dfb2MxXzI1NSIsImFsZyI6IlJTMjU2In0abcdefghijkl"


def listed(**fields):
    """An event of ListEvents."""
    return audit_event(EVENT, MOMENT, TENANCY, TEAM, fields)


def searched(event, **changes):
    """The same event as `results[].data` of a search, with changes to its content."""
    content = json.loads(audit_log_content(event, TENANCY, MOMENT)) | changes
    return json.dumps({"datetime": 1_772_440_200_123, "logContent": content}).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "event_name": "UpdatePolicy",
            "status": "404",
            "resource_name": "p",
            "resource_id": "ocid1.policy.x",
        },
        {
            "credentials": TOKEN,
            "request_headers": {"authorization": ['Signature version="1",signature="abc"']},
        },
        {"defined_tags": {"Ops": {"Owner": "ada"}}, "additional_details": {"bucketName": "b"}},
        {"event_type": "com.oraclecloud.identitysignon.interactivelogin", "event_name": "InteractiveLogin"},
    ],
)
def test_both_apis_give_the_same_artifact(fields):
    """Id, time and every field but the name of the service are equal; `raw` is each service's own text, masked."""
    event = listed(**fields)
    one = read_audit_event(json.dumps(event).encode(), ORIGIN).to_artifact()
    other = read_searched_event(searched(event), ORIGIN).to_artifact()
    assert (one.artifact["id"], one.artifact["timestamp"]) == (
        other.artifact["id"],
        other.artifact["timestamp"],
    )
    differing = {
        name
        for name in one.artifact["metadata"].keys() | other.artifact["metadata"].keys()
        if one.artifact["metadata"].get(name) != other.artifact["metadata"].get(name)
    }
    assert differing <= {"program"}
    assert one.redacted == other.redacted
    assert TOKEN not in other.artifact["raw"]
    assert json.loads(other.artifact["raw"])["logContent"]["id"] == EVENT


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "2026-03-02T08:30:00.123456Z"},
        {"time": "2026-03-02T10:30:00.123+02:00"},
        {"source": "web-1"},
        {"source": None},
        {"oracle": None},
        {"oracle": {"compartmentid": TEAM[0], "loggroupid": "something else"}},
        {"extra": [1, 2, {"a": None}]},
    ],
)
def test_the_id_is_of_the_event_and_not_of_its_envelope(changes):
    """Spelling of the time, source, log group and unknown members change nothing of the id."""
    event = listed()
    record = read_searched_event(searched(event, **changes), ORIGIN)
    assert record.id == read_audit_event(json.dumps(event).encode(), ORIGIN).id
    assert record.compartment == TEAM[0]
    assert record.minute == int(MOMENT.timestamp()) // 60


def test_logging_and_the_search_of_audit_agree():
    """Where Logging finds the record, it has the id that it has by the search of Audit."""
    text = searched(listed())
    assert read_log_record(text, ORIGIN).id == read_searched_event(text, ORIGIN).id
    nameless = searched(listed(), id=None)
    assert read_log_record(nameless, ORIGIN).id == read_searched_event(nameless, ORIGIN).id


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"datetime":"x","logContent":null}',
        b'{"logContent":{"id":7,"time":7,"data":"x"}}',
        b'{"datetime":1772440200123,"logContent":{"id":"a","data":{"identity":[]}}}',
        b'{"logContent":' + b"[" * 200_000,
        b"\xff\xfe",
    ],
)
def test_whatever_comes_is_delivered(text):
    """A record that cannot be read has an id, an artifact and a parse error; it is never taken for delivered before."""
    record = read_searched_event(text, ORIGIN)
    mapped = record.to_artifact()
    assert len(record.id) == 32
    assert mapped.parse_error
    assert mapped.artifact["metadata"]["streamName"] == "oci_cloud_audit"
    assert searched_event_id(text) in {"", "a"}
    assert listed_event(text) is None


def test_a_record_without_time_takes_the_envelope_s():
    """Logging's own time counts where the event's cannot be read."""
    mapped = read_searched_event(searched(listed(), time="soon"), ORIGIN).to_artifact()
    assert mapped.artifact["timestamp"] == "2026-03-02T08:30:00.123Z"
