"""The sandbox's socket server: HTTP/1.1 as far as clients need it, and a close that always works."""

import socket
import threading

import pytest
from support.world import eventually

from signal_client_oci.cli.demo.nats_process import lasting_port
from signal_client_oci.sandbox import Sandbox
from signal_client_oci.sandbox.http.http_connection import HttpResponse
from signal_client_oci.sandbox.http.server import SocketServer


@pytest.fixture
def echo():
    """A server that answers with the method, the target and the body."""

    def serve(request, connection):
        body = f"{request.method} {request.target} ".encode() + request.body
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return "stop" not in request.target

    server = SocketServer(serve)
    yield server
    server.close()


def exchange(server, *pieces):
    """Send pieces on one connection, and return all that comes back until it is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        for piece in pieces:
            sock.sendall(piece)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
        return received


def test_requests_in_pieces_and_in_a_row_are_read_alike(echo):
    """Neither cut nor joined packets matter, and the connection is kept."""
    received = exchange(
        echo,
        b"POST /one HTTP/1.1\r\nContent-Le",
        b"ngth: 4\r\n\r\nbo",
        b"dyGET /two HTTP/1.1\r\n\r\nGET /stop HTTP/1.1\r\n\r\n",
    )
    assert b"POST /one body" in received
    assert b"GET /two " in received
    assert received.endswith(b"GET /stop ")


def test_a_client_that_waits_for_100_gets_it(echo):
    """`Expect: 100-continue` is answered before the body is read."""
    head = b"PUT /stop HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    assert exchange(echo, head, b"ok").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"no request at all\r\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_request_is_400_and_the_end(echo, request_bytes):
    """The server does not guess."""
    assert exchange(echo, request_bytes).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_head_request_is_answered_without_a_body():
    """What follows on the connection is the next answer, also for errors and for the control."""
    with Sandbox(controlled=True) as sandbox:
        host = f"Host: 127.0.0.1:{sandbox.port}\r\n"
        received = exchange(
            sandbox,
            f"HEAD /a/audit/20190901/auditEvents HTTP/1.1\r\n{host}\r\n".encode(),
            f"HEAD /_control HTTP/1.1\r\n{host}\r\n".encode(),
            f"GET /a/audit/nothing HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode(),
        )
    first, second, third, body = received.decode().split("\r\n\r\n")
    assert [part.split()[1] for part in (first, second, third)] == ["401", "403", "401"]
    assert "Content-Length: 0" not in first
    assert body.startswith('{"code":"NotAuthenticated"')


def test_clients_that_leave_leave_nothing_behind(echo):
    """Before, within and after a request: their threads end."""
    for sent in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"):
        with socket.create_connection(("127.0.0.1", echo.port), timeout=5) as sock:
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1024):
                pass
    echo.close()
    assert echo.connections == 0


def test_closing_twice_is_harmless_and_frees_the_port(clock):
    """A closed sandbox refuses connections; another can take its port."""
    sandbox = Sandbox(clock=clock, port=lasting_port())
    sandbox.close()
    sandbox.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=5)
    with Sandbox(clock=clock, port=sandbox.port) as again:
        assert again.port == sandbox.port
        assert again.base_url == f"http://127.0.0.1:{again.port}"


def test_closing_leaves_no_thread(clock):
    """Neither of the listener nor of idle connections."""
    before = threading.enumerate()  # an earlier sandbox's may be ending still
    with Sandbox(clock=clock) as sandbox:
        idle = socket.create_connection(("127.0.0.1", sandbox.port), timeout=5)
        assert eventually(lambda: sandbox.connections == 1)
        assert len(set(threading.enumerate()).difference(before)) >= 2
    assert idle.recv(1) == b""
    idle.close()
    assert not [thread.name for thread in threading.enumerate() if thread not in before]


def test_an_answer_has_one_of_each_header(clock):
    """A response's own headers replace the usual ones."""
    head = HttpResponse(299, b"abc", {"Content-Type": "text/plain", "Content-Length": "7"}).head(
        clock(), "id"
    )
    assert head.decode().split("\r\n") == [
        "HTTP/1.1 299 Unknown",
        "Date: Mon, 02 Mar 2026 09:00:00 GMT",
        "Content-Type: text/plain",
        "Content-Length: 7",
        "opc-request-id: id",
        "",
        "",
    ]
