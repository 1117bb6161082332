"""Finds the private key in a pasted text, and repairs what clipboards, forms, JSON and word processors do to it.

PEM is only a wrapping: whatever happened to lines, quotes, dashes and labels, the base64 between them is the key, and
its DER states its own length. So the wrapping is read leniently and the DER strictly.

A paste can be any text, so every regular expression here runs in linear time: runs of white space and backslashes
are reduced to single ones first, which leaves no expression two ways to divide a run.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.errors.key_errors import PrivateKeyError
from signal_client_oci.settings.key_shape import MAX_ENCRYPTED_BYTES, shape_error
from signal_client_oci.settings.schema import MAX_PRIVATE_KEY
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret, hidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

__all__ = ["FoundKey", "find_private_key"]

_MAX_PATH: Final = 300
_SEQUENCE: Final = 0x30

_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00ad"
_QUOTES: Final = "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
_INVISIBLE: Final = "\x00\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_CLEANED: Final = str.maketrans(dict.fromkeys(_DASHES, "-") | dict.fromkeys(_QUOTES + _INVISIBLE, ""))

_UNICODE_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})")
_LINE_END: Final = re.compile(r"\\r\\n|\\[nrt]")
_CONSOLE_LABEL: Final = re.compile("OCI_API_KEY", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{64,}=*")

_MARK: Final = re.compile(
    r"(?P<side>BEGIN|END) ?(?P<label>RSA|EC|DSA|OPENSSH|ENCRYPTED|ANY|NEW|SSH2|PGP|X509|TRUSTED)? ?(?:ENCRYPTED ?)?"
    r"(?P<what>PRIVATE ?KEY|PUBLIC ?KEY|CERTIFICATE)",
    re.IGNORECASE,
)
_USABLE_LABELS: Final = frozenset({"", "RSA", "ENCRYPTED", "ANY", "NEW"})

# Headers of keys that old versions of OpenSSL encrypted; cipher → hex digits of its initialization vector.
_LEGACY_VECTORS: Final = {"AES-128-CBC": 32, "AES-192-CBC": 32, "AES-256-CBC": 32, "DES-EDE3-CBC": 16}
_LEGACY: Final = re.compile(
    r"Proc-?Type ?: ?4 ?, ?ENCRYPTED[ ,>]*DEK-?Info ?: ?(?P<cipher>[\w-]{1,40}) ?,", re.IGNORECASE
)
_LEGACY_HEADER: Final = re.compile(r"Proc-?Type ?:", re.IGNORECASE)

# The DER of an RSA key is a sequence with a two-byte length, so its base64 always begins with MII.
_BARE_BODY: Final = re.compile(r"(?<![A-Za-z0-9+/])MII[A-Za-z0-9+/= ]+")
_CONFIG_LINE: Final = re.compile(r"(?:^|[ \]])(?:key_file|fingerprint|tenancy|user) ?=", re.IGNORECASE)
_PATH: Final = re.compile(
    r"(?:file:|~|/|\.{1,2}[/\\]|[A-Za-z]:[/\\]|\\\\|%\w+%|\$\w+/).*|[^\s]*\.(?:pem|key|ppk|der|txt)"
)
_OPENSSH_BODY: Final = "b3BlbnNzaC1rZXktdjE"
_SSH_PUBLIC: Final = re.compile(r" ?(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w+|sk-\S+) ")


@dataclass(frozen=True)
class FoundKey(HoldsSecret):
    """A private key as found in a paste; a repr never shows it.

    Attributes:
        encoded: DER (PKCS#1, PKCS#8, encrypted PKCS#8, SEC 1), or clean PEM when `is_pem`.
        is_pem: The key has the legacy encryption, which only exists as PEM.
    """

    encoded: bytes = field(repr=False)
    is_pem: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoded", HiddenBytes(self.encoded))


class _Segment(NamedTuple):
    """The text after one BEGIN or END mark (or before the first), up to the next mark."""

    label: str
    what: str
    text: HiddenText


def find_private_key(paste: str | SecretStr) -> FoundKey:
    r"""Return the first usable private key in a paste, its wrapping repaired.

    These are repaired or ignored: byte order marks, all kinds of white space, zero-width characters, quotes, smart
    dashes, any number of dashes, lost or literal (`\n`) line ends, indentation, JSON escapes, the `OCI_API_KEY` label
    line, text around the key, further keys, a label that does not fit the body, a missing header or footer, and base64
    of the whole file.

    Raises:
        PrivateKeyError: the text contains no private key, only part of one, or one that must not be opened; the code
            says which.
    """
    if len(paste) > MAX_PRIVATE_KEY:
        raise PrivateKeyError("PRIVATE_KEY_NOT_PEM")
    paste = hidden(paste)
    text = _cleaned(paste)
    if not text.strip():
        raise PrivateKeyError("PRIVATE_KEY_MISSING")
    text = _unwrapped(text)
    segments = _segments(text)
    codes: list[str] = []
    for outcome in (outcome for segment in segments for outcome in _read_segment(segment)):
        if isinstance(outcome, FoundKey):
            return outcome
        codes.append(outcome)
    raise PrivateKeyError(codes[0] if codes else _what_else(HiddenText(paste.strip()), text, segments))


def _cleaned(paste: str) -> HiddenText:
    """Return the text with escapes resolved, runs of white space as one space, and no characters that PEM never has."""
    text = HiddenText(_UNICODE_ESCAPE.sub(_escaped_character, _single_backslashes(HiddenText(paste))))
    text = _single_backslashes(HiddenText(text.translate(_CLEANED)))
    text = HiddenText(_LINE_END.sub("\n", text).replace("\\", ""))
    text = HiddenText(_CONSOLE_LABEL.sub("\n", text))
    return HiddenText(re.sub(r"\s+", " ", text))


def _single_backslashes(text: HiddenText) -> HiddenText:
    """Return a text with each run of backslashes as one, so that it does not matter how often it was escaped."""
    return HiddenText(re.sub(r"\\{2,}", r"\\", text))


def _escaped_character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _unwrapped(text: HiddenText) -> HiddenText:
    """Return the PEM that a text encodes in base64 (one level only); any other text unchanged."""
    compact = HiddenText("".join(text.split()))
    if _BASE64.fullmatch(compact) is None:
        return text
    inner = _decoded(HiddenText(compact.replace("-", "+").replace("_", "/")))
    return _cleaned(HiddenText(inner.decode("utf-8", "replace"))) if inner.find(b"PRIVATE KEY") >= 0 else text


def _segments(text: HiddenText) -> list[_Segment]:
    marks = list(_MARK.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)]
    segments = [_Segment("", "", HiddenText(text[: ends[0]]))]
    for mark, end in zip(marks, ends[1:], strict=True):
        begins = mark["side"].upper() == "BEGIN"
        what = "".join(mark["what"].upper().split()) if begins else ""
        label = (mark["label"] or "").upper() if begins else ""
        segments.append(_Segment(label, what, HiddenText(text[mark.end() : end])))
    return segments


def _read_segment(segment: _Segment) -> Iterator[FoundKey | str]:
    """Yield the private key in a segment, the code of what is wrong with it, or nothing."""
    if segment.what == "PRIVATEKEY" and segment.label in _USABLE_LABELS:
        legacy = _LEGACY.search(segment.text)
        if legacy:
            yield _legacy_key(legacy["cipher"].upper(), HiddenText(segment.text[legacy.end() :]))
        elif _LEGACY_HEADER.search(segment.text):
            yield "PRIVATE_KEY_INCOMPLETE"
        else:
            yield _der_key(_decoded(segment.text))
    elif not segment.what:
        # Only the positions are kept: the repr of a match shows the text.
        bare = [match.span() for match in [_BARE_BODY.search(segment.text)] if match]
        for start, end in bare:
            yield _der_key(_decoded(HiddenText(segment.text[start:end])))


def _legacy_key(cipher: str, text: HiddenText) -> FoundKey | str:
    """Return an encrypted PKCS#1 key with its headers on separate lines again, or the code of its error."""
    if cipher not in _LEGACY_VECTORS:
        return "PRIVATE_KEY_CIPHER_UNKNOWN"
    digits = _LEGACY_VECTORS[cipher]
    vector = re.match(rf" ?((?:[0-9A-Fa-f] ?){{{digits}}})", text)
    # Encrypted data does not state its length, so an incomplete END mark must not be read as part of it.
    encrypted = _decoded(HiddenText(text[vector.end() :].split("--", maxsplit=1)[0])) if vector else b""
    if not vector or not encrypted or len(encrypted) % (digits // 2):
        return "PRIVATE_KEY_INCOMPLETE"
    if len(encrypted) > MAX_ENCRYPTED_BYTES:
        return "PRIVATE_KEY_TOO_LARGE"
    headers = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: {cipher},{''.join(vector[1].split()).upper()}\n\n".encode()
    label = b"RSA PRIVATE KEY-----\n"
    # cryptography < 45 uses OpenSSL here, which accepts lines of 64 letters only.
    body = HiddenBytes(re.sub(b"(.{1,64})", rb"\1\n", base64.b64encode(encrypted)))
    return FoundKey(b"-----BEGIN " + label + headers + body + b"-----END " + label, is_pem=True)


def _der_key(encoded: HiddenBytes) -> FoundKey | str:
    """Return the DER sequence at the start of `encoded`, or the code of its error."""
    if encoded.startswith(b"openssh-key"):
        return "PRIVATE_KEY_IS_OPENSSH"
    if encoded and encoded[0] != _SEQUENCE:
        return "PRIVATE_KEY_DAMAGED"
    size, start = (encoded[1], 2) if len(encoded) > 1 else (0, 2)
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(encoded[2:start], "big")
    if len(encoded) < start + size:
        return "PRIVATE_KEY_INCOMPLETE"
    sequence = HiddenBytes(encoded[: start + size])
    return shape_error(sequence) or FoundKey(sequence)


def _decoded(text: HiddenText) -> HiddenBytes:
    """Return the bytes that the base64 letters of a text encode; other characters are ignored."""
    letters = HiddenText(re.sub(r"[^A-Za-z0-9+/]", "", text))
    if len(letters) % 4 == 1:
        letters = HiddenText(letters[:-1])
    return HiddenBytes(base64.b64decode(letters + "=" * (-len(letters) % 4)))


def _what_else(paste: HiddenText, text: HiddenText, segments: list[_Segment]) -> str:
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
        "PRIVATE_KEY_IS_PATH": len(paste) <= _MAX_PATH and bool(_PATH.fullmatch(paste)),
    }
    return next((code for code, applies in cases.items() if applies), "PRIVATE_KEY_NOT_PEM")
