"""The API signing key: opened from what was pasted, and compared with its fingerprint before any request.

OCI names a key by its fingerprint, the MD5 digest of its public half, as the OCI console lists it.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from signal_client_oci.errors.key_errors import KEY_ERRORS, PrivateKeyError
from signal_client_oci.errors.quantities import counted
from signal_client_oci.settings.key_shape import prime_bits, shape_error
from signal_client_oci.settings.pem import FoundKey, find_private_key
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret, hidden
from signal_client_oci.settings.values import is_blank, read_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from pydantic import SecretStr

__all__ = [
    "ApiKey",
    "PrivateKeyError",
    "fingerprint_of",
    "load_api_key",
    "normalise_fingerprint",
    "read_private_key",
]

_MIN_BITS: Final = 2048  # OCI: "Required Keys and OCIDs", an RSA key pair of at least 2048 bits

_FINGERPRINT: Final = re.compile(r"(?:[Mm][Dd]5:)?(?:[0-9A-Fa-f][\s:-]*){32}")
_OTHER_DIGESTS: Final = {40: "SHA-1", 64: "SHA-256"}

# OpenSSL's check of the primes of an RSA key takes 0.3 s for 4096 bits, and 4 s for 8192.
_MAX_CHECKED_PRIME_BITS: Final = 2048

# Digests of keys that OpenSSL found valid. The check takes 60 ms, and every poll opens the same key again.
_valid: Final[set[bytes]] = set()
_MAX_VALID: Final = 512
_PROCESS_SECRET: Final = os.urandom(32)


@dataclass(frozen=True)
class ApiKey(HoldsSecret):
    """An RSA key that can sign requests, and its fingerprint; a repr never shows the key."""

    private_key: RSAPrivateKey = field(repr=False)
    fingerprint: str


def read_private_key(value: object) -> HiddenText:
    """Return the private key of the form as it was pasted; `load_api_key` repairs and checks it.

    Raises:
        ValueError: it is missing, or is not text.
    """
    if is_blank(value):
        missing = KEY_ERRORS["PRIVATE_KEY_MISSING"]
        raise ValueError(f"{missing.message} {missing.remedy}")
    return read_secret(value)


def load_api_key(pem: str | SecretStr, passphrase: str | SecretStr, fingerprint: str) -> ApiKey:
    """Return the API key in a pasted text, compared with the fingerprint of the form.

    Args:
        pem: The key as pasted; common damage is repaired (see `find_private_key`).
        passphrase: For an encrypted key; ignored when the key is not encrypted.
        fingerprint: As the OCI console lists it, in any spelling that `normalise_fingerprint` accepts.

    Raises:
        PrivateKeyError: the key cannot be used, the passphrase does not open it, or it has another fingerprint.
            Of the input, the error quotes fingerprints only.
    """
    pem, passphrase = hidden(pem), hidden(passphrase)
    key = _open(find_private_key(pem), passphrase)
    if not isinstance(key, RSAPrivateKey):
        raise PrivateKeyError("PRIVATE_KEY_NOT_RSA")
    if key.key_size < _MIN_BITS:
        raise PrivateKeyError("PRIVATE_KEY_TOO_SHORT", bits=str(key.key_size))
    found = fingerprint_of(key)
    try:
        given = normalise_fingerprint(fingerprint)
    except ValueError as error:
        raise PrivateKeyError("FINGERPRINT_MALFORMED", reason=str(error), found=found) from None
    if given != found:
        raise PrivateKeyError("KEY_FINGERPRINT_MISMATCH", found=found, given=given)
    return ApiKey(key, found)


def fingerprint_of(key: RSAPrivateKey) -> str:
    """Return the fingerprint of a key: the MD5 digest of its DER SubjectPublicKeyInfo, lowercase hex with colons.

    The same as `openssl rsa -in key.pem -pubout -outform DER | openssl md5 -c`.
    """
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.DER, spki)
    # OCI names keys by MD5; nothing here relies on its collision resistance.
    return normalise_fingerprint(hashlib.md5(public, usedforsecurity=False).hexdigest())


def normalise_fingerprint(text: str) -> str:
    """Return a fingerprint as OCI writes it: 16 pairs of lowercase hex digits, separated by colons.

    Upper case, missing colons, spaces or dashes instead of colons and a leading `MD5:` are accepted.

    Raises:
        ValueError: the text is not an MD5 fingerprint; the message says what it is and where to find the right one.
    """
    text = text.strip()
    if _FINGERPRINT.fullmatch(text):
        digits = re.sub(r"^md5:|[^0-9a-f]", "", text.lower())
        return ":".join(re.findall("..", digits))
    raise ValueError(
        f"{_wrong_fingerprint(text)}. Copy it from the OCI console: the user's page > API keys > Fingerprint."
    )


def _wrong_fingerprint(text: str) -> str:
    digits = re.sub(r"[\s:-]+", "", text)
    is_hex = bool(re.fullmatch(r"[0-9A-Fa-f]+", digits))
    other = _OTHER_DIGESTS.get(len(digits))
    cases = {
        "The fingerprint is missing": not text,
        "This is the SHA-256 fingerprint of the key, but OCI uses the MD5 one": text[:7].upper() == "SHA256:",
        "This is a private key, which belongs in Private Key": "PRIVATE KEY" in text.upper(),
        "Enter the fingerprint only, without a name and the = sign": "=" in text,
        "Enter the fingerprint without quotes": re.search("[\"'`\u201c-\u201f]", text) is not None,
        "A fingerprint is 16 pairs of hex digits (0-9, a-f), such as 12:34:...:ef": not is_hex,
        f"This is a {other} digest, but OCI uses the MD5 one": other is not None,
        f"This has {counted(len(digits), 'hex digit')}, but a fingerprint has 32": True,
    }
    return next(sentence for sentence, applies in cases.items() if applies)


def _open(found: FoundKey, passphrase: HiddenText) -> PrivateKeyTypes:
    """Return the key, opened without the passphrase if that is possible.

    Raises:
        PrivateKeyError: neither way opens it.
    """
    outcome = _try_open(found, None)
    if outcome == "PASSPHRASE_MISSING" and passphrase:
        # A passphrase may begin or end with a space, and a paste often does.
        for candidate in dict.fromkeys((passphrase, HiddenText(passphrase.strip()))):
            outcome = _try_open(found, HiddenBytes(candidate.encode("utf-8", "surrogatepass")))
            if not isinstance(outcome, str):
                break
    # Raised outside of any handler, so that no error of the library is attached to it as context.
    if isinstance(outcome, str):
        raise PrivateKeyError(outcome)
    return outcome


def _try_open(found: FoundKey, passphrase: bytes | None) -> PrivateKeyTypes | str:
    """Return the key, or the code of the reason why it cannot be opened."""
    try:
        return _load(found, passphrase)
    except PrivateKeyError as error:
        return error.code
    except TypeError:
        return "PASSPHRASE_MISSING"
    except UnsupportedAlgorithm:
        return "PRIVATE_KEY_NOT_RSA" if passphrase is None else "PRIVATE_KEY_CIPHER_UNKNOWN"
    except ValueError:
        return "PRIVATE_KEY_DAMAGED" if passphrase is None else "PASSPHRASE_WRONG"


def _load(found: FoundKey, passphrase: bytes | None) -> PrivateKeyTypes:
    """Return the key, its numbers checked for consistency.

    Raises:
        TypeError: it is encrypted and `passphrase` is None (or the other way round).
        PrivateKeyError: the encrypted key is not an RSA key, or takes too long to check.
        ValueError: it is damaged, or the passphrase is wrong.
        UnsupportedAlgorithm: its kind or its cipher is unknown.
    """
    passphrase = None if passphrase is None else HiddenBytes(passphrase)
    digest = _digest(found, passphrase)
    encoded = found.encoded if passphrase is None else _decrypted(found, passphrase)
    is_pem = found.is_pem and passphrase is None
    is_long = prime_bits(encoded) > _MAX_CHECKED_PRIME_BITS
    load = serialization.load_pem_private_key if is_pem else serialization.load_der_private_key
    key = load(encoded, None, unsafe_skip_rsa_key_validation=is_long or digest in _valid)
    if is_long and isinstance(key, RSAPrivateKey):
        _check_numbers(key)
    if len(_valid) >= _MAX_VALID:
        _valid.clear()
    _valid.add(digest)
    return key


def _digest(found: FoundKey, passphrase: bytes | None) -> bytes:
    """Return what identifies a key and its passphrase within this process, and reveals neither."""
    digest = hashlib.blake2b(b"" if passphrase is None else b"locked", key=_PROCESS_SECRET)
    for part in (passphrase or b"", found.encoded):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _decrypted(found: FoundKey, passphrase: bytes) -> bytes:
    """Return the unencrypted DER of an encrypted RSA key: its numbers are not checked, but their size is bounded."""
    load = load_pem_private_key if found.is_pem else load_der_private_key
    key = load(found.encoded, passphrase, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise PrivateKeyError("PRIVATE_KEY_NOT_RSA")
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    encoded = HiddenBytes(key.private_bytes(serialization.Encoding.DER, pkcs8, plain))
    code = shape_error(encoded)
    if code:
        raise PrivateKeyError(code)
    return encoded


def _check_numbers(key: RSAPrivateKey) -> None:
    """Check that the numbers of a long key belong together; whether its primes are prime is not checked.

    Raises:
        ValueError: they do not, so at least one of them was changed.
    """
    # No local variable holds a single number: a crash reporter would show it.
    own = key.private_numbers()
    public = own.public_numbers
    fits = (
        min(own.p, own.q) > 1
        and own.p * own.q == public.n
        and own.p & own.q & public.e & 1
        and public.e * own.d % (own.p - 1) == 1
        and public.e * own.d % (own.q - 1) == 1
        and own.dmp1 == own.d % (own.p - 1)
        and own.dmq1 == own.d % (own.q - 1)
        and own.iqmp * own.q % own.p == 1
    )
    if not fits:
        raise ValueError("the numbers of the RSA key do not belong together")
