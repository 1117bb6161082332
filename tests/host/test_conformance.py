"""The rules that the host holds every poll and every answer against."""

import copy
import math
from collections import OrderedDict
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.host_fakes import (
    NAME,
    SCHEMA,
    VALIDATION,
    artifact,
    batch,
    check,
    descriptor,
    report,
    source_report,
)

from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.host import ContractError, PollTerms, checked_poll
from signal_client_oci.host.conformance.contract_checks import compact_json, require_json
from signal_client_oci.host.conformance.hook_checks import check_connector, check_schema, check_validation

TERMS = PollTerms("one", NAME, max_batch_artifacts=3, max_batch_bytes=100)


class Word(str, Enum):
    """Text of a class of the plugin's own."""

    AUDIT = "audit"


def changed(item, path, value):
    """A copy of an item with the value at a dotted path replaced, or removed if it is KeyError."""
    item = copy.deepcopy(item)
    *way, last = path
    place = item
    for step in way:
        place = place[step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return item


def rule_broken_by(items, terms=TERMS):
    """The rule that a poll breaks."""
    with pytest.raises(ContractError) as caught:
        list(checked_poll(items, terms))
    return caught.value.rule


def test_a_poll_that_keeps_the_contract_passes_unchanged():
    """Batches of every source, an empty one among them, and a full report go through as they are."""
    items = [
        batch(artifact(1), artifact(2)),
        batch(artifact(3, source="logging"), source="logging"),
        batch(source="cloud_guard"),
        report(
            "degraded",
            audit=source_report(fetched=2) | {"counts": {"duplicates": 4}},
            logging=source_report("partial", 1),
            cloud_guard=source_report("failed", 0, check("cloud_guard")),
        ),
    ]
    assert list(checked_poll(iter(items), TERMS)) == items


def test_counts_and_warnings_are_optional():
    """A report without `warnings`, whose sources have no `counts`, is a report."""
    item = changed(report(), ["warnings"], KeyError)
    for source in item["sources"].values():
        del source["counts"]
    assert list(checked_poll([item], TERMS)) == [item]


@pytest.mark.parametrize(
    ("items", "rule"),
    [
        ([], "NO_REPORT"),
        ([batch(artifact())], "NO_REPORT"),
        ([report(), report()], "AFTER_REPORT"),
        ([report(), batch()], "AFTER_REPORT"),
        ([{"type": "progress"}], "UNKNOWN_TYPE"),
        ([None], "UNKNOWN_TYPE"),
        ([["batch"]], "UNKNOWN_TYPE"),
        ([OrderedDict(report())], "UNKNOWN_TYPE"),
    ],
)
def test_a_poll_is_batches_and_then_one_report(items, rule):
    """Whatever is neither batch nor report, comes after the report or lacks one is refused."""
    assert rule_broken_by(items) == rule


BATCH_BREACHES = [
    (["checkpoint"], KeyError, "MISSING_KEY"),
    (["extra"], 1, "UNKNOWN_KEY"),
    (["source"], "streaming", "UNKNOWN_VALUE"),
    (["source"], Word.AUDIT, "UNKNOWN_VALUE"),
    (["artifacts"], (), "WRONG_TYPE"),
    (["artifacts"], [artifact(1), artifact(1)], "REPEATED_ID"),
    (["artifacts"], [artifact(n) for n in range(4)], "BATCH_ARTIFACTS"),
    (["artifacts"], [artifact(1, raw="x" * 60), artifact(2, raw="é" * 21)], "BATCH_BYTES"),
    (["checkpoint"], None, "WRONG_TYPE"),
    (["checkpoint"], {"at": {1, 2}}, "NOT_JSON"),
    (["checkpoint"], {"at": (1, 2)}, "NOT_JSON"),
    (["checkpoint"], {"at": [{"x": math.nan}]}, "NOT_JSON"),
    (["checkpoint"], {"at": math.inf}, "NOT_JSON"),
    (["checkpoint"], {1: "one"}, "NOT_JSON"),
    (["checkpoint"], {"at": Word.AUDIT}, "NOT_JSON"),
    (["checkpoint"], {"at": "\ud800"}, "NOT_JSON"),
    (["checkpoint"], {"\ud800": 1}, "NOT_JSON"),
    (["checkpoint"], {"x": "y" * MAX_CHECKPOINT_BYTES}, "CHECKPOINT_BYTES"),
    (["artifacts", 0], "text", "WRONG_TYPE"),
    (["artifacts", 0, "id"], KeyError, "MISSING_KEY"),
    (["artifacts", 0, "id"], "A" * 32, "ARTIFACT_ID"),
    (["artifacts", 0, "id"], "a" * 31, "ARTIFACT_ID"),
    (["artifacts", 0, "id"], "a" * 32 + "\n", "ARTIFACT_ID"),
    (["artifacts", 0, "id"], 7, "ARTIFACT_ID"),
    (["artifacts", 0, "more"], 7, "UNKNOWN_KEY"),
    (["artifacts", 0, "source"], "audit", "ARTIFACT_SOURCE"),
    (["artifacts", 0, "timestamp"], "2024-05-01T10:00:00", "NOT_RFC3339_UTC"),
    (["artifacts", 0, "timestamp"], "2024-05-01T10:00:00+02:00", "NOT_RFC3339_UTC"),
    (["artifacts", 0, "timestamp"], "2024-02-30T10:00:00Z", "NOT_RFC3339_UTC"),
    (["artifacts", 0, "timestamp"], "2024-05-01T24:00:00Z", "NOT_RFC3339_UTC"),
    (["artifacts", 0, "timestamp"], None, "NOT_RFC3339_UTC"),
    (["artifacts", 0, "raw"], b"{}", "WRONG_TYPE"),
    (["artifacts", 0, "raw"], "", "EMPTY"),
    (["artifacts", 0, "raw"], "\udfff", "NOT_JSON"),
    (["artifacts", 0, "metadata"], None, "WRONG_TYPE"),
    (["artifacts", 0, "metadata", "geoRegion"], KeyError, "MISSING_KEY"),
    (["artifacts", 0, "metadata", "geoRegion"], 4, "WRONG_TYPE"),
    (["artifacts", 0, "metadata", "geoRegion"], "", "EMPTY"),
    (["artifacts", 0, "metadata", "instance"], "two", "METADATA_INSTANCE"),
    (["artifacts", 0, "metadata", "streamName"], "oci_cloud_logging", "METADATA_STREAM"),
    (["artifacts", 0, "metadata", "severityLabel"], "LOW", "SEVERITY"),
    (["artifacts", 0, "metadata", "severityLabel"], 5, "SEVERITY"),
    (["artifacts", 0, "metadata", "severityCode"], 2, "SEVERITY"),
    (["artifacts", 0, "metadata", "startTimeUTC"], "yesterday", "NOT_RFC3339_UTC"),
    (["artifacts", 0, "metadata", "user_name"], "x", "METADATA_KEY"),
    (["artifacts", 0, "metadata", "oci."], "x", "METADATA_KEY"),
    (["artifacts", 0, "metadata", 5], "x", "METADATA_KEY"),
    (["artifacts", 0, "metadata", "userName"], None, "METADATA_VALUE"),
    (["artifacts", 0, "metadata", "userName"], "", "EMPTY"),
    (["artifacts", 0, "metadata", "userName"], "\ud800", "NOT_JSON"),
    (["artifacts", 0, "metadata", "tags"], {"a": "b"}, "METADATA_VALUE"),
    (["artifacts", 0, "metadata", "tags"], ["a", 1], "WRONG_TYPE"),
    (["artifacts", 0, "metadata", "totalBytes"], math.nan, "NOT_JSON"),
]


@pytest.mark.parametrize(("path", "value", "rule"), BATCH_BREACHES)
def test_every_breach_in_a_batch_is_named(path, value, rule):
    """One wrong value in a batch that is right otherwise is refused under its own rule."""
    assert rule_broken_by([changed(batch(artifact()), path, value), report()]) == rule


REPORT_BREACHES = [
    (["checkpoint"], KeyError, "MISSING_KEY"),
    (["checkpoint"], [], "WRONG_TYPE"),
    (["note"], "x", "UNKNOWN_KEY"),
    (["status"], "partial", "UNKNOWN_VALUE"),
    (["started_at"], 1714557600, "NOT_RFC3339_UTC"),
    (["finished_at"], "2024-05-01 10:00:00Z", "NOT_RFC3339_UTC"),
    (["sources"], [], "WRONG_TYPE"),
    (["sources", "audit"], KeyError, "MISSING_KEY"),
    (["sources", "streaming"], source_report(), "UNKNOWN_KEY"),
    (["sources", "audit", "retries"], KeyError, "MISSING_KEY"),
    (["sources", "audit", "status"], "denied", "UNKNOWN_VALUE"),
    (["sources", "audit", "status"], "partial", "STATUS"),
    (["sources", "audit", "status"], "failed", "STATUS"),
    (["sources", "audit", "status"], "skipped", "STATUS"),
    (["sources", "audit", "error"], check(), "STATUS"),
    (["sources", "audit", "error"], "denied", "WRONG_TYPE"),
    (["sources", "audit", "fetched"], 2, "FETCHED"),
    (["sources", "audit", "fetched"], True, "WRONG_TYPE"),
    (["sources", "audit", "requests"], -1, "NEGATIVE"),
    (["sources", "audit", "retries"], 0.0, "WRONG_TYPE"),
    (["sources", "audit", "covered_until"], "", "NOT_RFC3339_UTC"),
    (["sources", "audit", "counts"], {"denied": "3"}, "WRONG_TYPE"),
    (["sources", "audit", "counts"], {3: 3}, "NOT_JSON"),
    (["warnings"], None, "WRONG_TYPE"),
    (["warnings"], ["late"], "WRONG_TYPE"),
    (["warnings"], [check() | {"code": "policy missing"}], "CHECK_CODE"),
    (["warnings"], [check() | {"remedy": ""}], "EMPTY"),
    (["warnings"], [check() | {"opc_request_id": ""}], "EMPTY"),
    (["warnings"], [check() | {"duration_ms": 0.5}], "WRONG_TYPE"),
    (["warnings"], [check() | {"status": "bad"}], "UNKNOWN_VALUE"),
]


@pytest.mark.parametrize(("path", "value", "rule"), REPORT_BREACHES)
def test_every_breach_in_a_report_is_named(path, value, rule):
    """One wrong value in a report that is right otherwise is refused under its own rule."""
    assert rule_broken_by([changed(report(), path, value)]) == rule


def test_fetched_must_be_what_was_delivered():
    """A report that counts other artifacts than its batches held is refused."""
    assert rule_broken_by([batch(artifact(1)), report()]) == "FETCHED"


def test_a_failed_source_must_say_why():
    """`failed` without a check is refused even where the poll's status admits it."""
    assert rule_broken_by([report("degraded", audit=source_report("failed"))]) == "STATUS"


def test_one_record_over_the_byte_limit_travels_alone():
    """A batch may exceed `max_batch_bytes` if it holds one artifact, and only then."""
    big = artifact(1, raw="x" * 500)
    done = report(audit=source_report(fetched=1))
    assert len(list(checked_poll([batch(big), done], TERMS))) == 2
    assert rule_broken_by([batch(big, artifact(2)), done]) == "BATCH_BYTES"


def test_limits_follow_the_context():
    """The terms of a poll take their limits from its context, and the contract's defaults without."""
    assert PollTerms.of_context("one", NAME, ("audit",), {}).max_batch_bytes == 4 * 1024 * 1024
    terms = PollTerms.of_context("one", NAME, ("audit",), {"max_batch_artifacts": 1, "max_batch_bytes": 5})
    assert (terms.max_batch_artifacts, terms.max_batch_bytes) == (1, 5)


def test_a_leap_second_and_fractions_are_times():
    """RFC 3339 allows :60 and any number of decimals."""
    item = batch(artifact() | {"timestamp": "2016-12-31T23:59:60.123456789Z"})
    assert item in list(checked_poll([item, report(audit=source_report(fetched=1))], TERMS))


def test_a_container_that_holds_itself_is_refused():
    """A cycle ends the walk as a breach, not as a hang or a RecursionError."""
    ring = []
    ring += [ring, ring]
    assert rule_broken_by([batch(checkpoint={"ring": ring})]) == "NOT_JSON"


def test_a_breach_quotes_no_value():
    """The text names place and rule; a secret in the wrong place does not reach it."""
    with pytest.raises(ContractError) as caught:
        list(checked_poll([changed(report(), ["status"], "hunter2-canary")], TERMS))
    assert "canary" not in str(caught.value)
    assert str(caught.value).startswith("report.status: ")
    assert str(caught.value).endswith("[UNKNOWN_VALUE]")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.slow
@given(PLAIN)
def test_everything_plain_passes_and_can_be_written(value):
    """What `require_json` lets through is what compact JSON in UTF-8 can carry."""
    require_json(value, "value")
    assert compact_json(value)


@pytest.mark.slow
@given(PLAIN, st.sampled_from([(), b"x", {1}, object(), math.nan, 1j, Word.AUDIT, "\ud800"]))
def test_one_alien_anywhere_is_found(value, alien):
    """A value that JSON lacks is refused however deep it stands beside plain ones."""
    with pytest.raises(ContractError):
        require_json({"a": [value, {"b": [value, alien]}]}, "value")


def test_the_other_answers_pass_when_right():
    """A descriptor, a schema and a validation of the contract's shape go through as they are."""
    assert check_connector(descriptor(), "connectors[0]") == descriptor()
    assert check_schema(SCHEMA) == SCHEMA
    assert check_validation(VALIDATION) == VALIDATION


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (["ok"], False, "STATUS"),
        (["ok"], 1, "STATUS"),
        (["status"], "failed", "STATUS"),
        (["status"], "warning", "UNKNOWN_VALUE"),
        (["summary"], "", "EMPTY"),
        (["checks"], None, "WRONG_TYPE"),
        (["checks"], [check("audit", "ok"), check("settings", "ok")], "CHECK_ORDER"),
        (["checks"], [check("proxy", "ok")], "UNKNOWN_VALUE"),
        (["checks"], [check("audit", "failed")], "STATUS"),
        (["field_errors"], None, "WRONG_TYPE"),
        (["field_errors"], {"region": "unknown"}, "STATUS"),
        (["field_errors"], {"region": ""}, "EMPTY"),
        (["extra"], 1, "UNKNOWN_KEY"),
    ],
)
def test_every_breach_in_a_validation_is_named(path, value, rule):
    """One wrong value in a validation that is right otherwise is refused under its own rule."""
    with pytest.raises(ContractError) as caught:
        check_validation(changed(VALIDATION, path, value))
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (["type"], "array", "UNKNOWN_VALUE"),
        (["properties"], KeyError, "MISSING_KEY"),
        (["properties", "secret", "title"], "", "EMPTY"),
        (["properties", "secret", "description"], KeyError, "MISSING_KEY"),
        (["properties", "secret", "writeOnly"], KeyError, "SCHEMA"),
        (["required"], ["secret", "other"], "UNKNOWN_VALUE"),
    ],
)
def test_every_breach_in_a_schema_is_named(path, value, rule):
    """One wrong value in a schema that is right otherwise is refused under its own rule."""
    with pytest.raises(ContractError) as caught:
        check_schema(changed(SCHEMA, path, value))
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (["title"], KeyError, "MISSING_KEY"),
        (["title"], "", "EMPTY"),
        (["multi_instance"], 1, "WRONG_TYPE"),
        (["sources"], {}, "WRONG_TYPE"),
        (["sources", 0, "default_interval_minutes"], "5", "WRONG_TYPE"),
        (["sources", 0, "title"], KeyError, "MISSING_KEY"),
    ],
)
def test_every_breach_in_a_descriptor_is_named(path, value, rule):
    """One wrong value in a descriptor that is right otherwise is refused under its own rule."""
    with pytest.raises(ContractError) as caught:
        check_connector(changed(descriptor(), path, value), "connectors[0]")
    assert caught.value.rule == rule
