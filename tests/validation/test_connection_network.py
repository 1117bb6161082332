"""Faults of the way to OCI, each over real sockets on this machine."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from support import seam
from support.loopback_servers import LoopbackServer, certificate, closed_port, http_answer
from support.validating import by_name, statuses, validated

from signal_client_oci.oci_api import transport
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.validation import connection_test as connection

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PATH = "{region}/{service}"
BLOCK_PAGE = b"<html><body>Blocked by your administrator</body></html>"
SUBSCRIPTIONS = b'[{"regionName": "us-ashburn-1", "status": "READY", "isHomeRegion": true}]'


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Keep the machine's proxies and certificates out of the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def little_time(monkeypatch):
    """Let the connection test give up after one second instead of thirteen."""
    monkeypatch.setattr(connection, "AUTHENTICATION_SECONDS", 0.4)
    monkeypatch.setattr(connection, "ALL_SECONDS", 1.0)
    monkeypatch.setattr(transport, "_GRACE_SECONDS", 0.1)


def settings(template, **overrides):
    """Return settings that lead to a place on this machine."""
    return {
        "tenancy_ocid": seam.TENANCY,
        "user_ocid": seam.USER,
        "fingerprint": seam.fingerprint(),
        "private_key": shared_private_key_pem(0),
        "region": seam.REGION,
        "endpoint_template": template,
    } | overrides


def all_fail_with(answer, code):
    """Tell whether the connection failed, and every check over the network with one code."""
    checks = by_name(answer)
    names = ("authentication", "compartments", "audit", "logging", "cloud_guard")
    return answer["status"] == "failed" and {checks[name]["code"] for name in names} == {code}


@pytest.mark.slow
def test_name_that_does_not_exist(monkeypatch):
    """The endpoint's name cannot be resolved: the check says which, and what decides it."""
    resolve = socket.getaddrinfo

    def no_such_name(host, *args, **kwargs):
        if str(host).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    answer = validated(settings(f"https://gateway.invalid/{PATH}"))
    assert all_fail_with(answer, "DNS_FAILED")
    check = by_name(answer)["authentication"]
    assert "gateway.invalid" in check["message"]
    assert "HTTPS_PROXY" in check["remedy"]


@pytest.mark.usefixtures("little_time")
@pytest.mark.slow
def test_name_server_that_never_answers(monkeypatch):
    """A look-up that cannot be interrupted holds nothing up: the answer comes in time, as timeouts."""
    resolve, released = socket.getaddrinfo, threading.Event()

    def silent(host, *args, **kwargs):
        if str(host).endswith(".invalid"):
            released.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    began = time.monotonic()
    answer = connection.validate_connection(settings(f"https://gateway.invalid/{PATH}"))
    lasted = time.monotonic() - began
    released.set()
    assert all_fail_with(answer, "TIMEOUT")
    assert lasted < 6
    for thread in threading.enumerate():
        if thread.name.startswith("oci-cloud"):
            thread.join(5)
            assert not thread.is_alive()


def test_proxy_that_is_not_there(monkeypatch):
    """Nobody listens where HTTPS_PROXY points."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    answer = validated(settings(""))
    assert all_fail_with(answer, "PROXY_FAILED")
    check = by_name(answer)["audit"]
    assert "connection refused" in check["message"]
    assert "HTTPS_PROXY" in check["remedy"]
    assert "NO_PROXY" in check["remedy"]


@pytest.mark.parametrize(
    ("status", "code"),
    [("407 Proxy Authentication Required", "PROXY_AUTHENTICATION"), ("403 Forbidden", "PROXY_FAILED")],
)
def test_proxy_that_refuses(monkeypatch, status, code):
    """The proxy answers, but opens no tunnel; its password is in no message."""
    with LoopbackServer(http_answer(status, BLOCK_PAGE)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://agent:canary@127.0.0.1:{proxy.port}")
        answer = validated(settings(""))
    assert all_fail_with(answer, code)
    assert f"HTTP {status[:3]}" in by_name(answer)["audit"]["message"]
    assert "canary" not in str(answer)


def test_proxy_address_that_cannot_be_used(monkeypatch):
    """A proxy without a host is said to be one, not taken for a broken network."""
    monkeypatch.setenv("HTTPS_PROXY", "http://")
    assert all_fail_with(validated(settings("")), "PROXY_FAILED")


@pytest.mark.slow
def test_inspected_tls(tmp_path):
    """A certificate of an unknown authority names the variable that makes it known, and nothing is sent."""
    with LoopbackServer(http_answer("200 OK", SUBSCRIPTIONS), certificate(tmp_path)) as server:
        answer = validated(settings(f"https://localhost:{server.port}/{PATH}"))
        assert server.heads == []
    assert all_fail_with(answer, "TLS_UNKNOWN_CA")
    assert "REQUESTS_CA_BUNDLE" in by_name(answer)["authentication"]["remedy"]


@pytest.mark.slow
def test_inspected_tls_with_its_authority_in_the_bundle(tmp_path, monkeypatch):
    """With that variable set, the same endpoint is accepted."""
    pem = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with LoopbackServer(http_answer("200 OK", SUBSCRIPTIONS), pem) as server:
        answer = validated(settings(f"https://localhost:{server.port}/{PATH}"))
    assert by_name(answer)["authentication"]["code"] == "OK"


@pytest.mark.parametrize(
    ("host", "days", "code"), [("gateway.example", 2, "TLS_WRONG_HOST"), ("localhost", -1, "TLS_EXPIRED")]
)
@pytest.mark.slow
def test_certificate_of_another_host_or_time(tmp_path, monkeypatch, host, days, code):
    """A trusted certificate that is another host's or has expired is told from an unknown one."""
    pem = certificate(tmp_path, host, days=days)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with LoopbackServer(http_answer("200 OK", SUBSCRIPTIONS), pem) as server:
        answer = validated(settings(f"https://localhost:{server.port}/{PATH}"))
    assert all_fail_with(answer, code)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_bundle_that_cannot_be_read(tmp_path, monkeypatch, content):
    """A wrong path in REQUESTS_CA_BUNDLE, or a file without certificates, is said to be that."""
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with LoopbackServer(http_answer("200 OK", SUBSCRIPTIONS), certificate(tmp_path)) as server:
        answer = validated(settings(f"https://localhost:{server.port}/{PATH}"))
    assert all_fail_with(answer, "CA_BUNDLE_UNREADABLE")
    assert "REQUESTS_CA_BUNDLE" in by_name(answer)["audit"]["remedy"]


def test_template_with_https_to_a_port_without():
    """Plain HTTP where TLS is expected is told from a certificate that is not trusted."""
    with LoopbackServer(http_answer("400 Bad Request"), hasty=True) as server:
        answer = validated(settings(f"https://localhost:{server.port}/{PATH}"))
    assert all_fail_with(answer, "TLS_FAILED")


def test_nobody_listens():
    """A refused connection is unreachable, not slow."""
    answer = validated(settings(f"http://127.0.0.1:{closed_port()}/{PATH}"))
    assert all_fail_with(answer, "UNREACHABLE")
    check = by_name(answer)["logging"]
    assert "connection refused" in check["message"]
    assert "Endpoint Template" in check["remedy"]


@pytest.mark.usefixtures("little_time")
@pytest.mark.slow
def test_server_that_says_nothing():
    """A connection that is accepted and never answered ends in time, and leaves none open."""
    with LoopbackServer(None) as server:
        began = time.monotonic()
        answer = validated(settings(f"http://127.0.0.1:{server.port}/{PATH}"))
        assert time.monotonic() - began < 5
        assert all_fail_with(answer, "TIMEOUT")


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "401 Unauthorized"])
def test_template_that_leads_elsewhere(status):
    """What answers is not OCI: no policy is asked for, and the template is to be looked at."""
    with LoopbackServer(http_answer(status, BLOCK_PAGE)) as server:
        answer = validated(settings(f"http://127.0.0.1:{server.port}/wrong/{PATH}"))
    check = by_name(answer)["authentication"]
    assert (answer["status"], check["code"], check["opc_request_id"]) == (
        "failed",
        "NOT_FROM_OCI",
        check["opc_request_id"],
    )
    assert "Endpoint Template" in check["remedy"]
    assert "Blocked" not in str(answer)


@pytest.mark.slow
def test_login_page_of_a_network():
    """A redirect to a portal is refused, and its page with status 200 is not taken for data."""
    with LoopbackServer(http_answer("200 OK", BLOCK_PAGE, "Content-Type: text/html")) as portal:
        answer = validated(settings(f"http://127.0.0.1:{portal.port}/{PATH}"))
        assert all_fail_with(answer, "RESPONSE_NOT_JSON")
        redirect = http_answer("302 Found", b"", f"Location: http://127.0.0.1:{portal.port}/login")
        portal.heads.clear()
        with LoopbackServer(redirect) as gate:
            assert all_fail_with(validated(settings(f"http://127.0.0.1:{gate.port}/{PATH}")), "REDIRECTED")
        assert portal.heads == []


def test_connection_that_breaks_gets_one_more_attempt():
    """A closed connection is tried once more at once, and then said to be broken."""
    with LoopbackServer(b"") as server:
        answer = validated(settings(f"http://127.0.0.1:{server.port}/{PATH}", logging_enabled=False))
        operations = [head.split()[1] for head in server.heads]
    assert all_fail_with_closed(answer)
    assert sum(b"regionSubscriptions" in target for target in operations) == 2


def all_fail_with_closed(answer):
    """Tell whether every check that was made says that the connection was closed."""
    made = [check for check in answer["checks"][2:] if check["status"] != "skipped"]
    return len(made) == 4 and all("closed without an answer" in check["message"] for check in made)


def test_statuses_of_a_broken_way():
    """Settings and key stay right when the network is wrong."""
    answer = validated(settings(f"http://127.0.0.1:{closed_port()}/{PATH}"))
    assert statuses(answer) == ["ok", "ok", *["failed"] * 5]
