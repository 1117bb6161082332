"""Connections belong to the transport that sends over them, and can be ended from another thread."""

from __future__ import annotations

import http.client
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


@pytest.mark.slow
def test_a_connection_takes_its_tls_from_the_sender(authority):
    """What the pool says of verification does not count: the sender's authorities decide, and it learns the socket."""
    with LoopbackServer(http_answer("200 OK", b"yes"), authority.issue()) as server:
        sender = Sender(authority.pem)
        with sending(sender):
            assert request(server) == b"yes"
        assert len(sender.sockets) == 1
        with sending(Sender(None)), pytest.raises(urllib3.exceptions.SSLError):
            request(server)
        assert len(server.heads) == 1


def test_a_connection_without_a_sender_sends_nothing(authority):
    """Where no transport sends in this thread there is nothing to verify with, so nothing goes out."""
    with LoopbackServer(http_answer("200 OK"), authority.issue()) as server:
        with sending(Sender(authority.pem)):
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


ORDINARY = b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 2\r\n"
HEADS = [
    ORDINARY + b"\r\n[]next",
    ORDINARY + b"x-empty:\r\nX-Spaces: \t a : b \t\r\nx-latin: \xe4\r\nx-twice: 1\r\nX-Twice: 2\r\n\r\n[]",
    ORDINARY + b"content-length: 1\r\n\r\n[]",
    ORDINARY + b"x-folded: a\r\n b\r\n\r\n[]",
    ORDINARY + b"x-bare: a\rb\r\n\r\n[]",
    ORDINARY + b"x: 1\r\n" * 97 + b"\r\n[]",
    ORDINARY + b"x: 1\r\n" * 98 + b"\r\n[]",
    ORDINARY + b"no header\r\n\r\n[]",
    ORDINARY + b"Connection: close\r\n\r\n[]",
    ORDINARY + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    ORDINARY.replace(b"\r\n", b"\n") + b"\n[]",
    ORDINARY.replace(b": 2", b": -2") + b"\r\n[]",
    ORDINARY.replace(b": 2", b": 0") + b"\r\n",
    ORDINARY.replace(b"1.1", b"1.0") + b"\r\n[]",
    ORDINARY.replace(b"OK", b"Fine") + b"\r\n[]",
    ORDINARY.replace(b"200 OK", b"503 Busy") + b"\r\n[]",
    b"HTTP/1.1 100 Continue\r\n\r\n" + ORDINARY + b"\r\n[]",
    b"HTTP/1.1 200 OK\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 9000 + b"\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    b"",
]


def read(response_class, text):
    """Return what is read of an answer: what its head says, and its body."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(text)
        there.shutdown(socket.SHUT_WR)  # what is missing does not come
        response = response_class(here, method="GET")
        try:
            response.begin()
            head = (response.version, response.status, response.reason, response.headers.items())
            framing = (response.length, response.chunked, response.will_close, response.headers.defects == [])
            return head, framing, response.read()
        except http.client.HTTPException as error:
            return repr(error)


@pytest.mark.parametrize("text", HEADS, ids=range(len(HEADS)))
def test_an_answer_is_read_as_http_client_reads_it(text):
    """Status, headers, length and body are the same, whether the head is ordinary or not."""
    ours = POOL_CLASSES["https"].ConnectionCls.response_class
    assert read(ours, text) == read(http.client.HTTPResponse, text)


def test_an_ordinary_head_is_split_by_lines(monkeypatch):
    """The parser for mail is not asked for it, but for any other."""
    monkeypatch.setattr(http.client, "parse_headers", None)
    ours = POOL_CLASSES["https"].ConnectionCls.response_class
    assert read(ours, HEADS[0])[0][:3] == (11, 200, "OK")
    with pytest.raises(TypeError):
        read(ours, HEADS[3])
