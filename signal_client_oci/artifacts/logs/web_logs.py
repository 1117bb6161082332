"""Maps logs of HTTP requests: load balancers, API gateways, web application firewalls, Object Storage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import endpoint, first_ip, port_number
from signal_client_oci.artifacts.audit.caller import caller_kind, real_name
from signal_client_oci.artifacts.audit.fields import AuditIdentity
from signal_client_oci.artifacts.envelope import failed_host, set_severity
from signal_client_oci.artifacts.sanitize import sanitize, set_fields
from signal_client_oci.artifacts.vocabulary import meaning_of_event

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle
    from signal_client_oci.artifacts.vocabulary import Meaning

__all__ = ["object_access", "service_error", "waf", "web"]

# a request line, `GET https://www.example.com/a?b HTTP/1.1`
_REQUEST: Final = re.compile(r"([A-Z]{1,16}) (\S{1,8192})(?: (HTTP/[0-9.]{1,4}))?")
_HOST: Final = re.compile(r"(https?)://([^/:?#]{1,255})(?::([0-9]{1,5}))?", re.IGNORECASE)
_PORTS: Final = {"http": 80, "https": 443}
_STOPPED: Final = frozenset({"block", "blocked", "deny", "drop"})
_REFUSED: Final = frozenset({"401", "403", "404"})
_OBJECT_DELETIONS: Final = frozenset({"deleteobject", "batchdeleteobjects", "bulkdelete"})


def web(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map an access log of a load balancer or an API gateway."""
    line = _REQUEST.match(data.text("request", "message") or "")
    method, uri, version = line.groups() if line else (None, None, None)
    method = data.text("requestMethod", "httpMethod", "method") or method
    uri = data.text("requestUri", "uri") or uri
    _peers(data.text("clientAddr", "clientAdd", "remoteAddr"), data.text("backendAddr"), metadata)
    received, sent = data.number("receivedBytes"), data.number("sentBytes", "bodyBytesSent", "bytesSent")
    for name, count in (("clientBytes", received), ("serverBytes", sent)):
        if count is not None:
            metadata[name] = count
    if received is not None and sent is not None:
        metadata["totalBytes"] = received + sent
    host = _HOST.match(uri or "")
    _request(
        metadata,
        method=method,
        uri=uri,
        host=data.text("host") or (host.group(2) if host else None),
        version=data.text("serverProtocol") or version,
        agent=data.text("userAgent", "httpUserAgent"),
        status=data.text("lbStatusCode", "status", "statusCode"),
    )
    listener, forwarded = data.text("listenerName"), data.text("forwardedForAddr")
    status = str(metadata.get("oci.status", ""))
    balancer = oracle.resourceid or oracle.resource_id or data.text("gatewayId", "deploymentId")
    if "action" not in metadata and "clientIP" in metadata:
        # a listener that passes bytes on knows no request
        backend = data.text("backendAddr")
        metadata["action"] = "connection"
        told = f"{metadata['clientIP']} connected to listener {listener or '?'}"
        told = f"{told}, backend {backend}" if backend else told
        metadata["message"] = sanitize(f"{told}: {status or 'no status'}")
    set_fields(
        metadata,
        (
            ("senderHost", _web_host(metadata, balancer, status, forwarded, listener)),
            ("oci.backendStatus", data.text("backendStatusCode")),
            ("oci.listener", listener),
            ("oci.forwardedFor", forwarded),
            ("oci.sslProtocol", data.text("sslProtocol")),
            ("oci.requestId", data.text("opcRequestId")),
        ),
    )


def _web_host(
    metadata: Metadata, resource: str | None, status: str, forwarded: str | None, listener: str | None
) -> str:
    """Return what was asked, for whom and that it failed: one balancer serves many hosts, one proxy many clients."""
    parts = (resource, metadata.get("fqdn") or listener, f"for {forwarded}" if forwarded else None)
    return failed_host(" ".join(str(part) for part in parts if part), status)


def waf(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a record of the web application firewall: the request, the rules that it matched and the verdict."""
    request, response = data.part("request"), data.part("response")
    protection = data.part("requestProtection")
    rules = protection.text("matchedRules", "matchedIds") or data.text("ruleName")
    verdict = (data.text("action") or "").lower()
    if rules:
        set_severity(metadata, "medium", "malicious_behavior", ["T1190"])
    elif verdict in _STOPPED:
        # stopped for its country, address or rate: ordinary refuse, and no sign of an attack
        verdict = "refused"
        set_severity(metadata, "low")
    _peers(data.text("clientAddr"), data.text("responseProvider"), metadata)
    _request(
        metadata,
        method=request.text("method"),
        uri=request.text("path"),
        host=data.text("host"),
        version=request.text("httpVersion"),
        agent=request.text("agent"),
        status=response.text("code"),
    )
    waf_id = oracle.resourceid or oracle.resource_id or str(metadata.get("oci.source", ""))
    size = response.number("size")
    if size is not None:
        metadata["serverBytes"] = size
    set_fields(
        metadata,
        (
            ("action", " ".join(word for word in (verdict, request.text("method")) if word)),
            ("ruleName", rules or _other_rules(data)),
            ("senderHost", _web_host(metadata, waf_id, str(metadata.get("oci.status", "")), None, None)),
            ("oci.matchedData", protection.text("matchedData")),
            ("oci.countryCode", data.text("countryCode")),
            ("oci.requestId", request.text("id")),
        ),
    )


def _other_rules(data: Fields) -> str | None:
    """Return the rules on a request's address, country or rate; that they match is no sign of an attack."""
    names = (
        data.part(part).text("matchedRules", "matchedIds")
        for part in ("requestAccessControl", "requestRateLimiting")
    )
    return next((name for name in names if name), None)


def object_access(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a read or write of an object: who, from where, which object of which bucket, with what result."""
    meaning = meaning_of_event(str(metadata["vendorCode"]), "", data.text("requestAction") or "")
    principal, status = real_name(data.text("principalId")), data.text("statusCode") or ""
    user, bucket, name = (
        real_name(data.text("principalName")) or principal,
        data.text("bucketName"),
        data.text("objectName"),
    )
    address = first_ip(data.text("clientIpAddress"))
    if address:
        metadata["clientIP"] = address
    set_severity(metadata, meaning.severity, meaning.message_type, meaning.techniques or None)
    identity = AuditIdentity(user, principal, data.text("authenticationType"))
    _refine_object_access(metadata, meaning, status, identity)
    metadata["protocol"], metadata["serverPort"] = "HTTPS", _PORTS["https"]
    target = "/".join(part for part in (data.text("namespaceName"), bucket) if part)
    bucket_id = data.text("bucketId") or oracle.resourceid or "bucket"
    by = f" by {principal}" if principal else ""
    call = f"{user or address or 'somebody'} {meaning.past_tense or 'touched'}"
    set_fields(
        metadata,
        (
            ("action", meaning.event),
            ("userName", user),
            ("fileName", name),
            ("filePath", data.text("requestResourcePath")),
            ("uri", data.text("requestResourcePath")),
            ("application", data.text("userAgent")),
            ("senderHost", failed_host(f"{target} ({bucket_id}){by}" if target else bucket_id + by, status)),
            ("message", f"{call} {name or ''} of bucket {bucket or '?'}: {status or '?'}".replace("  ", " ")),
            ("oci.bucketName", bucket),
            ("oci.namespace", data.text("namespaceName")),
            ("oci.principalId", data.text("principalId")),
            ("oci.authType", data.text("authenticationType")),
            ("oci.isPar", data.text("isPar")),
            ("oci.requestAction", data.text("requestAction")),
            ("oci.requestId", data.text("opcRequestId")),
            ("oci.status", status),
            ("oci.outcome", _outcome(status)),
        ),
    )


def _refine_object_access(metadata: Metadata, meaning: Meaning, status: str, identity: AuditIdentity) -> None:
    """Weigh who did it and how it ended, as Audit does: an anonymous listing is a probe, a workload tidies up."""
    if status == "401":
        set_severity(metadata, "medium", "auth_failure", [])
    elif meaning.lists and (identity.auth_type or "").lower() == "anonymous":
        set_severity(metadata, "low", "service_discovery")
    elif meaning.message_type == "resource_access" and status in _REFUSED:
        set_severity(metadata, "low")
    elif meaning.event.lower() in _OBJECT_DELETIONS and caller_kind(identity) != "person":
        set_severity(metadata, "low", "service_activity", [])
    if not metadata.get("attackTechniqueIds", True):
        del metadata["attackTechniqueIds"]


def _outcome(status: str) -> str:
    """Return `success`, `denied` or `failure` by an HTTP status, "" without one."""
    if status in {"401", "403"}:
        return "denied"
    return "failure" if status[:1] in {"4", "5"} else "success" if status else ""


def service_error(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a service's report of its own error (load balancer error log)."""
    error = data.part("errorLog")
    kind, details = error.text("type"), error.text("errorDetails") or data.text("message")
    set_fields(
        metadata,
        (
            ("action", kind),
            ("senderHost", oracle.resourceid or oracle.resource_id),
            ("message", ": ".join(part for part in (kind, details) if part)),
            ("oci.listener", data.text("listenerName")),
        ),
    )


def _peers(client: str | None, server: str | None, metadata: Metadata) -> None:
    """Set a request's client and the server that answered in metadata."""
    for end, text in (("client", client), ("server", server)):
        ip, port = endpoint(text)
        if ip:
            metadata[f"{end}IP"] = ip
        if port is not None:
            metadata[f"{end}Port"] = port


def _request(  # noqa: PLR0913 - the parts of one request, each by name
    metadata: Metadata,
    *,
    method: str | None,
    uri: str | None,
    host: str | None,
    version: str | None,
    agent: str | None,
    status: str | None,
) -> None:
    """Set the fields of an HTTP request in metadata, with a sentence about it.

    The port is the backend's that answered; where none did, the listener's that was asked.
    """
    url = _HOST.match(uri or "")
    scheme = url[1].lower() if url else ""
    if "serverPort" not in metadata and (url or method):
        metadata["serverPort"] = port_number(url[3] if url else None) or _PORTS.get(scheme, _PORTS["https"])
    path = _HOST.sub("", uri or "").partition("?")[0]
    who = metadata.get("clientIP", "somebody")
    at = f" at {host}" if host else ""
    set_fields(
        metadata,
        (
            ("action", method),
            ("uri", uri),
            ("fqdn", host),
            ("fileName", sanitize(path)),
            ("protocol", "HTTPS" if scheme == "https" else version and version.partition("/")[0].upper()),
            ("application", agent),
            ("message", f"{who} {method or 'asked for'} {path or '?'}{at}: {status or 'no status'}"),
            ("oci.status", status),
        ),
    )
