"""Limits and pages of the list operations whose items are few enough to be held as a list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from signal_client_oci.sandbox.http.api_errors import invalid_parameter

if TYPE_CHECKING:
    from signal_client_oci.sandbox.http.http_connection import Answer
    from signal_client_oci.sandbox.http.page_tokens import Listings
    from signal_client_oci.sandbox.services.calls import Call

__all__ = ["limit_of", "list_page"]

_LARGEST_PAGE = 1000
_USUAL_PAGE = 100


def limit_of(call: Call, usual: int = _USUAL_PAGE, largest: int = _LARGEST_PAGE) -> int:
    """Return the `limit` parameter, or `usual`; raises the 400 `RefusalError` outside 1 to `largest`."""
    text = call.params.get("limit", str(usual))
    if not text.isdigit() or not 1 <= int(text) <= largest:
        raise invalid_parameter(f"limit must be a number from 1 to {largest}.")
    return int(text)


def list_page(call: Call, listings: Listings, items: list[Any], *, as_items: bool) -> Answer:
    """Answer one page of `items`, as a bare list or inside `{"items": […]}`; raises `RefusalError`."""
    limit = limit_of(call)
    token = listings.open(call.params.get("page"), call.params, (0, 0))
    given = token.position[1]
    page = items[given : given + limit]
    follows = given + limit < len(items)
    body = json.dumps(
        {"items": page} if as_items else page, separators=(",", ":"), ensure_ascii=False
    ).encode()
    return call.answer(body, str(token.next((0, given + limit))) if follows else None)
