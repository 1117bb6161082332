"""An attack from the first probe to the ransom, over all sources, and which rule of the host must see each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from support.deeds import audit, flow, log, person, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.deeds import Deed

ATTACKER = "198.51.100.77"
_CLI = "Oracle-PythonCLI/3.95.1"


class Step(NamedTuple):
    """One step: the record that it leaves, and the rule whose title describes it."""

    rule: str
    deed: Deed


def attack() -> Iterator[Step]:
    """Yield the steps in the order of time."""
    yield from _probes()
    yield from _first_access()
    yield from _rights()
    yield from _openings()
    yield from _theft()
    yield from _destruction()


def _mallory(agent: str = _CLI) -> dict[str, str]:
    return person("mallory", ATTACKER, agent)


def _probes() -> Iterator[Step]:
    anonymous = {"bucketName": "exports", "authenticationType": "anonymous", "clientIpAddress": ATTACKER}
    listing = {"requestAction": "GET", "statusCode": 200, "userAgent": "curl/8"}
    yield Step("wf-net-005", log(10, "objectstorage.listobjects", anonymous | listing, "exports"))
    scan = {
        "src": ATTACKER,
        "dst": "10.0.1.5",
        "dport": "22",
        "proto": "tcp",
        "action": "alert",
        "thr_category": "scan",
    }
    yield Step(
        "wf-net-005",
        log(20, "networkfirewall.threat", scan | {"threatid": "SCAN: TCP Port Scan(8001)"}, "fw-1"),
    )
    request = {"method": "GET", "path": "/?id=1%27%20OR%201=1", "agent": "sqlmap/1.8"}
    rules = {
        "requestProtection": {"matchedRules": "SQL Injection"},
        "action": "block",
        "response": {"code": "403"},
    }
    injection = {"clientAddr": ATTACKER, "request": request} | rules
    yield Step("wf-mal-001", log(30, "loadbalancer.waf", injection, "waf-1"))
    yield Step(
        "wf-comp-002", log(31, "loadbalancer.waf", injection | {"clientAddr": "198.51.100.78"}, "waf-1")
    )
    exploit = {
        "src": ATTACKER,
        "dst": "10.0.1.5",
        "dport": "80",
        "proto": "tcp",
        "action": "drop",
        "severity": "critical",
    }
    named = {"threatid": "Log4j RCE(91991)", "thr_category": "code-execution"}
    yield Step("wf-mal-001", log(40, "networkfirewall.threat", exploit | named, "fw-1"))
    yield Step("wf-net-005", audit(50, "identityControlPlane.ListUsers", _mallory("ScoutSuite/5.14.0")))


def _first_access() -> Iterator[Step]:
    for index, name in enumerate(("ada", "grace", "linus", "edsger", "barbara", "root")):
        wrong = {"response": {"status": "400", "payload": {"login_result": "PASSWORD_INVALID"}}}
        deed = audit(600 + index * 20, "identitySignOn.InteractiveLogin", person(name, ATTACKER), **wrong)
        yield Step("wf-auth-001", deed)
    line = f"Mar  4 08:12:00 web-1 sshd[9]: Failed password for invalid user oracle from {ATTACKER} port 50022 ssh2"
    yield Step(
        "wf-auth-001", log(730, "logging.custom.linux", {"msg": line, "tailed_path": "/var/log/secure"})
    )
    windows = f"An account failed to log on.\n\nNetwork Information:\n\tSource Network Address:\t{ATTACKER}\n"
    logon = {"EventID": "4625", "Channel": "Security", "Computer": "win-1", "Description": windows}
    yield Step("wf-auth-001", log(740, "logging.custom.windows", logon, "win-1"))
    refused = {
        "dbUserName": "SYSTEM",
        "operation": "LOGON",
        "operationStatus": "FAILURE",
        "errorCode": "1017",
    }
    yield Step(
        "wf-auth-001",
        log(750, "logging.custom.unified", refused | {"clientIp": ATTACKER, "targetName": "orders"}),
    )
    details = {"eventId": "saml.sp.sso.response.received.failure", "actorName": "ada", "clientIp": ATTACKER}
    domain = {"principalName": "idcssso", "principalId": "IDCS"}
    yield Step(
        "wf-auth-001",
        audit(760, "identityDomains.ReceiveSamlSpSsoResonse", domain, status=None, additionalDetails=details),
    )
    seen = problem(800, "SUSPICIOUS_IP_ACTIVITY", "ACTIVITY", risk="CRITICAL", resource=("User", "mallory"),
                   impacted=("Denylist", ATTACKER, ATTACKER))  # fmt: skip
    yield Step("wf-ids-005", seen)


def _rights() -> Iterator[Step]:
    for second, event, resource, rule in (
        (900, "identityControlPlane.UploadApiKey", "svc-backup", "wf-auth-003"),
        (910, "identityControlPlane.CreateUser", "helpdesk2", "wf-cloud-001"),
        (920, "identityControlPlane.AddUserToGroup", "Administrators", "wf-cloud-001"),
        (930, "identityControlPlane.CreatePolicy", "let-all-in", "wf-auth-004"),
        (940, "identityControlPlane.CreateOrResetPassword", "alice", "wf-auth-003"),
        (950, "identityDomains.DeleteDevice", "iPhone of alice", "wf-auth-003"),
        (960, "VaultSecret.GetSecretBundle", "db-password", "wf-auth-003"),
        (970, "identityDomains.CreateGrant", "Security Administrator", "wf-cloud-001"),
        (980, "Audit.UpdateConfiguration", "audit", "wf-auth-007"),
        (990, "logging.DeleteLogGroup", "prod-logs", "wf-auth-007"),
        (1000, "CloudGuard.UpdateConfiguration", "cloud-guard", "wf-auth-007"),
        (1010, "ons.GetUnsubscription", "on-call", "wf-auth-007"),
    ):
        yield Step(rule, audit(second, event, _mallory(), resource=resource, method="POST"))
    binding = audit(
        1020, "io.k8s.authorization.rbac.v1.clusterrolebindings.create", _mallory(), method="create"
    )
    yield Step("wf-cloud-001", binding)
    target = {"resource": "secrets", "namespace": "shop", "name": "db"}
    read = {"apiVersion": "audit.k8s.io/v1", "verb": "get", "objectRef": target, "sourceIPs": [ATTACKER]}
    secret = read | {"user": {"username": "mallory"}, "responseStatus": {"code": 200}}
    yield Step("wf-auth-003", log(1030, "oke.apiserver.audit", secret, "cluster-1"))
    added = problem(1040, "USER_ADDED_TO_GROUP", "ACTIVITY", risk="HIGH", resource=("User", "mallory"),
                    impacted=("Group", "Administrators", "ocid1.group.oc1..admins"))  # fmt: skip
    yield Step("wf-cloud-001", added)
    cleared = {
        "EventID": "1102",
        "Channel": "Security",
        "Computer": "win-1",
        "Description": "The audit log was cleared.",
    }
    yield Step("wf-auth-007", log(1050, "logging.custom.windows", cleared, "win-1"))


def _openings() -> Iterator[Step]:
    rule = {
        "source": "0.0.0.0/0",
        "protocol": "6",
        "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}},
    }
    opened = {
        "stateChange": {"previous": {"ingressSecurityRules": []}, "current": {"ingressSecurityRules": [rule]}}
    }
    yield Step(
        "wf-cloud-002",
        audit(
            1100, "virtualNetwork.UpdateSecurityList", _mallory(), resource="web-sl", method="PUT", **opened
        ),
    )
    yield Step(
        "wf-cloud-002",
        audit(1110, "virtualNetwork.CreateInternetGateway", _mallory(), resource="igw", method="POST"),
    )
    public = {"additionalDetails": {"publicAccessType": "ObjectRead"}}
    yield Step(
        "wf-cloud-002",
        audit(1120, "objectStorage.UpdateBucket", _mallory(), resource="payroll", method="POST", **public),
    )
    shared = {"response": {"status": "200", "payload": {"accessType": "AnyObjectRead"}}}
    yield Step(
        "wf-cloud-002",
        audit(
            1130,
            "objectStorage.CreatePreauthenticatedRequest",
            _mallory(),
            resource="par",
            method="POST",
            **shared,
        ),
    )
    yield Step(
        "wf-cloud-002",
        audit(1140, "computeApi.LaunchInstance.begin", _mallory(), resource="miner", method="POST"),
    )
    yield Step(
        "wf-cloud-002",
        audit(
            1150,
            "identityControlPlane.RemoveUserFromGroup",
            _mallory(),
            resource="Responders",
            method="DELETE",
        ),
    )


def _theft() -> Iterator[Step]:
    copied = {
        "bucketName": "payroll",
        "objectName": "salaries.csv",
        "principalName": "mallory",
        "statusCode": 200,
    }
    more = {"clientIpAddress": ATTACKER, "requestAction": "POST", "authenticationType": "user"}
    yield Step("wf-dlp-002", log(1200, "objectstorage.copyobject", copied | more, "payroll"))
    yield Step(
        "wf-dlp-002",
        audit(1210, "computeApi.ExportImage.begin", _mallory(), resource="db-image", method="POST"),
    )
    yield Step("wf-dlp-004", flow(1220, "10.0.2.9", 50_123, ATTACKER, 443, size=900_000_000))
    yield Step("wf-net-012", flow(1230, "10.0.1.5", 50_124, "10.0.2.7", 445, size=4_000))


def _destruction() -> Iterator[Step]:
    yield Step(
        "wf-dlp-003",
        audit(1300, "computeApi.TerminateInstance.begin", _mallory(), resource="db-1", method="DELETE"),
    )
    yield Step(
        "wf-dlp-003",
        audit(1310, "blockVolumes.DeleteVolumeBackup", _mallory(), resource="backup-1", method="DELETE"),
    )
    yield Step(
        "wf-dlp-003",
        audit(1320, "clustersApi.DeleteNodePool.begin", _mallory(), resource="pool-1", method="DELETE"),
    )
    yield Step(
        "wf-auth-007",
        audit(
            1330,
            "KeyManagementService.ScheduleKeyDeletion",
            _mallory(),
            resource="payroll-key",
            method="POST",
        ),
    )
    deleted = {
        "bucketName": "payroll",
        "objectName": "salaries.csv",
        "principalName": "mallory",
        "statusCode": 204,
    }
    yield Step(
        "wf-dlp-003",
        log(1340, "objectstorage.deleteobject", deleted | {"requestAction": "DELETE"}, "payroll"),
    )
    rogue = problem(1350, "ROGUE_USER", "THREAT", risk="CRITICAL", resource=("User", "mallory"))
    yield Step("wf-mal-001", rogue)
    for index in range(5):
        details = {
            "problemName": "IAM_API_KEY_CREATED",
            "riskLevel": "HIGH",
            "resourceType": "User",
            "resourceName": "mallory",
        }
        found = audit(1400 + index, "cloudguard.problemdetected", {}, status=None, resource=f"Finding {index}",
                      resource_id=f"ocid1.cloudguardproblem.oc1.iad.p{index}", additionalDetails=details)  # fmt: skip
        yield Step("wf-cloud-006", found)
