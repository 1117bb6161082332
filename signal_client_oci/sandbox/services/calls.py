"""One parsed API call: which operation of which service, in which region, with which parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from signal_client_oci.sandbox.http.api_errors import invalid_parameter
from signal_client_oci.sandbox.http.http_connection import HttpResponse, json_bytes
from signal_client_oci.sandbox.http.page_tokens import Listings, PageToken

__all__ = ["ApiCall", "SortKeys"]

_Item = TypeVar("_Item")
SortKeys = Mapping[str, tuple[Callable[[_Item], Any], str]]
"""Value of `sortBy` → (what is compared, the order unless `sortOrder` says another)."""


@dataclass(slots=True)
class ApiCall:
    """What a service needs to answer; `now` is the tenancy's clock in microseconds since 1970.

    `path_ids` are the OCIDs in the path. `body` is the decoded JSON object of a POST, else empty. `denied` are the
    compartments that the user may not read.
    """

    service: str
    operation: str
    region: str
    params: dict[str, str]
    path_ids: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    now: int = 0
    denied: frozenset[str] = frozenset()

    @property
    def compartment(self) -> str:
        """The compartment asked for; empty where the operation has none."""
        return self.params.get("compartmentId", "")

    @property
    def is_subtree(self) -> bool:
        """Whether what lies below the compartment is asked for too."""
        return "true" in (
            self.params.get("compartmentIdInSubtree"),
            self.params.get("isCompartmentIdInSubtree"),
        )

    def limit(self, default: int = 100, largest: int = 1000) -> int:
        """Return the `limit` parameter; raises the 400 `ApiError` outside 1 to `largest`."""
        text = self.params.get("limit", str(default))
        if not text.isdigit() or not 1 <= int(text) <= largest:
            raise invalid_parameter(f"limit must be a number from 1 to {largest}.")
        return int(text)

    def page(self, body: bytes, next_page: PageToken | None) -> HttpResponse:
        """Return a 200 with this JSON text and, if more follows, the token of the next page."""
        return HttpResponse(200, body, {"opc-next-page": str(next_page)} if next_page else {})

    def in_order(self, found: list[_Item], keys: SortKeys[_Item], *, always: bool = False) -> list[_Item]:
        """Return `found` sorted by `sortBy` (default: the first of `keys`) in `sortOrder` (default: the key's own).

        Without either parameter the order is kept, unless it is `always` sorted.
        """
        if not always and not {"sortBy", "sortOrder"} & self.params.keys():
            return found
        key, order = keys[self.params.get("sortBy", next(iter(keys)))]
        return sorted(found, key=key, reverse=self.params.get("sortOrder", order) == "DESC")

    def list_page(self, listings: Listings, items: list[Any]) -> HttpResponse:
        """Return one page of `items`; raises `ApiError`."""
        limit = self.limit()
        token = listings.open(self.params.get("page"), self.params, (0, 0))
        start = token.position[1]
        page = items[start : start + limit]
        next_page = token.next((0, start + limit)) if start + limit < len(items) else None
        return self.page(json_bytes(page), next_page)
