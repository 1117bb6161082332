"""Servers on loopback that no OCI is: with certificates of their own, as proxies, or saying nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from signal_client_oci.sandbox.keys import shared_private_key_pem


def http_answer(status, body=b"", *headers):
    """Return the bytes of an answer that ends its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def closed_port():
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class LoopbackServer:
    """Reads a request's head on each connection and sends `answer`; with `pem`, inside TLS.

    `heads` are the request heads that arrived. An `answer` of None is never sent: the connection hangs. With
    `hasty` the answer follows the first bytes, whatever they are.
    """

    def __init__(self, answer, pem=None, *, hasty=False):
        self.heads = []
        self._end_of_head = b"" if hasty else b"\r\n\r\n"
        self._answer = answer
        self._tls = None
        if pem is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(pem)
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self):
        while not self._ended.is_set():
            try:
                accepted = self._listener.accept()[0]
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            connection = stack.enter_context(accepted)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            head = b""
            while not head or self._end_of_head not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            self.heads.append(head)
            if self._answer is None:
                self._ended.wait(30)
            else:
                connection.sendall(self._answer)


@lru_cache
def _key(number):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    return load_pem_private_key(shared_private_key_pem(number).encode(), None)


def certificate(folder, host="localhost", *, days=2):
    """Write a certificate that a host signed by itself, with its key, and return the file; it began 3 days ago."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key(0).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=3))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(_key(0), hashes.SHA256())
    )
    path = folder / f"{host}{days}.pem"
    private = _key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path
