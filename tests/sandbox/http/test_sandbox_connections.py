"""Faults of the wire, waiting and throttling, as the real SDK and a plain HTTP client see them."""

import http.client
import socket
import threading
import time

import oci
import pytest

from signal_client_oci.sandbox import InjectedFault, RateLimit, Sandbox

OTHER = "eu-frankfurt-1"


@pytest.mark.parametrize("kind", ["truncated", "reset", "reset_mid_body"])
@pytest.mark.slow
def test_broken_connections_are_connection_errors(events, sandbox, kind):
    """Before the head or in the middle of the body; the next request works again."""
    sandbox.faults.add(InjectedFault(kind=kind, times=1))
    with pytest.raises(oci.exceptions.RequestException):
        events()
    assert events().status == 200


@pytest.mark.parametrize("kind", ["hang", "hang_mid_body"])
@pytest.mark.slow
def test_a_hang_lasts_until_the_client_gives_up(events, sandbox, kind):
    """The client's own timeout ends it, and with it the server's thread."""
    sandbox.faults.add(InjectedFault(kind=kind))
    with pytest.raises(oci.exceptions.RequestException):
        events(timeout=(5.0, 0.2))
    last = sandbox.requests[-1]
    assert (last.fault, last.status) == (kind, 0 if kind == "hang" else 200)


@pytest.mark.slow
def test_a_slow_drip_never_lets_a_read_time_out(events, sandbox):
    """Each byte comes in time, all of them together do not."""
    sandbox.faults.add(InjectedFault(kind="slow_drip", seconds=0.02))
    finished = threading.Event()

    def read():
        try:
            events(timeout=(5.0, 1.0))
        except oci.exceptions.RequestException:
            finished.set()

    reading = threading.Thread(target=read)
    reading.start()
    reading.join(1.5)
    assert reading.is_alive()
    sandbox.close()
    reading.join(5)
    assert finished.is_set()


def test_closing_ends_hanging_dripping_and_waiting_handlers(clock):
    """No thread of the sandbox is left, whatever they were doing."""
    before = set(threading.enumerate())
    with Sandbox(clock=clock) as sandbox:
        connections = []
        for region, kind in (("a", "hang"), ("b", "slow_drip"), ("c", "hang_mid_body")):
            slowly = {"seconds": 60} if kind == "slow_drip" else {}
            sandbox.faults.add(InjectedFault(kind=kind, region=region, **slowly))
        sandbox.latency = {"identity": 60.0}
        for target in ("/a/audit/", "/b/audit/", "/c/audit/", "/d/identity/"):
            connections.append(http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5))
            connections[-1].request("GET", target)
        end = time.monotonic() + 10
        while len(sandbox.requests) < len(connections):
            assert time.monotonic() < end
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    for connection in connections:
        connection.close()
    left = set(threading.enumerate()) - before
    assert not [thread.name for thread in left if thread.name.startswith("sandbox")]


@pytest.mark.slow
def test_latency_holds_for_all_or_one_service_or_one_tenancy(sandbox, tenancy, connect):
    """The most special one counts."""
    other = sandbox.add_tenancy("other")
    sandbox.latency = {"identity": 1.0}
    other.latency = 0.0
    mine, theirs = connect("identity"), connect("identity", of=other)
    started = time.monotonic()
    mine.get_tenancy(tenancy.ocid)
    waited = time.monotonic() - started
    started = time.monotonic()
    theirs.get_tenancy(other.ocid)
    assert waited >= 1.0 > time.monotonic() - started


def test_a_rate_limit_throttles_each_tenancy_region_and_service(sandbox, tenancy, connect):
    """The bucket refills with time, and others have buckets of their own."""
    moments = [0.0]
    sandbox.rate_limit = RateLimit(10, burst=2, retry_after="1", monotonic=lambda: moments[0])
    client = connect("identity")
    for moment, is_allowed in ((0.0, True), (0.0, True), (0.0, False), (0.1, True), (0.1, False)):
        moments[0] = moment
        if is_allowed:
            assert client.get_tenancy(tenancy.ocid).status == 200
            continue
        with pytest.raises(oci.exceptions.ServiceError) as throttled:
            client.get_tenancy(tenancy.ocid)
        assert (throttled.value.status, throttled.value.code) == (429, "TooManyRequests")
        assert throttled.value.headers["retry-after"] == "1"
    assert connect("identity", OTHER).get_tenancy(tenancy.ocid).status == 200
    sandbox.rate_limit = RateLimit(1, services=frozenset({"audit"}))
    assert [client.get_tenancy(tenancy.ocid).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.slow
def test_answers_can_be_compressed(events, sandbox):
    """As the real services may do."""
    plain = events().data
    sandbox.faults.add(InjectedFault(kind="gzip"))
    answer = events()
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.data == plain


@pytest.mark.parametrize(
    ("kind", "is_reset"), [("reset", True), ("reset_mid_body", True), ("truncated", False)]
)
def test_a_reset_is_a_reset_and_a_truncation_an_orderly_end(sandbox, kind, is_reset):
    """The two ways of breaking off differ on the wire, so clients meet both."""
    sandbox.faults.add(InjectedFault(kind=kind))
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")

        def read_to_the_end():
            while sock.recv(65536):
                pass

        if is_reset:
            with pytest.raises(ConnectionResetError):
                read_to_the_end()
        else:
            read_to_the_end()
