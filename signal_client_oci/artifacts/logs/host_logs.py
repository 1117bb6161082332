"""Maps logs of hosts, functions, Kubernetes and event rules, and those of which nothing else is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import first_ip
from signal_client_oci.artifacts.audit.caller import real_name
from signal_client_oci.artifacts.envelope import failed_host, sender_host, set_severity
from signal_client_oci.artifacts.kubernetes import API_SERVER_PORT, KubernetesCall, meaning_of_call
from signal_client_oci.artifacts.logs.fields import ADDRESS_MEMBERS
from signal_client_oci.artifacts.logs.unix_sign_ins import add_sign_in
from signal_client_oci.artifacts.sanitize import set_fields
from signal_client_oci.artifacts.severity import severity_of_word

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle

__all__ = [
    "MESSAGE_MEMBERS",
    "function",
    "host_line",
    "is_kubernetes_audit",
    "kubernetes",
    "line",
    "rule_run",
]

# `Jan 13 10:00:00 web-1 sshd[812]: ...`, also with an ISO time and with a priority in front
_SYSLOG: Final = re.compile(
    r"(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,+Z-]{8,24})"
    r" (?P<host>\S{1,255}) (?P<program>[^\s:\[]{1,64})(?:\[(?P<pid>[0-9]{1,10})\])?: (?P<text>.*)",
    re.DOTALL,
)
MESSAGE_MEMBERS: Final = ("message", "msg", "log", "text", "event", "MESSAGE")
_LEVELS: Final = ("level", "severity", "loglevel", "log_level", "levelname", "PRIORITY")
_USERS: Final = ("userName", "username", "user", "principalName", "account", "actor", "actorName", "login")
_OUTCOMES: Final = ("status", "statusCode", "code", "outcome", "result", "operationStatus")
_PATH: Final = re.compile(r".*[/\\].*", re.DOTALL)


def line(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a record of unknown shape: its message, level, user and address where it has them."""
    level = severity_of_word(data.text(*_LEVELS))
    if level:
        set_severity(metadata, level)
    address = first_ip(data.text(*ADDRESS_MEMBERS))
    if address:
        metadata["clientIP"] = address
    set_fields(
        metadata,
        (
            ("action", data.text("action", "eventName", "operation")),
            ("userName", real_name(data.text(*_USERS))),
            ("message", data.text(*MESSAGE_MEMBERS)),
            ("senderHost", oracle.resourceid or oracle.resource_id or data.text("resourceId")),
            ("oci.requestId", data.text("opcRequestId")),
            ("oci.status", data.text(*_OUTCOMES)),
        ),
    )


def host_line(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a line that an agent read from a file: host, file, program, and the sign-ins that it tells of."""
    line(data, oracle, metadata)
    subject = str(metadata.get("oci.subject", ""))
    path = data.text("tailed_path", "path", "filename") or (subject if _PATH.fullmatch(subject) else "")
    message = str(metadata.get("message", ""))
    syslog = _SYSLOG.match(data.text(*MESSAGE_MEMBERS) or "")
    source = str(metadata.get("oci.source", ""))
    host = data.text("hostname", "host") or (source if path or syslog else "")
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
            ("fileName", path.replace("\\", "/").rpartition("/")[2]),
        ),
    )
    if program:
        add_sign_in(message, metadata)


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
    address = first_ip(data.first("sourceIPs"))
    if address:
        metadata["clientIP"] = address
    call = meaning_of_call(KubernetesCall(verb, resource, inner or ""), user or "", status or "")
    set_severity(metadata, call.severity, call.message_type, call.techniques or None)
    metadata["protocol"], metadata["serverPort"] = "HTTPS", API_SERVER_PORT
    names = "/".join(part for part in (target.text("namespace"), target.text("name")) if part)
    what = names or kind or (data.text("requestURI") or "").partition("?")[0]
    host = sender_host(what, oracle.resourceid or oracle.logid)
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
            ("senderHost", failed_host(host, status)),
            ("message", f"{message}: {status}" if status else message),
            ("oci.status", status),
            ("oci.auditId", data.text("auditID")),
            ("oci.stage", data.text("stage")),
        ),
    )
