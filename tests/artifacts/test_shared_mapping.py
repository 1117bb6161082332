"""What is mapped once for many records comes out as if each had been mapped by itself."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import msgspec
import pytest
from support.example_records import NAMES, ORIGIN, each_path, example, mapped, text_of
from test_any_json import replaced

from signal_client_oci.artifacts.audit import record as audit
from signal_client_oci.artifacts.logs import fields, general_record
from signal_client_oci.artifacts.logs import record as log_record
from signal_client_oci.artifacts.logs.flows import usual_flow
from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.artifacts.problems import fields as problem_fields
from signal_client_oci.artifacts.problems import general_problem, usual_problem
from signal_client_oci.artifacts.problems import record as problem_record
from signal_client_oci.artifacts.problems.record import read_problem
from signal_client_oci.artifacts.sanitize import is_clean

OTHERS = ("another value", "10.9.8.7", "403", "RESOLVED", "2026-03-04T09:15:28.349Z", 404, None)


def alone(source, record):
    """Map a record without what is known of others, and without the quick ways."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (audit, general_record, general_problem):
            patch.setattr(module, "is_clean", lambda _text: False)
        patch.setattr(log_record, "read_usual_flow", lambda *_: None)
        patch.setattr(problem_record, "read_usual_problem", lambda *_: None)
        return mapped(source, record)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(OTHERS)), ids=str)
def test_each_value_counts(number):
    """After a record was mapped, one that differs in any one value is mapped by its own; half of the values a path."""
    for given, path in list(each_path())[number % 2 :: 2]:
        source, record = given["source"], replaced(given["record"], path, OTHERS[number])
        mapped(source, given["record"])
        assert mapped(source, record) == alone(source, record), path


FLOWS = {
    "as it is": {},
    "on its way back": {"sourcePort": 443, "destinationPort": 60830},
    "of IPv6": {"sourceAddress": "2001:db8::1", "destinationAddress": "2001:db8::2"},
    "rejected": {"action": "REJECT"},
    "accepted in other letters": {"action": "accept"},
    "without an action": {"action": "-"},
    "of a protocol of blanks": {"protocolName": "   "},
    "of no protocol": {"protocolName": ""},
    "of the protocol null": {"protocolName": "null"},
    "of an unknown status": {"status": "PARTIAL"},
    "of a status in other letters": {"status": "ok"},
    "without a name of its protocol": {"protocolName": "-"},
    "with a blank protocol": {"protocolName": " TCP"},
    "without an id": {"flowid": "-"},
    "with the id null": {"flowid": "null"},
    "with an id of blanks": {"flowid": "  "},
    "with a long id of blanks": {"flowid": "       "},
    "with an id behind a blank": {"flowid": " 1b2c3d4e"},
    "with an id of two lines": {"flowid": "1b2c\n3d4e"},
    "of a protocol written backwards": {"protocolName": "\u202ePCT"},
    "without a status": {"status": None},
    "not recorded": {"status": "NODATA", "sourceAddress": "-", "packets": "-"},
    "from a name": {"sourceAddress": "web-1"},
    "to no port": {"destinationPort": 65536},
    "before the calendar": {"startTime": -(2**61)},
    "in another version": {"newMember": 1},
}


ENVELOPES = {
    "of the audit log": {"oracle": {"loggroupid": "_Audit"}},
    "of no group": {"oracle": {"loggroupid": None}},
    "of another type": {"type": "com.oraclecloud.loadbalancer.access"},
    "without a type": {"type": None},
    "without a subject": {"subject": "-"},
    "with an id of blanks": {"id": "       "},
    "with an interface of blanks": {"oracle": {"vnicocid": "       "}},
    "in a subnet without a name": {"oracle": {"vnicsubnetocid": "null"}},
    "in a subnet of blanks": {"oracle": {"vnicsubnetocid": "       "}},
    "with an ingestion of blanks": {"oracle": {"ingestedtime": "       "}},
    "with all behind blanks": {
        "id": " 1b2c3d4e",
        "oracle": {"vnicocid": " vnic-1", "vnicsubnetocid": " net-1", "ingestedtime": " 2026-03-04"},
    },
    "without an ingestion": {"oracle": {"ingestedtime": None}},
    "with a number for its time": {"time": 17},
    "with a number for its resource": {"oracle": {"resourceId": 17}},
    "with another member": {"oracle": {"password": "hunter2"}},
    "that is no object": {"oracle": "null"},
}


def assert_mapped_in_one_way(source, record):
    """Assert that a record is mapped as the general mapping does it, in the same order."""
    slow, unmasked = alone(source, record), replace(ORIGIN, redact=False)
    quick = [mapped(source, record)]
    if not slow.redacted:
        text = record if isinstance(record, bytes) else text_of(record)
        harmless = {"details": None, "harmless": True} if source == "cloud_guard" else {"harmless": True}
        read = read_problem if source == "cloud_guard" else read_log_record
        quick += [mapped(source, record, origin=unmasked), read(text, ORIGIN).to_artifact(**harmless)]
    for one in quick:
        assert list(one.artifact["metadata"].items()) == list(slow.artifact["metadata"].items())
        assert one == slow


@pytest.mark.parametrize("changes", FLOWS.values(), ids=FLOWS)
def test_a_flow_is_mapped_in_one_way(changes):
    """A flow in which nothing is missing is mapped in less time, and every flow as the general mapping does it."""
    record = copy.deepcopy(example("logging_flow_accepted")["record"])
    mapped("logging", record)
    record["logContent"]["data"] |= changes
    assert_mapped_in_one_way("logging", record)


@pytest.mark.parametrize("changes", ENVELOPES.values(), ids=ENVELOPES)
def test_a_flow_is_mapped_in_one_way_whatever_is_around_it(changes):
    """A flow is mapped as the general mapping does it, in whatever envelope it comes."""
    record = copy.deepcopy(example("logging_flow_accepted")["record"])
    mapped("logging", record)
    content = record["logContent"]
    oracle = changes.get("oracle", {})
    content |= changes | {"oracle": content["oracle"] | oracle if isinstance(oracle, dict) else oracle}
    assert_mapped_in_one_way("logging", record)


@pytest.mark.parametrize("written", ["1772615727000.0", '"1772615727000"', "true", "null", str(2**70)])
def test_a_flow_is_mapped_in_one_way_at_any_time(written):
    """A flow is mapped as the general mapping does it, however its time is written."""
    record = copy.deepcopy(example("logging_flow_accepted")["record"])
    record["datetime"] = json.loads(written)
    assert_mapped_in_one_way("logging", record)


def test_the_usual_flow_takes_the_quick_way(monkeypatch):
    """A flow record in which nothing is missing is mapped without the general way."""
    given = example("logging_flow_accepted")
    monkeypatch.setattr(usual_flow, "GeneralRecord", None)
    assert mapped("logging", given["record"]).artifact == given["artifact"]


def test_a_flow_that_is_not_mapped_yet_shows_nothing_of_its_text():
    """What a log or a crash report prints of a record has no secret in it."""
    record = copy.deepcopy(example("logging_flow_accepted")["record"])
    record["logContent"]["source"] = "password=hunter2"
    read = read_log_record(text_of(record), ORIGIN)
    assert repr(read) == f"<UsualFlowRecord {read.id}>"


@pytest.mark.parametrize(
    ("quick", "general"),
    [
        (usual_flow._Log, fields.Log),
        (usual_flow._Content, fields.LogContent),
        (usual_flow._Oracle, fields.LogOracle),
        (usual_flow._Flow, fields.KnownFlow),
        (problem_fields.UsualSummary, problem_fields.ProblemFields),
    ],
)
def test_both_ways_read_the_same_members(quick, general):
    """The quick way looks at every member that the general way reads, so none of a wrong type escapes it."""
    read = [{one.encode_name for one in msgspec.structs.fields(kind)} for kind in (quick, general)]
    assert read[0] == read[1]


PROBLEMS = {
    "as it is": {},
    "with a name of three letters": {"resourceName": "web"},
    "without what few summaries have": {"region": None, "labels": [], "targetId": None, "resourceType": None},
    "with a member that is new": {"timeDue": None, "manageType": "MANUAL"},
    "detected once": {
        "timeFirstDetected": "2026-03-04T09:10:00.412Z",
        "timeLastDetected": "2026-03-04T09:10:00.412Z",
    },
    "detected never": {"timeFirstDetected": "", "timeLastDetected": ""},
    "without a beginning": {"timeFirstDetected": None},
    "detected again": {"timeLastDetected": "2026-03-05T09:10:00.412Z"},
    "detected again by another spelling": {"timeLastDetected": "2026-03-05T09:10:00Z"},
    "of no readable beginning": {"timeFirstDetected": "yesterday"},
    "resolved": {"lifecycleDetail": "RESOLVED", "lifecycleState": "INACTIVE"},
    "in an unknown state": {"lifecycleDetail": "MERGED"},
    "named like its resource": {"resourceName": "ocid1.bucket.a", "resourceId": "ocid1.bucket.a"},
    "without a name": {"resourceName": "null"},
    "named with blanks": {"resourceName": "  "},
    "without an id of its resource": {"resourceId": None},
    "without a score": {"riskScore": "none"},
    "of no risk": {"riskScore": 0},
    "of an immense score": {"riskScore": 10**400},
    "of a risk in other letters": {"riskLevel": "High"},
    "of an unknown risk": {"riskLevel": "SEVERE"},
    "of a state in other letters": {"lifecycleDetail": "open", "lifecycleState": "Active"},
    "with an id of blanks": {"id": "      "},
    "with an id behind a blank": {"id": " ocid1.problem.a", "resourceId": " ocid1.bucket.a"},
    "without an id": {"id": "null"},
    "with a resource of blanks": {"resourceId": "      "},
    "named by an escape": {"resourceName": "web\n1"},
    "that was never risky": {"peakRiskScore": 0.0},
    "that was risky": {"peakRiskScore": 61.5},
    "with labels in a text": {"labels": "CIS, ObjectStorage"},
    "with a comment": {"comment": "looked at"},
    "of an activity": {"detectorId": "IAAS_ACTIVITY_DETECTOR", "resourceType": "User"},
    "that touches another": {"impactedResourceName": "10.0.0.7"},
    "with details": {"additionalDetails": {"principalName": "ada"}},
}


@pytest.mark.parametrize("changes", PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_mapped_in_one_way(changes):
    """A summary in which nothing is missing is mapped in less time, each problem as the general mapping does it."""
    record = copy.deepcopy(example("cloud_guard_public_bucket")["record"])
    mapped("cloud_guard", record)
    record |= changes
    assert_mapped_in_one_way("cloud_guard", record)


@pytest.mark.parametrize(
    "members",
    [
        rb'"riskLevel":null,"riskLevel":"HIGH"',
        rb'"riskLevel":"HIGH","riskLevel":null',
        rb'"riskLevel":"HIGH","risk\u004cevel":"LOW"',
        rb'"riskLevel":"\u0048IGH"',
        rb'"resourceName":"\ud800"',
        b'"resourceName":"w\xe9b"',
        rb'"riskScore":1e400',
        rb'"riskScore":-0',
    ],
    ids=str,
)
def test_a_problem_is_mapped_in_one_way_however_it_is_written(members):
    """Members that stand twice, escapes and broken characters are read as the general mapping reads them."""
    text = text_of(example("cloud_guard_public_bucket")["record"])
    assert_mapped_in_one_way("cloud_guard", text[:-1] + b"," + members + b"}")


@pytest.mark.parametrize("changes", PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_the_same_in_both_ways(changes):
    """What is asked of a problem before it is mapped does not depend on the way in which it is read."""
    text = text_of(example("cloud_guard_public_bucket")["record"] | changes)
    read = read_problem(text, ORIGIN), general_problem.read_general_problem(text, ORIGIN)
    quick, slow = ((p.id, p.problem_id, p.risk_level, p.is_active, p.last_detected) for p in read)
    assert quick == slow


def test_the_usual_problem_takes_the_quick_way(monkeypatch):
    """A summary in which nothing is missing is read and mapped without the general way."""
    record = example("cloud_guard_public_bucket")["record"]
    expected = alone("cloud_guard", record)
    for module in (problem_record, usual_problem):
        monkeypatch.setattr(module, "read_general_problem", None)
    assert mapped("cloud_guard", record) == expected


def test_a_problem_that_is_not_mapped_yet_shows_nothing_of_its_text():
    """What a log or a crash report prints of a problem has no secret in it."""
    record = example("cloud_guard_public_bucket")["record"] | {"resourceName": "password=hunter2"}
    read = read_problem(text_of(record), ORIGIN)
    assert repr(read) == f"<UsualProblem {read.id}>"


@pytest.mark.parametrize("name", NAMES)
def test_nobody_can_change_what_is_shared(name):
    """Whatever is done to an artifact, the next record like it is mapped as the first."""
    given = example(name)
    first = mapped(given["source"], given["record"])
    kept = copy.deepcopy(first)
    for value in first.artifact["metadata"].values():
        if isinstance(value, list):
            value.clear()
    first.artifact["metadata"].clear()
    assert mapped(given["source"], given["record"]) == kept


def test_examples_are_shared():
    """Most of the examples are of those that others can share with: else this file would compare like with like."""
    clean = [name for name in NAMES if is_clean(text_of(example(name)["record"]))]
    assert len(clean) > len(NAMES) / 2
