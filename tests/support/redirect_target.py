"""A listener that nobody should ever talk to: where redirects of the sandbox lead."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

from typing_extensions import Self

from signal_client_oci.sandbox.clocks import system_clock
from signal_client_oci.sandbox.http.http_connection import HttpConnection, HttpRequest, HttpResponse
from signal_client_oci.sandbox.http.server import SocketServer


@dataclass(frozen=True)
class Visit:
    """One request that arrived; `is_signed` tells whether it carried an Authorization header."""

    method: str
    target: str
    is_signed: bool


class RedirectTarget:
    """Answers everything with an empty list, as if it were the service, and keeps the visits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: list[Visit] = []
        self._server = SocketServer(self._serve, name="redirect-target")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def visits(self) -> list[Visit]:
        """The requests so far; empty is good."""
        with self._lock:
            return list(self._visits)

    def url(self, target: str) -> str:
        """Return the URL of a target here."""
        return f"http://127.0.0.1:{self._server.port}{target}"

    def _serve(self, request: HttpRequest, connection: HttpConnection) -> bool:
        with self._lock:
            self._visits.append(Visit(request.method, request.target, "authorization" in request.headers))
        response = HttpResponse(200, b"[]")
        connection.send(response.head(system_clock(), "REDIRECTED") + response.body)
        return True


@lru_cache(maxsize=1)
def unvisited_target() -> RedirectTarget:
    """Return the process's target of all redirects that no test wants to be followed; it is opened once."""
    return RedirectTarget()
