"""The fingerprint of an API key: the MD5 of its public half, as the OCI console lists it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["FINGERPRINT_PATTERN", "fingerprint_of", "normalise_fingerprint"]

FINGERPRINT_PATTERN: Final = r"(?:[Mm][Dd]5:)?(?:[0-9A-Fa-f][\s:-]*){32}"
"""What `normalise_fingerprint` accepts, bar outer white space; an ECMA-262 and Python regular expression."""

_OTHER_DIGESTS: Final = {40: "SHA-1", 64: "SHA-256"}


def normalise_fingerprint(text: str) -> str:
    """Return a fingerprint as OCI writes it: 16 pairs of lower-case hex digits with colons between them.

    Upper case, missing colons, spaces or dashes instead of them and a leading `MD5:` are forgiven.

    Raises:
        ValueError: it is no MD5 fingerprint; the message says what it is and where the right one stands.
    """
    text = text.strip()
    if re.fullmatch(FINGERPRINT_PATTERN, text):
        digits = re.sub(r"^md5:|[^0-9a-f]", "", text.lower())
        return ":".join(re.findall("..", digits))
    raise ValueError(_what_is_wrong(text))


def fingerprint_of(key: RSAPrivateKey) -> str:
    """Return the fingerprint of a key: MD5 of the DER SubjectPublicKeyInfo, lower hex with colons.

    The same as `openssl rsa -in key.pem -pubout -outform DER | openssl md5 -c`.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # OCI names keys by MD5; nothing here relies on it being hard to collide.
    digest = hashlib.md5(public, usedforsecurity=False).hexdigest()
    return normalise_fingerprint(digest)


def _what_is_wrong(text: str) -> str:
    digits = re.sub(r"[\s:-]+", "", text)
    is_hex = bool(re.fullmatch(r"[0-9A-Fa-f]+", digits))
    cases = {
        "The fingerprint is missing": not text,
        "This is the key's SHA-256 fingerprint, and OCI goes by the MD5 one": text[:7].upper() == "SHA256:",
        "This is a private key, which belongs in Private Key": "PRIVATE KEY" in text.upper(),
        "Leave out the name and the = sign": "=" in text,
        "Leave out the quotes": re.search("[\"'`\u201c-\u201f]", text) is not None,
        "A fingerprint is 16 pairs of hex digits (0-9, a-f), like 12:34:...:ef": not is_hex,
        f"This is a {_OTHER_DIGESTS.get(len(digits))} digest, and OCI goes by MD5": len(digits)
        in _OTHER_DIGESTS,
        f"This has {len(digits)} hex digits, and a fingerprint has 32": True,
    }
    wrong = next(sentence for sentence, applies in cases.items() if applies)
    return f"{wrong}: copy it from the OCI console, the user's page > API keys > Fingerprint."
