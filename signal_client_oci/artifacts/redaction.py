"""Masks secrets inside a record's JSON text, and leaves every other byte as it is.

A secret is known by its place (see `secret_places`) or by its shape (see `secret_patterns`). It gives way to a marker
that keeps its kind: `<redacted:session-token>`. A text in which nothing can be secret comes back as the same object.

Who, from where, what and with which outcome are read from the record before it is masked; each value of the metadata
is masked by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.secrets.hints import lower_case, may_contain_secret, text_may_contain_secret
from signal_client_oci.artifacts.secrets.json_values import value_spans
from signal_client_oci.artifacts.secrets.known import KnownSecret, known_secrets, session_token
from signal_client_oci.artifacts.secrets.names import is_opaque
from signal_client_oci.artifacts.secrets.places import Secret, mask_text, replaced
from signal_client_oci.artifacts.secrets.schemes import is_address
from signal_client_oci.contract import MetadataValue

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditData

__all__ = ["Masked", "Secret", "mask_metadata", "mask_record", "redact", "redact_value"]

# metadata that tell who, from where and when
_IDENTITIES: Final = (
    "startTimeUTC",
    "endTimeUTC",
    "userName",
    "clientIP",
    "clientPort",
    "serverIP",
    "serverPort",
    "clientHostname",
    "serverHostname",
    "emailFrom",
    "emailTo",
)


_BEGINNING: Final = 32  # characters of a secret


def redact(text: bytes) -> tuple[bytes, int]:
    """Mask the secrets in a record's JSON text; return the text and how many values were masked.

    JSON stays JSON, with every type as it was. Doing it twice changes nothing more. Never raises, also on text that is
    no JSON.
    """
    secrets: list[Secret] = []
    return mask_text(text, secrets), len(secrets)


class Masked(msgspec.Struct, frozen=True, gc=False):
    """A record's JSON text without its secrets.

    `secrets` is what was masked, never nothing. `elsewhere` is False where none of it can stand anywhere else in the
    record, nor anything else that is secret.
    """

    text: bytes
    secrets: list[Secret]
    elsewhere: bool


def mask_record(text: bytes, characters: str | None, signed: AuditData | None) -> Masked | None:
    """Mask the secrets in a record's JSON text; None where it has none.

    `characters` is the text decoded, None where it is not UTF-8. `signed` is the part of an audit event that tells who
    signed its call: the secrets that it names are masked as they would be without it, in a fraction of the time.
    """
    looked = characters is None or (signed is not None and session_token(signed) != "")
    if not looked and characters is not None and not text_may_contain_secret(characters):
        return None
    secrets: list[Secret] = []
    if signed and characters is not None:
        text, rest = _mask_known(text, known_secrets(text, signed), secrets)
        lower = lower_case(rest)
        if secrets and not text_may_contain_secret(rest, lower):
            return Masked(text, secrets, _may_hold(lower, secrets))
    text = mask_text(text, secrets, looked=not secrets)
    return Masked(text, secrets, elsewhere=True) if secrets else None


def redact_value(text: bytes) -> tuple[bytes, int]:
    """Mask the secrets in a plain text, which may hold JSON; as `redact`."""
    secrets: list[Secret] = []
    return mask_text(text, secrets, plain=True), len(secrets)


def mask_metadata(metadata: dict[str, MetadataValue], secrets: Sequence[Secret]) -> None:
    """Mask each value of a record's metadata by itself, then what of the record's secrets a derived one still has.

    Who, from where and when are never masked for what else the record holds.
    """
    texts = "\x01".join(
        value if isinstance(value, str) else "\x01".join(value)
        for value in metadata.values()
        if isinstance(value, (str, list))
    )
    if may_contain_secret(texts.encode("utf-8", "surrogatepass")):
        _map_texts(metadata, metadata, _masked_by_itself)
    lower = texts.lower()
    identities = {str(metadata[name]).lower() for name in _IDENTITIES if name in metadata}
    left = {}
    for secret in secrets:
        plain = secret.plain.decode("utf-8", "replace").lower()
        if plain in lower and plain not in identities and is_opaque(secret.plain) and not is_address(plain):
            left[plain] = secret.mask.decode()
    if left:
        derived = [name for name in metadata if name not in _IDENTITIES]
        _map_texts(metadata, derived, lambda text: _without(text, left))


def _map_texts(
    metadata: dict[str, MetadataValue], names: Iterable[str], change: Callable[[str], str]
) -> None:
    """Change the texts of some values in their place."""
    for name in names:
        value = metadata[name]
        if isinstance(value, str):
            metadata[name] = sanitize(change(value))  # a mask may be longer than what it masks
        elif isinstance(value, list):
            metadata[name] = [sanitize(change(item)) for item in value]


def _masked_by_itself(text: str) -> str:
    masked, count = redact_value(text.encode("utf-8", "surrogatepass"))
    return masked.decode("utf-8", "replace") if count else text


def _without(text: str, left: Mapping[str, str]) -> str:
    """Mask secrets in a text in which their context is lost, and perhaps their case."""
    for plain, mask in left.items():
        at = text.lower().find(plain)
        while at >= 0:
            text = text[:at] + mask + text[at + len(plain) :]
            at = text.lower().find(plain, at + len(mask))
    return text


def _may_hold(rest: str, secrets: Iterable[Secret]) -> bool:
    """Tell whether a text in lower case may hold one of some secrets, perhaps written with escapes.

    No session token stands in a text that may contain no secret: it gives itself away.
    """
    if "\\" in rest:
        return True
    for secret in secrets:
        if not secret.plain.startswith(b"ST$"):
            lower = lower_case(secret.plain.decode("utf-8", "replace"))
            # the whole of a long one is looked for in many times the time of its beginning
            if lower[:_BEGINNING] in rest and lower in rest:
                return True
    return False


def _mask_known(text: bytes, known: Iterable[KnownSecret], secrets: list[Secret]) -> tuple[bytes, str]:
    """Mask strings at known places; return the text, and the characters of the text without anything of them."""
    masked: list[bytes] = []
    rest: list[bytes] = []
    pos = 0
    for one in sorted(known):
        spans = value_spans(one.plain, one.kind)
        if spans and one.start >= pos:
            before = text[pos : one.start]
            masked += (before, replaced(one.plain, spans).replace(b'"', b'\\"'))
            rest.append(before)
            secrets += [Secret(one.plain[span.start : span.stop], span.mask) for span in spans]
            pos = one.stop
    return b"".join((*masked, text[pos:])), b"".join((*rest, text[pos:])).decode()
