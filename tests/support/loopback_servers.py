"""Servers on loopback that no OCI is: with certificates of their own, as proxies, or saying nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
import select
import socket
import ssl
import threading
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from signal_client_oci.cli.demo.nats_process import lasting_port
from signal_client_oci.sandbox.data.keys import shared_private_key_pem


def http_answer(status, body=b"", *headers):
    """Return the bytes of an answer that ends its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def closed_port():
    """Return a port on which nobody listens."""
    return lasting_port()


class LoopbackServer:
    """Reads a request's head on each connection and sends `answer`; with `pem`, inside TLS.

    `heads` are the request heads that arrived, `received` is every byte of a client, as it was inside TLS. An
    `answer` of None is never sent: the connection hangs. With `hasty` the answer follows the first bytes, whatever
    they are.
    """

    def __init__(self, answer, pem=None, *, hasty=False):
        self.heads = []
        self.received = b""
        self._end_of_head = b"" if hasty else b"\r\n\r\n"
        self._answer = answer
        self._tls = None if pem is None else _server_context(pem)
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
                self.received += received
            self.heads.append(head)
            if self._answer is None:
                self._ended.wait(30)
            else:
                connection.sendall(self._answer)
                self._answered(connection)

    def _answered(self, connection):
        """Nothing: the connection ends."""


@lru_cache
def _key(number):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    return load_pem_private_key(shared_private_key_pem(number).encode(), None)


def _server_context(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


class TunnelProxy(LoopbackServer):
    """A proxy that answers CONNECT, in `heads`, with a tunnel to one port; `passed` is what clients sent through it."""

    def __init__(self, port, pem=None):
        self.passed = b""
        self._port = port
        super().__init__(b"HTTP/1.1 200 Connection established\r\n\r\n", pem)

    def _answered(self, connection):
        with socket.create_connection(("127.0.0.1", self._port)) as target:
            ways = {connection: target, target: connection}
            while not self._ended.is_set():
                pending = [connection] if getattr(connection, "pending", int)() else []
                for source in pending or select.select(list(ways), [], [], 0.2)[0]:
                    passed = source.recv(65536)
                    if not passed:
                        return
                    if source is connection:
                        self.passed += passed
                    ways[source].sendall(passed)


def certificate(folder, host="localhost", *, days=2):
    """Write a certificate that a host signed by itself, with its key, and return the file; it began 3 days ago."""
    return _written(folder / f"{host}{days}.pem", _made(host, days=(-3, days), is_authority=True))


class Authority:
    """A certificate authority of a test's own; `pem` is the file of its certificate."""

    def __init__(self, folder, name="authority"):
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = _written(
            folder / f"{name}.pem", _made(name, days=(-3, 3), is_authority=True), with_key=False
        )

    def issue(self, host="localhost", days=(-3, 3)):
        """Write a certificate of a host, valid between two days from now on, with its key; return the file."""
        return _written(self._folder / f"{host}{days}.pem", _made(host, days=days, issuer=self._name))


def _made(host, *, days, issuer=None, is_authority=False):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(_key(0).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(_key(0), hashes.SHA256())
    )


def _written(path, signed, *, with_key=True):
    private = _key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if with_key else b""
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path
