"""The sandbox itself: several tenancies behind one server on loopback."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from typing_extensions import Self

from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.sandbox.faults import Faults
from signal_client_oci.sandbox.http.certificates import certificates, server_context
from signal_client_oci.sandbox.http.clocks import Clock, system_clock
from signal_client_oci.sandbox.http.control import CONTROL_PATH, control
from signal_client_oci.sandbox.http.handlers import Exchange
from signal_client_oci.sandbox.http.request_log import Journal, RecordedRequest
from signal_client_oci.sandbox.http.server import Server
from signal_client_oci.sandbox.tenancy import Latency, Tenancy
from signal_client_oci.sandbox.trap import Trap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from signal_client_oci.sandbox.http.http_connection import Connection, Request
    from signal_client_oci.sandbox.http.rate_limit import RateLimit
    from signal_client_oci.sandbox.scenario import Scenario

__all__ = ["Sandbox"]


class Sandbox:
    """A small OCI on `http://127.0.0.1:PORT/{region}/{service}`; a context manager that leaves nothing open.

    `clock` is the tenancies' time (default: the real one). Signatures are judged by the real time plus
    `clock_offset`, within `date_tolerance`. `latency` is waited before each answer: seconds, or service →
    seconds. `rate_limit` answers 429 beyond its rate. `compresses` sends gzip to clients that accept it.
    `faults` and `journal` speak for themselves. `controlled` opens `/_control` (see `control`), which also
    moves `scenarios`. `https` speaks TLS with a certificate that only `authority_pem` vouches for.
    """

    def __init__(
        self, clock: Clock = system_clock, port: int = 0, *, controlled: bool = False, https: bool = False
    ) -> None:
        self.clock = clock
        self.clock_offset = timedelta(0)
        self.date_tolerance = timedelta(minutes=5)
        self.latency: Latency = 0.0
        self.rate_limit: RateLimit | None = None
        self.compresses = False
        self.faults = Faults()
        self.journal = Journal()
        self.tenancies: dict[str, Tenancy] = {}
        self.scenarios: list[Scenario] = []
        self._controlled = controlled
        self._lock = threading.Lock()
        self._trap: Trap | None = None
        self._scheme = "https" if https else "http"
        self._server = Server(self._serve, port, context=server_context() if https else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server and everything that hangs in it; harmless when repeated."""
        self._server.close()
        with self._lock:
            trap, self._trap = self._trap, None
        if trap is not None:
            trap.close()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    @property
    def base_url(self) -> str:
        """The URL before `/{region}/{service}`."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def authority_pem(self) -> str:
        """The certificate of the authority that a client of an `https` sandbox has to trust."""
        return certificates().authority

    @property
    def connections(self) -> int:
        """How many connections clients have open now."""
        return self._server.connections

    @property
    def trap(self) -> Trap:
        """The listener where redirects lead; it is opened when first asked for."""
        with self._lock:
            if self._trap is None:
                self._trap = Trap()
            return self._trap

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first."""
        return self.journal.snapshot()

    def service_time(self) -> datetime:
        """Return the time by which signatures are judged."""
        return system_clock() + self.clock_offset

    def answer_time(self, status: int) -> datetime:
        """Return the time of an answer's Date: that of the records, but a refused signature's own."""
        return self.service_time() if status == HTTPStatus.UNAUTHORIZED else self.clock() + self.clock_offset

    def add_tenancy(
        self,
        name: str = "acme",
        regions: Sequence[str] = ("us-ashburn-1", "eu-frankfurt-1"),
        *,
        private_key_pem: str | None = None,
        clock: Clock | None = None,
    ) -> Tenancy:
        """Add a tenancy with its user and key; the first region is the home and reporting region.

        Names make the OCIDs, so each is used once; raises `ValueError` for a second use.
        """
        pem = private_key_pem or shared_private_key_pem(len(self.tenancies))
        tenancy = Tenancy(name, regions, clock or self.clock, pem, self.base_url)
        if tenancy.ocid in self.tenancies:
            raise ValueError(f"there is a tenancy {name!r} already")
        self.tenancies[tenancy.ocid] = tenancy
        return tenancy

    def _serve(self, request: Request, connection: Connection) -> bool:
        if self._controlled and request.path == CONTROL_PATH:
            answer = control(self, request)
            connection.send(answer.head(self.service_time(), "control") + answer.body)
            return True
        return Exchange(self, request, connection).run()
