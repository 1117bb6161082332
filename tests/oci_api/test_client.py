"""The clients: what each service's request looks like, what comes back, and what never happens."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import responses
from support import seam
from support.loopback_servers import LoopbackServer, certificate, closed_port, http_answer
from support.redirect_target import unvisited_target

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api import client as clients
from signal_client_oci.oci_api import transport
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.oci_api.tls import tls_context
from signal_client_oci.sandbox import InjectedFault, Sandbox
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.settings.api_key import load_api_key
from signal_client_oci.settings.model import parse_settings
from signal_client_oci.state.windows import floor_minute, minute_to_datetime

FIRST = floor_minute(datetime.now(timezone.utc)) - 60
START, END = minute_to_datetime(FIRST), minute_to_datetime(FIRST + 2)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Keep the machine's proxies and certificates out of the tests."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def sandbox():
    """A running sandbox."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def tenancy(sandbox):
    """A tenancy of it."""
    return sandbox.add_tenancy()


def key_of(tenancy):
    """Open a tenancy's key."""
    return load_api_key(tenancy.private_key_pem, "", tenancy.fingerprint)


def lent(tenancy, service="audit", until=None, **overrides):
    """Borrow a client of a tenancy."""
    return borrow(parse_settings(tenancy.settings(**overrides)), key_of(tenancy), seam.REGION, service, until)


def failure_of(tenancy, until=None):
    """Return the Failure of one ListEvents."""
    with lent(tenancy, until=until) as client, pytest.raises(Failure) as caught:
        client.call("list_events", tenancy.ocid, START, END)
    return caught.value


def eventually(holds, seconds=5.0):
    """Wait until another thread has made something true."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


@pytest.mark.slow
def test_request_is_signed_and_names_the_plugin():
    """The signature covers date, target and host, and the user agent tells who asks."""
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        mocked.get("https://audit.us-ashburn-1.oraclecloud.com/20190901/auditEvents", body=b"[]")
        seam.call("audit", "list_events", seam.TENANCY, START, END)
        headers = mocked.calls[0].request.headers
    assert f'keyId="{seam.TENANCY}/{seam.USER}/{seam.fingerprint()}"' in headers["authorization"]
    assert 'headers="date (request-target) host"' in headers["authorization"]
    assert "signal-client-oci/" in headers["user-agent"]


@pytest.mark.parametrize(
    "body", [b'[{"a": 1.10, "a":2}]', b"<html>", b'[{"t": "\x01"}]', b"\xff", b"", b"null", b'{"items": []}']
)
def test_body_comes_as_the_bytes_that_were_sent(body):
    """No model, no JSON reader and no character set stands between the service and the records."""
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        mocked.get("https://audit.us-ashburn-1.oraclecloud.com/20190901/auditEvents", body=body)
        assert seam.call("audit", "list_events", seam.TENANCY, START, END).body == body


@pytest.mark.parametrize(
    ("headers", "token"), [({}, None), ({"opc-next-page": ""}, None), ({"opc-next-page": "T"}, "T")]
)
def test_empty_page_token_is_the_end(headers, token):
    """A header without a value is no next page, whatever the SDK's has_next_page says."""
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        url = "https://audit.us-ashburn-1.oraclecloud.com/20190901/auditEvents"
        mocked.get(url, body=b"[]", headers=headers)
        assert seam.call("audit", "list_events", seam.TENANCY, START, END).next_page == token


@pytest.mark.parametrize(
    ("region", "host"), [("eu-frankfurt-1", "oraclecloud.com"), ("us-langley-1", "oraclegovcloud.com")]
)
def test_endpoint_is_that_of_the_regions_realm(region, host):
    """A region of another realm is asked in that realm's domain."""
    realm = "oc1" if host == "oraclecloud.com" else "oc2"
    of = seam.settings(
        region=region,
        tenancy_ocid=seam.TENANCY.replace("oc1.", f"{realm}."),
        user_ocid=seam.USER.replace("oc1.", f"{realm}."),
    )
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        mocked.get(f"https://audit.{region}.{host}/20190901/auditEvents", body=b"[]")
        with borrow(of, seam.api_key(), region, "audit", None) as client:
            assert client.call("list_events", of.tenancy_ocid, START, END).body == b"[]"


def test_failures_of_one_tenancy_do_not_stop_another():
    """Twelve throttled answers in a row open no circuit breaker, neither for this tenancy nor for its neighbour."""
    neighbour = seam.settings(tenancy_ocid="ocid1.tenancy.oc1..aaaaaaaaneighbour")
    url = "https://audit.us-ashburn-1.oraclecloud.com/20190901/auditEvents"
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        throttled = mocked.get(url, status=429, json={"code": "TooManyRequests"})
        for _ in range(12):
            with pytest.raises(Failure, match="THROTTLED"):
                seam.call("audit", "list_events", seam.TENANCY, START, END)
        mocked.remove(throttled)
        mocked.get(url, body=b"[]")
        for of in (neighbour, None):
            assert seam.call("audit", "list_events", seam.TENANCY, START, END, of=of).body == b"[]"


def test_client_is_kept_and_lent_again():
    """Two polls one after the other use the same SDK client; no logger is left behind by the second."""
    with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as first:
        pass
    before = len(logging.root.manager.loggerDict)
    for _ in range(3):
        with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as again:
            assert again is first
    assert len(logging.root.manager.loggerDict) == before


def test_client_is_lent_to_one_poll_at_a_time():
    """A poll that ends its requests cannot end those of another poll of the same instance."""
    with (
        borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as one,
        borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as other,
    ):
        one.transport.abort()
        assert other is not one
        assert not other.transport.aborted


@pytest.mark.parametrize(
    "change",
    [
        {"tenancy_ocid": "ocid1.tenancy.oc1..aaaaaaaaother"},
        {"user_ocid": "ocid1.user.oc1..aaaaaaaaother"},
        {"endpoint_template": "https://gateway.example/{region}/{service}"},
    ],
)
def test_tenancies_users_and_endpoints_do_not_share_a_client(change):
    """Whatever makes a request another one makes another client."""
    with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as one:
        pass
    with borrow(seam.settings(**change), seam.api_key(), seam.REGION, "audit", None) as other:
        assert other is not one


@pytest.mark.slow
def test_keys_do_not_share_a_client():
    """A new key of the same user is used from the next poll on."""
    with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as one:
        pass
    with borrow(seam.settings(1), seam.api_key(1), seam.REGION, "audit", None) as other:
        assert other is not one


def test_idle_clients_are_bounded(monkeypatch):
    """Of many instances' clients the oldest are given up."""
    monkeypatch.setattr(clients, "_idle_clients", clients._IdleClients(limit=2))
    regions = ("us-ashburn-1", "us-phoenix-1", "eu-frankfurt-1")
    lent = [loan_of(region) for region in regions]
    assert loan_of(regions[1]) is lent[1]
    assert loan_of(regions[2]) is lent[2]
    assert loan_of(regions[0]) is not lent[0]


def test_idle_clients_are_bounded_while_the_oldest_is_lent(monkeypatch):
    """A client that somebody works with is not given up, and does not stand in the way of giving up others."""
    monkeypatch.setattr(clients, "_idle_clients", clients._IdleClients(limit=1))
    kept = loan_of("us-ashburn-1")
    with borrow(seam.settings(), seam.api_key(), "us-ashburn-1", "audit", None) as oldest:
        assert oldest is kept
        first, last = loan_of("us-phoenix-1"), loan_of("eu-frankfurt-1")
        assert loan_of("eu-frankfurt-1") is last
        assert loan_of("us-phoenix-1") is not first


def loan_of(region):
    """Borrow a client of a region, give it back, and return it."""
    with borrow(seam.settings(), seam.api_key(), region, "audit", None) as client:
        return client


def test_connections_end_with_the_loan(sandbox, tenancy):
    """Connections are kept alive between requests of a poll and closed at its end."""
    with lent(tenancy) as client:
        for _ in range(3):
            client.call("list_events", tenancy.ocid, START, END)
        assert sandbox.connections == 1
    assert eventually(lambda: sandbox.connections == 0)


def test_client_works_again_after_its_connections_were_closed(sandbox, tenancy):
    """The next loan opens connections of its own."""
    for _ in range(2):
        with lent(tenancy) as client:
            assert client.call("list_events", tenancy.ocid, START, END).body == b"[]"
    assert [one.status for one in sandbox.requests] == [200, 200]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_refused(sandbox, tenancy, status):
    """A signed request is never sent to where an answer points, nor repeated."""
    sandbox.faults.add(InjectedFault("redirect", status=status))
    failure = failure_of(tenancy)
    assert (failure.code, failure.recovery) == ("REDIRECTED", Recovery.REQUEST)
    assert unvisited_target().visits == []
    assert len(sandbox.requests) == 1


@pytest.mark.slow
def test_body_has_a_greatest_size(sandbox, tenancy, monkeypatch):
    """A small compressed answer that unpacks without end is given up at the limit."""
    monkeypatch.setattr(transport, "MAX_BODY_BYTES", 1 << 20)
    sandbox.faults.add(InjectedFault("gzip_bomb", size=64 << 20))
    assert failure_of(tenancy).code == "RESPONSE_TOO_LARGE"


@pytest.mark.slow
def test_dripping_answer_is_given_up(sandbox, tenancy, monkeypatch):
    """A server that sends a byte now and then never hits a read timeout, but the limit of the whole answer."""
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.3)
    tenancy.emit_audit_event(seam.REGION, tenancy.ocid, processed=START)
    sandbox.faults.add(InjectedFault("slow_drip", seconds=0.05))
    began = time.monotonic()
    failure = failure_of(tenancy)
    assert (failure.code, failure.recovery) == ("TIMEOUT", Recovery.RETRY)
    assert 0.3 <= time.monotonic() - began < 10


@pytest.mark.parametrize("kind", ["hang", "hang_mid_body"])
@pytest.mark.slow
def test_silent_server_is_given_up(sandbox, tenancy, monkeypatch, kind):
    """An answer that does not come, or not to its end, is a timeout."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.2)
    sandbox.faults.add(InjectedFault(kind))
    assert failure_of(tenancy).code == "TIMEOUT"


@pytest.mark.parametrize("kind", ["truncated", "reset_mid_body"])
def test_cut_answer_is_no_answer(sandbox, tenancy, kind):
    """Half a body is never handed on as a body."""
    tenancy.emit_audit_event(seam.REGION, tenancy.ocid, processed=START)
    sandbox.faults.add(InjectedFault(kind))
    failure = failure_of(tenancy)
    assert (failure.code, failure.recovery) == ("RESPONSE_CUT_OFF", Recovery.RETRY)


def test_reset_connection(sandbox, tenancy):
    """A connection that breaks before the answer says so, and is worth another attempt."""
    sandbox.faults.add(InjectedFault("reset"))
    failure = failure_of(tenancy)
    assert (failure.code, failure.recovery) == ("UNREACHABLE", Recovery.RETRY)
    assert "connection reset by peer" in failure.message


def test_nothing_is_sent_when_the_time_is_up(sandbox, tenancy):
    """A request that could not end in time does not begin."""
    failure = failure_of(tenancy, until=time.monotonic() - 1)
    assert failure.code == "STOPPED"
    assert sandbox.requests == []


def test_request_on_its_way_can_be_ended(sandbox, tenancy):
    """Aborting from another thread ends a request that waits for a silent server at once."""
    sandbox.faults.add(InjectedFault("hang"))
    with lent(tenancy) as client, ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.call, "list_events", tenancy.ocid, START, END)
        assert eventually(lambda: client.transport.sockets_in_use and sandbox.requests)
        began = time.monotonic()
        client.transport.abort()
        with pytest.raises(Failure) as caught:
            future.result(5)
    assert caught.value.code == "STOPPED"
    assert time.monotonic() - began < 5  # and not after the minute of a read timeout


def test_one_client_serves_many_threads(tenancy):
    """Requests side by side over one client get each its own answer."""
    events = [
        tenancy.emit_audit_event(seam.REGION, tenancy.ocid, processed=minute_to_datetime(FIRST + n))
        for n in range(8)
    ]
    with lent(tenancy) as client, ThreadPoolExecutor(8) as pool:
        windows = [(minute_to_datetime(FIRST + n), minute_to_datetime(FIRST + 1 + n)) for n in range(8)]
        answers = list(pool.map(lambda window: client.call("list_events", tenancy.ocid, *window), windows))
    assert [json.loads(answer.body)[0]["eventId"] for answer in answers] == [event.key for event in events]


def test_loopback_endpoint_is_reached_without_the_proxy(tenancy, monkeypatch):
    """The environment's proxy is for the way to OCI, not for this machine."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    with lent(tenancy) as client:
        assert client.call("list_events", tenancy.ocid, START, END).body == b"[]"


def test_proxy_of_the_environment_is_used(monkeypatch):
    """HTTPS_PROXY is asked for a tunnel to the endpoint, with its password, which no message shows."""
    with LoopbackServer(http_answer("407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://agent:canary@127.0.0.1:{proxy.port}")
        with pytest.raises(Failure) as caught:
            seam.call("audit", "list_events", seam.TENANCY, START, END)
    assert caught.value.code == "PROXY_AUTHENTICATION"
    assert proxy.heads[0].startswith(b"CONNECT audit.us-ashburn-1.oraclecloud.com:443 ")
    assert "canary" not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.slow
def test_the_environment_is_searched_once_a_poll(tmp_path, monkeypatch):
    """However many requests a poll sends, it looks for proxies and authorities once; the next poll looks again."""
    pem, proxies, bundles = certificate(tmp_path), [], []
    parse = tls_context

    def noting(shipped):
        bundles.append(shipped)
        return parse(shipped)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    monkeypatch.setattr(transport, "get_environ_proxies", lambda url: proxies.append(url) or {})
    monkeypatch.setattr(transport, "tls_context", noting)
    with LoopbackServer(http_answer("200 OK", b"[]"), pem) as server:
        for polls in (1, 2):
            with borrow(over_tls(server), seam.api_key(), seam.REGION, "audit", None) as client:
                for _ in range(5):
                    client.call("list_events", seam.TENANCY, START, END)
            assert (len(proxies), len(bundles), len(server.heads)) == (polls, polls, 5 * polls)


def over_tls(server):
    """Return settings that lead to a TLS server on this machine."""
    return seam.settings(endpoint_template=f"https://localhost:{server.port}/{{region}}/{{service}}")


@pytest.mark.slow
def test_certificate_is_always_verified(tmp_path):
    """A certificate of an unknown authority ends the connection before anything is sent."""
    with LoopbackServer(http_answer("200 OK", b"[]"), certificate(tmp_path)) as server:
        with pytest.raises(Failure, match="TLS_UNKNOWN_CA"):
            seam.call("audit", "list_events", seam.TENANCY, START, END, of=over_tls(server))
        assert server.heads == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authority_of_the_environment_is_trusted(tmp_path, monkeypatch, variable):
    """The CA bundle that the environment names makes the same endpoint trusted."""
    pem = certificate(tmp_path)
    monkeypatch.setenv(variable, str(pem))
    with LoopbackServer(http_answer("200 OK", b"[]"), pem) as server:
        answer = seam.call("audit", "list_events", seam.TENANCY, START, END, of=over_tls(server))
    assert answer.body == b"[]"


def test_client_shows_no_secret():
    """Neither the client nor what identifies it holds the key in its text."""
    with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as client:
        shown = f"{client!r} {client.key!r} {seam.api_key()!r}"
    assert "us-ashburn-1" in shown
    assert "PRIVATE" not in shown
    assert not any(line in shown for line in shared_private_key_pem(0).splitlines())


@pytest.mark.parametrize("dump", [pickle.dumps, copy.copy, copy.deepcopy])
def test_clients_are_not_dumped(dump):
    """Neither pickle nor a copy gets at the key that a client, or its signer, signs with."""
    with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as client:
        signer = client._sdk.base_client.signer
        for one in (client, signer):
            with pytest.raises(TypeError, match="holds a secret and cannot be"):
                dump(one)


def test_no_thread_is_left():
    """The clients start no thread of their own."""
    before = threading.active_count()
    with borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None):
        assert threading.active_count() == before


# --- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compresses", [False, True])
@pytest.mark.slow
def test_the_memory_of_an_answer_is_claimed(sandbox, tenancy, compresses):
    """Exactly as many bytes are claimed as the decoded body has, compressed or not."""
    if compresses:
        sandbox.faults.add(InjectedFault("gzip"))
    for _ in range(300):
        tenancy.emit_audit_event(seam.REGION, tenancy.ocid, processed=START)
    tenancy.audit.page_size = 1000
    with lent(tenancy) as client:
        client.transport.memory = memory = PageMemory()
        body = client.call("list_events", tenancy.ocid, START, END).body
        assert memory.finish() == len(body) > 100_000


@pytest.mark.slow
def test_time_spent_waiting_for_memory_is_not_the_services(tenancy, monkeypatch):
    """A host that is slow to take batches does not make answers time out that are there."""
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 0.3)
    tenancy.emit_audit_event(seam.REGION, tenancy.ocid, processed=START)
    memory = PageMemory(10)
    memory.claim(10, lambda: True)
    held = memory.finish()
    timer = threading.Timer(0.6, memory.give_back, [held])
    with lent(tenancy) as client:
        client.transport.memory = memory
        timer.start()
        assert client.call("list_events", tenancy.ocid, START, END).body
    timer.join()


def test_an_announced_body_beyond_the_limit_is_not_waited_for(tenancy):
    """A Content-Length of gigabytes reserves nothing: the answer is given up at its head."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n"
    with LoopbackServer(head) as server:
        template = f"http://127.0.0.1:{server.port}/{{region}}/{{service}}"
        with lent(tenancy, endpoint_template=template) as client, pytest.raises(Failure) as caught:
            client.call("list_events", tenancy.ocid, START, END)
    assert caught.value.code == "RESPONSE_TOO_LARGE"


@pytest.mark.slow
def test_lists_have_a_smaller_limit(sandbox, tenancy):
    """An answer of Identity or Cloud Guard may have 32 MiB, one of Audit more."""
    body = b"[" + b" " * (33 << 20) + b"]"
    sandbox.faults.add(InjectedFault("body", body=body))
    with lent(tenancy, "identity") as client, pytest.raises(Failure) as caught:
        client.call("list_compartments", tenancy.ocid)
    assert (caught.value.code, caught.value.detail) == ("RESPONSE_TOO_LARGE", "of more than 32 MiB")
    with lent(tenancy) as client:
        assert client.call("list_events", tenancy.ocid, START, END).body == body


@pytest.mark.slow
def test_of_an_error_only_the_beginning_is_read(sandbox, tenancy):
    """An error's status counts, however long its body goes on, and the connection is usable afterwards."""
    answer = http_answer("500 Internal Server Error", b"{}," * 4_000_000)
    with LoopbackServer(answer) as server:
        template = f"http://127.0.0.1:{server.port}/{{region}}/{{service}}"
        with lent(tenancy, endpoint_template=template) as client:
            client.transport.memory = memory = PageMemory()
            with pytest.raises(Failure) as caught:
                client.call("list_events", tenancy.ocid, START, END)
        assert memory.finish() < 1 << 20
    assert (caught.value.code, caught.value.status) == ("SERVICE_ERROR", 500)
    assert len(caught.value.message) < 500
    assert not sandbox.requests


def test_work_on_an_answer_ends_with_its_poll(tenancy):
    """What takes long is told when nobody waits for it any more."""
    with lent(tenancy) as client:
        client.check()
        client.transport.abort()
        with pytest.raises(Failure) as caught:
            client.check()
    assert caught.value.code == "STOPPED"
    with lent(tenancy, until=time.monotonic() - 1) as client, pytest.raises(Failure):
        client.check()
