"""What a windowed source needs to know of its service: how it is asked, and how its records are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from typing_extensions import Self

from signal_client_oci.artifacts.envelope import MappedRecord, Origin
from signal_client_oci.contract import SourceName
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.oci_api.pages import Bounds

__all__ = ["WindowedApi", "WindowedRecord"]


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


class WindowedApi(Protocol):
    """How one service is asked, and how its records are read."""

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
    def max_compartments(self) -> int:
        """How many compartments one request can name."""
        ...

    @property
    def max_window(self) -> int:
        """The longest window of a request, in minutes."""
        ...

    @property
    def min_overlap(self) -> int:
        """Minutes that are re-read even if the settings say less, because of the service's bounds."""
        ...

    @property
    def shortest_retention(self) -> int:
        """Days after which the service may no longer have what is asked for."""
        ...

    def fetch(  # noqa: PLR0913  (what one request consists of)
        self,
        client: Client,
        compartments: Sequence[str],
        start: datetime,
        end: datetime,
        page: str | None,
        bounds: Bounds,
    ) -> Page[bytes]:
        """Fetch one page, in a worker's thread; raises `Failure`."""
        ...

    def with_smaller_pages(self) -> Self | None:
        """Return the same service, asked for fewer records a page; None where that cannot be asked for."""
        ...

    def read(self, text: bytes, origin: Origin) -> WindowedRecord:
        """Read what identifies a record."""
        ...

    def is_excluded(self, record: Any) -> bool:
        """Tell whether another source delivers the record."""
        ...
