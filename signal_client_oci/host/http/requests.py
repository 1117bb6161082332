"""One HTTP request, read within limits: how long its head may be, and how long it may take to arrive."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from io import BytesIO
from typing import Final

__all__ = ["RefusedRequestError", "StatusRequest", "read_request"]

_MAX_HEAD: Final = 16 * 1024
_CHUNK: Final = 4096
_END_OF_HEAD: Final = b"\r\n\r\n"
_METHODS: Final = ("GET", "HEAD")
_LINE: Final = re.compile(r"(?P<method>[A-Z]{1,20}) (?P<target>/[!-~]*) HTTP/1\.[01]")
_HOST: Final = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^:\[\]]+))(?::[0-9]*)?")


class RefusedRequestError(Exception):
    """A request that is answered with an error; the text says why."""

    def __init__(self, status: HTTPStatus, text: str, *, is_head: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.is_head = is_head


@dataclass(frozen=True)
class StatusRequest:
    """What is used of a request: its path without query, its Accept header, whether only the head is wanted."""

    path: str
    accept: str
    is_head: bool


def read_request(
    connection: socket.socket, seconds: float, *, only_loopback_names: bool
) -> StatusRequest | None:
    """Return the request, None if the client closed the connection before it had sent one.

    With `only_loopback_names`, the Host header must name this machine's loopback: a page of somewhere else whose name
    was made to lead here (DNS rebinding) is refused. Raises `RefusedRequestError`, OSError if the connection breaks,
    and TimeoutError if the head takes longer than `seconds`.
    """
    head = _read_head(connection, time.monotonic() + seconds)
    if head is None:
        return None
    line, _, rest = head.partition(b"\r\n")
    found = _LINE.fullmatch(line.decode("latin-1"))
    if not found:
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "not an HTTP/1.1 request")
    headers = _headers(rest)
    is_head = found["method"] == "HEAD"
    if found["method"] not in _METHODS:
        raise RefusedRequestError(HTTPStatus.METHOD_NOT_ALLOWED, "read-only: GET and HEAD")
    if only_loopback_names and not _is_loopback(headers.get_all("Host", [])):
        text = "the Host header must be localhost or a loopback address; a proxy in front has to set it"
        raise RefusedRequestError(HTTPStatus.MISDIRECTED_REQUEST, text, is_head=is_head)
    return StatusRequest(found["target"].partition("?")[0], headers.get("Accept", ""), is_head)


def _read_head(connection: socket.socket, until: float) -> bytes | None:
    head = b""
    while _END_OF_HEAD not in head:
        if len(head) > _MAX_HEAD:
            raise RefusedRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too long")
        connection.settimeout(max(0.001, until - time.monotonic()))
        chunk = connection.recv(_CHUNK)
        if not chunk:
            return None
        head += chunk
    return head[: head.index(_END_OF_HEAD) + len(_END_OF_HEAD)]


def _headers(rest: bytes) -> Message:
    try:
        return parse_headers(BytesIO(rest))
    except HTTPException:
        raise RefusedRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers") from None


def _is_loopback(hosts: list[str]) -> bool:
    """Return whether there is one Host header, and it names this machine's loopback, with any port."""
    found = _HOST.fullmatch(hosts[0].strip()) if len(hosts) == 1 else None
    if not found:
        return False
    name = found["bracketed"] or found["plain"]
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
