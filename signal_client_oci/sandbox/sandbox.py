"""The sandbox: a simulated cloud that answers requests until it is closed."""

from __future__ import annotations

import ssl
from types import TracebackType

from typing_extensions import Self

from signal_client_oci.sandbox.clocks import Clock, system_clock
from signal_client_oci.sandbox.cloud import SimulatedCloud
from signal_client_oci.sandbox.http.control import CONTROL_PATH, run_command
from signal_client_oci.sandbox.http.handlers import RequestHandler
from signal_client_oci.sandbox.http.http_connection import HttpConnection, HttpRequest
from signal_client_oci.sandbox.http.server import SocketServer

__all__ = ["Sandbox"]


class Sandbox(SimulatedCloud):
    """A small OCI on `http://127.0.0.1:PORT/{region}/{service}`; a context manager that leaves nothing open.

    `clock` is the tenancies' time (default: the real one). `controlled` opens `/_control` (see `control`).
    With a `tls` context the server speaks https.
    """

    def __init__(
        self,
        clock: Clock = system_clock,
        port: int = 0,
        *,
        controlled: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(clock, SocketServer(self._serve, port, tls=tls))
        self._controlled = controlled

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the server and every connection, also those that hang; harmless when repeated."""
        self._server.close()

    def _serve(self, request: HttpRequest, connection: HttpConnection) -> bool:
        if self._controlled and request.path == CONTROL_PATH:
            response = run_command(self, request)
            connection.send(response.head(self.service_time(), "control") + response.content(request))
            return True
        return RequestHandler(self, request, connection).run()
