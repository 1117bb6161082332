"""Which versions of which Cloud Guard problems were delivered: eight bytes of each one, as long as it is listed."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

__all__ = ["DeliveredProblems", "LeftScope"]


class LeftScope(NamedTuple):
    """What `DeliveredProblems` knew of the scope that was read before the present one."""

    scope: str = ""
    read_at: int | None = None
    since: int = 0
    delivered: AbstractSet[bytes] = frozenset()


class DeliveredProblems:
    """Cloud Guard's part of a checkpoint.

    Attributes:
        read_at: Second of the last poll that read everything, None before the first.
        since: Minute from which on closed problems are delivered.
        scope: What was read.
        listed: Digests of the versions in the last complete listing, and of those delivered since.
        before: Digests of the listing before; a problem that paging made the last one miss is still known.
        left: The scope before this one, which goes on where it was when it comes back.
    """

    def __init__(self) -> None:
        self.read_at: int | None = None
        self.since = 0
        self.scope = ""
        self.listed: set[bytes] = set()
        self.before: set[bytes] = set()
        self.left = LeftScope()
        self._texts = {name: _Text() for name in ("listed", "before", "left")}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.listed or digest in self.before or digest in self.left.delivered

    def deliver(self, digests: Iterable[bytes]) -> None:
        """Remember versions that were handed out."""
        new = [digest for digest in dict.fromkeys(digests) if digest not in self.listed]
        self._texts["listed"].grow(self.listed, new)
        self.listed.update(new)

    def enter(self, scope: str) -> None:
        """Read another scope from now on: on from where it was if it is the one before, else from its beginning."""
        back = self.left if self.left.scope == scope else LeftScope(scope)
        self.left = LeftScope(self.scope, self.read_at, self.since, self.listed | self.before)
        self.scope, self.read_at, self.since = back.scope, back.read_at, back.since
        self.listed, self.before = set(back.delivered), set()

    def to_json(self) -> dict[str, Any]:
        """Return what is stored of it."""
        left = self.left
        return {
            "read_at": self.read_at,
            "since": self.since,
            "scope": self.scope,
            "listed": self._texts["listed"].of(self.listed),
            "before": self._texts["before"].of(self.before),
            "left": {
                "scope": left.scope,
                "read_at": left.read_at,
                "since": left.since,
                "delivered": self._texts["left"].of(left.delivered),
            },
        }


class _Text:
    """A set of digests as it is stored, kept because every batch's checkpoint has it."""

    def __init__(self) -> None:
        self._digests: AbstractSet[bytes] = frozenset()
        self._packed = bytearray()

    def of(self, digests: AbstractSet[bytes]) -> str:
        """Return the stored text; it is made anew for another set."""
        if digests is not self._digests:
            self._digests, self._packed = digests, bytearray().join(sorted(digests))
        return base64.b64encode(self._packed).decode("ascii")

    def grow(self, digests: AbstractSet[bytes], new: Iterable[bytes]) -> None:
        """Append what is new to the set."""
        if digests is self._digests:
            self._packed += b"".join(new)
