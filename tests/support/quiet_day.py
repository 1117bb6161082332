"""A day on which nothing happened: plans, consoles, autoscaling, traffic, jobs and standing findings."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from support.deeds import TERRAFORM, audit, flow, log, person, problem, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.deeds import Deed

_LISTED = (
    "Vcns",
    "Subnets",
    "SecurityLists",
    "RouteTables",
    "Instances",
    "Volumes",
    "BootVolumes",
    "Vaults",
    "Users",
)
_SHOWN = (
    "Vcn",
    "Subnet",
    "SecurityList",
    "RouteTable",
    "Instance",
    "Volume",
    "LoadBalancer",
    "Policy",
    "Bucket",
)
_PATHS = ("/", "/cart", "/login", "/api/v1/orders", "/static/app.css", "/search?q=shoes")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "okhttp/4.12.0",
)


def quiet_day() -> Iterator[Deed]:
    """Yield the records of the day: more than a thousand, over all three sources, always the same."""
    chance = random.Random(20260304)
    for part in (
        _plans,
        _consoles,
        _services,
        _owners,
        _cluster,
        _traffic,
        _web,
        _hosts,
        _objects,
        _findings,
    ):
        yield from part(chance)


def _plans(chance: random.Random) -> Iterator[Deed]:
    """Two Terraform plans: every resource is listed and read, some are gone."""
    caller = person("pipeline", agent=TERRAFORM)
    for second in range(0, 2000, 10):
        kind = chance.choice(_SHOWN)
        yield audit(second, f"virtualNetwork.List{chance.choice(_LISTED)}", caller)
        missing = chance.random() < 0.05
        yield audit(
            second + 1,
            f"computeApi.Get{kind}",
            caller,
            resource=f"{kind}-{second}",
            status="404" if missing else "200",
        )


def _consoles(chance: random.Random) -> Iterator[Deed]:
    """People sign in, look around, and mistype a password three times."""
    for index, name in enumerate(("ada", "grace", "linus", "edsger")):
        caller = person(name, f"203.0.113.{30 + index}")
        start = 3600 + index * 600
        login = {"response": {"status": "200", "payload": {"login_result": "SUCCESS"}}}
        yield audit(start, "identitySignOn.InteractiveLogin", caller, **login)
        for step in range(25):
            verb = chance.choice(("List", "Get", "Summarize"))
            noun = chance.choice(_LISTED) if verb != "Get" else chance.choice(_SHOWN)
            yield audit(
                start + step * 3, f"identityControlPlane.{verb}{noun}", caller, resource=f"thing-{step}"
            )
        yield audit(start + 90, "CloudGuard.RequestSecurityScores", caller)
        yield audit(start + 95, "resourceSearch.SearchResources", caller, method="POST")
    for second in (3590, 5000, 9000):
        wrong = {"response": {"status": "400", "payload": {"login_result": "PASSWORD_INVALID"}}}
        yield audit(second, "identitySignOn.InteractiveLogin", person("grace", "203.0.113.31"), **wrong)


def _services(chance: random.Random) -> Iterator[Deed]:
    """Pools scale, policies back up and tidy away, functions and instances read their secrets."""
    pool = service("batch-pool", "ocid1.instancepool.oc1.iad.aaaabatch", "resource")
    for second in range(0, 20_000, 500):
        name = f"batch-{second}"
        yield audit(second, "computeApi.LaunchInstance.begin", pool, resource=name, method="POST")
        yield audit(second + 400, "computeApi.TerminateInstance.begin", pool, resource=name, method="DELETE")
    for second in range(100, 20_000, 1000):
        backup = service("blockstorage-us-ashburn-1")
        yield audit(
            second, "blockVolumes.CreateVolumeBackup.begin", backup, resource=f"b-{second}", method="POST"
        )
        yield audit(
            second + 9,
            "blockVolumes.DeleteVolumeBackup",
            backup,
            resource=f"b-{second - 1000}",
            method="DELETE",
        )
        yield audit(
            second + 11, "blockVolumes.CopyVolumeBackup", backup, resource=f"b-{second}", method="POST"
        )
        lifecycle = service("objectstorage-us-ashburn-1", auth="svc")
        yield audit(
            second + 20, "objectStorage.DeleteObject", lifecycle, resource=f"old-{second}", method="DELETE"
        )
        function = service("", "ocid1.fnfunc.oc1.iad.aaaanightly", "resource")
        yield audit(second + 30, "VaultSecret.GetSecretBundle", function, resource="db-password")
        host = service("web-1", f"ocid1.instance.oc1.iad.web{chance.randrange(9)}", "instance")
        yield audit(second + 40, "KeyManagementService.Decrypt", host, method="POST")


def _owners(chance: random.Random) -> Iterator[Deed]:
    """Owners create and update what is theirs."""
    for second in range(4000, 12_000, 400):
        name = chance.choice(("ada", "linus", "pipeline"))
        agent = TERRAFORM if name == "pipeline" else "Oracle-PythonCLI/3.95.1"
        event = chance.choice(
            (
                "computeApi.UpdateInstance",
                "functions.UpdateFunction",
                "oracleResourceManager.UpdateStack",
                "loadBalancer.UpdateBackendSet",
                "taggingControlPlane.CreateTag",
                "virtualNetwork.CreateSubnet",
                "artifacts.UploadDockerImage",
                "apiGateway.UpdateDeployment",
                "objectStorage.CreateBucket",
            )
        )
        yield audit(second, event, person(name, agent=agent), resource=f"own-{second}", method="PUT")


def _cluster(chance: random.Random) -> Iterator[Deed]:
    """Nodes and controllers keep a cluster going; an operator looks at it."""
    for second in range(0, 3000, 30):
        verb, resource, user = chance.choice(
            (
                ("update", "leases", "system:kube-controller-manager"),
                ("watch", "secrets", "system:node:10.0.10.4"),
                ("patch", "pods", "system:serviceaccount:kube-system:replicaset-controller"),
                ("delete", "pods", "system:serviceaccount:kube-system:job-controller"),
                ("list", "pods", "ocid1.user.oc1..aaaalinus"),
                ("patch", "deployments", "system:serviceaccount:argocd:argocd-application-controller"),
            )
        )
        target = {"resource": resource, "namespace": "shop", "name": f"n-{second}"}
        data = {
            "apiVersion": "audit.k8s.io/v1",
            "verb": verb,
            "objectRef": target,
            "user": {"username": user},
        }
        more = {"responseStatus": {"code": 200}, "sourceIPs": ["10.0.10.4"], "userAgent": "kubelet/v1.31.1"}
        yield log(second, "oke.apiserver.audit", data | more, "cluster-1")
        call = audit(second + 7, "io.k8s.coordination.v1.leases.update", service("system:node:10.0.10.4"))
        yield call


def _traffic(chance: random.Random) -> Iterator[Deed]:
    """Connections and their ways back; what the internet tries is rejected."""
    for second in range(0, 4000, 20):
        client, port = f"198.51.100.{chance.randrange(2, 250)}", chance.randrange(32_768, 60_999)
        yield flow(
            second, client, port, "10.0.1.5", chance.choice((443, 80)), size=chance.randrange(200, 40_000)
        )
        yield flow(second + 1, "10.0.1.5", 443, client, port, size=chance.randrange(2_000, 4_000_000))
        yield flow(second + 2, "10.0.1.5", port, "10.0.2.9", 1521, size=chance.randrange(200, 90_000))
        if second % 60 == 0:
            yield flow(
                second + 3, client, port, "10.0.1.5", chance.choice((22, 23, 3389)), size=60, action="REJECT"
            )
            question = {"qname": "db.quiet.example.", "qtype": "A", "rcodeName": "NOERROR", "protocol": "udp"}
            yield log(
                second, "dns.private", question | {"sourceAddress": "10.0.1.5", "destinationPort": "53"}
            )
            denied = {"src": client, "sport": str(port), "dst": "10.0.1.5", "dport": "8088", "proto": "tcp"}
            yield log(
                second,
                "networkfirewall.traffic",
                denied | {"action": "deny", "app": "not-applicable"},
                "fw-1",
            )


def _web(chance: random.Random) -> Iterator[Deed]:
    """A shop behind a load balancer, a gateway and a firewall that keeps some countries out."""
    for second in range(0, 3000, 15):
        client, path = f"198.51.100.{chance.randrange(2, 250)}", chance.choice(_PATHS)
        status = chance.choice(("200", "200", "200", "304", "404", "401"))
        asked = {"request": f"GET https://shop.quiet.example:443{path} HTTP/1.1", "lbStatusCode": status}
        data = {
            "clientAddr": f"{client}:51000",
            "backendAddr": "10.0.1.5:8080",
            "userAgent": chance.choice(_AGENTS),
        }
        yield log(second, "loadbalancer.access", asked | data, "shop-lb")
        if second % 45 == 0:
            gateway = {
                "requestMethod": "GET",
                "requestUri": "/v1/orders",
                "status": "200",
                "remoteAddr": client,
            }
            yield log(
                second, "apigateway.apideployment.access", gateway | {"httpUserAgent": _AGENTS[1]}, "api"
            )
            request = {"method": "GET", "path": path, "agent": _AGENTS[0]}
            refused = {"action": "block", "requestAccessControl": {"matchedRules": "home-countries"}}
            yield log(
                second,
                "loadbalancer.waf",
                {"clientAddr": client, "request": request, "response": {"code": "403"}} | refused,
            )


def _hosts(chance: random.Random) -> Iterator[Deed]:
    """Jobs run, people sign in to hosts, applications write their lines."""
    for second in range(0, 3000, 30):
        lines = (
            "CRON[711]: (root) CMD (/usr/lib/sysstat/sa1 1 1)",
            f"sshd[812]: Accepted publickey for opc from 10.0.0.{chance.randrange(2, 9)} port 40122 ssh2: RSA SHA256:x",
            "systemd[1]: Started Session 41 of user opc.",
        )
        message = f"Mar  4 08:00:00 web-1 {chance.choice(lines)}"
        yield log(
            second, "logging.custom.linux", {"msg": message, "tailed_path": "/var/log/messages"}, "web-1"
        )
        level = chance.choice(("INFO", "INFO", "WARN"))
        order = {"level": level, "message": f"order {second} stored", "tailed_path": "/var/log/shop.log"}
        yield log(second + 1, "logging.custom.shop", order, "web-2", subject="/var/log/shop.log")
    logon = {
        "EventID": "4624",
        "Channel": "Security",
        "Computer": "win-1",
        "Description": "An account was logged on.",
    }
    yield log(60, "logging.custom.windows", logon, "win-1")
    for second in range(0, 600, 60):
        session = {
            "dbUserName": "SHOP",
            "operation": "LOGON",
            "operationStatus": "SUCCESS",
            "clientIp": "10.0.1.5",
        }
        yield log(second, "logging.custom.unifiedaudit", session | {"targetName": "orders"}, "orders")


def _objects(chance: random.Random) -> Iterator[Deed]:
    """Applications read, write, list and tidy up objects."""
    for second in range(0, 3000, 30):
        event, method = chance.choice(
            (("getobject", "GET"), ("putobject", "PUT"), ("listobjects", "GET"), ("deleteobject", "DELETE"))
        )
        data = {
            "bucketName": "uploads",
            "namespaceName": "quiet",
            "objectName": f"2026/{second}.json",
            "principalName": "UnknownPrincipal",
            "principalId": "ocid1.instance.oc1.iad.web1",
            "authenticationType": "instance",
            "clientIpAddress": "10.0.1.5",
            "requestAction": method,
            "statusCode": 200,
            "userAgent": "Apache-HttpClient/4.5.14 (Java/21)",
        }
        yield log(second, f"objectstorage.{event}", data, "uploads")


def _findings(chance: random.Random) -> Iterator[Deed]:
    """What Cloud Guard has found wrong for weeks, and closed today."""
    del chance
    for index, rule in enumerate(
        ("BUCKET_IS_PUBLIC", "PASSWORD_TOO_OLD", "INSTANCE_WITH_PUBLIC_IP", "KEY_NOT_ROTATED")
    ):
        yield problem(
            index * 1800, rule, "CONFIGURATION", risk="MEDIUM", resource=("Bucket", f"thing-{index}")
        )
    yield problem(
        7200, "API_KEY_TOO_OLD", "CONFIGURATION", risk="LOW", resource=("User", "ada"), state="RESOLVED"
    )
