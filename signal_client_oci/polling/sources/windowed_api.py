"""What a windowed source needs to know of its service: how it is asked, and how its pages are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from typing_extensions import Self

from signal_client_oci.artifacts.envelope import MappedRecord, Origin
from signal_client_oci.contract import SourceName
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Answer, Client
from signal_client_oci.oci_api.pages import ORDINARY_PAGE, Bounds, PageError, PageTooLargeError
from signal_client_oci.scheduler.requests import Page

__all__ = ["WindowedRecord", "WindowedService", "ask_page", "read_page"]


class WindowedRecord(Protocol):
    """What is needed of a record before it is mapped."""

    @property
    def id(self) -> str:
        """The artifact's id."""
        ...

    @property
    def compartment(self) -> str | None:
        """The OCID of the compartment that the record names, None where only the request tells."""
        ...

    def to_artifact(self) -> MappedRecord:
        """Return the record's artifact."""
        ...


class WindowedService(Protocol):
    """How one service is asked, and how its pages are read."""

    @property
    def source(self) -> SourceName:
        """The source's name."""
        ...

    @property
    def title(self) -> str:
        """The source's title, for checks."""
        ...

    @property
    def service(self) -> str:
        """The service's name in endpoints."""
        ...

    @property
    def together(self) -> int:
        """How many compartments one request can name."""
        ...

    @property
    def longest(self) -> int:
        """The longest window of a request, in minutes."""
        ...

    @property
    def least_overlap(self) -> int:
        """Minutes that are re-read even if the settings say less, because of the service's bounds."""
        ...

    @property
    def shortest_retention(self) -> int:
        """Days after which the service may no longer have what is asked for."""
        ...

    def ask(
        self, client: Client, compartments: Sequence[str], start: datetime, end: datetime, page: str | None
    ) -> Answer:
        """Send one request, in a worker's thread; raises `Failure`."""
        ...

    def with_smaller_pages(self) -> Self | None:
        """Return the same service, asked for fewer records a page; None where that cannot be asked for."""
        ...

    def split(self, body: bytes, bounds: Bounds) -> list[bytes]:
        """Cut a page into its records' texts; raises `PageError`, `PageTooLargeError` beyond the bounds."""
        ...

    def read(self, text: bytes, origin: Origin) -> WindowedRecord:
        """Read what identifies a record."""
        ...

    def left_out(self, record: Any) -> bool:
        """Tell whether another source delivers the record."""
        ...


def ask_page(  # noqa: PLR0913  (what one request consists of)
    service: WindowedService,
    ocids: Sequence[str],
    start: datetime,
    end: datetime,
    token: str | None,
    client: Client,
    bounds: Bounds = ORDINARY_PAGE,
) -> Page:
    """Ask for one page, in a worker's thread; raises `Failure`."""
    answer = service.ask(client, ocids, start, end, token)
    return read_page(answer, service.split, bounds._replace(check=client.check))


def read_page(
    answer: Answer, split: Callable[[bytes, Bounds], list[bytes]], bounds: Bounds = ORDINARY_PAGE
) -> Page:
    """Cut an answer into its records.

    Raises:
        Failure: RESPONSE_TOO_LARGE for a page beyond the bounds, another one for a 200 that is no page.
    """
    try:
        texts = split(answer.body, bounds)
    except PageTooLargeError as error:
        raise Failure(
            "RESPONSE_TOO_LARGE", detail=error.reason, opc_request_id=answer.opc_request_id
        ) from error
    except PageError as error:
        code = "RESPONSE_CUT_OFF" if error.kind == "truncated" else "RESPONSE_NOT_JSON"
        raise Failure(
            code, detail=error.reason, recovery=Recovery.RETRY, opc_request_id=answer.opc_request_id
        ) from error
    return Page(texts, answer.next_page, answer.opc_request_id)
