"""Checks the DER of a key before any library opens it: its kind, its size, and the cost of its encryption.

Whoever can paste a key can choose its numbers. OpenSSL opens a key while it holds the interpreter's lock: an iteration
count of 2^31 takes half an hour, checking an RSA key of 16384 bits a minute, and every other instance in the process
stops meanwhile. So only DER that is understood here, and cheap to open, is passed on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from signal_client_oci.errors.key_errors import MAX_KDF_ROUNDS, MAX_RSA_BITS, MAX_SCRYPT_COST
from signal_client_oci.settings.secrecy import HiddenBytes

__all__ = ["MAX_ENCRYPTED_BYTES", "prime_bits", "shape_error"]

MAX_ENCRYPTED_BYTES: Final = 4800
"""The most that an encrypted key of `MAX_RSA_BITS` can have; its real size shows only once it is open."""

_MAX_DERIVED_BYTES: Final = 64  # the longest cipher key has 32

_INTEGER: Final = 0x02
_BITS: Final = 0x03
_OCTETS: Final = 0x04
_OID: Final = 0x06
_SEQUENCE: Final = 0x30
_LONG_LENGTH: Final = 0x80
_LENGTH_BYTES: Final = 4

_RSA: Final = frozenset({bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010a")})  # and PSS
_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")

_PKCS1_NUMBERS: Final = 9  # version, n, e, d, p, q and three for the Chinese remainder theorem
_DSA_NUMBERS: Final = 6
_PRIMES: Final = slice(4, 6)

_DAMAGED: Final = "PRIVATE_KEY_DAMAGED"
_TOO_SLOW: Final = "PRIVATE_KEY_KDF_TOO_SLOW"
_OTHER_KINDS: Final[dict[tuple[int, ...], str]] = {
    (_SEQUENCE, _BITS): "PRIVATE_KEY_IS_PUBLIC",
    (_INTEGER, _INTEGER): "PRIVATE_KEY_IS_PUBLIC",
    (_SEQUENCE, _SEQUENCE, _BITS): "PRIVATE_KEY_IS_CERTIFICATE",
    (_INTEGER,) * _DSA_NUMBERS: "PRIVATE_KEY_NOT_RSA",
}
"""The tags in the outermost sequence → the code for that kind of file."""


class _Value(NamedTuple):
    tag: int
    content: HiddenBytes


def shape_error(encoded: bytes) -> str:
    """Return the code of the reason why a DER must not be opened as an RSA key, "" if there is none."""
    try:
        return _error_of(_children(_only(encoded, _SEQUENCE)))
    except ValueError:
        return _DAMAGED


def prime_bits(encoded: bytes) -> int:
    """Return the bits of the larger prime in the unencrypted DER of an RSA key, 0 for anything else."""
    try:
        return max(map(_bits, _rsa_numbers(_children(_only(encoded, _SEQUENCE)))[_PRIMES]), default=0)
    except ValueError:
        return 0


def _error_of(parts: list[_Value]) -> str:
    tags = [part.tag for part in parts]
    if tags[:2] == [_SEQUENCE, _OCTETS]:
        return _encryption_error(parts)
    return _OTHER_KINDS.get(tuple(tags)) or _plain_error(parts, tags)


def _plain_error(parts: list[_Value], tags: list[int]) -> str:
    # EC has its number in octets; every other kind uses PKCS#8.
    is_pkcs8 = tags[:3] == [_INTEGER, _SEQUENCE, _OCTETS]
    if tags[:2] == [_INTEGER, _OCTETS] or (is_pkcs8 and _oid_of(parts[1]) not in _RSA):
        return "PRIVATE_KEY_NOT_RSA"
    numbers = _rsa_numbers(parts)
    if not numbers:
        return _DAMAGED
    return "PRIVATE_KEY_TOO_LARGE" if max(map(_bits, numbers)) > MAX_RSA_BITS else ""


def _rsa_numbers(parts: list[_Value]) -> list[HiddenBytes]:
    """Return the numbers of PKCS#1, by itself or inside PKCS#8; an empty list for anything else."""
    tags = [part.tag for part in parts]
    if tags[:3] == [_INTEGER, _SEQUENCE, _OCTETS]:
        parts = _children(_only(parts[2].content, _SEQUENCE))
        tags = [part.tag for part in parts]
    if tags[:_PKCS1_NUMBERS] != [_INTEGER] * _PKCS1_NUMBERS:
        return []
    return [part.content for part in parts[:_PKCS1_NUMBERS]]


def _encryption_error(parts: list[_Value]) -> str:
    """Return the code of an encryption that is not supported, or that takes too long to open; "" for others."""
    if len(parts[1].content) > MAX_ENCRYPTED_BYTES:
        return "PRIVATE_KEY_TOO_LARGE"
    scheme, parameters = _algorithm(parts[0])
    if scheme != _PBES2:
        return _rounds_error(parameters)
    if not parameters:
        return _DAMAGED
    derivation, parameters = _algorithm(parameters[0])
    if derivation == _PBKDF2:
        return _rounds_error(parameters)
    return _scrypt_error(parameters) if derivation == _SCRYPT else "PRIVATE_KEY_CIPHER_UNKNOWN"


def _rounds_error(parameters: list[_Value]) -> str:
    """Check `salt, iterations` of the oldest schemes, or `salt, iterations, key length, ...` of PBKDF2."""
    rounds = [_number(part) for part in parameters[1:] if part.tag == _INTEGER]
    if not rounds or parameters[1].tag != _INTEGER:
        return _DAMAGED
    too_slow = rounds[0] > MAX_KDF_ROUNDS or max(rounds[1:], default=0) > _MAX_DERIVED_BYTES
    return _TOO_SLOW if too_slow else ""


def _scrypt_error(parameters: list[_Value]) -> str:
    """Check `salt, N, r, p, key length`."""
    numbers = [_number(part) for part in parameters[1:] if part.tag == _INTEGER]
    if len(numbers) not in (3, 4):
        return _DAMAGED
    cost, block, parallel, *length = numbers
    too_slow = cost * block * parallel > MAX_SCRYPT_COST or max(length, default=0) > _MAX_DERIVED_BYTES
    return _TOO_SLOW if too_slow else ""


def _algorithm(value: _Value) -> tuple[bytes, list[_Value]]:
    """Return the identifier of an algorithm and its parameters."""
    if value.tag != _SEQUENCE:
        raise ValueError("not an algorithm")
    name, *parameters = _children(value.content) or [_Value(0, HiddenBytes())]
    if name.tag != _OID or len(parameters) != 1 or parameters[0].tag != _SEQUENCE:
        raise ValueError("not an algorithm with parameters")
    return name.content, _children(parameters[0].content)


def _oid_of(value: _Value) -> bytes:
    name = next(iter(_children(value.content)), None)
    return name.content if name is not None and name.tag == _OID else b""


def _number(value: _Value) -> int:
    """Return a whole number; a negative one becomes a very large one, which exceeds every limit."""
    number = int.from_bytes(value.content, "big", signed=True)
    return number if number >= 0 else 1 << 64


def _bits(number: bytes) -> int:
    return len(number.lstrip(b"\0")) * 8


def _only(encoded: bytes, tag: int) -> HiddenBytes:
    """Return the content of the single value in `encoded`.

    Raises:
        ValueError: there is more than one, or it has another tag.
    """
    values = _children(encoded)
    if [value.tag for value in values] != [tag]:
        raise ValueError("not the expected single value")
    return values[0].content


def _children(encoded: bytes) -> list[_Value]:
    """Return the consecutive values in `encoded`.

    Raises:
        ValueError: one of them is incomplete, or its length is not valid DER.
    """
    values: list[_Value] = []
    position = 0
    while position < len(encoded):
        start, size = _content_at(encoded, position)
        if start + size > len(encoded):
            raise ValueError("a value is incomplete")
        values.append(_Value(encoded[position], HiddenBytes(encoded[start : start + size])))
        position = start + size
    return values


def _content_at(encoded: bytes, position: int) -> tuple[int, int]:
    """Return the offset of the content of the value at `position`, and its length."""
    start = position + 2
    size = encoded[position + 1] if position + 1 < len(encoded) else _LONG_LENGTH
    if size & _LONG_LENGTH:
        digits = size - _LONG_LENGTH
        if not 1 <= digits <= _LENGTH_BYTES:
            raise ValueError("a length is not valid")
        size = int.from_bytes(encoded[start : start + digits], "big")
        start += digits
    return start, size
