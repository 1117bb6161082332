"""Promise 16: masking never erases who, from where, what and with which outcome."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.world import HOME, Instance, World

DATA = Path(__file__).parents[1] / "data"
DEED = (
    "userName",
    "clientIP",
    "action",
    "messageType",
    "severityLabel",
    "program",
    "oci.status",
    "oci.outcome",
)


def lines_of(name):
    """Return the records of a file of `tests/data`."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


BAITS = [entry for entry in lines_of("evidence") if entry["kind"] == "bait" and entry["source"] == "logging"]


@pytest.fixture(scope="module")
def polled():
    """Poll every bait once with masking and once without; return the artifacts' lists in the order of the baits."""
    world = World()
    with world.sandbox:
        tenancy = world.tenancy()
        world.clock.advance(minutes=5)
        for number, entry in enumerate(BAITS):
            content = json.loads(entry["raw"]) if "raw" in entry else entry["record"]
            moment = world.clock() - timedelta(seconds=len(BAITS) - number)
            content["datetime"] = int(moment.timestamp() * 1000)
            content["logContent"]["id"] = f"bait-{number}"
            raw = json.dumps({"data": content}, ensure_ascii=False, separators=(",", ":")).encode()
            tenancy.emit_log_record(HOME, tenancy.ocid, time=moment, raw=raw)
        world.clock.advance(minutes=5)
        instances = [Instance(tenancy, redact_secrets=redact) for redact in (True, False)]
        for instance in instances:
            instance.poll()
        return [
            {one["metadata"]["oci.recordId"]: one for one in instance.artifacts("logging")}
            for instance in instances
        ]


@pytest.mark.parametrize("number", range(len(BAITS)), ids=lambda number: BAITS[number]["name"])
def test_an_attacker_cannot_hide_behind_a_mask(polled, number):
    """Address, program, target and outcome are in the delivered artifact, whatever was planted beside them."""
    artifact, entry = polled[0][f"bait-{number}"], BAITS[number]
    plain = artifact["raw"]
    assert [text for text in entry["stays"] if text not in plain] == []
    assert {name: artifact["metadata"].get(name) for name in entry.get("fields", {})} == entry.get(
        "fields", {}
    )


def test_masked_and_unmasked_polls_tell_the_same_deeds(polled):
    """The ids are equal, and so is what tells of the deed, but for a value that holds the planted text itself."""
    masked, unmasked = polled
    assert set(masked) == set(unmasked)
    for record, artifact in masked.items():
        before, after = unmasked[record], artifact
        assert before["id"] == after["id"]
        for name in DEED:
            value = after["metadata"].get(name)
            assert value == before["metadata"].get(name) or "<redacted:" in value or name == "action", name
        assert after["metadata"].get("clientIP") == before["metadata"].get("clientIP")
