"""A listener that nobody should ever talk to: where redirects of the sandbox lead."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from signal_client_oci.sandbox.http.clocks import system_clock
from signal_client_oci.sandbox.http.http_connection import Answer, Connection, Request
from signal_client_oci.sandbox.http.server import Server

__all__ = ["Contact", "Trap"]


@dataclass(frozen=True)
class Contact:
    """One request that reached the trap; `signed` tells whether it carried an Authorization header."""

    method: str
    target: str
    signed: bool


class Trap:
    """Answers everything with an empty list, as if it were the service, and keeps the contacts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contacts: list[Contact] = []
        self._server = Server(self._serve, name="sandbox-trap")

    @property
    def contacts(self) -> list[Contact]:
        """The requests so far; empty is good."""
        with self._lock:
            return list(self._contacts)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    def url(self, target: str) -> str:
        """Return the URL of a target here."""
        return f"http://127.0.0.1:{self.port}{target}"

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _serve(self, request: Request, connection: Connection) -> bool:
        with self._lock:
            self._contacts.append(Contact(request.method, request.target, "authorization" in request.headers))
        answer = Answer(200, b"[]")
        connection.send(answer.head(system_clock(), "TRAP") + answer.body)
        return True
