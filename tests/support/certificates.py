"""A throw-away authority and its certificate for 127.0.0.1, for clients that must not trust what they do not know."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Certificates(NamedTuple):
    """PEM texts: the authority's certificate, which a client may trust, and the server's certificate and key."""

    authority: str
    server: str


@lru_cache(maxsize=1)
def certificates() -> Certificates:
    """Return the process's throw-away certificates."""
    authority_key, server_key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    authority_name = _name("Sandbox authority")
    authority = _certificate(
        authority_name, authority_name, (authority_key, authority_key), is_authority=True
    )
    server = _certificate(_name("127.0.0.1"), authority_name, (server_key, authority_key), is_authority=False)
    key = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificates(
        authority.public_bytes(Encoding.PEM).decode("ascii"),
        (server.public_bytes(Encoding.PEM) + key).decode("ascii"),
    )


def server_context() -> ssl.SSLContext:
    """Return the TLS settings of a server that shows the throw-away certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # the ssl module reads certificates from files only
        file = Path(folder) / "server.pem"
        file.write_text(certificates().server, encoding="ascii")
        context.load_cert_chain(file)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    keys: tuple[EllipticCurvePrivateKey, EllipticCurvePrivateKey],
    *,
    is_authority: bool,
) -> x509.Certificate:
    """Return a certificate for `keys[0]`, signed by `keys[1]`."""
    now = datetime.now(timezone.utc)
    alternative = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    )
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[1].public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(keys[0].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key()), critical=False)
        .add_extension(issuer_id, critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(keys[1], SHA256())
