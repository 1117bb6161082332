"""Verification of request signatures: the draft-cavage HTTP signature that every OCI API call carries.

Source: docs.oracle.com, API/Concepts/signingrequests.htm. A request proves who sent it by signing the date,
the request target and the host (and, with a body, its length, type and SHA-256) with the user's RSA key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from signal_client_oci.sandbox.http.api_errors import not_authenticated
from signal_client_oci.sandbox.http.http_connection import HttpRequest

__all__ = ["KeyId", "key_id_of", "verify"]

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_BODY_METHODS = ("POST", "PUT", "PATCH")
_BODY_HEADERS = frozenset({"content-length", "content-type", "x-content-sha256"})
_TOLERANCE = timedelta(minutes=5)
_ALWAYS = frozenset({"(request-target)", "host"})


@dataclass(frozen=True)
class KeyId:
    """Who claims to have signed: the three parts of `keyId="tenancy/user/fingerprint"`."""

    tenancy: str
    user: str
    fingerprint: str


PublicKeyOf = Callable[[KeyId], RSAPublicKey | None]


@lru_cache(maxsize=1024)
def _parse_key_id(text: str) -> KeyId | None:
    parts = text.split("/")
    return KeyId(*parts) if len(parts) == len(fields(KeyId)) else None


def _parameters(request: HttpRequest) -> dict[str, str]:
    scheme, _space, rest = request.headers.get("authorization", "").partition(" ")
    return dict(_PARAMETER.findall(rest)) if scheme.lower() == "signature" else {}


def key_id_of(request: HttpRequest) -> KeyId | None:
    """Return who claims to have signed, unverified; None when the header is missing or odd."""
    return _parse_key_id(_parameters(request).get("keyId", ""))


def verify(request: HttpRequest, public_key_of: PublicKeyOf, now: datetime) -> None:
    """Check who signed the request; raises the 401 `ApiError` if the signature is not right."""
    parameters = _parameters(request)
    key_id = _parse_key_id(parameters.get("keyId", ""))
    if key_id is None or parameters.get("algorithm") != "rsa-sha256" or parameters.get("version") != "1":
        raise not_authenticated()
    signed = parameters.get("headers", "").lower().split()
    _require_headers(request, frozenset(signed))
    _require_fresh(request.headers.get("x-date" if "x-date" in signed else "date", ""), now)
    public_key = public_key_of(key_id)
    if public_key is None:
        raise not_authenticated()
    try:
        signature = base64.b64decode(parameters.get("signature", ""), validate=True)
        public_key.verify(signature, _signing_string(request, signed), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, KeyError) as error:
        raise not_authenticated() from error


def _require_headers(request: HttpRequest, signed: frozenset[str]) -> None:
    if not signed >= _ALWAYS or not signed & {"date", "x-date"}:
        raise not_authenticated()
    if request.method not in _BODY_METHODS:
        return
    digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode("ascii")
    if not signed >= _BODY_HEADERS or request.headers.get("x-content-sha256") != digest:
        raise not_authenticated()


def _require_fresh(stated: str, now: datetime) -> None:
    try:
        moment = _parse_date(stated)
    except (ValueError, TypeError) as error:
        raise not_authenticated() from error
    if abs(moment - now) > _TOLERANCE:
        current, first, last = (
            format_datetime(t, usegmt=True) for t in (now, now - _TOLERANCE, now + _TOLERANCE)
        )
        raise not_authenticated(
            f"Date '{stated}' is not within allowed clock skew. Current '{current}', "
            f"valid datetime range: ['{first}', '{last}']"
        )


@lru_cache(maxsize=64)
def _parse_date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        raise ValueError("a date without a zone")
    return moment


def _signing_string(request: HttpRequest, signed: list[str]) -> bytes:
    lines = []
    for name in signed:
        if name == "(request-target)":
            lines.append(f"{name}: {request.method.lower()} {request.target}")
        else:
            lines.append(f"{name}: {request.headers[name]}")
    return "\n".join(lines).encode("latin-1")
