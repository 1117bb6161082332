"""Builders of records in the shapes of the three sources, for what people, services and attackers do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from support.example_records import mapped

MORNING = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
TENANCY = "ocid1.tenancy.oc1..aaaaquietc0mpany"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TERRAFORM = (
    "Oracle-GoSDK/65.98.0 (go/go1.23; linux/amd64) terraform-provider-oci/7.4.0 HashiCorp Go-http-client/1.1"
)


class Deed(NamedTuple):
    """A record of a source, and the details of GetProblem where it is a problem."""

    source: str
    record: dict[str, Any]
    details: dict[str, Any] | None = None

    def artifact(self) -> dict[str, Any]:
        """Return the artifact that the record makes."""
        return mapped(self.source, self.record, self.details).artifact


def moment(second: float) -> str:
    """Return a moment of the day, so many seconds after eight in the morning."""
    return (MORNING + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def person(name: str, address: str = "203.0.113.24", agent: str = FIREFOX) -> dict[str, Any]:
    """Return the identity of somebody who signed in with a user's name."""
    return {
        "principalName": f"{name}@quiet.example",
        "principalId": f"ocid1.user.oc1..aaaa{name}",
        "authType": "natv",
        "tenantId": TENANCY,
        "ipAddress": address,
        "userAgent": agent,
    }


def service(name: str, ocid: str | None = None, auth: str | None = None) -> dict[str, Any]:
    """Return the identity of one of OCI's services or of something that acts by itself."""
    return {
        "principalName": name,
        "principalId": ocid,
        "authType": auth,
        "tenantId": TENANCY,
        "userAgent": "Jersey/2.35",
    }


def audit(
    second: float,
    event_type: str,
    identity: dict[str, Any],
    *,
    status: str | None = "200",
    resource: str | None = None,
    resource_id: str | None = None,
    method: str = "GET",
    **data: Any,
) -> Deed:
    """Return an audit event; `event_type` without `com.oraclecloud.`."""
    plain = event_type.removesuffix(".begin").removesuffix(".end")
    body = {
        "eventName": plain.rpartition(".")[2] if not plain.startswith("io.k8s") else plain,
        "compartmentId": "ocid1.compartment.oc1..aaaapr0d",
        "compartmentName": "prod",
        "resourceName": resource,
        "resourceId": resource_id,
        "identity": identity,
        "request": {"id": f"r{second}", "path": f"/20160918/{resource or plain.lower()}", "action": method},
        "response": {"status": status, "responseTime": moment(second + 0.2)},
        **data,
    }
    record = {
        "eventType": event_type
        if event_type.startswith(("io.k8s", "apps."))
        else f"com.oraclecloud.{event_type}",
        "source": event_type.partition(".")[0],
        "eventId": f"e-{second}-{event_type}",
        "eventTime": moment(second),
        "data": body,
    }
    return Deed("audit", record)


def log(second: float, log_type: str, data: dict[str, Any], source: str = "web-1", **content: Any) -> Deed:
    """Return a log record; `log_type` without `com.oraclecloud.`."""
    record = {
        "datetime": int((MORNING + timedelta(seconds=second)).timestamp() * 1000),
        "logContent": {
            "id": f"l-{second}",
            "time": moment(second),
            "type": f"com.oraclecloud.{log_type}",
            "source": source,
            "oracle": {
                "compartmentid": "ocid1.compartment.oc1..aaaapr0d",
                "loggroupid": "ocid1.loggroup.oc1.iad.aaaaquiet",
                "logid": f"ocid1.log.oc1.iad.{log_type[:12]}",
                "tenantid": TENANCY,
                "resourceid": f"ocid1.resource.oc1.iad.{source}",
                "vnicocid": "ocid1.vnic.oc1.iad.aaaaweb",
            },
            "data": data,
            **content,
        },
    }
    return Deed("logging", record)


def flow(
    second: float, source: str, source_port: int, target: str, port: int, *, size: int, action: str = "ACCEPT"
) -> Deed:
    """Return a record of VCN flow logs."""
    data = {
        "action": action,
        "bytesOut": size,
        "packets": max(1, size // 900),
        "protocol": 6,
        "protocolName": "TCP",
        "sourceAddress": source,
        "sourcePort": source_port,
        "destinationAddress": target,
        "destinationPort": port,
        "flowid": f"{int(second):x}",
        "startTime": int(MORNING.timestamp() + second),
        "endTime": int(MORNING.timestamp() + second + 9),
        "status": "OK",
        "version": "2",
    }
    return log(second, "vcn.flowlogs.DataEvent", data, "-")


def problem(
    second: float,
    rule: str,
    detector: str,
    *,
    risk: str,
    resource: tuple[str, str],
    impacted: tuple[str, str, str] | None = None,
    state: str = "OPEN",
) -> Deed:
    """Return a problem of Cloud Guard; `resource` is type and name, `impacted` type, name and id of the details."""
    kind, name = resource
    record = {
        "id": f"ocid1.cloudguardproblem.oc1.iad.{rule.lower()}{int(second)}",
        "compartmentId": "ocid1.compartment.oc1..aaaapr0d",
        "detectorRuleId": rule,
        "detectorId": f"IAAS_{detector}_DETECTOR",
        "riskLevel": risk,
        "resourceName": name,
        "resourceId": f"ocid1.{kind.lower()}.oc1..{name}",
        "resourceType": kind,
        "timeFirstDetected": moment(0),
        "timeLastDetected": moment(second),
        "lifecycleState": "ACTIVE" if state == "OPEN" else "INACTIVE",
        "lifecycleDetail": state,
        "regions": ["us-ashburn-1"],
    }
    if impacted is None:
        return Deed("cloud_guard", record)
    names = ("impactedResourceType", "impactedResourceName", "impactedResourceId")
    return Deed("cloud_guard", record, {**record, **dict(zip(names, impacted, strict=True))})
