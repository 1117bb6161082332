"""The host's de-duplication keeps different events apart and takes true repeats for one."""

from __future__ import annotations

import copy

import pytest
from support.example_records import NAMES, example, mapped
from support.host_rules import repeat_key


def key(source, record):
    """Return what the host compares of a record's artifact."""
    return repeat_key(mapped(source, record).artifact["metadata"])


def changed(record, path, value):
    """Return a copy of a record with another value at a path of keys."""
    other = copy.deepcopy(record)
    *parents, last = path.split(".")
    place = other
    for name in parents:
        place = place[name]
    place[last] = value
    return other


DIFFERENT = [
    ("audit_update_security_list", "data.identity.principalName", "bob@example.com"),
    ("audit_update_security_list", "data.identity.principalId", "ocid1.user.oc1..namesake"),
    ("audit_update_security_list", "data.resourceId", "ocid1.securitylist.oc1.iad.other"),
    ("audit_update_security_list", "data.resourceName", "other-sl"),
    ("audit_update_security_list", "data.eventName", "DeleteSecurityList"),
    ("audit_update_security_list", "data.identity.ipAddress", "203.0.113.25"),
    ("audit_update_security_list", "data.response.status", "404"),
    ("audit_update_security_list", "data.response.status", 500),
    ("audit_list_users", "data.compartmentId", "ocid1.compartment.oc1..other"),
    ("audit_list_users", "data.request.path", "/20160918/users/other"),
    ("audit_v1_with_blanks", "eventType", "com.oraclecloud.ComputeApi.TerminateInstance"),
    ("logging_flow_accepted", "logContent.data.sourceAddress", "10.0.0.8"),
    ("logging_flow_accepted", "logContent.data.destinationPort", 444),
    ("logging_flow_accepted", "logContent.data.action", "REJECT"),
    ("logging_flow_accepted", "logContent.oracle.vnicocid", "ocid1.vnic.oc1.iad.other"),
    ("logging_dns", "logContent.data.qname", "other.example.com."),
    (
        "logging_load_balancer_access",
        "logContent.data.request",
        "GET https://shop.example.com/other HTTP/2.0",
    ),
    ("logging_object_read", "logContent.data.objectName", "other.xlsx"),
    ("logging_object_read", "logContent.data.bucketId", "ocid1.bucket.oc1.iad.other"),
    ("logging_object_read", "logContent.data.principalName", "bob@example.com"),
    ("logging_sshd_failed", "logContent.source", "web-2"),
    (
        "logging_sshd_failed",
        "logContent.data.msg",
        "Mar  4 09:15:28 web-1 sshd[9]: Connection closed by 203.0.113.6",
    ),
    (
        "logging_sshd_failed",
        "logContent.data.msg",
        "Mar  4 09:16:00 web-1 sshd[9]: Failed password for oracle from 203.0.113.5 port 55023 ssh2",
    ),
    (
        "logging_sshd_failed",
        "logContent.data.msg",
        "Mar  4 09:16:00 web-1 sshd[9]: Accepted password for admin from 203.0.113.5 port 55023 ssh2",
    ),
    ("audit_domain_member_added", "data.additionalDetails.adminRefResourceName", "oscar@example.com"),
    ("audit_domain_sign_in_failed", "data.additionalDetails.actorName", "oscar@example.com"),
    ("audit_console_login_unknown_user", "data.response.payload.login_input", "user: oscar"),
    ("logging_custom_application", "logContent.data.message", "another line"),
    ("logging_text_line", "logContent.data", "another line"),
    ("logging_function", "logContent.data.functionId", "ocid1.fnfunc.oc1.iad.other"),
    ("logging_kubernetes_exec", "logContent.data.objectRef.name", "payments-1"),
    ("logging_kubernetes_exec", "logContent.data.user.username", "bob"),
    ("logging_summary", "count", 43),
    ("cloud_guard_public_bucket", "resourceId", "acmens/other"),
    ("cloud_guard_public_bucket", "detectorRuleId", "BUCKET_READ_LOG_ACCESS_DISABLED"),
    ("cloud_guard_public_bucket", "lifecycleDetail", "RESOLVED"),
    ("cloud_guard_public_bucket", "riskLevel", "LOW"),
]


@pytest.mark.parametrize(
    ("name", "path", "value"), DIFFERENT, ids=[f"{name}-{path}" for name, path, _ in DIFFERENT]
)
def test_different_events_are_kept_apart(name, path, value):
    """Another user, resource, address or action shows in a field that the host compares."""
    given = example(name)
    assert key(given["source"], given["record"]) != key(
        given["source"], changed(given["record"], path, value)
    )


LATER_LINE = (
    "Mar  4 09:16:00 web-1 sshd[9]: Failed password for invalid user admin from 203.0.113.5 port 55023 ssh2"
)
REPEATED = [
    ("audit_list_users", "data.response.status", "204"),
    ("audit_list_users", "eventId", "another"),
    ("audit_list_users", "eventTime", "2026-03-04T09:16:00.000Z"),
    ("audit_list_users", "data.request.id", "another"),
    ("audit_list_users", "data.eventGroupingId", "another"),
    ("audit_list_users", "data.response.responseTime", "2026-03-04T09:16:00.100Z"),
    ("logging_flow_accepted", "logContent.data.sourcePort", 60831),
    ("logging_flow_accepted", "logContent.data.bytesOut", 1),
    ("logging_sshd_failed", "logContent.data.msg", LATER_LINE),
    ("logging_text_line", "datetime", 1772615799000),
    ("cloud_guard_public_bucket", "timeLastDetected", "2026-03-05T09:10:00.412Z"),
]


@pytest.mark.parametrize(
    ("name", "path", "value"), REPEATED, ids=[f"{name}-{path}" for name, path, _ in REPEATED]
)
def test_true_repeats_are_one(name, path, value):
    """The same call again, at another time and under another id, is the same to the host."""
    given = example(name)
    assert key(given["source"], given["record"]) == key(
        given["source"], changed(given["record"], path, value)
    )


def test_no_two_examples_are_repeats():
    """Records of different kinds never look alike, but an audit event and its own log record do."""
    keys = {name: key(example(name)["source"], example(name)["record"]) for name in NAMES}
    assert keys.pop("logging_audit_record") == keys["audit_create_policy"]
    assert len(set(keys.values())) == len(keys)
