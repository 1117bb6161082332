"""Maps logs of hosts, functions, Kubernetes and event rules, and those of which nothing else is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.envelope import sender_host, set_severity
from signal_client_oci.artifacts.sanitize import set_fields
from signal_client_oci.artifacts.severity import severity_of_word

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle

__all__ = ["function", "host_line", "is_kubernetes_audit", "kubernetes", "line", "rule_run"]

# `Jan 13 10:00:00 web-1 sshd[812]: ...`, also with an ISO time and with a priority in front
_SYSLOG: Final = re.compile(
    r"(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,+Z-]{8,24})"
    r" (?P<host>\S{1,255}) (?P<program>[^\s:\[]{1,64})(?:\[(?P<pid>[0-9]{1,10})\])?: (?P<text>.*)",
    re.DOTALL,
)
_SSH: Final = re.compile(
    r"(?P<what>Failed|Accepted|Invalid user)(?: \S{1,32} for(?: invalid user)?)? (?P<user>\S{1,256})"
    r" from (?P<ip>[0-9A-Fa-f:.]{2,45})"
)
_SSH_PROGRAMS: Final = frozenset({"sshd", "sshd-session"})  # since OpenSSH 9.8 the latter logs sign-ins
# actions of sshd's sign-ins: its message is no action, because it has the client's port, which differs every time
_SIGN_INS: Final = {
    "Accepted": "ssh sign-in accepted",
    "Failed": "ssh sign-in failed",
    "Invalid user": "ssh sign-in of unknown user",
}
_MESSAGES: Final = ("message", "msg", "log", "text", "event", "MESSAGE")
_LEVELS: Final = ("level", "severity", "loglevel", "log_level", "levelname", "PRIORITY")
_VERBS: Final = {
    "list": "service_discovery",
    "watch": "service_discovery",
    "get": "resource_access",
    "create": "config_change",
    "update": "config_change",
    "patch": "config_change",
    "delete": "config_change",
    "deletecollection": "data_destruction",
}
_ROLES: Final = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_INTO_PODS: Final = frozenset({"exec", "attach", "portforward"})
_CHANGES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def line(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a record of unknown shape: its message, level, user and address where it has them."""
    level = severity_of_word(data.text(*_LEVELS))
    if level:
        set_severity(metadata, level)
    address = one_ip(data.text("clientIp", "clientIP", "clientIpAddress", "sourceAddress", "remoteAddr"))
    if address:
        metadata["clientIP"] = address
    set_fields(
        metadata,
        (
            ("action", data.text("action", "eventName", "operation")),
            ("userName", data.text("userName", "username", "user", "principalName")),
            ("message", data.text(*_MESSAGES)),
            ("senderHost", oracle.resourceid or oracle.resource_id or data.text("resourceId")),
            ("oci.requestId", data.text("opcRequestId")),
            ("oci.status", data.text("status", "statusCode", "code")),
        ),
    )


def host_line(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a line that an agent read from a file: host, file, program, and the sign-ins of sshd."""
    line(data, oracle, metadata)
    path = data.text("tailed_path", "path", "filename") or str(metadata.get("oci.subject", ""))
    host = data.text("hostname", "host") or str(metadata.get("oci.source", ""))
    message = str(metadata.get("message", ""))
    syslog = _SYSLOG.match(data.text(*_MESSAGES) or "")
    if syslog:
        message, host = syslog["text"], host or syslog["host"]
        if syslog["pid"]:
            metadata["pid"] = int(syslog["pid"])
    program = syslog["program"] if syslog else data.text("ident", "program", "SYSLOG_IDENTIFIER")
    set_fields(
        metadata,
        (
            ("message", message),
            ("program", program),
            ("senderHost", host),
            ("serverHostname", host),
            ("filePath", path),
            ("fileName", path.rpartition("/")[2]),
        ),
    )
    if program in _SSH_PROGRAMS:
        _sign_in(message, metadata)


def function(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a function's output: the record's source is the application, its subject the function."""
    line(data, oracle, metadata)
    name = str(metadata.get("oci.subject", ""))
    set_fields(
        metadata,
        (
            ("program", name),
            ("senderHost", sender_host(name, data.text("functionId") or oracle.resourceid)),
            ("oci.functionId", data.text("functionId")),
            ("oci.applicationId", data.text("applicationId")),
            ("oci.stream", data.text("src")),
        ),
    )


def rule_run(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a run of an event rule: the rule and the event that it matched."""
    line(data, oracle, metadata)
    rule = data.text("ruleId")
    set_fields(
        metadata,
        (
            ("ruleName", str(metadata.get("oci.source", ""))),
            ("senderHost", rule),
            ("oci.ruleId", rule),
            ("oci.matchedEventId", data.text("eventId")),
        ),
    )


def is_kubernetes_audit(data: Fields) -> bool:
    """Return whether a record is an event of the Kubernetes API server's audit log, whatever its log type."""
    version = data.values.get("apiVersion")
    return isinstance(version, str) and version.startswith("audit.k8s.io/")


def kubernetes(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map an event of the Kubernetes API server's audit log (audit.k8s.io/v1)."""
    target, verb = data.part("objectRef"), (data.text("verb") or "").lower()
    resource, inner = target.text("resource") or "", target.text("subresource")
    kind = f"{resource}/{inner}" if inner else resource
    user, status = data.part("user").text("username"), data.part("responseStatus").text("code")
    address = one_ip(data.first("sourceIPs"))
    if address:
        metadata["clientIP"] = address
    metadata["messageType"] = _VERBS.get(verb, "api_call")
    _set_kubernetes_severity(verb, resource, inner or "", status or "", metadata)
    names = "/".join(part for part in (target.text("namespace"), target.text("name")) if part)
    message = (
        f"{user or 'somebody'} {verb or 'called'} {kind or data.text('requestURI') or '?'} {names}".rstrip()
    )
    set_fields(
        metadata,
        (
            ("action", f"{verb} {kind}".strip()),
            ("userName", user),
            ("application", data.text("userAgent")),
            ("uri", data.text("requestURI")),
            ("senderHost", sender_host(names or kind, oracle.resourceid or oracle.logid)),
            ("message", f"{message}: {status}" if status else message),
            ("oci.status", status),
            ("oci.auditId", data.text("auditID")),
            ("oci.stage", data.text("stage")),
        ),
    )


def _set_kubernetes_severity(verb: str, resource: str, inner: str, status: str, metadata: Metadata) -> None:
    """Set severity, type and technique of calls that open or grant access in a cluster, or had no valid identity."""
    if status == "401":
        set_severity(metadata, "medium", "auth_failure")
    elif resource == "pods" and inner in _INTO_PODS:
        set_severity(metadata, "high", "remote_access", ["T1609"])
    elif resource in _ROLES and verb in _CHANGES:
        set_severity(metadata, "high", "privilege_escalation", ["T1098.006"])
    elif resource == "secrets" and verb in {"get", "list", "watch"}:
        set_severity(metadata, "medium", "credential_access", ["T1552.007"])
    elif verb in _CHANGES:
        set_severity(metadata, "low")


def _sign_in(message: str, metadata: Metadata) -> None:
    """Map what sshd says of a sign-in: who, from where, and whether it was accepted."""
    found = _SSH.match(message)
    if not found:
        return
    accepted = found["what"] == "Accepted"
    if accepted:
        set_severity(metadata, "informational", "auth_success", ["T1021"])
    else:
        set_severity(metadata, "medium", "auth_failure", ["T1110"])
    address = one_ip(found["ip"])
    if address:
        metadata["clientIP"] = address
    set_fields(
        metadata,
        (
            ("userName", found["user"]),
            ("action", None if "action" in metadata else _SIGN_INS[found["what"]]),
        ),
    )
