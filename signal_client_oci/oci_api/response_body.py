"""Reads the body of one answer within limits of time, size and memory."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.limits import ERROR_BYTES

__all__ = ["BodyLimits", "read_body"]

_LEAST_CHUNK_BYTES: Final = 64 * 1024
_MOST_CHUNK_BYTES: Final = 256 * 1024
_CHUNKS_A_BODY: Final = 4  # a chunk takes memory beside the body, and with each the thread waits for others
_FIRST_REDIRECT: Final = 300
_FIRST_ERROR: Final = 400


@dataclass
class BodyLimits:
    """How long a body may take, and how large it may be.

    Attributes:
        end: `time.monotonic()` at which it has to be complete; moved on by the time spent waiting for memory.
        max_bytes: Decoded bytes at most.
        claim: Waits until there is memory for so many bytes more; returns the seconds waited.
        is_aborted: Tells whether the transport ended its requests.
    """

    end: float
    max_bytes: int
    claim: Callable[[int], float]
    is_aborted: Callable[[], bool]

    def claim_memory(self, size: int) -> None:
        """Claim memory; waiting for it is not the service's fault, so it does not count."""
        self.end += self.claim(size)


def read_body(response: Any, limits: BodyLimits) -> None:
    """Read a response's body into it, as `requests` does, but within limits. Of an error only the beginning is read.

    Raises:
        Failure: REDIRECTED, RESPONSE_TOO_LARGE, TIMEOUT, RESPONSE_CUT_OFF or STOPPED.
    """
    status = response.status_code
    failure = partial(Failure, status=status, opc_request_id=_request_id(response))
    if _FIRST_REDIRECT <= status < _FIRST_ERROR:
        raise failure("REDIRECTED", detail=f"HTTP {status}")
    is_error = status >= _FIRST_ERROR
    expected = 0 if is_error else _expected_bytes(response)
    too_large = partial(failure, "RESPONSE_TOO_LARGE", detail=f"of more than {limits.max_bytes >> 20} MiB")
    if expected > limits.max_bytes:
        raise too_large()
    limits.claim_memory(expected)
    body = _buffer_of(expected)
    try:
        for _ in _chunks(response, body, expected, limits):
            if is_error and body.tell() >= ERROR_BYTES:
                response.raw.close()  # the rest stays unread
                break
            if body.tell() > limits.max_bytes:
                raise too_large()
            if time.monotonic() > limits.end:
                raise failure("TIMEOUT", recovery=Recovery.RETRY, has_begun=True)
    except ReadTimeoutError as error:
        raise failure("TIMEOUT", recovery=Recovery.RETRY) from error
    except (ProtocolError, DecodeError, OSError) as error:
        code = "STOPPED" if limits.is_aborted() else "RESPONSE_CUT_OFF"
        raise failure(code, recovery=Recovery.RETRY, has_begun=body.tell() > 0) from error
    body.truncate()
    response._content = body.getvalue()  # noqa: SLF001  (the buffer itself, not a copy)
    response._content_consumed = True  # noqa: SLF001
    response.raw.release_conn()


def _chunks(response: Any, body: io.BytesIO, expected: int, limits: BodyLimits) -> Iterator[None]:
    """Read a response into a buffer chunk by chunk, and yield after each; claim memory for what was not expected."""
    chunk_bytes = max(_LEAST_CHUNK_BYTES, min(_MOST_CHUNK_BYTES, expected // _CHUNKS_A_BODY))
    is_whole = False
    while not is_whole and (chunk := response.raw.read1(chunk_bytes, decode_content=True)):
        body.write(chunk)
        limits.claim_memory(min(len(chunk), max(0, body.tell() - expected)))
        del chunk  # or two of them would be kept while the next one is read
        yield
        is_whole = expected > 0 and response.raw.closed  # nothing is decoded then, so nothing more is there
    if limits.is_aborted():  # a socket that was shut can look like an answer's end
        raise Failure("STOPPED", recovery=Recovery.REGION, has_begun=body.tell() > 0)


def _request_id(response: Any) -> str | None:
    """Return OCI's id of the request, or else the one that was sent."""
    headers = (response.headers, response.request.headers)
    return next((found for each in headers if (found := each.get("opc-request-id"))), None)


def _expected_bytes(response: Any) -> int:
    """Return how many bytes the decoded body will have, 0 where the head does not say."""
    return 0 if "content-encoding" in response.headers else response.raw.length_remaining or 0


def _buffer_of(length: int) -> io.BytesIO:
    """Return a buffer as large as the body will be, where that is known: growing it would leave holes in memory."""
    body = io.BytesIO()
    if length:
        body.seek(length - 1)
        body.write(b"\0")
        body.seek(0)
    return body
