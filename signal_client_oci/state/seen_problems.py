"""Which versions of which Cloud Guard problems were delivered: eight bytes of each one, as long as it is listed."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

__all__ = ["LeftScope", "SeenProblems"]


class LeftScope(NamedTuple):
    """What `SeenProblems` knew of the scope that was read before the present one."""

    scope: str = ""
    read_at: int | None = None
    since: int = 0
    delivered: AbstractSet[bytes] = frozenset()


class SeenProblems:
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

    def enter(self, scope: str, begin: int) -> None:
        """Read this scope from now on: from where it was if it is the one before, else from its beginning.

        Closed problems are delivered from minute `begin` on, or from the earlier one that is known already.
        """
        if scope != self.scope:
            back = self._stood(scope)
            self.left = LeftScope(self.scope, self.read_at, self.since, self.listed | self.before)
            self.scope, self.read_at, self.since = back.scope, back.read_at, back.since
            self.listed, self.before = set(back.delivered), set()
        self.since = min(self.since or begin, begin)

    def last_read(self, scope: str) -> int | None:
        """Return the second of the last poll that read all of `scope`, None where none did."""
        return self.read_at if scope == self.scope else self._stood(scope).read_at

    def _stood(self, scope: str) -> LeftScope:
        return self.left if self.left.scope == scope else LeftScope(scope)

    def finish_listing(self, listed: AbstractSet[bytes], read_at: int, forget_after: int) -> None:
        """Keep what is listed now, and for one poll more what was listed before it.

        The scope that was left is forgotten when it has not been read for `forget_after` seconds.
        """
        delivered, left = self.listed, self.left
        kept, back = delivered & listed, (self.before | left.delivered) & listed
        # where nothing comes or goes the set stays the same object, so that its text need not be made anew
        if back or len(kept) < len(delivered):
            self.listed = kept | back
        self.before = delivered - listed
        self.read_at = read_at
        is_forgotten = (left.read_at or left.since * 60) < read_at - forget_after
        self.left = LeftScope() if is_forgotten else left._replace(delivered=left.delivered - self.listed)

    def bound(self, second: int, begin: int) -> None:
        """Take back what lies beyond a service's clock, which shows `second`."""
        self.since = min(self.since, begin)
        if self.read_at is not None:
            self.read_at = min(self.read_at, second)

    def drop_left(self) -> bool:
        """Drop the versions of the scope that was left; it begins anew where it was left when it comes back."""
        left = self.left
        if left.delivered:
            since = left.since if left.read_at is None else left.read_at // 60
            self.left = LeftScope(left.scope, None, since)
        return bool(left.delivered)

    def drop_some(self) -> bool:
        """Drop half of the versions of the last listing; False if there is none."""
        listed = sorted(self.listed)
        self.listed = set(listed[: len(listed) // 2])
        return bool(listed)

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
    """A set of digests as it is stored, kept because every batch's checkpoint has it.

    Only what was added since is encoded: three bytes at a time are four characters, whatever comes after them.
    """

    def __init__(self) -> None:
        self._digests: AbstractSet[bytes] = frozenset()
        self._encoded = ""
        self._rest = bytearray()

    def of(self, digests: AbstractSet[bytes]) -> str:
        """Return the stored text; it is made anew for another set."""
        if digests is not self._digests:
            self._digests, self._encoded, self._rest = digests, "", bytearray().join(sorted(digests))
        whole = len(self._rest) // 3 * 3
        self._encoded += _base64(self._rest[:whole])
        del self._rest[:whole]
        return self._encoded + _base64(self._rest)

    def grow(self, digests: AbstractSet[bytes], new: Iterable[bytes]) -> None:
        """Append what is new to the set."""
        if digests is self._digests:
            self._rest += b"".join(new)


def _base64(packed: bytearray) -> str:
    return base64.b64encode(packed).decode("ascii")
