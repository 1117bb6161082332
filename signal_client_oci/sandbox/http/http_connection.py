"""HTTP/1.1 on one connection: requests are read whole, responses are written whole."""

from __future__ import annotations

import json
import socket
import threading
import urllib.parse
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from signal_client_oci.sandbox.http.api_errors import ApiError

__all__ = [
    "HttpConnection",
    "HttpRequest",
    "HttpResponse",
    "MalformedRequestError",
    "error_response",
    "json_bytes",
    "json_response",
]

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 8 * 1024 * 1024
_READ_SIZE = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class MalformedRequestError(ValueError):
    """The bytes that arrived are not an HTTP/1.1 request that the sandbox can read."""


@dataclass(slots=True)
class HttpRequest:
    """One HTTP request; header names are in lower case, `target` is the request line's, unchanged."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query parameters, decoded; blank values are kept, those of a repeated name joined by commas."""
        values = urllib.parse.parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: ",".join(of_name) for name, of_name in values.items()}


@dataclass(slots=True)
class HttpResponse:
    """One HTTP response; Content-Length, Date and the request id are added when it is sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def content(self, request: HttpRequest) -> bytes:
        """Return what follows the head: the body, and nothing for a HEAD request."""
        return b"" if request.method == "HEAD" else self.body

    def head(self, date: datetime, request_id: str) -> bytes:
        """Return the status line and headers; the response's own headers replace the usual ones."""
        lines = {
            "Date": format_datetime(date, usegmt=True),
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
            "opc-request-id": request_id,
        } | self.headers
        text = "".join([f"{name}: {value}\r\n" for name, value in lines.items()])
        reason = _REASONS.get(self.status, "Unknown")
        return f"HTTP/1.1 {self.status} {reason}\r\n{text}\r\n".encode("latin-1")


def json_bytes(content: Any) -> bytes:
    """Return JSON text without blanks, in UTF-8."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def json_response(content: Any, status: int = 200) -> HttpResponse:
    """Return a response whose body is `content` as JSON."""
    return HttpResponse(status, json_bytes(content))


def error_response(error: ApiError) -> HttpResponse:
    """Return an error as the services send it."""
    return json_response({"code": error.code, "message": error.message}, error.status)


class HttpConnection:
    """A client's connection: `socket`, read through a buffer."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.socket = sock
        self._stopping = stopping
        self._buffer = b""

    def read_request(self) -> HttpRequest | None:
        """Return the next request, None when the client is done.

        Raises `MalformedRequestError`, and `OSError` when the connection breaks.
        """
        head = self._read_head()
        if head is None:
            return None
        try:
            request_line, *header_lines = head.decode("latin-1").split("\r\n")
            method, target, _version = request_line.split(" ")
            headers = _headers(header_lines)
            length = int(headers.get("content-length", "0"))
        except ValueError as error:
            raise MalformedRequestError(str(error)) from error
        if "transfer-encoding" in headers or not 0 <= length <= _BODY_LIMIT:
            raise MalformedRequestError("only bodies of a stated, moderate length are read")
        if length and headers.get("expect", "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return HttpRequest(method, target, headers, self._read_exactly(length))

    def send(self, content: bytes) -> None:
        """Write `content` completely; raises `OSError` when the client is gone."""
        self.socket.sendall(content)

    def pause(self, seconds: float) -> bool:
        """Wait; return False at once when the server is stopping."""
        return not self._stopping.wait(seconds)

    def _read_head(self) -> bytes | None:
        while (end := self._buffer.find(_END_OF_HEAD)) < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise MalformedRequestError("the head is too long")
            if not self._receive():
                return None
        head, self._buffer = self._buffer[:end], self._buffer[end + len(_END_OF_HEAD) :]
        return head

    def _read_exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            if not self._receive():
                raise MalformedRequestError("the body is shorter than its Content-Length")
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _receive(self) -> bool:
        chunk = self.socket.recv(_READ_SIZE)
        self._buffer += chunk
        return bool(chunk)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a header line has no colon")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers
