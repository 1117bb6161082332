"""Finds the secrets that most audit events with a secret have, by structure alone: who signed, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditData

__all__ = ["KnownSecret", "known_secrets"]

# what gives a session token away wherever it stands
_SESSION_TOKEN: Final = re.compile(r"ST\$[A-Za-z0-9_.=~+/%-]{16,}")
# a header with one value; in JSON that can be read, a name in quotes with a colon behind it is a key
_HEADER: Final = re.compile(
    rb'"(authorization|cookie|opc-obo-token|x-auth-token)"\s{0,20}:\s{0,20}\[\s{0,20}'
    rb'"([^"\\]*(?:\\"[^"\\]*){0,256})"\s{0,20}\]',
    re.IGNORECASE,
)
_KINDS: Final = {b"authorization": "authorization", b"cookie": "cookie", b"opc-obo-token": "obo-token"}


class KnownSecret(NamedTuple):
    """The text of a string in a record, from behind its opening quote to its closing one, and its kind of secret."""

    start: int
    stop: int
    kind: str


def known_secrets(text: bytes, data: AuditData | None) -> Iterator[KnownSecret]:
    """Yield where the session token and the values of secret headers of an audit event stand.

    Only strings without escapes other than quotes are named; the general reading sees to the rest.
    """
    if data is None:
        return
    token = data.identity.credentials if data.identity else None
    if token and _SESSION_TOKEN.fullmatch(token):
        written = b'"' + token.encode() + b'"'
        at = text.find(written)
        while at >= 0:
            yield KnownSecret(at + 1, at + len(written) - 1, "credentials")
            at = text.find(written, at + len(written))
    headers = bytes(data.request.headers) if data.request else b""
    first = text.find(headers) if headers else -1
    if first >= 0:
        for found in _HEADER.finditer(text, first, first + len(headers)):
            yield KnownSecret(*found.span(2), _KINDS.get(found[1].lower(), "token"))
