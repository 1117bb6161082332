"""One understood API call: which operation of which service, in which region, with which parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from signal_client_oci.sandbox.http.http_connection import Answer

__all__ = ["Call"]


@dataclass(slots=True)
class Call:
    """What a service needs to answer; `now` is the tenancy's clock in microseconds since 1970.

    `path_ids` are the OCIDs in the path. `body` is the decoded JSON object of a POST, else empty.
    """

    service: str
    operation: str
    region: str
    params: dict[str, str]
    path_ids: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    now: int = 0

    @property
    def compartment(self) -> str:
        """The compartment asked for; empty where the operation has none."""
        return self.params.get("compartmentId", "")

    def answer(self, body: bytes, next_page: str | None = None) -> Answer:
        """Return a 200 with this JSON text and, if more follows, its page token."""
        return Answer(200, body, {"opc-next-page": next_page} if next_page is not None else {})
