"""Finds the private key in a text that clipboards, forms, JSON and word processors have been at.

PEM is only a wrapping: whatever happened to lines, quotes, dashes and labels, the base64 between them is the
key, and its DER says by itself how long it is. So the wrapping is read loosely and the DER strictly.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from signal_client_oci.key_problems import PrivateKeyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["FoundKey", "find_private_key"]

_LONGEST_PASTE: Final = 200_000
_LONGEST_PATH: Final = 300
_SEQUENCE: Final = 0x30

_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00ad"
_QUOTES: Final = "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
_INVISIBLE: Final = "\x00\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_CLEANED: Final = str.maketrans(dict.fromkeys(_DASHES, "-") | dict.fromkeys(_QUOTES + _INVISIBLE, ""))

_MARK: Final = re.compile(
    r"(?P<side>BEGIN|END)\s*(?P<label>RSA|EC|DSA|OPENSSH|ENCRYPTED|ANY|NEW|SSH2|PGP|X509|TRUSTED)?\s*(?:ENCRYPTED\s*)?"
    r"(?P<what>PRIVATE\s*KEY|PUBLIC\s*KEY|CERTIFICATE)",
    re.IGNORECASE,
)
_USABLE_LABELS: Final = frozenset({"", "RSA", "ENCRYPTED", "ANY", "NEW"})

# Headers of a key that OpenSSL encrypted before PKCS#8 was usual; cipher → hex digits of its initial vector.
_LEGACY_VECTORS: Final = {"AES-128-CBC": 32, "AES-192-CBC": 32, "AES-256-CBC": 32, "DES-EDE3-CBC": 16}
_LEGACY: Final = re.compile(
    r"Proc-?Type\s*:\s*4\s*,\s*ENCRYPTED[\s,>]*DEK-?Info\s*:\s*(?P<cipher>[\w-]+)\s*,", re.IGNORECASE
)
_LEGACY_HEADER: Final = re.compile(r"Proc-?Type\s*:", re.IGNORECASE)

# The DER of an RSA key is a sequence with a two-byte length, which base64 always begins with these letters.
_BARE_BODY: Final = re.compile(r"(?<![A-Za-z0-9+/])MII[A-Za-z0-9+/=\s]+")
_CONFIG_LINE: Final = re.compile(r"(?:^|\s)(?:key_file|fingerprint|tenancy|user)\s*=", re.IGNORECASE)
_PATH: Final = re.compile(
    r"(?:file:|~|/|\.{1,2}[/\\]|[A-Za-z]:[/\\]|\\\\|%\w+%|\$\w+/).*|[^\s]*\.(?:pem|key|ppk|der|txt)"
)
_OPENSSH_BODY: Final = "b3BlbnNzaC1rZXktdjE"
_SSH_PUBLIC: Final = re.compile(r"\s*(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w+|sk-\S+)\s")


@dataclass(frozen=True)
class FoundKey:
    """A private key as found in a paste; its contents never show in a repr.

    Attributes:
        encoded: DER (PKCS#1, PKCS#8, encrypted PKCS#8, SEC 1), or a clean PEM when `is_pem`.
        is_pem: the key is a legacy encrypted one, which only exists as PEM.
    """

    encoded: bytes = field(repr=False)
    is_pem: bool = False

    def load(self, passphrase: bytes | None) -> PrivateKeyTypes:
        """Open the key.

        Raises:
            TypeError: it is encrypted and `passphrase` is None (or the other way round).
            ValueError: it is damaged or the passphrase is wrong.
            cryptography.exceptions.UnsupportedAlgorithm: its kind or its cipher is unknown.
        """
        mark = self._mark(passphrase)
        load = serialization.load_pem_private_key if self.is_pem else serialization.load_der_private_key
        key = load(self.encoded, passphrase, unsafe_skip_rsa_key_validation=mark in _sound)
        if len(_sound) >= _MOST_SOUND:
            _sound.clear()
        _sound.add(mark)
        return key

    def _mark(self, passphrase: bytes | None) -> bytes:
        """Return by what this key is known again in this process; it tells nothing about the key."""
        return hashlib.blake2b(repr((passphrase, self.encoded)).encode(), key=_PROCESS_SECRET).digest()


# the marks of keys whose numbers OpenSSL found to be sound: that takes 60 ms, and every poll opens the same key
_sound: Final[set[bytes]] = set()
_MOST_SOUND: Final = 512
_PROCESS_SECRET: Final = os.urandom(32)


class _Segment(NamedTuple):
    """The text after one BEGIN or END mark (or before the first), up to the next mark."""

    label: str
    what: str
    text: str


def find_private_key(paste: str) -> FoundKey:
    r"""Return the first private key in a paste, its wrapping repaired.

    Repaired are: byte order marks, all kinds of white space, zero-width characters, quotes, smart dashes, any
    number of dashes, lost or literal (`\n`) line ends, indentation, JSON escapes, the `OCI_API_KEY` label
    line, text around the key, further keys, a label that does not fit the body, a lost header or footer,
    base64 of the whole file.

    Raises:
        PrivateKeyError: there is no private key in the text, or a part of one; the code says what there is.
    """
    if len(paste) > _LONGEST_PASTE:
        raise PrivateKeyError("PRIVATE_KEY_NOT_PEM")
    text = _cleaned(paste)
    if not text.strip():
        raise PrivateKeyError("PRIVATE_KEY_MISSING")
    text = _unwrapped(text)
    segments = _segments(text)
    problems: list[str] = []
    for outcome in (outcome for segment in segments for outcome in _read_segment(segment)):
        if isinstance(outcome, FoundKey):
            return outcome
        problems.append(outcome)
    raise PrivateKeyError(problems[0] if problems else _what_else(paste.strip(), text, segments))


def _cleaned(paste: str) -> str:
    """Return the text with escapes resolved and everything removed that no PEM contains."""
    text = re.sub(r"\\+u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), paste)
    text = text.translate(_CLEANED)
    text = re.sub(r"\\+r\\+n|\\+[nrt]", "\n", text).replace("\\", "")
    return re.sub(r"OCI_API_KEY", "\n", text, flags=re.IGNORECASE)


def _unwrapped(text: str) -> str:
    """Return the PEM inside a text that is base64 of it; any other text as it is."""
    compact = "".join(text.split())
    if not re.fullmatch(r"[A-Za-z0-9+/_-]{64,}=*", compact):
        return text
    inner = _decoded(compact.replace("-", "+").replace("_", "/"))
    return _cleaned(inner.decode("utf-8", "replace")) if b"PRIVATE KEY" in inner else text


def _segments(text: str) -> list[_Segment]:
    marks = list(_MARK.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)]
    segments = [_Segment("", "", text[: ends[0]])]
    for mark, end in zip(marks, ends[1:], strict=True):
        begins = mark["side"].upper() == "BEGIN"
        what = "".join(mark["what"].upper().split()) if begins else ""
        segments.append(
            _Segment((mark["label"] or "").upper() if begins else "", what, text[mark.end() : end])
        )
    return segments


def _read_segment(segment: _Segment) -> Iterator[FoundKey | str]:
    """Yield the private key in a segment, or the code of what is wrong with it, or nothing."""
    if segment.what == "PRIVATEKEY" and segment.label in _USABLE_LABELS:
        legacy = _LEGACY.search(segment.text)
        if legacy:
            yield _legacy_key(legacy["cipher"].upper(), segment.text[legacy.end() :])
        elif _LEGACY_HEADER.search(segment.text):
            yield "PRIVATE_KEY_INCOMPLETE"
        else:
            yield _der_key(_decoded(segment.text))
    elif not segment.what:
        bare = _BARE_BODY.search(segment.text)
        if bare:
            found = _der_key(_decoded(bare.group()))
            yield (_public_kind(found.encoded) or found) if isinstance(found, FoundKey) else found


def _legacy_key(cipher: str, text: str) -> FoundKey | str:
    """Return an encrypted PKCS#1 key with its headers on lines of their own again."""
    if cipher not in _LEGACY_VECTORS:
        return "PRIVATE_KEY_CIPHER_UNKNOWN"
    digits = _LEGACY_VECTORS[cipher]
    vector = re.match(rf"\s*((?:[0-9A-Fa-f]\s*){{{digits}}})", text)
    # What is encrypted has no length of its own: a torn END mark must not be read as a part of it.
    encrypted = _decoded(text[vector.end() :].split("--", maxsplit=1)[0]) if vector else b""
    if not vector or not encrypted or len(encrypted) % (digits // 2):
        return "PRIVATE_KEY_INCOMPLETE"
    headers = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: {cipher},{''.join(vector[1].split()).upper()}\n\n".encode()
    label = b"RSA PRIVATE KEY-----\n"
    # OpenSSL, behind cryptography < 45, takes lines of 64 letters only.
    body = b"".join(line + b"\n" for line in re.findall(b".{1,64}", base64.b64encode(encrypted)))
    return FoundKey(b"-----BEGIN " + label + headers + body + b"-----END " + label, is_pem=True)


def _der_key(encoded: bytes) -> FoundKey | str:
    """Return the DER sequence at the start of `encoded`, without what follows it."""
    if encoded.startswith(b"openssh-key"):
        return "PRIVATE_KEY_IS_OPENSSH"
    if encoded and encoded[0] != _SEQUENCE:
        return "PRIVATE_KEY_DAMAGED"
    size, start = (encoded[1], 2) if len(encoded) > 1 else (0, 2)
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(encoded[2:start], "big")
    return FoundKey(encoded[: start + size]) if len(encoded) >= start + size else "PRIVATE_KEY_INCOMPLETE"


def _decoded(text: str) -> bytes:
    """Return what the base64 letters of a text stand for; all other characters are passed over."""
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return base64.b64decode(letters + "=" * (-len(letters) % 4))


def _public_kind(encoded: bytes) -> str:
    """Return the code of a DER that is a public key or a certificate, "" for any other."""
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        serialization.load_der_public_key(encoded)
        return "PRIVATE_KEY_IS_PUBLIC"
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        x509.load_der_x509_certificate(encoded)
        return "PRIVATE_KEY_IS_CERTIFICATE"
    return ""


def _what_else(paste: str, text: str, segments: list[_Segment]) -> str:
    """Return the code of what was pasted instead of a private key."""
    marks = {(segment.what, segment.label) for segment in segments}
    kinds = {what for what, _ in marks}
    private_labels = {label for what, label in marks if what == "PRIVATEKEY"}
    cases = {
        "PRIVATE_KEY_IS_PUTTY": "PuTTY-User-Key-File" in text,
        "PRIVATE_KEY_IS_OPENSSH": "OPENSSH" in private_labels or _OPENSSH_BODY in "".join(text.split()),
        "PRIVATE_KEY_NOT_RSA": bool(private_labels & {"EC", "DSA"}),
        "PRIVATE_KEY_IS_CERTIFICATE": "CERTIFICATE" in kinds,
        "PRIVATE_KEY_IS_PUBLIC": "PUBLICKEY" in kinds or bool(_SSH_PUBLIC.match(text)),
        "PRIVATE_KEY_IS_CONFIG": bool(_CONFIG_LINE.search(text)),
        "PRIVATE_KEY_IS_PATH": len(paste) <= _LONGEST_PATH and bool(_PATH.fullmatch(paste)),
    }
    return next((code for code, applies in cases.items() if applies), "PRIVATE_KEY_NOT_PEM")
