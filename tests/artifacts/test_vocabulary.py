"""The tables are complete, consistent, and found whatever the spelling."""

from __future__ import annotations

import re

import pytest

from signal_client_oci.artifacts.phrases import phrase_of
from signal_client_oci.artifacts.severity import CODES, severity_of_risk, severity_of_word
from signal_client_oci.artifacts.vocabulary import DETECTORS, meaning_of_event, meaning_of_rule, table

TYPES = {row["messageType"] for row in table("message_types")}
TECHNIQUES = {row["id"] for row in table("techniques")}


def techniques(row):
    """Return the technique ids of a row."""
    return [technique for technique in row.get("techniques", "").split(",") if technique]


def test_the_event_table_is_as_large_as_it_should_be():
    """At least 120 event types of at least 15 services are listed."""
    rows = table("audit_events")
    assert len({(row["service"], row["event"]) for row in rows}) >= 120
    assert len({row["service"] for row in rows}) >= 15


@pytest.mark.parametrize(
    "name", ["audit_events", "identity_domain_events", "verbs", "cloud_guard_rules", "log_types"]
)
def test_rows_use_known_words(name):
    """Every message type, severity and technique that a row uses is one that exists."""
    for row in table(name):
        assert row["messageType"] in TYPES, row
        assert row.get("severity", "low") in CODES, row
        assert set(techniques(row)) <= TECHNIQUES, row


def test_no_event_is_listed_twice():
    """A service's event has one row, and a name that stands alone means one thing."""
    keys = [
        (service, row["event"].lower())
        for row in table("audit_events")
        for service in row["service"].lower().split()
    ]
    assert len(keys) == len(set(keys))
    alone: dict[str, set[str]] = {}
    for row in table("audit_events"):
        if row["alone"] == "yes":
            alone.setdefault(row["event"].lower(), set()).add(row["messageType"])
    assert all(len(meanings) == 1 for meanings in alone.values())


def test_every_row_says_how_it_is_known():
    """Names of events have a basis, techniques have their page."""
    assert {row["basis"] for row in table("audit_events")} == {"api", "events", "seen"}
    for row in table("techniques"):
        page = row["id"].replace(".", "/")
        assert row["source"] == f"https://attack.mitre.org/versions/v16/techniques/{page}/"
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", row["id"])
        assert row["name"]
        assert row["tactics"]


def test_every_technique_is_used():
    """The list of techniques holds nothing that no event leads to."""
    used = {
        each
        for name in ("audit_events", "identity_domain_events", "cloud_guard_rules")
        for row in table(name)
        for each in techniques(row)
    }
    # these are set by what a log record or a sign-in tells
    assert TECHNIQUES - used <= {"T1110", "T1609", "T1098.006", "T1613", "T1046", "T1070.001", "T1136.001"}


def test_every_detector_of_a_rule_is_known():
    """A rule names one of the detectors of Cloud Guard."""
    kinds = {name.removeprefix("IAAS_").removesuffix("_DETECTOR").lower() for name in DETECTORS}
    assert {row["detector"] for row in table("cloud_guard_rules")} <= kinds
    assert set(DETECTORS.values()) <= TYPES


@pytest.mark.parametrize(
    ("event_type", "name", "message_type", "severity"),
    [
        ("com.oraclecloud.identityControlPlane.CreatePolicy", "CreatePolicy", "privilege_escalation", "high"),
        ("com.oraclecloud.identitycontrolplane.createpolicy", "", "privilege_escalation", "high"),
        (
            "com.oraclecloud.IdentityControlPlane.AddUserToGroup",
            "AddUserToGroup",
            "privilege_escalation",
            "high",
        ),
        ("com.oraclecloud.identityControlPlane.UpdateDynamicGroup", "", "privilege_escalation", "high"),
        ("com.oraclecloud.identityControlPlane.UploadApiKey", "", "credential_access", "high"),
        ("com.oraclecloud.identityControlPlane.CreateAuthToken", "", "credential_access", "high"),
        ("com.oraclecloud.identityControlPlane.DeleteMfaTotpDevice", "", "credential_access", "high"),
        ("com.oraclecloud.identityControlPlane.CreateIdentityProvider", "", "privilege_escalation", "high"),
        (
            "com.oraclecloud.virtualNetwork.UpdateNetworkSecurityGroupSecurityRules",
            "",
            "config_change",
            "medium",
        ),
        ("com.oraclecloud.virtualNetwork.CreateInternetGateway", "", "config_change", "medium"),
        ("com.oraclecloud.virtualnetwork.updateroutetable", "", "config_change", "medium"),
        ("com.oraclecloud.objectstorage.CreatePreauthenticatedRequest", "", "config_change", "medium"),
        ("com.oraclecloud.Audit.UpdateConfiguration", "", "defense_evasion", "high"),
        ("com.oraclecloud.CloudGuard.UpdateConfiguration", "", "defense_evasion", "high"),
        ("com.oraclecloud.logging.DeleteLog", "", "defense_evasion", "high"),
        ("com.oraclecloud.KeyManagementService.ScheduleKeyDeletion.begin", "", "defense_evasion", "high"),
        ("com.oraclecloud.kms.DisableKey", "", "defense_evasion", "high"),
        ("com.oraclecloud.computeApi.TerminateInstance.begin", "", "data_destruction", "high"),
        ("com.oraclecloud.objectstorage.deletebucket", "", "data_destruction", "high"),
        ("com.oraclecloud.DatabaseService.DeleteAutonomousDatabase.begin", "", "data_destruction", "high"),
        ("com.oraclecloud.computeApi.ExportImage.begin", "", "data_exfiltration", "high"),
        ("com.oraclecloud.objectStorage.ListBuckets", "", "resource_access", "informational"),
        ("com.oraclecloud.somethingNew.ListThings", "", "resource_access", "informational"),
        ("com.oraclecloud.somethingNew.GetThing", "", "resource_access", "informational"),
        ("com.oraclecloud.somethingNew.UpdateThing", "", "resource_change", "low"),
        ("com.oraclecloud.somethingNew.UpdateConfiguration", "", "resource_change", "low"),
        ("com.oraclecloud.somethingNew.PurgeThings.end", "", "data_destruction", "medium"),
        ("com.oraclecloud.somethingNew.Frobnicate", "", "api_call", "informational"),
        ("com.oraclecloud.consoleSignOn.SomeNewLogin", "", "auth_success", "informational"),
        ("", "ListUsers", "resource_access", "informational"),
        ("com.oraclecloud.identityDomains.AuthenticationUser", "", "auth_success", "informational"),
        ("com.oraclecloud.identityDomains.FactorMfa", "", "auth_success", "informational"),
        ("com.oraclecloud.identityDomains.InitiateSSOAuthFactor", "", "auth_attempt", "informational"),
        ("com.oraclecloud.identityDomains.DeactivateUser", "", "config_change", "medium"),
        ("com.oraclecloud.identityDomains.AddApprole", "", "privilege_escalation", "high"),
        ("com.oraclecloud.identityDomains.CreateMyApiKey", "", "credential_access", "high"),
        (
            "com.oraclecloud.identityDomains.PutAuthenticationFactorSetting",
            "",
            "privilege_escalation",
            "high",
        ),
        ("com.oraclecloud.identityDomains.PatchDynamicResourceGroup", "", "privilege_escalation", "high"),
        ("com.oraclecloud.identityDomains.CreateGrant", "", "privilege_escalation", "high"),
        ("com.oraclecloud.identityDomains.PatchRule", "", "privilege_escalation", "high"),
        ("com.oraclecloud.somethingNew.PatchRule", "", "resource_change", "low"),
        ("com.oraclecloud.virtualNetwork.UpdateDrgRouteRules", "", "config_change", "medium"),
        (
            "com.oraclecloud.virtualNetwork.GetIPSecConnectionTunnelSharedSecret",
            "",
            "credential_access",
            "medium",
        ),
        ("com.oraclecloud.KeyManagementService.Decrypt", "", "resource_access", "informational"),
        ("com.oraclecloud.usageapi.RequestSummarizedUsages", "", "resource_access", "informational"),
        ("com.oraclecloud.somethingNew.RequestThing", "", "resource_change", "low"),
        ("com.oraclecloud.somethingNew.ResumeThing", "", "resource_change", "low"),
        ("com.oraclecloud.somethingNew.CheckThing", "", "resource_access", "informational"),
        ("com.oraclecloud.somethingNew.BulkDeleteTags", "", "config_change", "low"),
        ("com.oraclecloud.somethingNew.io.k8s.core.v1.pods.deletecollection", "", "config_change", "low"),
        ("", "", "api_call", "informational"),
        ("not.a.type", "", "api_call", "informational"),
    ],
)
def test_what_an_event_means(event_type, name, message_type, severity):
    """Listed events mean what the table says, others what their verb says."""
    meaning = meaning_of_event(event_type, name)
    assert (meaning.message_type, meaning.severity) == (message_type, severity)
    assert meaning.vendor_code == event_type


def test_phases_and_services_are_read_from_the_type():
    """Begin and end are told apart, and the service may have dots of its own."""
    meaning = meaning_of_event("com.oraclecloud.databaseservice.autonomous.database.backup.end", "")
    assert (meaning.service, meaning.event, meaning.phase) == (
        "databaseservice.autonomous.database",
        "backup",
        "end",
    )


@pytest.mark.slow
def test_the_memory_of_meanings_is_bounded():
    """Event types that never repeat do not fill the memory."""
    for number in range(10_000):
        meaning_of_event(f"com.oraclecloud.x.Event{number}", "")
    assert meaning_of_event("com.oraclecloud.x.ListEvent1", "").message_type == "resource_access"


@pytest.mark.parametrize(
    ("rule", "detector", "message_type"),
    [
        ("BUCKET_IS_PUBLIC", "IAAS_CONFIGURATION_DETECTOR", "iom_match"),
        (" bucket_is_public ", "", "iom_match"),
        ("SUSPICIOUS_IP_ACTIVITY", "IAAS_ACTIVITY_DETECTOR", "anomalous_behavior"),
        ("ocid1.cloudguarddetectorrule.oc1..x", "IAAS_THREAT_DETECTOR", "malicious_behavior"),
        ("A_NEW_RULE", "iaas_log_insight_detector", "anomalous_behavior"),
        ("", "", "policy_violation"),
    ],
)
def test_what_a_rule_means(rule, detector, message_type):
    """Listed rules mean what the table says, others what their detector finds."""
    assert meaning_of_rule(rule, detector).message_type == message_type


def test_every_level_of_cloud_guard_is_on_the_scale():
    """Cloud Guard's five risk levels are the scale's five labels, in this order."""
    levels = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"]
    assert [severity_of_risk(level) for level in levels] == list(CODES)
    assert severity_of_risk(None) is None
    assert severity_of_word({"a": 1}) is None
    assert severity_of_word("ERROR") == "medium"


@pytest.mark.parametrize(
    ("name", "was", "is_"),
    [
        ("UpdateSecurityList", "updated security list", "update security list"),
        ("ListVNICAttachments", "listed vnic attachments", "list vnic attachments"),
        ("GetInstance", "read instance", "get instance"),
        ("InstanceAction", "ran instance action", "run instance action"),
        ("io.k8s.core.v1.pods.create", "created io.k8s.core.v1.pods", "create io.k8s.core.v1.pods"),
        ("v1.2", "v1.2", "v1.2"),
        ("SendOffer", "sent offer", "send offer"),
        ("CopyObject", "copied object", "copy object"),
        ("DeployStack", "deployed stack", "deploy stack"),
        ("PutObjectLifecyclePolicy", "put object lifecycle policy", "put object lifecycle policy"),
        ("createvcn", "created vcn", "create vcn"),
        ("", "", ""),
    ],
)
def test_operations_in_words(name, was, is_):
    """The name of an operation is told in words, as done and as wanted."""
    assert phrase_of(name)[1:] == (was, is_)
