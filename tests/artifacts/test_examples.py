"""Each known kind of record makes exactly the artifact that was reviewed."""

from __future__ import annotations

import json

import pytest
from support.example_records import NAMES, ORIGIN, example, mapped, mapped_example, text_of

from signal_client_oci.artifacts.vocabulary import table

ALWAYS = {
    "instance",
    "streamName",
    "messageType",
    "severityLabel",
    "severityCode",
    "vendorCode",
    "startTimeUTC",
    "geoRegion",
}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_makes_its_artifact(name):
    """The artifact is the reviewed one, field by field and in every byte of `raw`."""
    assert mapped_example(name).artifact == example(name)["artifact"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_read_without_a_parse_error(name):
    """Real shapes are read without a parse error, and have every field that an artifact always has."""
    result = mapped_example(name)
    assert not result.parse_error
    assert result.artifact["metadata"].keys() >= ALWAYS
    assert result.artifact["source"] == "oci-cloud"


@pytest.mark.parametrize("name", NAMES)
def test_raw_is_the_services_own_text(name):
    """Without redaction `raw` is the record's text to the byte: of a problem the body of GetProblem."""
    given = example(name)
    origin = type(ORIGIN)(
        ORIGIN.instance, ORIGIN.tenancy_ocid, ORIGIN.region, redact=False, read_at=ORIGIN.read_at
    )
    plain = mapped(given["source"], given["record"], given.get("details"), origin)
    assert plain.artifact["raw"].encode() == text_of(given.get("details", given["record"]))
    assert plain.artifact["id"] == given["artifact"]["id"]
    assert plain.redacted == 0


def test_every_log_mapping_has_an_example():
    """No row of the log type table is without an example record."""
    types = [example(name)["record"]["logContent"]["type"].lower() for name in NAMES if _has_type(name)]
    for row in table("log_types"):
        assert any(kind.startswith(row["type"]) for kind in types), row["type"]


def _has_type(name: str) -> bool:
    given = example(name)
    return given["source"] == "logging" and "logContent" in given["record"]


def test_every_detector_has_a_meaning_in_an_example():
    """The three ways a problem comes to its type occur: by rule, by detector, by a threat."""
    seen = {
        example(name)["artifact"]["metadata"]["messageType"]
        for name in NAMES
        if name.startswith("cloud_guard")
    }
    assert {"iom_match", "privilege_escalation", "malicious_behavior"} <= seen


def test_artifacts_are_plain_json():
    """What crosses the border is plain JSON."""
    for name in NAMES:
        artifact = mapped_example(name).artifact
        assert json.loads(json.dumps(artifact)) == artifact
