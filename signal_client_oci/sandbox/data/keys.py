"""API keys of the sandbox's users; making one takes a moment, so the process makes each only once."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

__all__ = ["api_key_fingerprint", "public_key_of", "shared_private_key_pem"]


@lru_cache(maxsize=32)
def shared_private_key_pem(number: int = 0) -> str:
    """Return the process's nth throw-away RSA 2048 key, PKCS#8 PEM without a passphrase."""
    del number  # only tells the cached keys apart
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


@lru_cache(maxsize=32)
def public_key_of(private_key_pem: str) -> RSAPublicKey:
    """Return the public half of an unencrypted RSA key; raises `TypeError` for another kind of key."""
    key = load_pem_private_key(private_key_pem.encode("ascii"), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("an API signing key is an RSA key")
    return key.public_key()


def api_key_fingerprint(public_key: RSAPublicKey) -> str:
    """Return the fingerprint as the console shows it: MD5 of the DER public key, in pairs with colons."""
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
