"""Connections belong to the transport that sends over them, and can be ended from another thread."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest
import urllib3
from support.loopback_servers import Authority, LoopbackServer, http_answer

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.connections import POOL_CLASSES, reset_connection, sending


class Sender:
    """A transport that notes which sockets its requests wait on."""

    def __init__(self, pem):
        self.sockets = []
        self._pem = pem

    def tls_context(self):
        """Trust one authority."""
        return ssl.create_default_context(cafile=self._pem)

    def watch_socket(self, sock):
        """Note a socket."""
        self.sockets.append(sock)


@pytest.fixture
def authority(tmp_path):
    """An authority that issues certificates."""
    return Authority(tmp_path)


def request(server):
    """Send a request over TLS with a pool that was told not to verify anything."""
    with POOL_CLASSES["https"](
        "localhost", server.port, cert_reqs="CERT_NONE", assert_hostname=False
    ) as pool:
        return pool.request("GET", "/", retries=False).data


def test_a_connection_takes_its_tls_from_the_sender(authority):
    """What the pool says of verification does not count: the sender's authorities decide, and it learns the socket."""
    with LoopbackServer(http_answer("200 OK", b"yes"), authority.issue()) as server:
        sender = Sender(authority.pem)
        with sending(sender, "/"):
            assert request(server) == b"yes"
        assert len(sender.sockets) == 1
        with sending(Sender(None), "/"), pytest.raises(urllib3.exceptions.SSLError):
            request(server)
        assert len(server.heads) == 1


def test_a_connection_asks_for_what_the_sender_signed(authority):
    """Path and query go out as they were signed, whatever the pool is told."""
    targets = ["/20190901/auditEvents?page=%2b%41~'", "/other"]
    with LoopbackServer(http_answer("200 OK"), authority.issue()) as server:
        for target in targets:
            with sending(Sender(authority.pem), target):
                request(server)
    assert [head.split(b" ")[1].decode() for head in server.heads] == targets


def test_a_target_is_forgotten_with_its_sender():
    """Also where sending failed, nothing of a request goes out with the next one of the same thread."""
    with (
        LoopbackServer(http_answer("200 OK")) as server,
        POOL_CLASSES["http"]("127.0.0.1", server.port) as pool,
    ):
        with pytest.raises(KeyboardInterrupt), sending(Sender(None), "/signed"):
            raise KeyboardInterrupt
        pool.request("GET", "/", retries=False)
    assert [head.split(b"\r\n")[0] for head in server.heads] == [b"GET / HTTP/1.1"]


def test_a_connection_without_a_sender_sends_nothing(authority):
    """Where no transport sends in this thread there is nothing to verify with, so nothing goes out."""
    with LoopbackServer(http_answer("200 OK"), authority.issue()) as server:
        with sending(Sender(authority.pem), "/"):
            pass
        with pytest.raises(Failure, match="TLS_FAILED"):
            request(server)
        assert server.heads == []


def test_a_connection_can_be_reset_while_a_thread_waits():
    """A thread that waits for bytes fails at once when another one resets its connection; once more does no harm."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        waiting = socket.create_connection(listener.getsockname())
        with listener.accept()[0]:
            received = []
            thread = threading.Thread(target=lambda: received.append(waiting.recv(1)), daemon=True)
            thread.start()
            reset_connection(waiting)
            thread.join(5)
        assert received == [b""]
        waiting.close()
        reset_connection(waiting)
