"""The API signing key: opened from what was pasted, and compared with the fingerprint before any request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from signal_client_oci.errors.key_errors import KEY_ERRORS, PrivateKeyError
from signal_client_oci.settings.fingerprint import fingerprint_of, normalise_fingerprint
from signal_client_oci.settings.pem import FoundKey, find_private_key
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret, hidden

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from pydantic import SecretStr

__all__ = [
    "KEY_ERRORS",
    "ApiKey",
    "PrivateKeyError",
    "fingerprint_of",
    "load_api_key",
    "normalise_fingerprint",
]

_LEAST_BITS: Final = 2048  # OCI: "Required Keys and OCIDs", an RSA key pair of at least 2048 bits


@dataclass(frozen=True)
class ApiKey(HoldsSecret):
    """An RSA key that can sign requests, and its fingerprint; the key never shows in a repr."""

    private_key: RSAPrivateKey = field(repr=False)
    fingerprint: str


def load_api_key(pem: str | SecretStr, passphrase: str | SecretStr, fingerprint: str) -> ApiKey:
    """Open a pasted private key and compare it with the fingerprint of the form.

    Args:
        pem: the key as pasted; what a paste usually does to it is repaired (`find_private_key`).
        passphrase: for an encrypted key; ignored when the key is not encrypted.
        fingerprint: as the console lists it, in any of the spellings that `normalise_fingerprint` takes.

    Raises:
        PrivateKeyError: the key cannot be used, the passphrase does not open it, or it is the key of another
            fingerprint. The error quotes fingerprints only.
    """
    pem, passphrase = hidden(pem), hidden(passphrase)
    key = _open(find_private_key(pem), passphrase)
    if not isinstance(key, RSAPrivateKey):
        raise PrivateKeyError("PRIVATE_KEY_NOT_RSA")
    if key.key_size < _LEAST_BITS:
        raise PrivateKeyError("PRIVATE_KEY_TOO_SHORT", bits=str(key.key_size))
    found = fingerprint_of(key)
    try:
        given = normalise_fingerprint(fingerprint)
    except ValueError as error:
        raise PrivateKeyError("FINGERPRINT_MALFORMED", reason=str(error), found=found) from None
    if given != found:
        raise PrivateKeyError("KEY_FINGERPRINT_MISMATCH", found=found, given=given)
    return ApiKey(key, found)


def _open(found: FoundKey, passphrase: HiddenText) -> PrivateKeyTypes:
    """Open a key without a passphrase if that is possible, else with the one given.

    Raises:
        PrivateKeyError: it stays closed.
    """
    outcome = _try_open(found, None)
    if outcome == "PASSPHRASE_MISSING" and passphrase:
        # A passphrase may well begin or end with a space, and a paste often does.
        for candidate in dict.fromkeys((passphrase, HiddenText(passphrase.strip()))):
            outcome = _try_open(found, HiddenBytes(candidate.encode("utf-8", "surrogatepass")))
            if not isinstance(outcome, str):
                break
    # Raised here, outside any handler, so that no error of the library hangs on to this one as its context.
    if isinstance(outcome, str):
        raise PrivateKeyError(outcome)
    return outcome


def _try_open(found: FoundKey, passphrase: bytes | None) -> PrivateKeyTypes | str:
    """Return the key, or the code of what keeps it closed."""
    try:
        return found.load(passphrase)
    except PrivateKeyError as error:
        return error.code
    except TypeError:
        return "PASSPHRASE_MISSING"
    except UnsupportedAlgorithm:
        return "PRIVATE_KEY_NOT_RSA" if passphrase is None else "PRIVATE_KEY_CIPHER_UNKNOWN"
    except ValueError:
        return "PRIVATE_KEY_DAMAGED" if passphrase is None else "PASSPHRASE_WRONG"
