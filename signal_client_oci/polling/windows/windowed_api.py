"""What a windowed source needs to know of its service: how it is asked, and how its records are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

from typing_extensions import Self

from signal_client_oci.artifacts.envelope import MappedRecord, Origin, ReadRecord
from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.oci_api.pages.bounds import Bounds
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


class WindowedRecord(ReadRecord, Protocol):
    """What is needed of a record before it is mapped."""

    @property
    def compartment(self) -> str | None:
        """The OCID of the compartment that the record names, None where only the request tells."""
        ...

    @property
    def minute(self) -> int | None:
        """The minute of the record's own time, None where nobody needs it or it cannot be read."""
        ...

    def to_artifact(self, *, harmless: bool = False) -> MappedRecord:
        """Return the record's artifact; `harmless` says that its text is known to hold no secret."""
        ...


class WindowedApi(ABC):
    """How one service is asked, and how its records are read.

    Attributes:
        source: The source's name.
        service: The service's name in endpoints.
        max_compartments: How many compartments one request can name.
        max_window: The longest window of a request, in minutes.
        margins: How far its windows reach beyond what is new.
        shortest_retention: Days after which the service may no longer have what is asked for.
        unit_name: What is asked for one by one in each region, "" where a region is asked for as one.
        read_count: The report's count of those that were read to the end of their window.
        records_a_page: How many records a page may have, None where the service has no limit for its pages.
    """

    source: ClassVar[SourceName]
    service: ClassVar[str]
    max_compartments: ClassVar[int] = 1
    max_window: ClassVar[int]
    margins: ClassVar[Margins] = Margins()
    shortest_retention: ClassVar[int]
    unit_name: ClassVar[str] = "compartment"
    read_count: ClassVar[str] = "read"
    records_a_page: int | None = None

    @property
    def title(self) -> str:
        """The source's title, for checks."""
        return SOURCES[self.source]["title"]

    def units(self, scope: Scope) -> Sequence[Compartment]:
        """Return what has a cursor of its own in each region: the scope's compartments, or the scope as one."""
        return scope.compartments

    @abstractmethod
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

    def with_smaller_pages(self) -> Self | None:
        """Return the same service, asked for a tenth of the records a page; None where that cannot be asked for."""
        if self.records_a_page is None or self.records_a_page == 1:
            return None
        smaller = copy(self)
        smaller.records_a_page = self.records_a_page // 10
        return smaller

    @abstractmethod
    def read(self, text: bytes, origin: Origin) -> WindowedRecord:
        """Read what identifies a record."""

    def is_excluded(self, record: Any) -> bool:  # noqa: ARG002  (most exclude nothing)
        """Tell whether another source delivers the record."""
        return False
