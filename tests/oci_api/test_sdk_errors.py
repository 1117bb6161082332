"""Each error of OCI and of the network, as the SDK raises it at the HTTP seam, becomes one code with its recovery."""

from __future__ import annotations

import email.utils
import errno
import http.client
import re
import ssl
import time
import traceback

import pytest
import responses
import urllib3.exceptions as wire
from circuitbreaker import CircuitBreakerError
from hypothesis import given
from hypothesis import strategies as st
from oci._vendor.requests import exceptions as web
from oci.exceptions import ConnectTimeout, RequestException, ServiceError
from support import seam
from support.loopback_servers import LoopbackServer, http_answer

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Client, ClientKey
from signal_client_oci.oci_api.sdk_errors import failure_from
from signal_client_oci.state.windows import minute_to_datetime

AUDIT_URL = "https://audit.us-ashburn-1.oraclecloud.com/20190901/auditEvents"
REQUEST_ID = "7A1C/0B/2F"
START, END = minute_to_datetime(29_000_000), minute_to_datetime(29_000_002)

REQUESTS = {
    "audit": ("audit", "list_events", (seam.TENANCY, START, END), "AUDIT_NOT_AUTHORIZED"),
    "logging": (
        "logging",
        "search_logs",
        ({"timeStart": START, "timeEnd": END, "searchQuery": f'search "{seam.TENANCY}"'},),
        "LOGGING_NOT_AUTHORIZED",
    ),
    "log_groups": ("log_groups", "list_log_groups", (seam.TENANCY,), "LOGGING_NOT_AUTHORIZED"),
    "cloud_guard": ("cloudguard", "get_configuration", (seam.TENANCY,), "CLOUD_GUARD_NOT_AUTHORIZED"),
    "problems": ("cloudguard", "list_problems", (seam.TENANCY,), "CLOUD_GUARD_NOT_AUTHORIZED"),
    "identity": ("identity", "list_compartments", (seam.TENANCY,), "COMPARTMENTS_NOT_AUTHORIZED"),
}

ANSWERS = [
    (400, "InvalidParameter", "INVALID_REQUEST", Recovery.REQUEST),
    (400, "CannotParseRequest", "INVALID_REQUEST", Recovery.REQUEST),
    (400, "MissingParameter", "INVALID_REQUEST", Recovery.REQUEST),
    (400, "LimitExceeded", "INVALID_REQUEST", Recovery.REQUEST),
    (400, "QuotaExceeded", "INVALID_REQUEST", Recovery.REQUEST),
    (400, "RelatedResourceNotAuthorizedOrNotFound", "denied", Recovery.COMPARTMENT),
    (401, "NotAuthenticated", "NOT_AUTHENTICATED", Recovery.REGION),
    (403, "NotAllowed", "FORBIDDEN", Recovery.COMPARTMENT),
    (403, "NotAuthorized", "FORBIDDEN", Recovery.COMPARTMENT),
    (403, "SignUpRequired", "SIGN_UP_REQUIRED", Recovery.COMPARTMENT),
    (404, "NotAuthorizedOrNotFound", "denied", Recovery.COMPARTMENT),
    (407, "ProxyAuthenticationRequired", "PROXY_AUTHENTICATION", Recovery.REGION),
    (408, "RequestTimeout", "TIMEOUT", Recovery.RETRY),
    (409, "IncorrectState", "CONFLICT", Recovery.RETRY),
    (409, "InvalidatedRetryToken", "CONFLICT", Recovery.RETRY),
    (409, "Conflict", "CONFLICT", Recovery.RETRY),
    (412, "NoEtagMatch", "UNEXPECTED_STATUS", Recovery.REQUEST),
    (429, "TooManyRequests", "THROTTLED", Recovery.RETRY),
    (500, "InternalServerError", "SERVICE_ERROR", Recovery.RETRY),
    (502, "BadGateway", "SERVICE_ERROR", Recovery.RETRY),
    (503, "ServiceUnavailable", "SERVICE_ERROR", Recovery.RETRY),
    (504, "GatewayTimeout", "SERVICE_ERROR", Recovery.RETRY),
]


def failure_of(answer, request="audit", **kwargs):
    """Return the Failure of one call whose answer, or exception, comes from the vendored transport."""
    service, operation, arguments, _ = REQUESTS[request]
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        method = responses.POST if operation == "search_logs" else responses.GET
        if isinstance(answer, Exception):
            mocked.add_callback(method, re.compile("https://.*"), callback=lambda _: answer)
        else:
            mocked.add(responses.Response(method, url=re.compile("https://.*"), **answer))
        with pytest.raises(Failure) as caught:
            seam.call(service, operation, *arguments, **kwargs)
        assert len(mocked.calls) == 1, "the SDK must not repeat a request"
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(("status", "code", "expected", "recovery"), ANSWERS)
def test_each_documented_error_of_each_service(request_name, status, code, expected, recovery):
    """Status and code of OCI's table become a code of ours, with OCI's words, request id and what may be done."""
    answer = {
        "status": status,
        "json": {"code": code, "message": "OCI's own words."},
        "headers": {"opc-request-id": REQUEST_ID},
    }
    failure = failure_of(answer, request_name)
    assert failure.code == (REQUESTS[request_name][3] if expected == "denied" else expected)
    assert (failure.recovery, failure.status) == (recovery, status)
    assert failure.opc_request_id == REQUEST_ID
    assert f"{code}: OCI's own words." in failure.message
    assert failure.remedy
    is_one_of_many = expected in ("SERVICE_ERROR", "UNEXPECTED_STATUS")
    assert (f"(HTTP {status}, {code}: " in failure.message) == is_one_of_many, "which status it was is told"


def test_cloud_guard_that_was_never_enabled():
    """The 404 of a tenancy without Cloud Guard is told from a missing policy by its text."""
    answer = {
        "status": 404,
        "json": {
            "code": "NotAuthorizedOrNotFound",
            "message": "Cloudguard subscription is not available",
        },
    }
    assert failure_of(answer, "cloud_guard").code == "CLOUD_GUARD_NOT_ENABLED"
    assert failure_of(answer, "audit").code == "AUDIT_NOT_AUTHORIZED"


def test_a_free_tenancy_has_no_cloud_guard():
    """A free tenancy cannot enable Cloud Guard: the remedy is to switch the source off, not to look for quotas."""
    body = {"code": "FREE_TIER_NOT_SUPPORTED", "message": "Free tier tenancies are not supported."}
    answer = {"status": 403, "json": body, "headers": {"opc-request-id": "r1"}}
    assert failure_of(answer, "cloud_guard").code == "CLOUD_GUARD_NOT_ENABLED"


def test_refused_page_token():
    """A 400 to a later page means the token, one to a first page the request."""
    answer = {"status": 400, "json": {"code": "InvalidParameter", "message": "page"}}
    assert failure_of(answer).code == "INVALID_REQUEST"
    assert failure_of(answer, page="T").code == "PAGE_TOKEN_REFUSED"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 451])
@pytest.mark.parametrize(
    "body", [b"<html><body>Blocked by policy</body></html>", b"", b'{"message": "no route"}']
)
def test_error_without_code_and_request_id_is_not_from_oci(status, body):
    """A block page or a gateway without such a path is never taken for a missing policy, nor quoted."""
    failure = failure_of({"status": status, "body": body})
    assert (failure.code, failure.recovery) == ("NOT_FROM_OCI", Recovery.REQUEST)
    assert f"HTTP {status}" in failure.message
    assert "Blocked" not in failure.message


def test_unreadable_error_body_of_oci():
    """An answer with OCI's request id stays OCI's, whatever its body is."""
    answer = {"status": 404, "body": b"\xff\xfe<gone>", "headers": {"opc-request-id": REQUEST_ID}}
    failure = failure_of(answer)
    assert (failure.code, failure.opc_request_id) == ("AUDIT_NOT_AUTHORIZED", REQUEST_ID)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_errors_may_pass(status):
    """An HTML error of a load balancer is OCI's trouble and worth another attempt."""
    failure = failure_of({"status": status, "body": b"<html>upstream</html>"})
    assert (failure.code, failure.recovery) == ("SERVICE_ERROR", Recovery.RETRY)


def test_words_of_the_service_are_one_short_line():
    """Line breaks, control characters and long texts of an answer cannot disturb a log."""
    answer = {"status": 400, "json": {"code": "InvalidParameter", "message": "a\nb\x1b[31m" + "x" * 5000}}
    message = failure_of(answer).message
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), (" 12 ", 12.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None), ("nan", 0.0)],
)
def test_retry_after_in_seconds(text, seconds):
    """Retry-After is read as seconds; what is no number asks for nothing."""
    answer = {"status": 429, "json": {"code": "TooManyRequests"}, "headers": {"Retry-After": text}}
    assert failure_of(answer).retry_after == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(30, 25, 31), (-100, 0, 0)])
def test_retry_after_as_a_date(ahead, least, most):
    """Retry-After as an HTTP date is the time until then, never negative."""
    date = email.utils.formatdate(time.time() + ahead, usegmt=True)
    answer = {"status": 503, "json": {"code": "ServiceUnavailable"}, "headers": {"Retry-After": date}}
    assert least <= failure_of(answer).retry_after <= most


@pytest.mark.parametrize(
    ("behind", "words"), [(900, r"8\d\d seconds: this machine is behind"), (-7200, "this machine is ahead")]
)
def test_clock_skew_is_measured_by_the_date_header(behind, words):
    """A 401 of a service whose clock is more than five minutes off says by how much, and in which direction."""
    date = email.utils.formatdate(time.time() + behind - 1, usegmt=True)
    answer = {"status": 401, "json": {"code": "NotAuthenticated"}, "headers": {"Date": date}}
    failure = failure_of(answer)
    assert failure.code == "CLOCK_SKEW"
    assert re.search(words, failure.message)


def test_clock_skew_by_the_words_of_oci():
    """Where a proxy writes a Date of its own, OCI's words still tell the clock from the key."""
    answer = {
        "status": 401,
        "json": {"code": "NotAuthenticated", "message": "Date is not within allowed clock skew."},
        "headers": {"Date": email.utils.formatdate(usegmt=True)},
    }
    assert failure_of(answer).code == "CLOCK_SKEW"


@pytest.mark.parametrize("date", [0, 200, -200, None])
def test_small_difference_of_clocks_is_no_skew(date):
    """Within OCI's five minutes, or without a Date, a 401 is about the key."""
    headers = {} if date is None else {"Date": email.utils.formatdate(time.time() + date, usegmt=True)}
    answer = {"status": 401, "json": {"code": "NotAuthenticated"}, "headers": headers}
    assert failure_of(answer).code == "NOT_AUTHENTICATED"


class _Connection:
    """What urllib3's exceptions hold of a connection."""

    def __init__(self, host):
        self.host = host

    def __repr__(self):
        return f"HTTPSConnection(host={self.host!r})"


def _unresolved(host="audit.oci.example"):
    return wire.NameResolutionError(host, _Connection(host), OSError(-2, "Name or service not known"))


def _refused(number=errno.ECONNREFUSED):
    error = wire.NewConnectionError(_Connection("h"), "Failed to establish a new connection")
    error.__cause__ = OSError(number, "text of the system")
    return error


def _verification(code, words):
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, words
    return wire.SSLError(error)


def _tls(reason):
    error = ssl.SSLError(1, f"[SSL: {reason}] text (_ssl.c:1)")
    error.reason = reason
    return wire.SSLError(error)


def _exhausted(reason):
    return wire.MaxRetryError(None, "/20190901/auditEvents?compartmentId=SECRET", reason)


def _tunnel(status):
    return _exhausted(
        wire.ProxyError("Unable to connect to proxy", OSError(f"Tunnel connection failed: {status} x"))
    )


def _wrapped(kind, inner):
    """Raise as `requests` does while it handles `inner`; the SDK puts texts into the place of the arguments."""
    try:
        try:
            raise inner
        except type(inner):
            raise kind(inner)  # noqa: B904  (without `from`, like requests)
    except kind as error:
        return error


EXCEPTIONS = {
    "name": (_wrapped(web.ConnectionError, _exhausted(_unresolved())), "DNS_FAILED", "audit.oci.example"),
    "refused": (_wrapped(web.ConnectionError, _exhausted(_refused())), "UNREACHABLE", "connection refused"),
    "odd name": (
        _wrapped(web.ConnectionError, _exhausted(_unresolved("SECRET@x"))),
        "DNS_FAILED",
        "resolved",
    ),
    "no network": (
        _wrapped(web.ConnectionError, _exhausted(_refused(errno.ENETUNREACH))),
        "UNREACHABLE",
        "network is unreachable",
    ),
    "closed": (
        _wrapped(
            web.ConnectionError, wire.ProtocolError("aborted", http.client.RemoteDisconnected("closed"))
        ),
        "UNREACHABLE",
        "closed without an answer",
    ),
    "reset": (
        _wrapped(
            web.ConnectionError,
            wire.ProtocolError("aborted", ConnectionResetError(errno.ECONNRESET, "reset")),
        ),
        "UNREACHABLE",
        "connection reset by peer",
    ),
    "connect timeout": (
        _wrapped(web.ConnectTimeout, _exhausted(wire.ConnectTimeoutError("slow"))),
        "TIMEOUT",
        "did not answer in time",
    ),
    "read timeout": (
        _wrapped(web.ReadTimeout, wire.ReadTimeoutError(None, "/", "slow")),
        "TIMEOUT",
        "in time",
    ),
    "cut off": (
        _wrapped(web.ChunkedEncodingError, wire.IncompleteRead(1, 2)),
        "RESPONSE_CUT_OFF",
        "truncated",
    ),
    "proxy refused": (
        _wrapped(web.ProxyError, _exhausted(wire.ProxyError("Unable to connect to proxy", _refused()))),
        "PROXY_FAILED",
        "connection refused",
    ),
    "proxy unknown": (
        _wrapped(
            web.ProxyError,
            _exhausted(wire.ProxyError("Unable to connect to proxy", _unresolved("proxy.corp"))),
        ),
        "PROXY_FAILED",
        "cannot be resolved: proxy.corp",
    ),
    "proxy 407": (_wrapped(web.ProxyError, _tunnel(407)), "PROXY_AUTHENTICATION", "HTTP 407"),
    "proxy 403": (_wrapped(web.ProxyError, _tunnel(403)), "PROXY_FAILED", "HTTP 403"),
    "proxy address": (web.InvalidProxyURL("http://user:SECRET@"), "PROXY_FAILED", "http://host:port"),
    "proxy scheme": (
        _wrapped(web.InvalidURL, wire.ProxySchemeUnknown("gopher")),
        "PROXY_FAILED",
        "http://host:port",
    ),
    "proxy socks": (
        web.InvalidSchema("Missing dependencies for SOCKS support."),
        "PROXY_FAILED",
        "host:port",
    ),
    "unknown CA": (
        _wrapped(web.SSLError, _exhausted(_verification(20, "unable to get local issuer certificate"))),
        "TLS_UNKNOWN_CA",
        "unable to get local issuer",
    ),
    "self-signed": (
        _wrapped(web.SSLError, _exhausted(_verification(18, "self-signed"))),
        "TLS_UNKNOWN_CA",
        "self-signed",
    ),
    "self-signed CA": (
        _wrapped(web.SSLError, _exhausted(_verification(19, "in chain"))),
        "TLS_UNKNOWN_CA",
        "in chain",
    ),
    "other name": (
        _wrapped(web.SSLError, _exhausted(_verification(62, "mismatch"))),
        "TLS_WRONG_HOST",
        "mismatch",
    ),
    "other address": (
        _wrapped(web.SSLError, _exhausted(_verification(64, "mismatch"))),
        "TLS_WRONG_HOST",
        "mismatch",
    ),
    "expired": (
        _wrapped(web.SSLError, _exhausted(_verification(10, "has expired"))),
        "TLS_EXPIRED",
        "has expired",
    ),
    "not yet valid": (
        _wrapped(web.SSLError, _exhausted(_verification(9, "not yet"))),
        "TLS_EXPIRED",
        "not yet",
    ),
    "revoked": (_wrapped(web.SSLError, _exhausted(_verification(23, "revoked"))), "TLS_FAILED", "revoked"),
    "TLS without a reason": (_wrapped(web.SSLError, wire.SSLError("SECRET")), "TLS_FAILED", "TLS handshake"),
    "TLS handshake": (
        _wrapped(web.SSLError, _exhausted(_tls("WRONG_VERSION_NUMBER"))),
        "TLS_FAILED",
        "wrong version number",
    ),
}
NOT_REPEATED = {
    "PROXY_AUTHENTICATION",
    "TLS_EXPIRED",
    "TLS_UNKNOWN_CA",
    "TLS_WRONG_HOST",
    "TLS_FAILED",
}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_each_network_fault_at_the_seam(name):
    """Faults are told apart through everything that the SDK wraps around them, and paths and passwords stay out."""
    raised, code, words = EXCEPTIONS[name]
    failure = failure_of(raised)
    assert failure.code == code
    assert words in failure.message
    assert failure.recovery is (Recovery.REQUEST if code in NOT_REPEATED else Recovery.RETRY)
    assert (failure.status, failure.opc_request_id) == (None, None)
    assert "SECRET" not in f"{failure} {failure.remedy}"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (RequestException(web.ConnectionError(_exhausted(_unresolved()))), "DNS_FAILED"),
        (ConnectTimeout(web.ConnectTimeout("slow")), "TIMEOUT"),
        (CircuitBreakerError(None), "UNREACHABLE"),
        (wire.DecodeError("gzip"), "RESPONSE_CUT_OFF"),
        (TypeError("Authorization: Signature SECRET"), "CLIENT_ERROR"),
        (Exception("SECRET"), "CLIENT_ERROR"),
    ],
)
def test_exceptions_of_the_sdk_itself(raised, code):
    """The SDK's own wrappers, the breaker's exception and bare ones are translated, none is quoted."""
    failure = failure_from(raised, "audit")
    assert failure.code == code
    assert "SECRET" not in str(failure)


def test_header_injection_never_shows_the_signature():
    """The SDK's ValueError for a line break in a header quotes the signature; nothing of it gets out."""
    with LoopbackServer(http_answer("200 OK", b"[]")) as server:
        url = f"http://127.0.0.1:{server.port}"
        key = ClientKey(seam.TENANCY, f"{seam.USER}\n", seam.fingerprint(), seam.REGION, "audit", url, 1)
        client = Client(key, seam.api_key())
        with pytest.raises(Failure) as caught:
            client.call("list_events", seam.TENANCY, START, END)
        client.close()
    shown = "".join(traceback.format_exception(caught.value))
    assert caught.value.code == "CLIENT_ERROR"
    assert "ValueError" in caught.value.message
    assert "keyId" not in shown
    assert "Signature" not in shown


@given(st.text(), st.text(), st.text(max_size=40), st.sampled_from([400, 401, 404, 429, 503, 599, 299]))
@pytest.mark.slow
def test_no_answer_can_break_the_translation(date, retry_after, message, status):
    """Whatever stands in the headers and the body, there is a Failure with a printable message."""
    headers = {"date": date, "retry-after": retry_after, "opc-request-id": "R"}
    failure = failure_from(ServiceError(status, None, headers, message), "audit")
    assert failure.message.isprintable()
    assert failure.retry_after is None or failure.retry_after >= 0


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "Mon, 99 Foo 2020 00:00:00 GMT",
        "1e400",
        "Thu, 1 Jan 1 0:0:0 +999999",
    ],
)
def test_odd_dates_are_no_dates(text):
    """A date that no calendar has is passed over."""
    error = ServiceError(401, "NotAuthenticated", {"date": text, "retry-after": text}, "no")
    assert failure_from(error, "audit").code in ("NOT_AUTHENTICATED", "CLOCK_SKEW")
