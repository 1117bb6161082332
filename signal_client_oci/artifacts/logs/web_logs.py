"""Maps logs of HTTP requests: load balancers, API gateways, web application firewalls, Object Storage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import endpoint, one_ip
from signal_client_oci.artifacts.envelope import set_severity
from signal_client_oci.artifacts.sanitize import sanitize, set_fields
from signal_client_oci.artifacts.vocabulary import meaning_of_event

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle

__all__ = ["object_access", "service_error", "waf", "web"]

# a request line, `GET https://www.example.com/a?b HTTP/1.1`
_REQUEST: Final = re.compile(r"([A-Z]{1,16}) (\S{1,8192})(?: (HTTP/[0-9.]{1,4}))?")
_HOST: Final = re.compile(r"https?://([^/:?#]{1,255})(?::[0-9]{1,5})?", re.IGNORECASE)


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
        host=data.text("host") or (host.group(1) if host else None),
        version=data.text("serverProtocol") or version,
        agent=data.text("userAgent", "httpUserAgent"),
        status=data.text("lbStatusCode", "status", "statusCode"),
    )
    set_fields(
        metadata,
        (
            ("senderHost", oracle.resourceid or oracle.resource_id or data.text("gatewayId", "deploymentId")),
            ("oci.backendStatus", data.text("backendStatusCode")),
            ("oci.listener", data.text("listenerName")),
            ("oci.forwardedFor", data.text("forwardedForAddr")),
            ("oci.sslProtocol", data.text("sslProtocol")),
            ("oci.requestId", data.text("opcRequestId")),
        ),
    )


def waf(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a record of the web application firewall: the request, the rules that it matched and the verdict."""
    request, response = data.part("request"), data.part("response")
    protection = data.part("requestProtection")
    rules = protection.text("matchedRules", "matchedIds") or data.text("ruleName")
    verdict = (data.text("action") or "").lower()
    if rules or verdict in {"block", "blocked", "deny", "drop"}:
        set_severity(metadata, "medium" if rules else "low", "malicious_behavior", ["T1190"])
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
    size = response.number("size")
    if size is not None:
        metadata["serverBytes"] = size
    set_fields(
        metadata,
        (
            ("action", " ".join(word for word in (verdict, request.text("method")) if word)),
            ("ruleName", rules or _other_rules(data)),
            ("senderHost", oracle.resourceid or oracle.resource_id),
            ("oci.matchedData", protection.text("matchedData")),
            ("oci.countryCode", data.text("countryCode")),
            ("oci.requestId", request.text("id")),
        ),
    )


def _other_rules(data: Fields) -> str | None:
    """Return the rules on a request's address, country or rate; that they match is no sign of an attack."""
    names = (data.part(part).text("matchedRules") for part in ("requestAccessControl", "requestRateLimiting"))
    return next((name for name in names if name), None)


def object_access(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a read or write of an object: who, from where, which object of which bucket, with what result."""
    meaning = meaning_of_event(str(metadata["vendorCode"]), "")
    if meaning.message_type in {"data_destruction", "service_discovery"}:
        set_severity(metadata, meaning.severity, meaning.message_type, meaning.techniques or None)
    user, status = data.text("principalName"), data.text("statusCode")
    bucket, name = data.text("bucketName"), data.text("objectName")
    address = one_ip(data.text("clientIpAddress"))
    if address:
        metadata["clientIP"] = address
    target = "/".join(part for part in (data.text("namespaceName"), bucket) if part)
    call = f"{user or address or 'somebody'} {meaning.event or 'touched'}"
    set_fields(
        metadata,
        (
            ("action", meaning.event),
            ("userName", user),
            ("fileName", name),
            ("filePath", data.text("requestResourcePath")),
            ("uri", data.text("requestResourcePath")),
            ("application", data.text("userAgent")),
            (
                "senderHost",
                f"{target} ({data.text('bucketId') or oracle.resourceid or 'bucket'})" if target else None,
            ),
            ("message", f"{call} {name or ''} of bucket {bucket or '?'}: {status or '?'}".replace("  ", " ")),
            ("oci.bucketName", bucket),
            ("oci.namespace", data.text("namespaceName")),
            ("oci.principalId", data.text("principalId")),
            ("oci.authType", data.text("authenticationType")),
            ("oci.isPar", data.text("isPar")),
            ("oci.requestAction", data.text("requestAction")),
            ("oci.requestId", data.text("opcRequestId")),
            ("oci.status", status),
        ),
    )


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
    """Set the fields of an HTTP request in metadata, with a sentence about it."""
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
            ("protocol", version and version.partition("/")[0].upper()),
            ("application", agent),
            ("message", f"{who} {method or 'asked for'} {path or '?'}{at}: {status or 'no status'}"),
            ("oci.status", status),
        ),
    )
