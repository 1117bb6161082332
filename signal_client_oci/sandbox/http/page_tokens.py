"""Page tokens: opaque to clients, and bound to the listing that they came from.

A token names its listing, the number of the page that it opens and the position where that page begins. It is
refused with another query than its own, and after its listing has expired.
"""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from signal_client_oci.sandbox.http.api_errors import ApiError, invalid_parameter

__all__ = ["Listings", "PageToken", "page_number"]

_NOT_PART_OF_THE_QUERY = frozenset({"page", "limit"})


@dataclass(frozen=True)
class PageToken:
    """One page's place: its `listing`, its `number` (from 1), and the service's own `position`."""

    listing: int
    number: int
    position: tuple[int, int]
    query: int

    def next(self, position: tuple[int, int]) -> PageToken:
        """Return the token of the page after this one, which begins at `position`."""
        return replace(self, number=self.number + 1, position=position)

    def __str__(self) -> str:
        fields = json.dumps([self.listing, self.number, *self.position, self.query], separators=(",", ":"))
        return base64.urlsafe_b64encode(fields.encode()).decode("ascii")

    @classmethod
    def parse(cls, text: str) -> PageToken:
        """Return the token that `text` spells; raises the 400 `ApiError` for anything else."""
        try:
            fields = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
            listing, number, first, second, query = (int(value) for value in fields)
        except (ValueError, TypeError) as error:
            raise invalid_parameter("The page token is not valid.") from error
        return cls(listing, number, (first, second), query)


def page_number(page: str | None) -> int:
    """Return which page of its listing a token opens: 1 without a token, 2 for one that cannot be read."""
    try:
        return 1 if page is None else PageToken.parse(page).number
    except ApiError:
        return 2


class Listings:
    """Gives out the tokens of all listings; thread-safe as long as one lock guards its callers."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._expired: set[int] = set()

    def open(self, page: str | None, query: Mapping[str, str], start: tuple[int, int]) -> PageToken:
        """Return the place of the page asked for: of the token `page`, or of a new listing's first page.

        Raises the 400 `ApiError` for a token that is empty, malformed, expired or of another query.
        """
        kept = sorted((name, value) for name, value in query.items() if name not in _NOT_PART_OF_THE_QUERY)
        checksum = zlib.crc32(json.dumps(kept).encode())
        if page is None:
            return PageToken(next(self._numbers), 1, start, checksum)
        token = PageToken.parse(page)
        if token.listing in self._expired:
            raise invalid_parameter("The page token has expired.")
        if token.query != checksum:
            raise invalid_parameter("The page token belongs to another query.")
        return token

    def expire(self, page: str) -> None:
        """Refuse every token of the listing that `page` belongs to from now on."""
        self._expired.add(PageToken.parse(page).listing)
