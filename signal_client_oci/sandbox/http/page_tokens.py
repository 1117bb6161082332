"""Page tokens: opaque to clients, and bound to the listing that they came from.

A token names its listing, the number of the page that it opens and the position to go on from. It is refused
with another query than its own, and after its listing has expired.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from signal_client_oci.sandbox.http.api_errors import RefusalError, invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Listings", "PageToken", "page_number"]

_NOT_THE_QUERY = frozenset({"page", "limit"})
_FIRST_LATER_PAGE = 2


@dataclass(frozen=True)
class PageToken:
    """One page's place: its `listing`, its `number` (from 1), and the service's own `position`."""

    listing: int
    number: int
    position: tuple[int, int]
    query: int

    def next(self, position: tuple[int, int]) -> PageToken:
        """Return the token of the page after this one, which goes on at `position`."""
        return replace(self, number=self.number + 1, position=position)

    def __str__(self) -> str:
        fields = json.dumps([self.listing, self.number, *self.position, self.query], separators=(",", ":"))
        return base64.urlsafe_b64encode(fields.encode()).decode("ascii")

    @classmethod
    def parse(cls, text: str) -> PageToken:
        """Return the token that `text` spells; raises the 400 `RefusalError` if it is none."""
        try:
            fields = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
            listing, number, first, second, query = (int(value) for value in fields)
        except (ValueError, TypeError, binascii.Error) as error:
            raise invalid_parameter("The page token is not valid.") from error
        return cls(listing, number, (first, second), query)


def page_number(page: str | None) -> int:
    """Return which page of its listing a token opens: 1 without a token, 2 for one that cannot be read."""
    if page is None:
        return 1
    try:
        return PageToken.parse(page).number
    except RefusalError:
        return _FIRST_LATER_PAGE


class Listings:
    """Gives out the tokens of all listings; thread-safe as long as one lock guards its callers."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._expired: set[int] = set()

    def open(self, page: str | None, query: Mapping[str, str], start: tuple[int, int]) -> PageToken:
        """Return the place of the page asked for: of the token `page`, or of a new listing's first page.

        Raises the 400 `RefusalError` for a token that is empty, malformed, expired or of another query.
        """
        wanted = _checksum(query)
        if page is None:
            return PageToken(next(self._numbers), 1, start, wanted)
        token = PageToken.parse(page)
        if token.listing in self._expired:
            raise invalid_parameter("The page token has expired.")
        if token.query != wanted:
            raise invalid_parameter("The page token belongs to another query.")
        return token

    def expire(self, page: str) -> None:
        """Refuse every token of the listing that `page` belongs to from now on."""
        self._expired.add(PageToken.parse(page).listing)


def _checksum(query: Mapping[str, str]) -> int:
    kept = sorted((name, value) for name, value in query.items() if name not in _NOT_THE_QUERY)
    return zlib.crc32(json.dumps(kept).encode())
