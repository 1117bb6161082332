"""The status server over real sockets: read-only, bounded, bound to loopback, and always able to close."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from contextlib import closing

import pytest
from support.board_news import INTERVAL, BoardNews, failed_with, read_until

from signal_client_oci.host.http import server as status_server
from signal_client_oci.host.http.addresses import ListenAddress, ListenAddressError, parse_address
from signal_client_oci.host.http.server import serve

PATHS = ("/", "/page.css", "/page.js", "/icon.svg", "/status.json", "/metrics", "/healthz", "/readyz")
HOSTILE = '</script><img src=x onerror=alert(1)>"\u202e\n'


@pytest.fixture
def news():
    """A board with one instance."""
    return BoardNews("prod")


@pytest.fixture
def server(news):
    """A server of that board."""
    with closing(serve(news.board, ListenAddress("127.0.0.1", 0))) as running:
        yield running


def exchange(server, request, *, finish=False):
    """Send bytes on a connection of their own and return the whole answer: status, headers, body."""
    with socket.create_connection((server.address.ip, server.address.port), timeout=10) as connection:
        connection.sendall(request)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    if not answer:
        return None, {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(one.split(": ", 1) for one in lines)
    return int(line.split()[1]), headers, body


def ask(server, path="/", method="GET", host="localhost", *further):
    """Send a request with these parts."""
    lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *further]
    return exchange(server, "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_complete_and_confined(server, path):
    """Each page has its length and type, HEAD is the same without the body, and nothing may load from elsewhere."""
    status, headers, body = ask(server, path)
    assert status == (503 if path == "/readyz" else 200)
    assert len(body) == int(headers["Content-Length"]) > 0
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*|data:", policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    again, head, nothing = ask(server, path, "HEAD")
    assert (again, nothing, head["Content-Type"]) == (status, b"", headers["Content-Type"])


@pytest.mark.parametrize(
    "path", ["/page", "/page/", "/../pyproject.toml", "//etc/passwd", "/page.js/", "/%2e%2e/"]
)
def test_what_is_not_a_page_is_not_found(server, path):
    """There is no folder behind the pages: a path is one of a few names, or 404."""
    status, headers, body = ask(server, path)
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert b"/readyz" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"])
def test_everything_but_get_and_head_is_refused(server, method):
    """The server is read-only, and says what it takes."""
    status, headers, _ = ask(server, "/metrics", method, "localhost", "Content-Length: 0")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1:9464", 200),
        ("127.8.8.8", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("169.254.169.254", 421),
        ("", 421),
        (None, 421),
        ("localhost\r\nHost: evil.example", 421),
    ],
)
def test_on_loopback_only_loopback_names_are_answered(server, host, status):
    """A page of elsewhere whose name was made to lead here (DNS rebinding) learns nothing."""
    got, _, body = ask(server, "/status.json", "GET", host)
    assert got == status
    assert (b"prod" in body) == (status == 200)


def test_on_another_address_any_name_is_answered(news):
    """Who binds it to all addresses wants it to be found under the machine's name."""
    with closing(serve(news.board, ListenAddress("0.0.0.0", 0))) as server:
        assert ask(server, "/healthz", "GET", "node-1.example")[0] == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
)
def test_what_is_too_long_or_no_request_is_refused(server, request_bytes, status):
    """The head of a request is at most 16 KiB, and one that cannot be read gets an answer nevertheless."""
    assert exchange(server, request_bytes)[0] == status


@pytest.mark.slow
def test_a_slow_client_is_let_go_and_holds_up_nobody(server, monkeypatch):
    """A client that sends a byte now and then is closed when its time is over; meanwhile others are answered."""
    monkeypatch.setattr(status_server, "_SECONDS_TO_ASK", 0.3)
    with socket.create_connection((server.address.ip, server.address.port), timeout=10) as slow:
        slow.sendall(b"GET / HT")
        assert ask(server, "/healthz")[0] == 200
        began = time.monotonic()
        assert slow.recv(100) == b""
        assert time.monotonic() - began < 5


def test_connections_are_bounded(server, monkeypatch):
    """Of too many connections the surplus is closed at once, and the server answers again when they are gone."""
    monkeypatch.setattr(status_server, "_MAX_CONNECTIONS", 2)
    place = (server.address.ip, server.address.port)
    with (
        socket.create_connection(place, timeout=10) as one,
        socket.create_connection(place, timeout=10) as two,
    ):
        for idle in (one, two):
            idle.sendall(b"GET ")
        deadline = time.monotonic() + 10
        while len(server._open) < 2:
            assert time.monotonic() < deadline
        assert exchange(server, b"", finish=True) == (None, {}, b"")
    while server._open:
        assert time.monotonic() < deadline + 10
    assert ask(server, "/healthz")[0] == 200


def test_a_machine_without_threads_or_files_does_not_end_the_server(server, monkeypatch, caplog):
    """A connection that cannot be answered is closed, that is logged once, and later ones are answered again."""
    monkeypatch.setattr(status_server, "_SECONDS_AFTER_FAILURE", 0.0)

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        for _ in range(3):
            assert exchange(server, b"", finish=True) == (None, {}, b"")
    assert caplog.text.count("the status server cannot answer: can't start new thread") == 1
    assert ask(server, "/healthz")[0] == 200


def test_closing_breaks_what_is_open(news):
    """However many clients hang on it, close ends every thread and frees the port."""
    before = threading.active_count()
    server = serve(news.board, ListenAddress("127.0.0.1", 0))
    with socket.create_connection((server.address.ip, server.address.port), timeout=10) as hanging:
        hanging.sendall(b"GET / HTTP/1.1\r\n")
        server.close()
        assert threading.active_count() == before
    with closing(serve(news.board, server.address)) as again:
        assert again.address == server.address


def test_readiness_names_who_was_not_polled(news, server):
    """200 only while every instance was polled within three intervals; otherwise the text says which was not."""
    news.board.watch(HOSTILE, INTERVAL)
    news.poll("prod", "failed")
    status, _, body = ask(server, "/readyz")
    assert status == 503
    assert b"prod" not in body
    assert b"no poll has ended with a report yet; its interval is 5 minutes" in body
    assert len(body.splitlines()) == 2
    news.poll(HOSTILE)
    status, _, body = ask(server, "/readyz")
    assert (status, body) == (200, b"ready: 2 instances were polled within three intervals\n")
    news.pass_time(3 * INTERVAL)
    news.poll(HOSTILE)
    news.pass_time(1)
    status, _, body = ask(server, "/readyz")
    assert (status, body.splitlines()[1]) == (
        503,
        b"prod: the last report of a poll was 15 minutes ago; its interval is 5 minutes",
    )


def test_the_page_is_told_each_cause_once(news, server):
    """One failure that stops three sources is one finding with its remedy; what is hostile is escaped text."""
    failed = failed_with("NOT_AUTHENTICATED", HOSTILE, "Upload the key.")
    news.board.watch("second", INTERVAL)
    news.poll("second", records=3, audit=read_until(60, news.seconds + 2))
    news.poll("prod", "failed", audit=failed, logging=failed, cloud_guard=failed)
    told = json.loads(ask(server, "/status.json")[2])
    assert told["headline"] == "2 instances, 1 failed: prod NOT_AUTHENTICATED; 1 ok"
    prod, second = told["instances"]
    (finding,) = prod["findings"]
    assert finding["sources"] == ["Audit Events", "Logging Search", "Cloud Guard Problems"]
    assert finding["message"] == '</script><img src=x onerror=alert(1)>"\\u202e\\n'
    audit = second["sources"][0]
    assert (audit["records"], audit["lag_seconds"], audit["chart"]["records"][-1]) == (3, 62.0, 3)
    assert all(len(one["chart"]["lag"]) == 72 for one in second["sources"])


def test_a_page_that_cannot_be_made_is_an_error_that_is_logged(server, monkeypatch, caplog):
    """A defect is answered with 500 and named in the log, and the server goes on."""
    monkeypatch.setattr(server._pages, "_made", {"/metrics": lambda _: 1 / 0})
    assert ask(server, "/metrics")[0] == 500
    assert "ZeroDivisionError" in caplog.text
    assert ask(server, "/page.js")[0] == 200


@pytest.mark.parametrize(
    "text", ["", "9464", ":9464", "127.0.0.1", "127.0.0.1:99999", "::1:80", "no such host:1", "a:b"]
)
def test_an_address_that_is_none_is_refused(text):
    """The message shows what was given and an address that works."""
    with pytest.raises(ListenAddressError, match=r"for example 127\.0\.0\.1:9464$"):
        parse_address(text)


def test_addresses_are_read_as_people_write_them():
    """Names of this machine, IPv4 and bracketed IPv6."""
    assert str(parse_address("127.0.0.1:9464")) == "127.0.0.1:9464"
    assert str(parse_address("[::1]:0")) == "[::1]:0"
    assert parse_address("localhost:1").is_loopback
    assert not parse_address("0.0.0.0:1").is_loopback
    assert not parse_address("[::]:1").is_loopback
