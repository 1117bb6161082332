"""Promise 7: odd records are delivered like the others, never block their page, and nothing is dropped."""

import importlib
import itertools
import json
from collections import Counter
from datetime import timedelta

import pytest
from support.malformed_records import emit_malformed_records
from support.world import HOME, SERVICES, Instance, assert_exactly_once, assert_one_id_each, codes

SOUND = 5
MALFORMED = {
    "audit": ("time_text", "time_impossible", "without_eventTime", "data_null", "data_list", "deep"),
    "logging": ("datetime_text", "datetime_far", "oracle_list", "type_list"),
    "cloud_guard": ("time_text", "time_impossible", "without_timeLastDetected", "riskLevel_list", "deep"),
}
ODD_NAMES_THAT_ARE_READABLE = ("unknown_fields", "not_ascii", "escapes", "duplicate_names", "blanks", "huge")


def _texts(source, one):
    """Return the text that is to be delivered of an emitted record: for Logging what stands in `data`."""
    if source != "logging":
        return one.raw.decode()
    return _inner(one.raw).decode()


def _inner(raw):
    body = raw.strip()
    if body.startswith(b'{"data":') and body.endswith(b"}"):
        value = body.removeprefix(b'{"data":')
        decoder = json.JSONDecoder(strict=False)
        try:
            _, end = decoder.raw_decode(value.decode())
        except (ValueError, RecursionError):
            return raw
        return value.decode()[:end].encode()
    return raw


TOKEN = f"ST$eyJraWQiOiJhc3cifQ.{'eyJzdWIiOiJ4In0' * 3}.{'c2lnbmF0dXJl' * 6}"


@pytest.fixture
def poisoned(world):
    """A tenancy with every odd record of every service among sound ones, on pages of 40."""
    tenancy = world.tenancy()
    tenancy.audit.page_size = 40
    world.clock.advance(minutes=10)
    for number in range(SOUND):
        moment = world.clock() - timedelta(minutes=number, seconds=1)
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=moment)
        tenancy.emit_log_record(HOME, tenancy.ocid, time=moment)
        tenancy.add_problem(last_detected=moment)
    for service in SERVICES.values():
        emit_malformed_records(tenancy, service, HOME, tenancy.ocid)
    world.clock.advance(minutes=2)
    return tenancy


@pytest.mark.parametrize("source", ["audit", "logging"])
def test_every_odd_record_arrives_once_with_its_text(poisoned, source):
    """Each text that the service sent is the `raw` of exactly one artifact, sound or odd, in every poll to come."""
    instance = Instance(poisoned, redact_secrets=False, cloud_guard_enabled=False)
    report = instance.poll()
    assert report["status"] == "ok"
    assert not codes(report)
    instance.catch_up(polls=2)
    expected = Counter({_texts(source, one) for one in poisoned.ground_truth.of(source)})
    delivered = Counter(artifact["raw"] for artifact in instance.artifacts(source))
    assert expected - delivered == Counter(), "missing"
    assert delivered - expected == Counter(), "repeated or unknown"
    assert_one_id_each(instance)


def test_every_odd_problem_arrives_once(poisoned):
    """Problems without an id, a state or a time are artifacts too; one without an id has no details to ask for."""
    instance = Instance(poisoned, redact_secrets=False, audit_enabled=False, logging_enabled=False)
    report = instance.poll()
    assert report["status"] == "ok"
    instance.catch_up(polls=2)
    expected = Counter(
        {one.raw.decode() for one in poisoned.ground_truth.of("cloudguard") if b"malformed-" in one.raw}
    )
    delivered = Counter(artifact["raw"] for artifact in instance.artifacts("cloud_guard"))
    assert expected - delivered == Counter(), "missing"
    assert all(count == 1 for count in delivered.values())
    emitted = {one.raw for one in poisoned.ground_truth.of("cloudguard")}
    assert len(instance.artifacts("cloud_guard")) == len(emitted)


@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
def test_odd_records_carry_a_parse_error_and_sound_ones_do_not(poisoned, source):
    """`oci.parseError` tells what could not be read; the count of the report is that of the artifacts."""
    instance = Instance(poisoned, redact_secrets=False)
    report = instance.poll()
    artifacts = instance.artifacts(source)
    marked = [one for one in artifacts if "oci.parseError" in one["metadata"]]
    assert report["sources"][source]["counts"]["parse_errors"] == len(marked) >= 10
    truth = poisoned.ground_truth.of(SERVICES[source])
    emitted_first = {json.dumps(one.key.split()[0])[1:-1] for one in truth[:SOUND]}
    sound = [one for one in artifacts if any(key in one["raw"][:4000] for key in emitted_first)]
    assert len(sound) == SOUND
    assert not [one["raw"][:200] for one in sound if "oci.parseError" in one["metadata"]]
    for name in MALFORMED[source]:
        (one,) = (one for one in artifacts if f"malformed-{name}" in one["raw"][:4000])
        assert "oci.parseError" in one["metadata"]
    for name in ODD_NAMES_THAT_ARE_READABLE:
        for one in artifacts:
            if f'malformed-{name}"' in one["raw"][:4000]:
                assert "oci.parseError" not in one["metadata"], name


def test_a_leap_second_is_no_parse_error(poisoned):
    """23:59:60 is a time that exists; its artifact has a timestamp that a host can read."""
    instance = Instance(poisoned, logging_enabled=False, cloud_guard_enabled=False)
    instance.poll()
    (leap,) = (one for one in instance.artifacts("audit") if "malformed-time_leap_second" in one["raw"])
    assert leap["timestamp"][:10] in ("2026-06-30", "2026-07-01")
    assert "oci.parseError" not in leap["metadata"]


def test_a_record_over_the_byte_limit_travels_alone(world):
    """Whatever the host's limit, the large ones come by themselves and the small ones together."""
    tenancy = world.tenancy()
    for number, size in enumerate((10, 5_000_000, 10, 10, 2_000_000, 10)):
        tenancy.emit_audit_event(HOME, tenancy.ocid, extra={"padding": f"{number}" * size})
        tenancy.emit_log_record(HOME, tenancy.ocid, payload={"padding": f"{number}" * size})
    world.clock.advance(minutes=2)
    instance = Instance(tenancy, cloud_guard_enabled=False)
    sizes = []
    with instance.polling({"now": world.clock, "max_batch_bytes": 100_000}) as items:
        for item in items:
            instance.publish(item)
            instance.store(item)
            sizes.append([len(artifact["raw"]) for artifact in item.get("artifacts", [])])
    for batch in sizes:
        assert len(batch) <= 1 or sum(batch) <= 100_000
    assert sorted(len(batch) for batch in sizes if batch and max(batch) > 100_000) == [1] * 4
    assert sorted(instance.keys("audit") + instance.keys("logging")) == sorted(
        one.key for one in tenancy.ground_truth
    )


@pytest.mark.parametrize("limits", [(1, 1), (1, 10**9), (3, 1000), (10**6, 10**9)])
def test_any_limits_give_the_same_records(poisoned, limits):
    """Poison or not, the union of the batches does not depend on how they are cut."""
    instance = Instance(poisoned, redact_secrets=False, cloud_guard_enabled=False)
    instance.poll(max_batch_artifacts=limits[0], max_batch_bytes=limits[1])
    for source in ("audit", "logging"):
        expected = {_texts(source, one) for one in poisoned.ground_truth.of(source)}
        assert sorted(artifact["raw"] for artifact in instance.artifacts(source)) == sorted(expected)


@pytest.mark.parametrize(
    ("source", "mapping"),
    [
        ("audit", "audit.record.audit_metadata"),
        ("logging", "logs.general_record.log_metadata"),
        ("cloud_guard", "problems.general_problem.problem_metadata"),
    ],
)
def test_a_defect_of_the_mapping_stops_no_record(world, monkeypatch, source, mapping):
    """The record is delivered once, with its masked text and what is wrong; those behind it are mapped as ever."""
    tenancy = world.tenancy()
    for number in range(3):
        moment = world.clock() - timedelta(minutes=number, seconds=1)
        tenancy.emit_audit_event(HOME, tenancy.ocid, processed=moment, credentials=TOKEN)
        tenancy.emit_log_record(HOME, tenancy.ocid, time=moment, message=f"token {TOKEN}")
        tenancy.add_problem(last_detected=moment)
    world.clock.advance(minutes=2)
    module, _, name = f"signal_client_oci.artifacts.{mapping}".rpartition(".")
    right, calls = getattr(importlib.import_module(module), name), itertools.count()

    def broken(*args, **kwargs):
        if next(calls) == 1:
            raise KeyError("canary")
        return right(*args, **kwargs)

    monkeypatch.setattr(f"{module}.{name}", broken)
    instance = Instance(tenancy)
    report = instance.poll()
    instance.catch_up(polls=2)
    assert report["status"] == "ok"
    assert report["sources"][source]["counts"]["parse_errors"] == 1
    assert_exactly_once(instance)
    (odd,) = [one for one in instance.artifacts(source) if "oci.parseError" in one["metadata"]]
    assert odd["metadata"]["oci.parseError"] == "record: could not be mapped (KeyError)"
    assert odd["metadata"]["messageType"] == "unreadable_record"
    delivered = json.dumps(instance.published)
    assert "canary" not in delivered
    assert TOKEN not in delivered
