"""A NATS operator with one account and one user, made for the moment: what a credentials file needs."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any, NamedTuple

import nkeys

__all__ = ["Credentials", "make_credentials"]


class Credentials(NamedTuple):
    """The server's configuration, and the text of the user's credentials file."""

    config: str
    file: str


def make_credentials() -> Credentials:
    """Return a new operator's server and a user of its only account."""
    operator = _key(nkeys.PREFIX_BYTE_OPERATOR)
    system, account = _key(nkeys.PREFIX_BYTE_ACCOUNT), _key(nkeys.PREFIX_BYTE_ACCOUNT)
    user = _key(nkeys.PREFIX_BYTE_USER)
    none = dict.fromkeys(("subs", "data", "payload"), -1)
    limits = none | dict.fromkeys(("imports", "exports", "conn", "leaf"), -1) | {"wildcards": True}
    of_system = _token(system, operator, {"type": "account", "limits": limits})
    limits |= dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    of_operator = _token(operator, operator, {"type": "operator"})
    of_account = _token(account, operator, {"type": "account", "limits": limits})
    of_user = _token(user, account, {"type": "user", "pub": {}, "sub": {}, **none})
    config = (
        f'operator: "{of_operator}"\nsystem_account: {_public(system)}\nresolver: MEMORY\n'
        f'resolver_preload {{ {_public(system)}: "{of_system}", {_public(account)}: "{of_account}" }}\n'
    )
    seed = bytes(user.seed).decode()
    file = (
        f"-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    return Credentials(config, file)


def _key(kind: int) -> Any:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(secrets.token_bytes(32), kind)))


def _public(key: Any) -> str:
    return bytes(key.public_key).decode()


def _token(subject: Any, issuer: Any, claims: dict[str, Any]) -> str:
    """Return a JWT as nats-server takes it: signed with the Ed25519 key of who issued it."""
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    body = {
        "jti": secrets.token_hex(16),
        "iat": 1_700_000_000,
        "iss": _public(issuer),
        "sub": _public(subject),
        "name": "test",
        "nats": {**claims, "version": 2},
    }
    text = f"{_base64(json.dumps(head).encode())}.{_base64(json.dumps(body).encode())}"
    return f"{text}.{_base64(issuer.sign(text.encode()))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
