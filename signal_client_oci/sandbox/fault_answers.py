"""Faults that can be seen in a whole answer: wrong status, wrong body, wrong headers."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from signal_client_oci.sandbox.http.api_errors import RefusalError
from signal_client_oci.sandbox.http.http_connection import Answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.sandbox.faults import Fault

__all__ = ["ENDLESS_TOKEN", "REPEATED_TOKEN", "FaultedExchange", "altered", "error_answer"]

REPEATED_TOKEN = "again"  # noqa: S105  a page token is no credential
ENDLESS_TOKEN = "next-"  # noqa: S105  how the tokens of a list without an end begin

_endless = itertools.count(1)

_HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FaultedExchange:
    """What a fault needs to know: the request's page token, the service's time, the trap's URL for it."""

    page: str | None
    now: datetime
    trap_url: Callable[[], str]


def error_answer(refusal: RefusalError) -> Answer:
    """Return a refusal as the services send it."""
    return json_answer({"code": refusal.code, "message": refusal.message}, refusal.status)


def altered(fault: Fault, answer: Answer, exchange: FaultedExchange) -> Answer:
    """Return what a fault makes of the true answer; unchanged for the faults of the wire."""
    alter = _ALTERATIONS.get(fault.kind)
    return answer if alter is None else alter(fault, answer, exchange)


def _status(fault: Fault, _answer: Answer, _exchange: FaultedExchange) -> Answer:
    """An error status with a proper body."""
    error = error_answer(RefusalError(fault.status, fault.message, fault.code))
    return replace(error, headers=error.headers | fault.headers)


def _html(_fault: Fault, _answer: Answer, _exchange: FaultedExchange) -> Answer:
    """A 200 with a web page, as a captive portal or proxy sends it."""
    return Answer(200, _HTML, {"Content-Type": "text/html; charset=utf-8"})


def _body(fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """A 200 with any bytes."""
    return replace(
        answer, status=200, body=fault.body, headers={"Content-Type": fault.content_type} | fault.headers
    )


def _empty_body(_fault: Fault, _answer: Answer, _exchange: FaultedExchange) -> Answer:
    """A 200 without a body."""
    return Answer(200, b"")


def _null(_fault: Fault, _answer: Answer, _exchange: FaultedExchange) -> Answer:
    """A 200 whose JSON is `null`."""
    return Answer(200, b"null")


def _wrong_shape(_fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """An object where a list is due, a list where an object is due."""
    is_list = answer.body.lstrip().startswith(b"[")
    return replace(answer, body=b'{"message":"unexpected"}' if is_list else b'["unexpected"]')


def _cut_json(_fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """Half of the body, with the right length for that half."""
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _broken_utf8(_fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """Bytes that are no UTF-8 inside the first string value (or behind the first byte)."""
    return replace(answer, body=_inserted(answer.body, b"\xff\xfe\xc3"))


def _control_characters(_fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """Raw control characters inside the first string value (or behind the first byte)."""
    return replace(answer, body=_inserted(answer.body, b"\x01\x00\x1f"))


def _gzip_bomb(fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """The true body followed by `size` blanks, which is valid JSON, compressed to a thousandth."""
    return replace(
        answer, body=_bomb(answer.body, fault.size), headers=answer.headers | {"Content-Encoding": "gzip"}
    )


def _redirect(fault: Fault, _answer: Answer, exchange: FaultedExchange) -> Answer:
    """A redirect (302 unless `status` says another) to the trap or to `location`."""
    status = fault.status if fault.status in range(300, 400) else 302
    return Answer(status, b"", {"Location": fault.location or exchange.trap_url()})


def _repeated_page_token(_fault: Fault, answer: Answer, exchange: FaultedExchange) -> Answer:
    """The next page is the same page, for ever."""
    token = exchange.page or answer.headers.get("opc-next-page") or REPEATED_TOKEN
    return replace(answer, headers=answer.headers | {"opc-next-page": token})


def _endless_page_tokens(_fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """Every page is the first one, and has a next page under a token that was never given before."""
    return replace(answer, headers=answer.headers | {"opc-next-page": f"{ENDLESS_TOKEN}{next(_endless)}"})


def _empty_page_token(_fault: Fault, answer: Answer, _exchange: FaultedExchange) -> Answer:
    """An empty page token on the last page, where there should be none."""
    return replace(answer, headers={"opc-next-page": ""} | answer.headers)


def _clock_skew(fault: Fault, _answer: Answer, exchange: FaultedExchange) -> Answer:
    """The 401 of a service whose clock is `seconds` ahead, with that clock's Date header."""
    now = exchange.now + timedelta(seconds=fault.seconds)
    error = error_answer(
        RefusalError(401, f"Date is not within allowed clock skew. Current '{_http_date(now)}'")
    )
    return replace(error, headers=error.headers | {"Date": _http_date(now)})


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


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
def _bomb(body: bytes, size: int) -> bytes:
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


_ALTERATIONS: dict[str, Callable[[Fault, Answer, FaultedExchange], Answer]] = {
    "status": _status,
    "html": _html,
    "body": _body,
    "empty_body": _empty_body,
    "null": _null,
    "wrong_shape": _wrong_shape,
    "cut_json": _cut_json,
    "broken_utf8": _broken_utf8,
    "control_characters": _control_characters,
    "gzip_bomb": _gzip_bomb,
    "redirect": _redirect,
    "repeated_page_token": _repeated_page_token,
    "endless_page_tokens": _endless_page_tokens,
    "empty_page_token": _empty_page_token,
    "clock_skew": _clock_skew,
}
