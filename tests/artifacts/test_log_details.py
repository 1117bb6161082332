"""What log records say of attacks and sign-ins beyond their type."""

from __future__ import annotations

import copy

import pytest
from support.example_records import example, mapped


def with_data(name, **data):
    """Return the metadata of an example log record with other members in its data."""
    record = copy.deepcopy(example(name)["record"])
    record["logContent"]["data"] |= data
    return mapped("logging", record).artifact["metadata"]


def test_a_copy_of_an_audit_event_is_mapped_like_one():
    """A refused sign-in counts as one in whatever log it stands, also without the parts that name where it is from."""
    record = copy.deepcopy(example("audit_console_login_failed")["record"])
    del record["data"]["request"]
    content = {"type": record["eventType"], "time": record["eventTime"], "data": record["data"]}
    artifact = mapped("logging", {"datetime": 1772615727348, "logContent": content}).artifact
    metadata = artifact["metadata"]
    assert (metadata["messageType"], metadata["streamName"]) == ("auth_failure", "oci_cloud_audit")
    assert (metadata["userName"], metadata["clientIP"]) == ("mallory", "198.51.100.77")
    assert artifact["timestamp"] == "2026-03-04T09:15:27.348Z"
    record["data"]["resourceName"] = 5
    other = mapped("logging", {"datetime": 1772615727348, "logContent": content})
    assert (
        other.artifact["metadata"]["oci.parseError"]
        == "logContent.data.resourceName: unexpected type (found a number)"
    )


@pytest.mark.parametrize(
    ("category", "techniques"),
    [
        ("code-execution", ["T1190"]),
        ("SQL-Injection", ["T1190"]),
        ("brute-force", ["T1110"]),
        ("spyware", None),
        (None, None),
    ],
)
def test_a_threats_technique_is_its_categorys(category, techniques):
    """A spyware beacon or a port scan is not an exploit of a public service; only what is certain has a technique."""
    metadata = with_data("logging_firewall_threat", thr_category=category)
    assert metadata["messageType"] == "malicious_behavior"
    assert metadata.get("attackTechniqueIds") == techniques


@pytest.mark.parametrize("part", ["requestAccessControl", "requestRateLimiting"])
def test_rules_that_only_let_pass_or_stop_are_named(part):
    """A rule by country or rate is named, and makes no attack of a request that was let through."""
    metadata = with_data("logging_waf_allow", **{part: {"matchedRules": "only-from-home"}})
    assert metadata["ruleName"] == "only-from-home"
    assert metadata["messageType"] == "web_access"
    assert with_data("logging_waf_block", **{part: {"matchedRules": "x"}})["ruleName"].startswith("SQL")


@pytest.mark.parametrize("program", ["sshd", "sshd-session"])
@pytest.mark.parametrize(
    ("text", "message_type", "user", "action"),
    [
        (
            "Failed password for root from 203.0.113.5 port 1 ssh2",
            "auth_failure",
            "root",
            "ssh sign-in failed",
        ),
        ("Invalid user bob from 203.0.113.5 port 1", "auth_failure", "bob", "ssh sign-in of unknown user"),
        (
            "Accepted publickey for opc from 203.0.113.5 port 1 ssh2: RSA SHA256:x",
            "auth_success",
            "opc",
            "ssh sign-in accepted",
        ),
    ],
)
def test_what_sshd_says_of_a_sign_in(program, text, message_type, user, action):
    """Both programs of OpenSSH log sign-ins, and the client's port is not part of the action."""
    metadata = with_data("logging_sshd_failed", msg=f"Mar  4 09:15:27 web-1 {program}[8121]: {text}")
    assert (metadata["messageType"], metadata["userName"], metadata["action"]) == (message_type, user, action)
    assert metadata["clientIP"] == "203.0.113.5"


def test_a_cluster_call_without_a_valid_identity_is_an_auth_failure():
    """The API server answers 401 to an invalid token, whatever the request was."""
    metadata = with_data("logging_kubernetes_secret", responseStatus={"code": 401})
    assert (metadata["messageType"], metadata["severityLabel"]) == ("auth_failure", "medium")
    assert "attackTechniqueIds" not in metadata
