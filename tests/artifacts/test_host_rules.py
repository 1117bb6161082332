"""The host's published rules are quiet on a quiet day, and see an attack step by step."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest
from support.attack import attack
from support.host_rules import LOUD, fired, read_correlations, read_rules, repeat_key
from support.quiet_day import quiet_day

RULES = {rule.id: rule for rule in read_rules()}
CORRELATIONS = read_correlations()
STREAMS = ("oci_cloud_audit", "oci_cloud_guard", "oci_cloud_logging")


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


@lru_cache
def quiet():
    """Map the records of a quiet day."""
    return [deed.artifact() for deed in quiet_day()]


STEPS = list(attack())
ATTACK = [step.deed.artifact() for step in STEPS]


@pytest.mark.slow
def test_the_quiet_day_is_a_day():
    """It has at least a thousand artifacts, of all three sources, and every record is read without complaint."""
    assert len(quiet()) >= 1000
    assert {one["metadata"]["streamName"] for one in quiet()} == set(STREAMS)
    assert not [one for one in quiet() if "oci.parseError" in one["metadata"]]


@pytest.mark.slow
@pytest.mark.parametrize("fold", [False, True], ids=["as written", "without case"])
@pytest.mark.sampled(2)
def test_a_quiet_day_is_quiet(fold):
    """No rule of level high or critical takes an artifact of a quiet day, and any other less than one in a hundred."""
    hits = Counter(rule for one in quiet() for rule in fired(one["metadata"], fold=fold))
    assert not {(rule.id, count) for rule, count in hits.items() if rule.level in LOUD}
    assert all(count < len(quiet()) / 100 for count in hits.values())


@pytest.mark.parametrize("name", CORRELATIONS)
@pytest.mark.slow
def test_a_quiet_day_concludes_nothing(name):
    """No correlation comes true on a quiet day."""
    assert not CORRELATIONS[name].fires(quiet())


@pytest.mark.parametrize(
    "number", range(len(STEPS)), ids=[f"{n}-{step.rule}" for n, step in enumerate(STEPS)]
)
def test_each_step_of_an_attack_is_seen(number):
    """The rule that describes a step takes its artifact."""
    metadata = ATTACK[number]["metadata"]
    assert STEPS[number].rule in {rule.id for rule in fired(metadata)}, metadata["message"]


def test_the_attack_is_long_and_wide():
    """At least 25 steps leave records in all three streams, and none is a repeat that the host would drop."""
    assert len(STEPS) >= 25
    assert {one["metadata"]["streamName"] for one in ATTACK} == set(STREAMS)
    assert len({repeat_key(one["metadata"]) for one in ATTACK}) == len(ATTACK)


@pytest.mark.parametrize("name", ["wf-corr-001", "wf-corr-004", "wf-corr-008"])
def test_what_the_host_concludes_from_an_attack(name):
    """Brute force, data taken after a scan and repeated violations are concluded: each record tells who and whence."""
    assert CORRELATIONS[name].fires(ATTACK)


def test_a_failed_sign_in_tells_who_and_from_where():
    """Whatever the log, a refused sign-in of the attack has an address, and a user where the record names one."""
    refused = [one["metadata"] for one in ATTACK if one["metadata"]["messageType"] == "auth_failure"]
    assert len(refused) >= 10
    assert all("clientIP" in metadata for metadata in refused)
    assert (
        sum("userName" in metadata for metadata in refused) == len(refused) - 1
    )  # the Windows record names nobody
