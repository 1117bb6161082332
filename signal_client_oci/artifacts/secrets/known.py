"""The secrets that nearly every audit event with a secret has, told by its structure alone: who signed, and with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditData

__all__ = ["known_secrets"]

# headers in lower case, and the kind of what they carry
_HEADERS: Final = {
    "authorization": "authorization",
    "cookie": "cookie",
    "opc-obo-token": "obo-token",
    "x-auth-token": "token",
}
_SIGNS: Final = (
    b"orization",
    b"bo-token",
    b"ookie",
    b"uth-token",
)  # parts of their names in any usual spelling
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def known_secrets(data: AuditData | None) -> Iterator[tuple[str, str]]:
    """Yield the session token and the values of secret headers of an audit event, each with its kind."""
    if data is None:
        return
    if data.identity and data.identity.credentials and data.identity.credentials.startswith("ST$"):
        yield data.identity.credentials, "credentials"
    headers = bytes(data.request.headers) if data.request else b""
    if not any(sign in headers for sign in _SIGNS):
        return
    try:
        named = _DECODER.decode(headers)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return  # what cannot be read in one go is masked by the general reading
    for name, values in named.items():
        kind = _HEADERS.get(name.lower())
        if kind and isinstance(values, list):
            yield from ((value, kind) for value in values if isinstance(value, str))
