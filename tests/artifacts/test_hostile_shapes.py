"""Shapes that occur in the wild make a right artifact, or one that says what could not be read."""

from __future__ import annotations

import copy
import json

import pytest
from support.example_records import ORIGIN, example, mapped, text_of

from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.artifacts.problems.record import read_problem
from signal_client_oci.artifacts.sanitize import MAX_CHARACTERS, MAX_ITEMS

EVENT = example("audit_update_security_list")["record"]
FLOW = example("logging_flow_accepted")["record"]
PROBLEM = example("cloud_guard_public_bucket")["record"]


def event_with(**data):
    """Return the metadata of an audit event with other members in its data."""
    event = copy.deepcopy(EVENT)
    event["data"] |= data
    return mapped("audit", event).artifact["metadata"]


def flow_with(**record):
    """Return what is made of a flow record with other members."""
    return mapped("logging", {**FLOW, **record})


@pytest.mark.parametrize("identity", [{}, None, {"principalName": None, "ipAddress": ""}])
def test_an_identity_without_content_names_nobody(identity):
    """An identity that is empty or null is not an error, and no field says "None"."""
    metadata = event_with(identity=identity)
    assert "userName" not in metadata
    assert "clientIP" not in metadata
    assert "oci.parseError" not in metadata
    assert str(metadata["message"]).startswith("somebody updated")


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ({"principalName": "alice", "callerName": "broker"}, "alice"),
        ({"principalName": None, "callerName": "broker", "principalId": "ocid1.x"}, "broker"),
        (
            {"principalName": "None", "principalId": "ocid1.saml2idp.oc1..x/bob@example.com"},
            "bob@example.com",
        ),
        ({"principalName": "  ", "principalId": "ocid1.fnfunc.oc1.iad.x"}, "ocid1.fnfunc.oc1.iad.x"),
        ({"callerId": "ocid1.user.oc1..y"}, "ocid1.user.oc1..y"),
    ],
)
def test_who_called(identity, name):
    """The principal's name, else the caller's, else the readable part of an id."""
    assert event_with(identity=identity)["userName"] == name


@pytest.mark.parametrize(
    ("address", "ip"),
    [
        ("203.0.113.24", "203.0.113.24"),
        ("2001:db8::1", "2001:db8::1"),
        (" 203.0.113.24 ", "203.0.113.24"),
        ("203.0.113.24, 10.0.0.1", "203.0.113.24"),
        ("203.0.113.24:443", "203.0.113.24"),
        ("internal", None),
        ("3232235777", None),
        ("1" * 5000, None),
        ("999.1.1.1", None),
    ],
)
def test_client_ip_is_one_ip(address, ip):
    """The first address of a list counts; what is not exactly one address is not lost."""
    metadata = event_with(identity={"ipAddress": address})
    assert metadata.get("clientIP") == ip
    assert ("oci.ipAddress" in metadata) == (ip != address.strip())


@pytest.mark.parametrize("nothing", [None, "", " ", "None", "null"])
def test_nothing_is_absent(nothing):
    """Null, blanks, and the words that pipelines write for them, count as no value."""
    metadata = event_with(
        compartmentId=nothing, compartmentName=nothing, resourceName=nothing, resourceId=nothing
    )
    assert (
        not {"oci.compartmentId", "oci.compartmentName", "oci.resourceId", "oci.resourceName"}
        & metadata.keys()
    )
    assert str(metadata["message"]) == "alice@example.com updated security list: 200, opens 0.0.0.0/0 tcp/all"
    assert str(nothing) not in {"None", "null"} or str(nothing) not in str(metadata["senderHost"])


def test_an_object_written_as_a_string_is_read_and_named():
    """A nested object that a pipeline turned into text is read all the same, and the record says so."""
    metadata = event_with(
        identity=json.dumps({"principalName": "alice"}), request="None", response="{'status': 1}"
    )
    assert metadata["userName"] == "alice"
    assert metadata["oci.parseError"] == (
        "data.identity: an object encoded as a string; data.response: an object encoded as a string"
    )


def test_words_for_nothing_are_not_said():
    """The words that pipelines write for null are not taken for a name, a type or a status."""
    metadata = event_with(eventName="None", response={"status": "None", "message": "null"})
    assert metadata["action"] == "UpdateSecurityList"
    assert (
        metadata["message"]
        == "alice@example.com updated security list web-sl in prod, opens 0.0.0.0/0 tcp/all"
    )
    assert "oci.outcome" not in metadata
    bare = mapped("audit", {**EVENT, "eventType": "None", "data": {**EVENT["data"], "eventName": "null"}})
    assert bare.artifact["metadata"]["message"] == (
        "alice@example.com did something unnamed web-sl in prod: 200"
    )
    assert bare.artifact["metadata"]["vendorCode"] == "unknown"
    credentials = {"credentials": "None", "principalName": "alice"}
    assert "oci.credentialKind" not in event_with(identity=credentials)


def test_open_parts_written_as_strings_are_read():
    """What decides the severity counts also where a pipeline turned the details into text."""
    details = json.dumps({"publicAccessType": "ObjectRead"})
    bucket = copy.deepcopy(EVENT) | {"eventType": "com.oraclecloud.objectstorage.updatebucket"}
    bucket["data"] |= {"eventName": "UpdateBucket", "additionalDetails": details}
    assert mapped("audit", bucket).artifact["metadata"]["severityLabel"] == "high"
    bucket["data"]["additionalDetails"] = {"publicAccessType": "None"}
    assert "oci.publicAccessType" not in mapped("audit", bucket).artifact["metadata"]
    login = copy.deepcopy(example("audit_domain_sign_in_failed")["record"])
    login["data"]["additionalDetails"] = json.dumps(login["data"]["additionalDetails"])
    assert mapped("audit", login).artifact["metadata"]["userName"] == "bob@example.com"


@pytest.mark.parametrize("absent", ["null", "missing"])
def test_an_event_without_data_says_so_and_keeps_what_it_has(absent):
    """An event without its main part still says what it was, under the id that its event id gives."""
    event = {name: value for name, value in EVENT.items() if name != "data"}
    artifact = mapped("audit", event | ({"data": None} if absent == "null" else {})).artifact
    assert artifact["metadata"]["oci.parseError"] == "data: missing"
    assert artifact["metadata"]["vendorCode"] == EVENT["eventType"]
    assert artifact["timestamp"] == EVENT["eventTime"]


WRONG = [
    ("eventName", 5, "data.eventName: unexpected type (found a number)"),
    ("compartmentId", {"a": 1}, "data.compartmentId: unexpected type (found an object)"),
    ("resourceName", ["x"], "data.resourceName: unexpected type (found a list)"),
    ("identity", 5, "data.identity: expected an object, found a number"),
    ("identity", {"principalName": True}, "data.identity.principalName: unexpected type (found a boolean)"),
    ("response", {"status": [200]}, "data.response.status: unexpected type (found a list)"),
]


@pytest.mark.parametrize(("name", "value", "parse_error"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_type_is_named_and_the_rest_is_filled(name, value, parse_error):
    """Only the field that is wrong is missing."""
    metadata = event_with(**{name: value})
    assert metadata["oci.parseError"] == parse_error
    assert metadata["vendorCode"] == EVENT["eventType"]
    assert metadata["oci.eventId"] == EVENT["eventId"]


@pytest.mark.parametrize(
    "time", [None, "", "soon", "2026-13-45T99:00:00Z", 1772615727348, "99999-01-01T00:00:00Z"]
)
def test_a_time_that_cannot_be_read_is_the_time_of_reading(time):
    """Such a record is delivered with the time of reading and names the field."""
    result = mapped("audit", {**EVENT, "eventTime": time})
    assert result.artifact["timestamp"] == ORIGIN.read_at
    assert result.parse_error
    assert "eventTime: " in result.artifact["metadata"]["oci.parseError"]


@pytest.mark.parametrize(
    ("record", "timestamp", "parse_error"),
    [
        ({"datetime": "1772615727000"}, "2026-03-04T09:15:27.000Z", None),
        ({"datetime": 1772615727123.9}, "2026-03-04T09:15:27.123900Z", None),
        ({"datetime": None}, "2026-03-04T09:15:27.000Z", None),
        ({"datetime": 0}, "1970-01-01T00:00:00.000Z", None),
        ({"datetime": 10**40}, "2026-03-04T09:15:27.000Z", "datetime: not a readable time"),
        ({"datetime": "never"}, "2026-03-04T09:15:27.000Z", "datetime: not a readable time"),
        (
            {"datetime": None, "logContent": {"time": "?"}},
            ORIGIN.read_at,
            "logContent.time: not a readable time",
        ),
        ({"datetime": None, "logContent": None}, ORIGIN.read_at, "datetime: missing"),
    ],
)
def test_the_time_of_a_log_record(record, timestamp, parse_error):
    """`datetime` counts as number and as text, `time` stands in for it, and a time of 1970 is one."""
    artifact = flow_with(**record).artifact
    assert artifact["timestamp"] == timestamp
    assert artifact["metadata"].get("oci.parseError") == parse_error


def test_numbers_and_doubled_keys_stay_in_raw():
    """Digits beyond 2^53 and keys that come twice are handed on as they are; the last value counts."""
    text = b'{"datetime":1772615727000,"n":12345678901234567890123,"x":1e400,"logContent":{"type":"a","type":"b"}}'
    artifact = mapped("logging", text).artifact
    assert artifact["raw"].encode() == text
    assert artifact["metadata"]["vendorCode"] == "b"


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1e300", b"9" * 400, b'"many"', b"[]", b"true"])
def test_a_count_that_is_none_is_named(number):
    """A number that no counter can hold is left out and named, and the rest of the flow is mapped."""
    text = text_of(FLOW).replace(b'"packets":9', b'"packets":' + number)
    result = mapped("logging", text)
    metadata = result.artifact["metadata"]
    assert "clientPackets" not in metadata
    assert metadata["clientIP"] == "10.0.0.7"
    assert metadata["oci.parseError"] == "logContent.data.packets: not a number"


def test_a_log_record_with_a_bad_part_is_read_around_it():
    """Control characters in the data of a log record cost it nothing but a remark."""
    text = text_of(FLOW).replace(b'"status":"OK"', b'"status":"O\x01K"')
    metadata = mapped("logging", text).artifact["metadata"]
    assert metadata["oci.parseError"] == "record: not valid JSON"
    assert (metadata["clientIP"], metadata["oci.status"]) == ("10.0.0.7", "O\\x01K")


def test_select_and_summarize_results_are_records():
    """A search result without `logContent` is delivered with what it has."""
    artifact = mapped("logging", {"datetime": 1772615727000, "user": "bob", "message": "12 logins"}).artifact
    assert artifact["metadata"]["message"] == "12 logins"
    assert artifact["metadata"]["userName"] == "bob"
    assert "oci.parseError" not in artifact["metadata"]


@pytest.mark.parametrize("data", ["a line", "", None, [1, 2], 17, True, {"message": {"a": 1}}, {}])
def test_log_data_of_any_kind_is_a_record(data):
    """Data that is text, a list or nothing is delivered like any other."""
    content = {**FLOW["logContent"], "type": "com.oraclecloud.logging.custom.x", "data": data}
    artifact = flow_with(logContent=content).artifact
    assert artifact["metadata"]["vendorCode"] == "com.oraclecloud.logging.custom.x"
    if data == "a line":
        assert artifact["metadata"]["message"] == "a line"


@pytest.mark.parametrize("level", ["High", "high", " HIGH ", "HIGH"])
def test_a_risk_level_counts_in_any_case(level):
    """Some pipelines write `High`."""
    assert (
        mapped("cloud_guard", {**PROBLEM, "riskLevel": level}).artifact["metadata"]["severityLabel"] == "high"
    )


def test_an_unknown_risk_level_is_said_to_be_one():
    """A severity is never guessed."""
    result = mapped("cloud_guard", {**PROBLEM, "riskLevel": "APOCALYPTIC"})
    assert result.artifact["metadata"]["severityLabel"] == "informational"
    assert result.artifact["metadata"]["oci.parseError"] == "riskLevel: not a known risk level"


@pytest.mark.parametrize(
    "details", [b"", b"[]", b"<html>", b'{"id":"ocid1.other"}', b"{}", b'{"id":', b"null"]
)
def test_details_that_are_no_such_problem_are_left_out(details):
    """A GetProblem response that is not an object about this problem does not replace the summary."""
    record = read_problem(text_of(PROBLEM), ORIGIN)
    assert record.to_artifact(details).artifact == record.to_artifact(None).artifact


def test_what_a_problem_tells_before_it_is_mapped():
    """Id, state and last detection are there for the reader, and none of them raises."""
    record = read_problem(text_of(PROBLEM), ORIGIN)
    assert (record.problem_id, record.is_active) == (PROBLEM["id"], True)
    assert record.last_detected is not None
    assert record.last_detected.isoformat() == "2026-03-04T09:10:00.412000+00:00"
    broken = read_problem(b'{"id":5,"lifecycleState":"INACTIVE","timeLastDetected":"x"}', ORIGIN)
    assert (broken.problem_id, broken.is_active, broken.last_detected) == (None, False, None)


def test_what_a_log_record_tells_before_it_is_mapped():
    """Log group and compartment are there for the reader."""
    plain = read_log_record(text_of(FLOW), ORIGIN)
    assert (plain.from_audit, plain.compartment) == (False, FLOW["logContent"]["oracle"]["compartmentid"])
    for group in ("_Audit", "_Audit_Include_Subcompartment"):
        content = {"oracle": {"loggroupid": group, "compartmentid": ""}}
        audit = read_log_record(text_of({"logContent": content}), ORIGIN)
        assert (audit.from_audit, audit.compartment) == (True, None)


NO_RECORDS = [b"null", b"17", b'"text"', b"[1]", b"", b"{", b"\xff\xfe", b"{}", b"[" * 50_000]


@pytest.mark.parametrize("text", NO_RECORDS, ids=range(len(NO_RECORDS)))
@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
def test_what_is_no_record_is_delivered(source, text):
    """Anything becomes an artifact that says that it could not be read, and no two look like repeats."""
    result = mapped(source, text)
    metadata = result.artifact["metadata"]
    assert result.parse_error
    assert metadata["messageType"] == "unreadable_record"
    assert metadata["vendorCode"] == "unknown"
    assert metadata["action"]
    assert result.artifact["timestamp"] == ORIGIN.read_at


def test_a_record_with_one_bad_part_is_read_around_it():
    """A part that is not JSON costs the record nothing but a parse error."""
    text = text_of(EVENT).replace(b'"parameters":{}', b'"parameters":{"a":\x01 NaN}')
    metadata = mapped("audit", text).artifact["metadata"]
    assert metadata["oci.parseError"] == "record: not valid JSON"
    assert metadata["userName"] == "alice@example.com"
    assert metadata["oci.resourceName"] == "web-sl"


@pytest.mark.slow
def test_a_record_that_nests_too_deeply_is_read_around_it():
    """Deep nesting blows no stack, and the fields beside it are read."""
    text = text_of(EVENT)[:-1] + b',"x":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}"
    metadata = mapped("audit", text).artifact["metadata"]
    assert metadata["oci.parseError"] == "record: nested too deeply"
    assert metadata["userName"] == "alice@example.com"


def test_broken_characters_are_replaced_and_named():
    """`raw` is text in any case; what was no UTF-8 has replacement characters."""
    result = mapped("audit", text_of(EVENT).replace(b"web-sl", b"web-\xff\xfe"))
    assert "web-\ufffd\ufffd" in result.artifact["raw"]
    assert "not valid UTF-8" in result.artifact["metadata"]["oci.parseError"]
    json.dumps(result.artifact).encode()


UNSAFE = "\x1b[31mred\x07\r\nGET %s%n {0} <script>alert(1)</script> \u202egnp.exe \u2066x\u2069 \ud800 \x00"


def test_text_of_customers_cannot_move_a_cursor():
    """Control characters and bidi marks are written as escapes; the rest of the text is as it was."""
    metadata = event_with(resourceName=UNSAFE, compartmentName=UNSAFE, identity={"principalName": UNSAFE})
    for value in metadata.values():
        assert not isinstance(value, str) or value.isprintable()
    assert "\\x1b[31mred\\x07\\r\\nGET %s%n {0} <script>alert(1)</script> \\u202egnp" in str(
        metadata["userName"]
    )


@pytest.mark.slow
def test_text_of_customers_is_cut():
    """A megabyte of text does not reach a log line, and the value says how much there was."""
    tags_of_1000 = {f"k{n}": "v" for n in range(1000)}
    metadata = event_with(resourceName="x" * 1_000_000, freeformTags=tags_of_1000, definedTags=None)
    assert len(str(metadata["oci.resourceName"])) == MAX_CHARACTERS
    assert str(metadata["oci.resourceName"]).endswith("... [1000000 characters in all]")
    assert len(str(metadata["message"])) <= MAX_CHARACTERS
    tags = metadata["tags"]
    assert isinstance(tags, list)
    assert len(tags) == MAX_ITEMS + 1
    assert tags[-1] == "... [1000 in all]"
    whole = mapped("audit", {**EVENT, "data": {**EVENT["data"], "resourceName": "x" * 5_000_000}}).artifact
    assert len(whole["raw"]) > 5_000_000


def test_ordinary_text_of_other_languages_is_left():
    """Letters, joiners and emoji of any language are shown as they are."""
    name = "می\u200cخوریم Gerät 日本 👩\u200d💻"
    assert event_with(resourceName=name)["oci.resourceName"] == name


def test_secrets_are_not_in_metadata_either():
    """What is masked in `raw` is masked in every field that is made from it."""
    event = copy.deepcopy(EVENT)
    event["data"]["identity"] |= {"userAgent": "x password=s3cr3t", "credentials": "ST$abc.def"}
    event["data"]["request"]["path"] = "/p/s3cr3t/n/ns/b/bucket/o/x"
    result = mapped("audit", event)
    assert result.redacted == 3
    assert "s3cr3t" not in json.dumps(result.artifact)
    assert result.artifact["metadata"]["oci.credentialKind"] == "session-token"
    assert result.artifact["metadata"]["uri"] == "/p/<redacted:par>/n/ns/b/bucket/o/x"


@pytest.mark.parametrize("source", [[], {}, ["0.0.0.0/0"], 7, None])
def test_a_rule_whose_source_is_no_text_opens_nothing(source):
    """A security rule of an odd shape is mapped like any other event, and is not taken for an opening."""
    event = example("audit_update_security_list")["record"]
    event["data"]["stateChange"]["current"]["ingressSecurityRules"] = [{"source": source, "protocol": "6"}]
    assert "oci.opens" not in mapped("audit", event).artifact["metadata"]
