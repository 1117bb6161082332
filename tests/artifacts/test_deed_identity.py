"""Two records that differ in who, what, on which target, or with which outcome are two to the host."""

from __future__ import annotations

import copy

import pytest
from support.cases import check_each
from support.example_records import NAMES, example, mapped
from support.host_rules import repeat_key

# by the shape of a record: what in it tells who, what, which target and which outcome, and another value for it
AUDIT = {
    "who": [
        ("data.identity.principalName", "oscar@example.com"),
        ("data.identity.principalId", "ocid1.user.oc1..aaaaoscar"),
        ("data.identity.ipAddress", "192.0.2.99"),
        ("data.identity.ipAddress", "192.0.2.99, 10.0.0.7"),
        ("data.additionalDetails.actorName", "oscar@example.com"),
        ("data.additionalDetails.clientIp", "192.0.2.98"),
        ("data.response.payload.login_input", "user: oscar"),
    ],
    "what": [
        ("data.eventName", "RebuildThing"),
        ("eventType", "com.oraclecloud.virtualNetwork.RebuildThing"),
    ],
    "target": [
        ("data.resourceName", "another-thing"),
        ("data.resourceId", "ocid1.thing.oc1.iad.another"),
        ("data.request.path", "/20160918/things/another"),
        ("data.compartmentId", "ocid1.compartment.oc1..another"),
        ("data.additionalDetails.adminResourceName", "Other group"),
        ("data.additionalDetails.adminRefResourceName", "oscar@example.com"),
    ],
    "outcome": [("data.response.status", "403"), ("data.response.status", "500")],
}
LOGS = {
    "who": [
        *(("principalName", "oscar@example.com"), ("principalId", "ocid1.user.oc1..aaaaoscar")),
        *(("user.username", "oscar"), ("sourceIPs", ["192.0.2.99"]), ("clientIpAddress", "192.0.2.99")),
        *(("clientAddr", "192.0.2.99:1"), ("remoteAddr", "192.0.2.99"), ("sourceAddress", "192.0.2.99")),
        *(("src", "192.0.2.99"), ("srcuser", "oscar"), ("dbUserName", "OSCAR"), ("osUserName", "oscar")),
        *(("clientIp", "192.0.2.99"), ("sender", "oscar@example.com"), ("sourceIp", "192.0.2.99")),
        ("forwardedForAddr", "192.0.2.99"),
    ],
    "what": [
        *(("verb", "patch"), ("operation", "TRUNCATE TABLE"), ("action", "other"), ("EventID", "4624")),
        *(("request", "PUT https://shop.example.com:443/other HTTP/1.1"), ("requestMethod", "PUT")),
        *(("qname", "other.example.com."), ("threatid", "Other threat(1)"), ("errorLog.type", "Other")),
        *(("subject", "Another mail"), ("message", "another message"), ("msg", "another line")),
    ],
    "target": [
        *(("bucketName", "others"), ("bucketId", "ocid1.bucket.oc1.iad.other"), ("objectName", "other.csv")),
        *(("objectRef.name", "other"), ("objectRef.namespace", "other"), ("host", "other.example.com")),
        *(("destinationAddress", "192.0.2.98"), ("destinationPort", 8443), ("dst", "192.0.2.98")),
        *(("targetName", "other-db"), ("recipient", "oscar@example.org"), ("Computer", "win-8")),
        *(("functionId", "ocid1.fnfunc.oc1.iad.other"), ("ruleId", "ocid1.eventrule.oc1.iad.other")),
        *(("backendAddr", "10.9.9.9:8080"), ("errorLog.errorDetails", "Backend 10.9.9.9 is down")),
    ],
    "outcome": [
        *(("statusCode", 403), ("statusCode", 404), ("lbStatusCode", "403"), ("status", "502")),
        *(("responseStatus.code", 403), ("response.code", "404"), ("rcodeName", "NXDOMAIN")),
        *(("operationStatus", "SUCCESS"), ("smtpStatus", "550 Mailbox unavailable")),
    ],
}
PROBLEMS = {
    "who": [("additionalDetails.principalName", "oscar@example.com")],
    "what": [("detectorRuleId", "ANOTHER_RULE")],
    "target": [
        *(("resourceName", "another"), ("resourceId", "ocid1.thing.oc1.iad.another")),
        *(("impactedResourceId", "ocid1.thing.oc1.iad.another"), ("impactedResourceName", "another")),
    ],
    "outcome": [("lifecycleDetail", "DISMISSED")],
}
# what a field says that the record repeats elsewhere, or that something else in the record says better
SAID_BETTER = {
    "audit_console_login_failed": {"data.response.payload.login_input"},  # the principal is named
    "audit_domain_sign_in_failed": {"data.eventName", "data.response.status"},  # the domain's event id tells
    "audit_domain_member_added": {"data.response.status", "data.additionalDetails.actorName"},
    "logging_audit_record": {"request", "status", "message"},
    "logging_api_gateway_access": {"message"},
    "logging_email_accepted": {"message"},
    "logging_email_refused": {"message"},
    "logging_object_read": {"message"},
    "logging_flow_accepted": {"status"},  # whether the log is complete
    "logging_flow_rejected": {"status"},
    "logging_flow_no_data": {"status"},
}
BY_ID = {"data.request.path", "data.compartmentId"}  # told by the resource's id, where an event has one


def changed(record, path, value):
    """Give a copy of a record with another value at a path; None when the record has none there to change."""
    other = copy.deepcopy(record)
    *parents, last = path.split(".")
    place = other
    for name in parents:
        place = place.get(name) if isinstance(place, dict) else None
    if not isinstance(place, dict) or place.get(last) in (None, "", "-", value):
        return None
    place[last] = value
    return other


def variants():
    """Give every example with one of the four changed: a name of the four parts, and both records."""
    for name in NAMES:
        given = example(name)
        shape = (
            AUDIT if given["source"] == "audit" else PROBLEMS if given["source"] == "cloud_guard" else LOGS
        )
        kind = "details" if given.get("details") else "record"
        for aspect, values in shape.items():
            for path, value in values:
                place = f"logContent.data.{path}" if shape is LOGS else path
                other = changed(given[kind], place, value)
                if path in BY_ID and given["record"]["data"].get("resourceId"):
                    continue
                if other is not None and path not in SAID_BETTER.get(name, ()):
                    yield f"{name}-{aspect}-{path}-{value}", (given, kind, other)


VARIANTS = dict(variants())


def key_of(given, kind, record):
    """Give what the host compares of a record in place of an example's own."""
    whole = {**given, kind: record}
    artifact = mapped(whole["source"], whole["record"], whole.get("details")).artifact
    return repeat_key(artifact["metadata"])


def test_every_example_is_varied():
    """Each kind of record has values that are varied, of each of the four at least thirty over all."""
    assert len(VARIANTS) >= 240
    assert {given["artifact"]["id"] for given, _, _ in VARIANTS.values()} >= {
        example(name)["artifact"]["id"]
        for name in NAMES
        if not name.endswith(("_summary", "_text_line", "_no_data"))
    }
    for aspect in AUDIT:
        assert sum(f"-{aspect}-" in name for name in VARIANTS) >= 15, aspect


@pytest.mark.slow
def test_two_deeds_are_two():
    """Another actor, deed, target or outcome makes another key, whatever the type."""
    check_each(change_the_key, VARIANTS)


def change_the_key(variant):
    """Compare the keys of an example and of what differs from it."""
    given, kind, other = variant
    assert key_of(given, kind, given[kind]) != key_of(given, kind, other)


UNLISTED = {
    "action": "transfer",
    "who": "alice",
    "target": "ledger-1",
    "result": "ok",
    "timestamp": "2026-03-04T09:15:27Z",
    "requestId": "r-1",
    "durationMs": 12,
    "bytes": 100,
}


def unlisted(**data):
    """Give the key of a record of a type that is not listed, with an action of its own."""
    content = {
        "type": "com.example.bank.transfer",
        "source": "bank",
        "oracle": {"logid": "ocid1.log.oc1.iad.bank"},
        "data": {**UNLISTED, **data},
    }
    record = {"datetime": 1772615727000, "logContent": content}
    return repeat_key(mapped("logging", record).artifact["metadata"])


@pytest.mark.parametrize(
    "data",
    [
        {"who": "oscar"},
        {"action": "withdraw"},
        {"target": "ledger-2"},
        {"result": "refused"},
        {"note": {"a": 1}},
    ],
)
def test_unlisted_deeds_are_told_by_all_that_they_say(data):
    """A record of an unknown shape with an action of its own is kept apart by any member that says something."""
    assert unlisted(**data) != unlisted()


@pytest.mark.parametrize(
    "data", [{"timestamp": "2026-03-04T10:00:00Z"}, {"requestId": "r-2"}, {"durationMs": 99}, {"bytes": 1}]
)
def test_unlisted_deeds_that_say_the_same_are_repeats(data):
    """Times, ids of requests, durations and sizes do not keep records apart that say the same."""
    assert unlisted(**data) == unlisted()
