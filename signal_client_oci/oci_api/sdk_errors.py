"""Translates exceptions of the SDK to `Failure`, by tables where OCI has one (docs: API/References/apierrors.htm).

The exceptions are never quoted as a whole: the text of some holds the signature header (a ValueError for a header
with a newline) or the query string.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from circuitbreaker import CircuitBreakerError
from oci._vendor.requests import exceptions as web
from oci.exceptions import ServiceError
from urllib3 import exceptions as wire

from signal_client_oci.errors.catalog import denied_code
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.errors.service_text import one_line, parse_http_date

__all__ = ["failure_from"]

_SKEW_SECONDS: Final = 300
_MAX_HEADER: Final = 100  # characters of a number of seconds

_BY_STATUS: Final[dict[int, tuple[str, Recovery]]] = {
    400: ("INVALID_REQUEST", Recovery.REQUEST),
    401: ("NOT_AUTHENTICATED", Recovery.REGION),
    403: ("FORBIDDEN", Recovery.COMPARTMENT),
    407: ("PROXY_AUTHENTICATION", Recovery.REGION),
    408: ("TIMEOUT", Recovery.RETRY),
    409: ("CONFLICT", Recovery.RETRY),
    429: ("THROTTLED", Recovery.RETRY),
}
# Codes of several statuses: which one it was is told.
_OF_MANY: Final = frozenset({"SERVICE_ERROR", "UNEXPECTED_STATUS"})
# Statuses that a proxy or gateway gives too, which needs no code and no request id of OCI.
_WITHOUT_OCI_MARKS: Final = frozenset({407, 408, 429})

# Looked for in this order in the whole chain of causes, because the SDK and `requests` wrap what happened in classes
# that say less. A refused connection (NewConnectionError) counts as a timeout for urllib3, so it stands before.
_BY_EXCEPTION: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    # the endpoint's own URL was checked with the settings, so one that cannot be used is the proxy's
    ((web.ProxyError, web.InvalidURL, web.InvalidSchema), "PROXY_FAILED"),
    ((wire.ProxyError, wire.ProxySchemeUnknown), "PROXY_FAILED"),
    ((web.SSLError, wire.SSLError, ssl.SSLError), "TLS_FAILED"),
    ((wire.NameResolutionError,), "DNS_FAILED"),
    ((wire.NewConnectionError,), "UNREACHABLE"),
    ((web.Timeout, wire.TimeoutError), "TIMEOUT"),
    ((web.ChunkedEncodingError, wire.IncompleteRead, wire.DecodeError), "RESPONSE_CUT_OFF"),
    ((web.ConnectionError, wire.HTTPError, CircuitBreakerError), "UNREACHABLE"),
)

# OpenSSL's numbers (x509_vfy.h) of what is wrong with a certificate.
_TLS_BY_VERIFY_CODE: Final[dict[int, str]] = {
    9: "TLS_EXPIRED",  # not yet valid
    10: "TLS_EXPIRED",
    18: "TLS_UNKNOWN_CA",  # self-signed
    19: "TLS_UNKNOWN_CA",  # self-signed further up
    20: "TLS_UNKNOWN_CA",  # no local issuer
    21: "TLS_UNKNOWN_CA",  # no issuer to verify the first with
    62: "TLS_WRONG_HOST",
    64: "TLS_WRONG_HOST",  # the same for an IP address
}
_TUNNEL_REFUSED: Final = re.compile(r"Tunnel connection failed: (\d{3})\b")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")

_NOT_WORTH_RETRYING: Final = frozenset(
    {"PROXY_AUTHENTICATION", "TLS_EXPIRED", "TLS_FAILED", "TLS_UNKNOWN_CA", "TLS_WRONG_HOST"}
)


def failure_from(error: Exception, service: str, *, page: str | None = None) -> Failure:
    """Return the failure that an exception of an SDK call stands for.

    Args:
        error: The exception.
        service: The client's service, a key of `client.SERVICES`; a 404 means a missing policy of that service.
        page: The page token that was sent; a 400 then most often means that it expired.
    """
    if isinstance(error, ServiceError):
        return _from_service_error(error, service, page)
    chain = list(_chain(error))
    code = _network_code(chain)
    if code is None:
        return Failure("CLIENT_ERROR", detail=type(error).__name__)
    code, detail = _refine(code, chain)
    recovery = Recovery.REQUEST if code in _NOT_WORTH_RETRYING else Recovery.RETRY
    return Failure(code, detail=detail, recovery=recovery)


def _from_service_error(error: ServiceError, service: str, page: str | None) -> Failure:
    status = int(error.status)
    code, recovery = _code_of(error, status, service, page)
    marks = [f"HTTP {status}"] if code in _OF_MANY or not error.code else []
    marks += [error.code] if error.code else []
    detail = one_line(f"{', '.join(marks)}: {error.message or ''}".rstrip(": "))
    if code == "NOT_FROM_OCI":
        detail = f"HTTP {status}"  # what else it says was written by whatever answered
    elif code == "NOT_AUTHENTICATED" and (skew := _clock_skew(error)):
        code, detail = "CLOCK_SKEW", skew
    return Failure(
        code,
        detail=detail,
        recovery=recovery,
        status=status,
        opc_request_id=error.request_id,
        retry_after=_retry_after(error.headers),
    )


def _code_of(error: ServiceError, status: int, service: str, page: str | None) -> tuple[str, Recovery]:
    """Return the code of an error that was answered, by the first rule that fits, and its recovery."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "SERVICE_ERROR", Recovery.RETRY
    if _is_not_from_oci(error, status):
        return "NOT_FROM_OCI", Recovery.REQUEST
    if status == HTTPStatus.NOT_FOUND or error.code == "RelatedResourceNotAuthorizedOrNotFound":
        return _not_found_code(error, service), Recovery.COMPARTMENT
    code, recovery = _BY_STATUS.get(status, ("UNEXPECTED_STATUS", Recovery.REQUEST))
    if status == HTTPStatus.BAD_REQUEST and page:
        code = "PAGE_TOKEN_REFUSED"
    elif error.code == "SignUpRequired":
        code = "SIGN_UP_REQUIRED"
    elif error.code == "FREE_TIER_NOT_SUPPORTED":
        # a free tenancy cannot enable Cloud Guard, whatever its policies
        code = "CLOUD_GUARD_NOT_ENABLED" if service == "cloudguard" else "SIGN_UP_REQUIRED"
    return code, recovery


def _not_found_code(error: ServiceError, service: str) -> str:
    # Cloud Guard answers the same code for a missing policy and where it was never enabled; only its text differs
    never_enabled = service == "cloudguard" and "subscription is not available" in str(error.message)
    return "CLOUD_GUARD_NOT_ENABLED" if never_enabled else denied_code(service)


def _is_not_from_oci(error: ServiceError, status: int) -> bool:
    """Tell whether something on the way to OCI answered: OCI's refusals have a code, and a request id as header."""
    has_marks = error.code or error.headers.get("opc-request-id") or status in _WITHOUT_OCI_MARKS
    is_client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_client_error and not has_marks


def _network_code(chain: Sequence[BaseException]) -> str | None:
    for kinds, code in _BY_EXCEPTION:
        if any(isinstance(link, kinds) for link in chain):
            return code
    return None


def _refine(code: str, chain: Sequence[BaseException]) -> tuple[str, str]:
    """Return a more exact code where the innermost exceptions tell one, and a detail made of known texts alone."""
    if code == "PROXY_FAILED":
        return _refine_proxy(chain)
    if code == "TLS_FAILED":
        return _refine_tls(chain)
    if code == "DNS_FAILED":
        return code, _unresolved_host(chain)
    return code, _system_message(chain) if code == "UNREACHABLE" else ""


def _refine_proxy(chain: Sequence[BaseException]) -> tuple[str, str]:
    for link in chain:
        tunnel = _TUNNEL_REFUSED.search(str(link.args[0])) if type(link) is OSError and link.args else None
        if tunnel:
            code = "PROXY_AUTHENTICATION" if tunnel[1] == "407" else "PROXY_FAILED"
            return code, f"the proxy answers HTTP {tunnel[1]}"
    if any(isinstance(link, web.InvalidURL | web.InvalidSchema) for link in chain):
        return "PROXY_FAILED", "the proxy's address cannot be used; http://host:port is expected"
    if any(isinstance(link, wire.NameResolutionError) for link in chain):
        return "PROXY_FAILED", f"the proxy's name cannot be resolved: {_unresolved_host(chain)}".rstrip(": ")
    if any(isinstance(link, ssl.SSLError) for link in chain):  # its number is OpenSSL's, not the system's
        return "PROXY_FAILED", f"TLS with the proxy failed: {_refine_tls(chain)[1]}".rstrip(": ")
    return "PROXY_FAILED", _system_message(chain)


def _refine_tls(chain: Sequence[BaseException]) -> tuple[str, str]:
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            words = one_line(str(getattr(link, "verify_message", "")))
            return _TLS_BY_VERIFY_CODE.get(getattr(link, "verify_code", 0), "TLS_FAILED"), words
        if isinstance(link, ssl.SSLError) and link.reason:
            return "TLS_FAILED", one_line(link.reason.lower().replace("_", " "))
    return "TLS_FAILED", ""


def _unresolved_host(chain: Sequence[BaseException]) -> str:
    """Return the name that could not be resolved, as urllib3's exception holds it; "" if it is not a plain one."""
    hosts = (
        str(getattr(link.conn, "host", "")) for link in chain if isinstance(link, wire.NameResolutionError)
    )
    host = next(hosts, "")
    return host if _HOST.fullmatch(host) else ""


def _system_message(chain: Sequence[BaseException]) -> str:
    """Return the operating system's message for what happened to the connection, "" if there is none."""
    for link in chain:
        if isinstance(link, http.client.RemoteDisconnected):
            return "the connection was closed without an answer"
        if isinstance(link, OSError) and link.errno is not None and link.errno in errno.errorcode:
            return os.strerror(link.errno).lower()
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, then what it wraps in its arguments, reason, cause and context, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        related = [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]
        waiting.extend(item for item in related if isinstance(item, BaseException))


def _clock_skew(error: ServiceError) -> str:
    """Return how far this machine's clock is off, by the answer's Date header or OCI's message; "" if it is not."""
    skew = _skew_seconds(error.headers)
    if abs(skew) >= _SKEW_SECONDS:
        return f"the difference is {abs(skew)} seconds: this machine is {'ahead' if skew > 0 else 'behind'}"
    if "clock skew" in str(error.message).lower():
        return "OCI says that the request's date is not within the allowed clock skew"
    return ""


def _skew_seconds(headers: Mapping[str, Any]) -> int:
    """Return by how many seconds this machine is ahead of the answer's Date header, 0 if it has none."""
    date = parse_http_date(headers.get("date"))
    return 0 if date is None else round(time.time() - date.timestamp())


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    """Return Retry-After in seconds, which may be sent as a date; None where it is missing or unreadable."""
    text = str(headers.get("retry-after") or "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text[:_MAX_HEADER]))
    except ValueError:
        date = parse_http_date(text)
        return None if date is None else max(0.0, date.timestamp() - time.time())
