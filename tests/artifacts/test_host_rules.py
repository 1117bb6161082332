"""The host's published rules are quiet on a quiet day, and see an attack step by step."""

from __future__ import annotations

import pytest
from support.host_rules import fired, read_correlations, read_rules, repeat_key

RULES = {rule.id: rule for rule in read_rules()}
CORRELATIONS = read_correlations()


def at(minute, **metadata):
    """Give an artifact of a minute of an hour."""
    return {"timestamp": f"2026-03-04T09:{minute:02}:00.000Z", "metadata": metadata}


def test_every_published_rule_is_here():
    """Sixty rules (five of them filters that raise nothing) and eight correlations are evaluated."""
    assert len(RULES) == 60
    assert sum(rule.level == "-" for rule in RULES.values()) == 5
    assert {rule.level for rule in RULES.values()} == {"-", "medium", "high", "critical"}
    assert len(CORRELATIONS) == 8
    assert {name for one in CORRELATIONS.values() for name in one.rules} <= set(RULES)


@pytest.mark.parametrize(
    ("rule", "metadata", "fires"),
    [
        ("wf-auth-001", {"messageType": "auth_failure"}, True),
        ("wf-auth-001", {}, False),
        ("wf-auth-002", {"messageType": "auth_failure", "severityLabel": "high"}, True),
        ("wf-auth-002", {"messageType": "auth_failure", "severityLabel": "medium"}, False),
        ("wf-cloud-002", {"messageType": "config_change", "streamName": "oci_cloud_audit"}, True),
        ("wf-cloud-002", {"messageType": "config_change", "streamName": "oci_logs"}, False),
        ("wf-comp-002", {"action": "block GET"}, True),
        ("wf-comp-002", {"messageType": "ids_action"}, True),
        ("wf-dlp-004", {"clientBytes": 52428800}, True),
        ("wf-dlp-004", {"clientBytes": 52428799}, False),
        ("wf-dlp-006", {"serverPort": 22, "fileName": "a.tar"}, True),
        ("wf-dlp-006", {"serverPort": 22}, False),
        ("wf-filter-001", {"messageType": "service_discovery", "clientIP": "10.0.0.9", "program": "nmap"}, True),
        ("wf-filter-001", {"messageType": "service_discovery", "clientIP": "10.9.0.9", "program": "nmap"}, False),
        ("wf-ids-002", {"streamName": "suricata", "attackTechniqueIds": ["T1110"]}, True),
        ("wf-infra-005", {"cve": "CVE-2026-1234"}, True),
        ("wf-net-001", {"protocol": "DNS", "fqdn": "x" * 100}, True),
        ("wf-net-003", {"protocol": "TCP", "serverPort": 51000}, True),
        ("wf-net-003", {"protocol": "TCP", "serverPort": 443}, False),
        ("wf-net-003", {"protocol": "UDP", "serverPort": 4789}, False),
        ("wf-net-005", {"messageType": "ids_event", "ruleCategory": "port-scan"}, True),
        ("wf-net-007", {"application": "Go-http-client/1.1"}, True),
        ("wf-net-007", {"application": "Go-http-client/1.1", "serverPort": 443}, False),
        ("wf-net-010", {"fileName": "/tools/run.sh"}, True),
    ],
)  # fmt: skip
def test_a_rule_is_read_as_the_host_reads_it(rule, metadata, fires):
    """Alternatives, conditions, exceptions, parts of texts, numbers, networks and lists are compared as written."""
    assert RULES[rule].fires(metadata) is fires


def test_case_counts_unless_it_is_folded():
    """The host's rules write both cases where they mean both; another engine may compare without case."""
    assert not RULES["wf-comp-002"].fires({"action": "ResetPassword"})
    assert RULES["wf-comp-002"].fires({"action": "ResetPassword"}, fold=True)


@pytest.mark.parametrize(
    ("correlation", "artifacts", "fires"),
    [
        ("wf-corr-001", [at(m, messageType="auth_failure", clientIP="a") for m in range(5)], True),
        ("wf-corr-001", [at(m, messageType="auth_failure", clientIP="a") for m in range(4)], False),
        ("wf-corr-001", [at(m, messageType="auth_failure") for m in range(5)], False),
        ("wf-corr-001", [at(m * 2, messageType="auth_failure", clientIP="a") for m in range(5)], False),
        ("wf-corr-001", [at(m, messageType="auth_failure", clientIP=str(m)) for m in range(5)], False),
        (
            "wf-corr-002",
            [at(m, messageType="auth_failure", serverIP="s", userName=str(m)) for m in range(10)],
            True,
        ),
        ("wf-corr-008", [at(m * 9, messageType="policy_violation", userName="u") for m in range(5)], True),
        (
            "wf-corr-004",
            [
                at(1, messageType="service_discovery", clientIP="a"),
                at(9, messageType="data_exfiltration", clientIP="a"),
            ],
            True,
        ),
        (
            "wf-corr-004",
            [
                at(1, messageType="data_exfiltration", clientIP="a"),
                at(9, messageType="service_discovery", clientIP="a"),
            ],
            False,
        ),
    ],
)
def test_a_correlation_is_counted_as_the_host_counts_it(correlation, artifacts, fires):
    """Groups without a value count nothing, spans end, the order of two rules matters."""
    assert CORRELATIONS[correlation].fires(artifacts) is fires


def test_filters_raise_nothing_and_repeats_agree_in_eleven_fields():
    """A filter is no alert, and what an artifact says beside the eleven fields does not keep it apart."""
    metadata = {"messageType": "service_discovery", "clientIP": "10.0.0.9", "program": "nmap"}
    assert {rule.id for rule in fired(metadata)} == {"wf-auth-008", "wf-net-005"}
    assert repeat_key(metadata) == repeat_key({**metadata, "program": "other"})
    assert repeat_key(metadata) != repeat_key({**metadata, "action": "other"})
