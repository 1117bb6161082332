"""Record shapes that others met in the field make the artifacts that they should."""

from __future__ import annotations

import pytest
from support.deeds import audit, log, moment, person, problem, service
from support.host_rules import repeat_key

VERA, ADDRESS = person("vera", "198.51.100.40"), "198.51.100.40"
SHOP = "ocid1.bucket.oc1.iad.aaaashop"


def metadata(deed):
    """Give the metadata of a deed's artifact."""
    return deed.artifact()["metadata"]


def domain(event, event_id, status="200", **details):
    """Give an event of an identity domain, which acts in its own name."""
    identity = {"principalName": "idcssso", "principalId": "IDCS"}
    told = {"eventId": event_id, "domainDisplayName": "Default", "clientIp": ADDRESS, **details}
    return audit(
        10, f"identityDomains.{event}", identity, status=status, method="POST", additionalDetails=told
    )


def database(user, status="FAILURE", code="1017"):
    """Give a logon that a database's unified audit trail tells of."""
    data = {"dbUserName": user, "operation": "LOGON", "operationStatus": status, "errorCode": code}
    data |= {"clientIp": ADDRESS, "targetName": "ledger", "auditEventTime": moment(5)}
    return log(5, "logging.custom.unified", data, "UnifiedAudit", subject="UnifiedAudit")


def read_object(status=200, event="getobject", method="GET", **data):
    """Give a record of the Object Storage log."""
    told = {"bucketName": "shop", "bucketId": SHOP, "objectName": "prices.csv", "principalName": "vera"}
    told |= {
        "clientIpAddress": ADDRESS,
        "requestAction": method,
        "statusCode": status,
        "authenticationType": "user",
    }
    return log(5, f"objectstorage.{event}", told | data, "shop")


def web_firewall(**data):
    """Give a request that the web application firewall stopped."""
    request = {"method": "GET", "path": "/", "agent": "Mozilla/5.0"}
    return log(
        5, "loadbalancer.waf", {"clientAddr": ADDRESS, "action": "block", "request": request, **data}, "waf"
    )


def windows(number, description):
    """Give an event of the security log of a Windows host."""
    data = {
        "EventID": number,
        "Channel": "Security",
        "Computer": "win-9.example.com",
        "Description": description,
    }
    return log(5, "logging.custom.win", data, "win-9", subject="Security")


ADMIN = "Subject:\n\tAccount Name:\t\tadmin9\n\n"
SHAPES = {
    "activity by a suspicious address": (
        problem(
            60,
            "SUSPICIOUS_IP_ACTIVITY",
            "ACTIVITY",
            risk="CRITICAL",
            resource=("User", "vera"),
            impacted=("Denylist", ADDRESS, ADDRESS),
        ),
        {"userName": "vera", "clientIP": ADDRESS},
    ),
    "configuration problem": (
        problem(60, "KEY_NOT_ROTATED", "CONFIGURATION", risk="HIGH", resource=("Key", "k1")),
        {"messageType": "iom_match", "severityLabel": "high", "userName": None},
    ),
    "into a pod, in Audit": (
        audit(5, "io.k8s.core.v1.pods.exec.create", VERA, method="create"),
        {
            "messageType": "remote_access",
            "severityLabel": "high",
            "attackTechniqueIds": ["T1609"],
            "serverPort": 6443,
        },
    ),
    "cluster role bound, in Audit": (
        audit(5, "io.k8s.authorization.rbac.v1.clusterrolebindings.create", VERA, method="create"),
        {"messageType": "privilege_escalation", "severityLabel": "high", "attackTechniqueIds": ["T1098.006"]},
    ),
    "deployment deleted, in Audit": (
        audit(5, "apps.v1.deployments.delete", VERA, method="delete"),
        {"messageType": "config_change", "severityLabel": "low"},
    ),
    "secrets listed, in Audit": (
        audit(5, "io.k8s.core.v1.secrets.list", VERA, method="list"),
        {"messageType": "credential_access", "severityLabel": "medium", "attackTechniqueIds": ["T1552.007"]},
    ),
    "lease renewed by the cluster, in Audit": (
        audit(5, "io.k8s.coordination.v1.leases.update", service("system:kube-scheduler")),
        {"messageType": "service_activity", "severityLabel": "informational"},
    ),
    **{
        f"locked: {event_id}": (
            domain(
                "LockUser", f"{event_id}.success", actorName="idcssso", adminResourceName="vera@example.com"
            ),
            {
                "messageType": "auth_failure",
                "severityLabel": "medium",
                "userName": "vera@example.com",
                "clientIP": ADDRESS,
            },
        )
        for event_id in (
            "admin.me.locked",
            "admin.me.mfa.locked",
            "admin.me.mfa.federated.locked",
            "admin.me.passwordrecoverylocked",
        )
    },
    "no principal": (
        read_object(principalName="UnknownPrincipal", principalId="ocid1.instance.oc1.iad.i1"),
        {"userName": "ocid1.instance.oc1.iad.i1"},
    ),
    "object refused": (
        read_object(403),
        {"messageType": "resource_access", "severityLabel": "low", "oci.outcome": "denied"},
    ),
    "object read": (
        read_object(),
        {"messageType": "resource_access", "attackTechniqueIds": ["T1530"], "serverPort": 443},
    ),
    "object copied": (
        read_object(event="copyobject", method="POST"),
        {"messageType": "data_exfiltration", "severityLabel": "medium", "attackTechniqueIds": ["T1537"]},
    ),
    "objects listed by nobody": (
        read_object(event="listobjects", authenticationType="anonymous", principalName=None),
        {"messageType": "service_discovery", "severityLabel": "low"},
    ),
    "database logon refused": (
        database("LEDGER"),
        {
            "messageType": "auth_failure",
            "severityLabel": "medium",
            "userName": "LEDGER",
            "clientIP": ADDRESS,
            "fileName": None,
            "filePath": None,
            "serverHostname": None,
        },
    ),
    "windows logon failed": (
        windows(
            "4625",
            "No logon.\r\n\r\nAccount For Which Logon Failed:\r\n\tAccount Name:\t\tvera\r\n\r\n"
            f"Network Information:\r\n\tSource Network Address:\t{ADDRESS}",
        ),
        {
            "messageType": "auth_failure",
            "severityLabel": "medium",
            "userName": "vera",
            "clientIP": ADDRESS,
            "filePath": None,
        },
    ),
    "windows account created": (
        windows("4720", f"Created.\n\n{ADMIN}New Account:\n\tAccount Name:\t\tback9"),
        {
            "messageType": "privilege_escalation",
            "userName": "admin9",
            "senderHost": "win-9.example.com (back9)",
        },
    ),
    "windows member added": (
        windows(
            "4728",
            f"Added.\n\n{ADMIN}Member:\n\tAccount Name:\t\tback9\n\n"
            "Group:\n\tGroup Name:\t\tx\n\tAccount Name:\t\tAdmins",
        ),
        {"messageType": "privilege_escalation", "severityLabel": "high", "userName": "admin9"},
    ),
    "windows logon": (
        windows("4624", "Accepted.\n\nNew Logon:\n\tAccount Name:\t\tvera\n"),
        {"messageType": "auth_success", "userName": "vera"},
    ),
    "windows log cleared": (
        windows("1102", "Cleared."),
        {"messageType": "defense_evasion", "severityLabel": "high"},
    ),
    "country kept out": (
        web_firewall(requestAccessControl={"matchedRules": "home-only"}),
        {
            "messageType": "web_access",
            "attackTechniqueIds": None,
            "action": "refused GET",
            "ruleName": "home-only",
        },
    ),
    "rate limited": (
        web_firewall(requestRateLimiting={"matchedIds": "slow"}),
        {"attackTechniqueIds": None, "ruleName": "slow"},
    ),
    "hidden metadata": (
        log(
            5,
            "x",
            {"msg": f"Mar  4 08:00:05 web-8 sshd[1]: Failed password for vera from {ADDRESS} port 5 ssh2"},
            "*",
            type="*",
        ),
        {"messageType": "auth_failure", "userName": "vera", "clientIP": ADDRESS, "senderHost": "web-8"},
    ),
    "state as text": (
        audit(
            5,
            "EventsService.UpdateRule",
            VERA,
            method="PUT",
            stateChange={"current": '{"isEnabled": false}', "previous": '{"isEnabled": true}'},
        ),
        {"oci.changedFields": ["isEnabled"], "oci.parseError": None},
    ),
    "SAML refused": (
        domain(
            "ReceiveSamlSpSsoResonse",
            "saml.sp.sso.response.received.failure",
            None,
            actorName="vera",
            ssoComments="Too late.",
        ),
        {
            "messageType": "auth_failure",
            "severityLabel": "medium",
            "userName": "vera",
            "clientIP": ADDRESS,
            "oci.outcome": "failure",
        },
    ),
    "SAML accepted": (
        domain("SentSamlIdpSsoResonse", "saml.idp.sso.response.sent.success", None, actorName="vera"),
        {"messageType": "auth_success", "userName": "vera", "clientIP": ADDRESS, "oci.outcome": "success"},
    ),
    "factor enrolled": (
        domain("CreateDevice", "sso.mfa.factor.enrolled", "201", actorName="vera", adminResourceName="phone"),
        {"messageType": "credential_access", "severityLabel": "medium", "attackTechniqueIds": ["T1098.005"]},
    ),
    "device removed": (
        domain(
            "DeleteDevice", "admin.device.delete.success", "204", actorName="vera", adminResourceName="phone"
        ),
        {"messageType": "credential_access", "severityLabel": "high", "attackTechniqueIds": ["T1556.006"]},
    ),
    "refused by policy": (
        domain("FailureDecide", "sso.policy.decide.failure", None, actorName="vera"),
        {"messageType": "auth_failure", "severityLabel": "medium"},
    ),
    "sign-in without an outcome": (
        audit(5, "identitySignOn.InteractiveLogin", VERA, status=None),
        {"messageType": "auth_attempt"},
    ),
    "serial console": (
        audit(5, "ComputeApi.InstanceConsoleConnected", VERA),
        {"messageType": "remote_access", "severityLabel": "high", "attackTechniqueIds": ["T1021.008"]},
    ),
    "node stopped": (
        audit(
            5,
            "DatabaseService.DbNodeAction.begin",
            VERA,
            resource="n1",
            method="POST",
            request={"action": "POST", "path": "/n1", "parameters": {"action": ["STOP"]}},
        ),
        {"messageType": "config_change", "severityLabel": "low", "action": "DbNodeAction STOP"},
    ),
    "address list": (
        audit(5, "identitySignOn.FederatedLoginRequest", {"ipAddress": f"{ADDRESS}, 10.0.0.9"}),
        {"clientIP": ADDRESS, "oci.ipAddress": f"{ADDRESS}, 10.0.0.9"},
    ),
    "problem in Audit": (
        audit(
            5,
            "cloudguard.problemdetected",
            {},
            status=None,
            eventName="ProblemDetected",
            resource="Open bucket",
            additionalDetails={
                "riskLevel": "CRITICAL",
                "problemName": "BUCKET_IS_PUBLIC",
                "resourceType": "Bucket",
                "resourceName": "shop",
            },
        ),
        {"messageType": "policy_violation", "severityLabel": "critical", "ruleName": "BUCKET_IS_PUBLIC"},
    ),
    "threshold in Audit": (
        audit(5, "cloudguard.problemthresholdreached", {}, status=None, eventName="ProblemThresholdReached"),
        {"messageType": "anomalous_behavior", "severityLabel": "medium"},
    ),
    "app deactivated": (
        audit(5, "identityDomains.DeactivatedApp", VERA),
        {"messageType": "config_change", "severityLabel": "medium"},
    ),
    "password reset": (
        audit(5, "identityControlPlane.CreateOrResetPassword", VERA, method="POST"),
        {"messageType": "credential_access", "severityLabel": "high", "attackTechniqueIds": ["T1098.001"]},
    ),
    "swift password": (
        audit(5, "identityControlPlane.UpdateSwiftPassword", VERA, method="PUT"),
        {"messageType": "credential_access", "severityLabel": "medium", "attackTechniqueIds": ["T1098.001"]},
    ),
    "unlisted password reset": (
        audit(5, "bds.BdsInstanceResetPassword", VERA, method="POST"),
        {"messageType": "credential_access", "severityLabel": "medium"},
    ),
    "cloud shell": (
        audit(5, "CloudShell.CreateTerminal", VERA, method="POST"),
        {"messageType": "remote_access", "severityLabel": "medium"},
    ),
    "node pool": (
        audit(5, "ClustersAPI.DeleteNodePool.begin", VERA, resource="pool", method="DELETE"),
        {"messageType": "data_destruction", "severityLabel": "high", "attackTechniqueIds": ["T1578.003"]},
    ),
    "token regenerated": (
        audit(5, "identityDomains.RegenerateToken", VERA, method="POST"),
        {"messageType": "credential_access", "severityLabel": "medium"},
    ),
    "lower case": (
        audit(5, "integration.deleteintegrationinstance", VERA, method="DELETE"),
        {"messageType": "config_change"},
    ),
    "recovery address": (
        audit(5, "identityDomains.VerifyRecoveryEmail", VERA, method="POST"),
        {"messageType": "credential_access", "severityLabel": "low"},
    ),
    "scores": (
        audit(5, "CloudGuard.RequestRiskScores", VERA),
        {"messageType": "resource_access", "severityLabel": "informational"},
    ),
    "scores asked for by POST": (
        audit(5, "CloudGuard.RequestSecurityScoreSummarizedTrend", VERA, method="POST"),
        {"messageType": "resource_access", "severityLabel": "informational"},
    ),
    "a Get that removes": (
        audit(5, "ons.GetUnsubscription", VERA),
        {"messageType": "defense_evasion", "severityLabel": "medium"},
    ),
    "read that was refused": (
        audit(5, "computeApi.GetInstance", VERA, status="404"),
        {"messageType": "resource_access", "severityLabel": "low", "oci.outcome": "failure"},
    ),
    "listed by a scanner": (
        audit(5, "computeApi.ListInstances", person("vera", agent="Prowler/4.3")),
        {"messageType": "service_discovery", "severityLabel": "low"},
    ),
    "pool terminates": (
        audit(
            5,
            "computeApi.TerminateInstance.begin",
            service("pool", "ocid1.instancepool.oc1.iad.p", "resource"),
            method="DELETE",
        ),
        {"messageType": "service_activity", "attackTechniqueIds": None},
    ),
    "somebody named like a service": (
        audit(
            5, "computeApi.TerminateInstance.begin", {**VERA, "principalName": "autoscaling"}, method="DELETE"
        ),
        {"messageType": "data_destruction", "severityLabel": "high"},
    ),
    "function reads its secret": (
        audit(5, "VaultSecret.GetSecretBundle", service("", "ocid1.fnfunc.oc1.iad.f", "resource")),
        {"messageType": "resource_access", "severityLabel": "informational"},
    ),
    "function is refused a secret": (
        audit(
            5, "VaultSecret.GetSecretBundle", service("", "ocid1.fnfunc.oc1.iad.f", "resource"), status="404"
        ),
        {"messageType": "credential_access", "severityLabel": "medium"},
    ),
    "sign-in behind a proxy": (
        audit(
            5,
            "identitySignOn.InteractiveLogin",
            {},
            request={"headers": {"X-Real-IP": [ADDRESS]}},
            response={"status": "400", "payload": {"login_input": "vera"}},
        ),
        {"messageType": "auth_failure", "clientIP": ADDRESS, "userName": "vera"},
    ),
    "way back of a connection": (
        log(
            5,
            "vcn.flowlogs",
            {
                "action": "ACCEPT",
                "bytesOut": 9,
                "protocolName": "TCP",
                "sourceAddress": "10.0.0.5",
                "sourcePort": 443,
                "destinationAddress": ADDRESS,
                "destinationPort": 51000,
            },
        ),
        {
            "clientIP": ADDRESS,
            "serverIP": "10.0.0.5",
            "serverPort": 443,
            "serverBytes": 9,
            "clientBytes": None,
        },
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_known_shape_is_mapped_right(name):
    """What the record tells is what the fields say, and what it does not tell is absent."""
    deed, wanted = SHAPES[name]
    found = metadata(deed)
    assert {field: found.get(field) for field in wanted} == wanted


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (read_object(404), read_object(200)),
        (
            read_object(principalName="UnknownPrincipal", principalId="i1"),
            read_object(principalName="UnknownPrincipal", principalId="i2"),
        ),
        (database("LEDGER"), database("SYSTEM")),
        (database("LEDGER"), database("LEDGER", "SUCCESS", "0")),
        (
            problem(
                60,
                "X_CHANGED",
                "ACTIVITY",
                risk="HIGH",
                resource=("User", "vera"),
                impacted=("SecurityList", "a", "ocid1.a"),
            ),
            problem(
                60,
                "X_CHANGED",
                "ACTIVITY",
                risk="HIGH",
                resource=("User", "vera"),
                impacted=("SecurityList", "b", "ocid1.b"),
            ),
        ),
        (
            log(
                5,
                "loadbalancer.access",
                {"clientAddr": ADDRESS, "request": "POST https://a/login HTTP/1.1", "lbStatusCode": "401"},
            ),
            log(
                5,
                "loadbalancer.access",
                {"clientAddr": ADDRESS, "request": "POST https://a/login HTTP/1.1", "lbStatusCode": "200"},
            ),
        ),
        (
            log(5, "emaildelivery.outbound", {"action": "accept", "sender": "a@x", "recipient": "b@y"}),
            log(5, "emaildelivery.outbound", {"action": "accept", "sender": "a@x", "recipient": "c@y"}),
        ),
        (
            audit(5, "identitySignOn.FederatedLoginRequest", {"ipAddress": "198.51.100.1, 10.0.0.7"}),
            audit(5, "identitySignOn.FederatedLoginRequest", {"ipAddress": "198.51.100.2, 10.0.0.7"}),
        ),
        (
            domain(
                "ReceiveSamlSpSsoResonse", "saml.sp.sso.response.received.failure", None, actorName="vera"
            ),
            domain(
                "ReceiveSamlSpSsoResonse", "saml.sp.sso.response.received.failure", None, actorName="oscar"
            ),
        ),
    ],
)
def test_known_shapes_are_kept_apart(one, other):
    """A refusal and the success after it, two users, two mails, two lists are two to the host."""
    assert repeat_key(metadata(one)) != repeat_key(metadata(other))


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("activity by a suspicious address", "vera", "on User"),
        ("SAML refused", "tried to sign in: failure (Too late.)", "signed in"),
        ("sign-in without an outcome", "tried to sign in", "signed in"),
        ("refused by policy", "tried to sign in", "decide"),
        ("locked: admin.me.locked", "vera@example.com was locked out", "locked user"),
        ("serial console", "connected instance console", "instanced"),
        ("problem in Audit", "BUCKET_IS_PUBLIC on Bucket shop, risk CRITICAL", "problemed"),
        ("threshold in Audit", "reached problem threshold", "problemed"),
        ("app deactivated", "deactivated app", "deactivateded"),
        ("lower case", "deleted integration instance", "deleteintegrationinstance"),
        ("database logon refused", "LEDGER logon on ledger: failure", "{"),
        ("windows logon failed", "vera logon failed on win-9.example.com", "{"),
    ],
)
def test_messages_read_as_english(name, has, lacks):
    """A message has a subject and says what happened, or what somebody tried."""
    message = metadata(SHAPES[name][0])["message"]
    assert has in message
    assert lacks not in message


def test_a_listener_without_requests_is_told_as_connections():
    """A listener that passes bytes on knows no request: the message says what it knows."""
    data = {
        "clientAddr": f"{ADDRESS}:4",
        "backendAddr": "10.0.0.9:30136",
        "listenerName": "TCP-80",
        "lbStatusCode": "502",
    }
    message = metadata(log(5, "loadbalancer.access", data))["message"]
    assert message == f"{ADDRESS} connected to listener TCP-80, backend 10.0.0.9:30136: 502"


WORLD = {"source": "0.0.0.0/0", "protocol": "6"}


def opened(event, **parts):
    """Give the metadata of an event of vera's that may open something."""
    return metadata(audit(5, event, VERA, resource="thing", method="PUT", **parts))


@pytest.mark.parametrize(
    ("rule", "opens", "severity"),
    [
        (
            {**WORLD, "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}}},
            "0.0.0.0/0 tcp/22",
            "high",
        ),
        (
            {**WORLD, "tcpOptions": {"destinationPortRange": {"min": 443, "max": 443}}},
            "0.0.0.0/0 tcp/443",
            "medium",
        ),
        (
            {**WORLD, "tcpOptions": {"destinationPortRange": {"min": 1000, "max": 4000}}},
            "0.0.0.0/0 tcp/1000-4000",
            "high",
        ),
        (WORLD, "0.0.0.0/0 tcp/all", "high"),
        ({"source": "::/0", "protocol": "all"}, "::/0 all", "high"),
        ({"source": "0.0.0.0/0", "protocol": "1"}, "0.0.0.0/0 icmp", "medium"),
        ({**WORLD, "source": "10.0.0.0/8"}, None, "medium"),
    ],
)
def test_what_a_rule_opens_is_said(rule, opens, severity):
    """The list of openings, the severity and the message tell what the world may reach now."""
    change = {"previous": {"ingressSecurityRules": []}, "current": {"ingressSecurityRules": [rule]}}
    found = opened("virtualNetwork.UpdateSecurityList", stateChange=change)
    assert found.get("oci.opens") == (opens and [opens])
    assert found["severityLabel"] == severity
    assert found["message"].endswith(f", opens {opens}") == (opens is not None)


def test_only_what_is_new_and_told_is_an_opening():
    """A rule that stood before, a refused attempt and a record without rules open nothing."""
    same = {"ingressSecurityRules": [WORLD]}
    event = "virtualNetwork.UpdateSecurityList"
    assert "oci.opens" not in opened(event, stateChange={"previous": same, "current": same})
    refused = {"status": "403"}
    assert "oci.opens" not in opened(event, stateChange={"current": same}, response=refused)
    assert "oci.opens" not in opened(event)
    text = {"current": '{"ingressSecurityRules": [{"source": "0.0.0.0/0", "protocol": "all"}]}'}
    assert opened(event, stateChange=text)["oci.opens"] == ["0.0.0.0/0 all"]


@pytest.mark.parametrize(
    ("event", "payload", "opens", "severity"),
    [
        ("objectStorage.UpdateBucket", {"publicAccessType": "ObjectRead"}, "bucket ObjectRead", "high"),
        (
            "objectStorage.CreatePreauthenticatedRequest",
            {"accessType": "ObjectRead"},
            "pre-authenticated ObjectRead",
            "medium",
        ),
        (
            "objectStorage.CreatePreauthenticatedRequest",
            {"accessType": "AnyObjectReadWrite"},
            "pre-authenticated AnyObjectReadWrite",
            "high",
        ),
        ("virtualNetwork.CreatePublicIp", {"ipAddress": "198.51.100.9"}, "public IP 198.51.100.9", "medium"),
    ],
)
def test_what_else_is_opened_is_said(event, payload, opens, severity):
    """Public buckets, pre-authenticated requests and public addresses are openings too."""
    found = opened(event, additionalDetails=payload)
    assert (found["oci.opens"], found["severityLabel"]) == ([opens], severity)
