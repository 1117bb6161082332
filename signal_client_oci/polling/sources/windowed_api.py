"""What a windowed source needs to know of its service: how it is asked, and how its records are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from typing_extensions import Self

from signal_client_oci.artifacts.envelope import MappedRecord, Origin
from signal_client_oci.contract import SourceName
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.oci_api.pages import Bounds
from signal_client_oci.polling.scope import Compartment, Scope

__all__ = ["Margins", "WindowedApi", "WindowedRecord"]


class Margins(NamedTuple):
    """How far the windows of a service reach beyond what is new, in minutes.

    Attributes:
        overlap: What is re-read even if the settings say less.
        shared: What neighbouring slices have in common, because a window's bounds may not belong to it.
        digests: How far beyond a slice's end its digests are kept, `shared` at least.
    """

    overlap: int = 0
    shared: int = 0
    digests: int = 0


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

    @property
    def minute(self) -> int | None:
        """The minute of the record's own time, None where nobody needs it or it cannot be read."""
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
    def margins(self) -> Margins:
        """How far its windows reach beyond what is new."""
        ...

    @property
    def shortest_retention(self) -> int:
        """Days after which the service may no longer have what is asked for."""
        ...

    @property
    def unit_name(self) -> str:
        """What is asked for one by one in each region, "" where a region is asked for as one."""
        ...

    @property
    def read_count(self) -> str:
        """The report's count of those that were read to the end of their window."""
        ...

    def units(self, scope: Scope) -> Sequence[Compartment]:
        """Return what has a cursor of its own in each region: the scope's compartments, or the scope as one."""
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
