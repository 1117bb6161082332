"""Finds the secrets that most audit events with a secret have, by structure alone: who signed, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from signal_client_oci.artifacts.lenient_decode import DECODE_ERRORS

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditData

__all__ = ["KnownSecret", "known_secrets", "session_token"]

_TOKEN_KEYS: Final = (b'"credentials":"', b'"credentials": "')
# the only value of a header, behind its name
_VALUE_OPENS: Final = re.compile(rb'\s{0,20}:\s{0,20}\[\s{0,20}"')
_VALUE_ENDS: Final = b'"]'


class _SecretHeaders(msgspec.Struct, gc=False):
    """The headers that hold a secret, by their names as services write them."""

    authorization: Any = None
    Authorization: Any = None
    cookie: Any = None
    obo_token: Any = msgspec.field(default=None, name="opc-obo-token")
    auth_token: Any = msgspec.field(default=None, name="x-auth-token")


_DECODER: Final = msgspec.json.Decoder(_SecretHeaders)
_HEADERS: Final = (
    (b'"authorization"', "authorization"),
    (b'"Authorization"', "authorization"),
    (b'"cookie"', "cookie"),
    (b'"opc-obo-token"', "obo-token"),
    (b'"x-auth-token"', "token"),
)


class KnownSecret(msgspec.Struct, frozen=True, order=True, gc=False):
    """The text of a string in a record, from behind its opening quote to its closing one, and its kind of secret.

    `plain` is what the string stands for.
    """

    start: int
    stop: int
    kind: str
    plain: bytes


def session_token(data: AuditData) -> str:
    """Return the session token that signed an event's call, "" when something else did."""
    credentials = data.identity.credentials if data.identity else None
    return credentials if credentials and credentials.startswith("ST$") else ""


def known_secrets(text: bytes, data: AuditData) -> Iterator[KnownSecret]:
    """Yield where the session token and the values of secret headers of an audit event stand; its text is JSON.

    Only strings without escapes other than quotes are named, and one of each header; the general reading sees to the
    rest.
    """
    token = session_token(data)
    if token:
        plain = token.encode("utf-8", "replace")
        value = plain + b'"'
        at = text.find(b"$")  # which is far rarer than anything else of it
        while at >= 0:
            start = at - len(b"ST")
            if text.endswith(_TOKEN_KEYS, 0, start) and text.startswith(value, start):
                yield KnownSecret(start, start + len(plain), "credentials", plain)
            at = text.find(b"$", at + 1)
    if data.request:
        yield from _header_values(text, bytes(data.request.headers))


def _header_values(text: bytes, headers: bytes) -> Iterator[KnownSecret]:
    """Yield where the values stand of the secret headers that an event has."""
    try:
        present = _DECODER.decode(headers)
    except DECODE_ERRORS:
        return
    for values, (name, kind) in zip(msgspec.structs.astuple(present), _HEADERS, strict=True):
        if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str):
            plain = values[0].encode("utf-8", "replace")
            content = plain.replace(b'"', b'\\"')
            at = text.find(name)
            opens = _VALUE_OPENS.match(text, at + len(name)) if at >= 0 else None
            if opens and text.startswith(content + _VALUE_ENDS, opens.end()):
                yield KnownSecret(opens.end(), opens.end() + len(content), kind, plain)
