"""What the poll drives: collectors that name requests, and the requests and answers between them and the workers.

A collector decides in the poll's own thread and never waits: it names requests, is given their answers one by one,
and names the next ones. That is the whole of what the poll knows about a source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client

__all__ = ["Collector", "LaneKey", "Page", "Request", "Result", "Step", "token_mark"]


class LaneKey(NamedTuple):
    """Where requests go: they share one limit, and one client."""

    region: str
    service: str


@dataclass(eq=False)
class Request:
    """One request of a collector.

    Attributes:
        lane: Where it goes.
        send: Sends it with the lane's client; called in a worker's thread, touches nothing else.
        owner: Gets the answer, or the failure when it is final.
        job: What the owner needs to know again which request this is.
        attempt: 1 for the first sending.
    """

    lane: LaneKey
    send: Callable[[Client], Any]
    owner: Collector
    job: Any
    attempt: int = 1


Step = Request | None
"""What a collector names: a request, or None where it is in the middle of a page and nothing is half done.

At a None the poll looks at its clock and hands out what is ready. It may end the collector's work there.
"""


class Page(NamedTuple):
    """One page: the records' exact texts, and the next page's token (None = this was the last)."""

    texts: list[bytes]
    next_page: str | None
    opc_request_id: str | None


def token_mark(token: str) -> bytes:
    """Return sixteen bytes by which a page token is remembered, however long it is."""
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass
class Result:
    """How a collector fared, for the report."""

    status: Literal["ok", "failed", "skipped", "partial"]
    error: Check | None = None
    covered_until: str | None = None
    counts: dict[str, int] = field(default_factory=dict)


class Collector(Protocol):
    """What the poll drives."""

    @property
    def source(self) -> str:
        """The name under which its requests are counted."""
        ...

    def begin(self) -> Iterable[Request]:
        """Name the first requests."""
        ...

    def answered(self, request: Request, result: Any) -> Iterable[Step]:
        """Take what a request brought and name those that follow from it."""
        ...

    def failed(self, request: Request, failure: Failure) -> Iterable[Step]:
        """Take a request's final failure and name those that follow from it."""
        ...

    def cut_off(self, request: Request) -> None:
        """Note that the poll's end came while the answer was arriving, so that less is asked for next time."""
        ...

    def more(self) -> Iterable[Request]:
        """Name requests that can go at once, for places that would stay empty."""
        ...

    def end(self, *, interrupted: bool) -> Result:
        """Sum up, once, when nothing is under way any more.

        `interrupted` says that the poll had to stop before everything was read.
        """
        ...
