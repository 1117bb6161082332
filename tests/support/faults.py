"""Every kind of fault that tests inject beyond the sandbox's own; importing this module registers them.

Some change the whole response (a wrong body, wrong headers, page tokens without an end), others break its delivery
(a response that is cut off, never comes, or comes a byte at a time).
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import struct
import zlib
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from functools import lru_cache

from signal_client_oci.sandbox.faults import FAULT_KINDS, FaultedRequest, FaultKind
from signal_client_oci.sandbox.http.api_errors import ApiError
from signal_client_oci.sandbox.http.http_connection import HttpConnection, HttpResponse, error_response
from support.redirect_target import unvisited_target

_REPEATED_TOKEN = "again"
_ENDLESS_TOKEN = "next-"
_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
_CHUNK = 1 << 20
_SETTLE_SECONDS = 0.02  # lets the client read what was sent: a reset discards what is still under way

_numbers = itertools.count(1)


# --- before the true response is made -------------------------------------------------------------------------


def _open_first_page(request: FaultedRequest) -> None:
    """Take a made-up page token for no token at all."""
    if str(request.page).startswith((_REPEATED_TOKEN, _ENDLESS_TOKEN)):
        del request.call.params["page"]


def _expire_listing(request: FaultedRequest) -> None:
    """Refuse all tokens of the listing from now on."""
    if request.page and request.tenancy:
        with request.tenancy.lock:
            request.tenancy.services[request.call.service].listings.expire(request.page)


# --- the whole response ---------------------------------------------------------------------------------------


def _html(_response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """A 200 with a web page, as a captive portal or proxy sends it."""
    return HttpResponse(200, _HTML, {"Content-Type": "text/html; charset=utf-8"})


def _empty_body(_response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """A 200 without a body."""
    return HttpResponse(200, b"")


def _null(_response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """A 200 whose JSON is `null`."""
    return HttpResponse(200, b"null")


def _wrong_shape(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """An object where a list is due, a list where an object is due."""
    is_list = response.body.lstrip().startswith(b"[")
    return replace(response, body=b'{"message":"unexpected"}' if is_list else b'["unexpected"]')


def _cut_json(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """Half of the body, with the right length for that half."""
    return replace(response, body=response.body[: len(response.body) // 2])


def _broken_utf8(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """Bytes that are not UTF-8 inside the first string value (or behind the first byte)."""
    return replace(response, body=_inserted(response.body, b"\xff\xfe\xc3"))


def _control_characters(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """Raw control characters inside the first string value (or behind the first byte)."""
    return replace(response, body=_inserted(response.body, b"\x01\x00\x1f"))


def _gzip_bomb(response: HttpResponse, _request: FaultedRequest, *, size: int = 1 << 30) -> HttpResponse:
    """The true body followed by `size` blanks, which is valid JSON, compressed to a thousandth."""
    body = gzip_bomb(response.body, size)
    return replace(response, body=body, headers=response.headers | {"Content-Encoding": "gzip"})


def _gzip(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """The true body, compressed as the real services may do."""
    body = gzip.compress(response.body, compresslevel=1)
    return replace(response, body=body, headers=response.headers | {"Content-Encoding": "gzip"})


def _redirect(
    _response: HttpResponse, _request: FaultedRequest, *, status: int = 302, location: str = ""
) -> HttpResponse:
    """A redirect to `location`, or to where nobody should ever go."""
    return HttpResponse(status, b"", {"Location": location or unvisited_target().url("/redirected")})


def _repeated_token(response: HttpResponse, request: FaultedRequest) -> HttpResponse:
    """The next page is the same page, for ever."""
    token = request.page or response.headers.get("opc-next-page") or _REPEATED_TOKEN
    return replace(response, headers=response.headers | {"opc-next-page": token})


def _endless_tokens(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """Every page is the first one, and has a next page under a token that was never given before."""
    token = f"{_ENDLESS_TOKEN}{next(_numbers)}"
    return replace(response, headers=response.headers | {"opc-next-page": token})


def _empty_token(response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """An empty page token on the last page, where there should be none."""
    return replace(response, headers={"opc-next-page": ""} | response.headers)


def _clock_skew(_response: HttpResponse, request: FaultedRequest, *, seconds: float = 0.05) -> HttpResponse:
    """The 401 of a service whose clock is `seconds` ahead, with that clock's Date header."""
    now = format_datetime(request.now + timedelta(seconds=seconds), usegmt=True)
    error = error_response(ApiError(401, f"Date is not within allowed clock skew. Current '{now}'"))
    return replace(error, headers=error.headers | {"Date": now})


def _inserted(body: bytes, strange: bytes) -> bytes:
    at = body.find(b'":"')
    at = at + 3 if at >= 0 else min(1, len(body))
    return body[:at] + strange + body[at:]


@lru_cache(maxsize=8)
def _blanks(size: int) -> tuple[bytes, int]:
    """Return `size` blanks as deflate blocks that stand alone, and their number of whole chunks.

    A full flush makes the blocks of one chunk independent of what came before, so one chunk's blocks repeated
    are the blocks of many, and nothing large is ever held.
    """
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = compressor.compress(b" " * _CHUNK) + compressor.flush(zlib.Z_FULL_FLUSH)
    return block * (size // _CHUNK), size // _CHUNK


@lru_cache(maxsize=4)
def gzip_bomb(body: bytes, size: int) -> bytes:
    """Return a gzip file that unpacks to `body` and `size` blanks."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = compressor.compress(body) + compressor.flush(zlib.Z_FULL_FLUSH)
    blanks, chunks = _blanks(size)
    chunk, checksum = b" " * _CHUNK, zlib.crc32(body)
    for _ in range(chunks):
        checksum = zlib.crc32(chunk, checksum)
    end = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush(zlib.Z_FINISH)
    length = (len(body) + chunks * _CHUNK) & 0xFFFFFFFF
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return head + start + blanks + end + checksum.to_bytes(4, "little") + length.to_bytes(4, "little")


# --- its delivery ---------------------------------------------------------------------------------------------


def _truncated(connection: HttpConnection, head: bytes, body: bytes) -> None:
    """Less than Content-Length announces, then an orderly close."""
    connection.send(head + body[: len(body) // 2])


def _reset(connection: HttpConnection, _head: bytes, _body: bytes) -> None:
    """A TCP reset instead of a response, as of a crashed proxy."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


def _reset_mid_body(connection: HttpConnection, head: bytes, body: bytes) -> None:
    """A TCP reset in the middle of the body."""
    connection.send(head + body[: len(body) // 2])
    connection.pause(_SETTLE_SECONDS)
    _reset(connection, head, body)


def _hang(connection: HttpConnection, _head: bytes, _body: bytes) -> None:
    """No response until the client gives up or the server stops."""
    with contextlib.suppress(OSError):
        while connection.socket.recv(65536):
            pass


def _hang_mid_body(connection: HttpConnection, head: bytes, body: bytes) -> None:
    """Half of the body, and then nothing until the client gives up."""
    connection.send(head + body[: len(body) // 2])
    _hang(connection, head, body)


def _slow_drip(connection: HttpConnection, head: bytes, body: bytes, *, seconds: float = 0.05) -> None:
    """The body a byte at a time, `seconds` apart, so that no read ever times out."""
    connection.send(head)
    for at in range(len(body)):
        connection.send(body[at : at + 1])
        if not connection.pause(seconds):
            return


FAULT_KINDS.update(
    {
        "html": FaultKind(alter=_html),
        "empty_body": FaultKind(alter=_empty_body),
        "null": FaultKind(alter=_null),
        "wrong_shape": FaultKind(alter=_wrong_shape),
        "cut_json": FaultKind(alter=_cut_json),
        "broken_utf8": FaultKind(alter=_broken_utf8),
        "control_characters": FaultKind(alter=_control_characters),
        "gzip": FaultKind(alter=_gzip),
        "gzip_bomb": FaultKind(alter=_gzip_bomb),
        "redirect": FaultKind(alter=_redirect),
        "repeated_page_token": FaultKind(prepare=_open_first_page, alter=_repeated_token),
        "endless_page_tokens": FaultKind(prepare=_open_first_page, alter=_endless_tokens),
        "empty_page_token": FaultKind(alter=_empty_token),
        "expired_page_token": FaultKind(prepare=_expire_listing),
        "clock_skew": FaultKind(alter=_clock_skew),
        "truncated": FaultKind(send=_truncated),
        "reset": FaultKind(send=_reset, is_silent=True),
        "reset_mid_body": FaultKind(send=_reset_mid_body),
        "hang": FaultKind(send=_hang, is_silent=True),
        "hang_mid_body": FaultKind(send=_hang_mid_body),
        "slow_drip": FaultKind(send=_slow_drip),
    }
)
