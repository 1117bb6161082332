"""What the tenancies of a sandbox share: the server, time, throttling, faults, and the log of requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

from signal_client_oci.sandbox.clocks import Clock, system_clock
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.sandbox.faults import Faults
from signal_client_oci.sandbox.http.rate_limit import RateLimit
from signal_client_oci.sandbox.http.request_log import RecordedRequest, RequestLog
from signal_client_oci.sandbox.http.server import SocketServer
from signal_client_oci.sandbox.scenario import Scenario
from signal_client_oci.sandbox.tenancy import Latency, Tenancy

__all__ = ["SimulatedCloud"]


class SimulatedCloud:
    """Several tenancies behind one server, and how the services behave towards all of them.

    Attributes:
        clock: The tenancies' time.
        clock_offset: How far the Date headers, by which signatures are judged, are ahead of the real time.
        latency: Seconds before each response, or service → seconds.
        rate_limit: Beyond its rate requests are answered with 429.
        scenarios: What the control command `advance` moves on.
    """

    def __init__(self, clock: Clock, server: SocketServer) -> None:
        self.clock = clock
        self.clock_offset = timedelta(0)
        self.latency: Latency = 0.0
        self.rate_limit: RateLimit | None = None
        self.faults = Faults()
        self.request_log = RequestLog()
        self.tenancies: dict[str, Tenancy] = {}
        self.scenarios: list[Scenario] = []
        self._server = server

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    @property
    def base_url(self) -> str:
        """The URL before `/{region}/{service}`."""
        return f"{self._server.scheme}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections clients have open now."""
        return self._server.connections

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first."""
        return self.request_log.snapshot()

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

        OCIDs are made from the name, so each name is used once; raises `ValueError` for a second use.
        """
        pem = private_key_pem or shared_private_key_pem(len(self.tenancies))
        tenancy = Tenancy(name, regions, clock or self.clock, pem, self.base_url)
        if tenancy.ocid in self.tenancies:
            raise ValueError(f"a tenancy {name!r} exists already; choose another name")
        self.tenancies[tenancy.ocid] = tenancy
        return tenancy
