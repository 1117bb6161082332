"""Whatever stands in a record's fields, an artifact comes of it that the host can take."""

from __future__ import annotations

import copy
import json
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.example_records import NAMES, ORIGIN, example, paths_of, text_of

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.artifacts.problems.record import read_problem
from signal_client_oci.artifacts.sanitize import MAX_CHARACTERS
from signal_client_oci.artifacts.severity import CODES
from signal_client_oci.artifacts.vocabulary import table

# the field names of the host
WORDS = (
    "action application clientIP clientPort clientHostname clientMAC clientBytes clientPackets "
    "serverIP serverPort serverHostname serverMAC serverBytes serverPackets protocol totalBytes "
    "userName emailFrom emailTo emailSubject fileName fileHash filePath uri fqdn message streamName "
    "messageType severityCode severityLabel senderHost sourceInfo program pid ruleName ruleCategory "
    "cve cveDescription geoRegion vendorCode facilityCode facilityLabel priority startTimeUTC "
    "endTimeUTC attackTechniqueIds tags "
)
HOST_FIELDS = {"instance", *WORDS.split()}
ALWAYS = (
    "instance",
    "streamName",
    "messageType",
    "severityLabel",
    "severityCode",
    "vendorCode",
    "startTimeUTC",
    "geoRegion",
)
NUMBERS = {f"{end}{what}" for end in ("client", "server") for what in ("Port", "Bytes", "Packets")}
NUMBERS |= {"totalBytes", "pid", "severityCode", "facilityCode", "priority"}
UNSAFE = {"Cc", "Cs", "Zl", "Zp"}
LISTS = frozenset({"tags", "attackTechniqueIds", "oci.regions", "oci.changedFields", "oci.opens"})
MESSAGE_TYPES = frozenset(row["messageType"] for row in table("message_types"))
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["None", "null", "-", "{}", '{"a":1}', "2026-03-04T09:15:27.348Z", "10.0.0.1", "\x00\u202e", "HIGH"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def replaced(record, path, value):
    """Return a copy of a record with another value at a path; what is not on the path is shared."""
    if not path:
        return value
    other = copy.copy(record)
    other[path[0]] = replaced(record[path[0]], path[1:], value)
    return other


def check(result, text):
    """Check everything that the border demands of an artifact."""
    artifact, metadata = result.artifact, result.artifact["metadata"]
    assert json.loads(json.dumps(artifact).encode()) == artifact
    json.dumps(artifact, ensure_ascii=False).encode()
    assert re.fullmatch("[0-9a-f]{32}", artifact["id"])
    assert RFC_3339.fullmatch(artifact["timestamp"])
    assert all(metadata.get(name) not in (None, "") for name in ALWAYS)
    assert metadata["messageType"] in MESSAGE_TYPES
    assert metadata["severityCode"] == CODES[metadata["severityLabel"]]
    assert metadata["priority"] == metadata["facilityCode"] * 8 + metadata["severityCode"]
    assert ("oci.parseError" in metadata) == result.parse_error
    for name, value in metadata.items():
        check_field(name, value)
    if not result.redacted:
        assert (
            artifact["raw"].encode("utf-8", "replace") == text
            or "not valid UTF-8" in metadata["oci.parseError"]
        )


def check_field(name, value):
    """Check one field of metadata: its name, its kind, and that it is neither empty nor unsafe."""
    assert name in HOST_FIELDS or name.startswith("oci.")
    if name in NUMBERS:
        assert type(value) is int
    elif name in LISTS:
        assert value
        assert all(type(item) is str and item for item in value)
    elif name.endswith("Score"):
        assert type(value) in (int, float)
    else:
        assert type(value) is str
        assert value not in ("", "None", "null")
        assert not value.isspace()
        assert len(value) <= MAX_CHARACTERS
        assert not {unicodedata.category(char) for char in value} & UNSAFE
    if name in ("startTimeUTC", "endTimeUTC"):
        assert RFC_3339.fullmatch(value)


def results(source, text, details=None):
    """Make the artifact of any bytes, with redaction on and off."""
    for redact in (True, False):
        origin = type(ORIGIN)(ORIGIN.instance, ORIGIN.tenancy_ocid, ORIGIN.region, redact, ORIGIN.read_at)
        if source == "cloud_guard":
            yield read_problem(text, origin).to_artifact(details)
        else:
            yield (read_audit_event if source == "audit" else read_log_record)(text, origin).to_artifact()


@pytest.mark.slow
@settings(max_examples=150)
@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_value_in_place_of_any_field(name, data):
    """Any JSON in place of any member of a real record gives an artifact, and no exception."""
    given_record = example(name)
    record, source = given_record["record"], given_record["source"]
    path = data.draw(st.sampled_from(list(paths_of(record))))
    text = text_of(replaced(record, path, data.draw(JSON_VALUES)))
    for result in results(source, text):
        check(result, text)


@pytest.mark.slow
@settings(deadline=None)
@given(name=st.sampled_from([name for name in NAMES if "details" in example(name)]), data=st.data())
def test_any_value_in_place_of_any_detail(name, data):
    """The same holds for the body of GetProblem."""
    given_record = example(name)
    path = data.draw(st.sampled_from(list(paths_of(given_record["details"]))))
    details = text_of(replaced(given_record["details"], path, data.draw(JSON_VALUES)))
    summary = text_of(given_record["record"])
    for result in results("cloud_guard", summary, details):
        assert result.artifact["raw"].encode() in (summary, details) or result.redacted
        check(result, result.artifact["raw"].encode())


@pytest.mark.slow
@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
@settings(deadline=None)
@given(value=JSON_VALUES)
def test_any_value_in_place_of_a_record(source, value):
    """Any JSON in place of a record is delivered."""
    for result in results(source, text_of(value)):
        check(result, text_of(value))


@pytest.mark.slow
@settings(max_examples=150)
@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_damage_to_the_bytes(name, data):
    """A record whose bytes were damaged anywhere is delivered."""
    given_record = example(name)
    text = bytearray(text_of(given_record["record"]))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=5))
    for result in results(given_record["source"], bytes(text)):
        check(result, bytes(text))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
@settings(deadline=None)
@given(st.binary())
def test_any_bytes(source, text):
    """Any bytes at all are delivered."""
    for result in results(source, text):
        check(result, text)
