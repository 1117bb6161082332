"""Leases: who may take one, and the lease that this node holds.

A lease never expires by a clock that two nodes would have to share. Its holder renews it by compare-and-set; whoever
has watched the same revision for the lease's length, by its own monotonic clock, may take it by compare-and-set. A
lease alone does not keep a node that slept from writing: the epoch in the checkpoint does (`delivery.checkpoints`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from signal_client_oci.host.nats.buckets.bucket import Bucket, NotOwnerError, OwnedKey
from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import Lease, Shard, to_value, try_value
from signal_client_oci.host.nats.ownership.lease_clock import lease_clock

__all__ = ["RENEWALS", "HeldLease", "LeaseTerms", "free_since", "read_lease", "take_lease"]

RENEWALS: Final = 5
"""How often a lease is renewed within its length."""
_CERTAIN: Final = 2 / 3
"""The part of a lease's length for which a holder relies on its last renewal."""


@dataclass(frozen=True)
class LeaseTerms:
    """How a process holds its leases.

    Attributes:
        identity: `NodeStatus.identity` of the process.
        seconds: The length of its leases.
        monotonic: Its clock.
        trusting: Neither doubt a lease nor notice its loss; for the test that shows what fencing is good for.
    """

    identity: str
    seconds: float
    monotonic: Callable[[], float] = lease_clock
    trusting: bool = False


def read_lease(observed: Observed | None) -> Lease | None:
    """Return the lease of an entry, None where there is none or it cannot be read."""
    return None if observed is None else try_value(observed.value, Lease)


def free_since(observed: Observed | None, identity: str) -> float:
    """Return when a lease became free to take by this process's monotonic clock, which may be in the future.

    A lease that does not exist or cannot be read is free since ever (-inf); so is one in the name of this very
    process, which took it without hearing of it.
    """
    lease = read_lease(observed)
    if observed is None or lease is None or lease.node == identity:
        return float("-inf")
    if not lease.node:
        return observed.since
    return observed.since + lease.seconds


class HeldLease:
    """A lease that this process has taken, and keeps.

    Attributes:
        shard: What it is for.
        lease: What is stored.
        before: What was stored before it was taken, None = nothing.
        is_lost: Another node has taken it.
        has_overlap: The instance has been read under other leases too: as a whole, or by region.
    """

    def __init__(
        self, shard: Shard, lease: Lease, before: Lease | None, key: OwnedKey, terms: LeaseTerms
    ) -> None:
        self.shard = shard
        self.lease = lease
        self.before = before
        self.is_lost = False
        self.has_overlap = False
        self._key = key
        self._terms = terms
        self._certain_until = float("-inf")

    def taken(self, sent_at: float) -> None:
        """Note that it was written by a request that was sent at this time."""
        self._certain_until = sent_at + self.lease.seconds * _CERTAIN

    @property
    def is_certain(self) -> bool:
        """Whether nobody else can hold it: it was renewed well within its length. May be asked in any thread."""
        return self._terms.trusting or (not self.is_lost and self._terms.monotonic() < self._certain_until)

    @property
    def is_covered(self) -> bool:
        """Whether the checkpoint covers all that was delivered; under an overlapping lease more may have been since."""
        return self.before is not None and self.before.clean and not self.has_overlap

    async def renew(self) -> None:
        """Renew it; raises `NotOwnerError` when it is lost, `TRANSIENT` when it is not known."""
        sent_at = self._terms.monotonic()
        try:
            await self._key.write(to_value(self.lease))
        except NotOwnerError:
            if self._terms.trusting:
                return
            self.is_lost = True
            raise
        self.taken(sent_at)

    async def raise_epoch(self, epoch: int) -> None:
        """Go on with a higher epoch: the checkpoint was found to have been written with one that is not lower."""
        self.lease = msgspec.structs.replace(self.lease, epoch=epoch)
        await self.renew()

    async def give_up(self, due_in_seconds: float, *, is_clean: bool) -> None:
        """Let others take it at once; raises like `renew`."""
        freed = msgspec.structs.replace(
            self.lease, node="", due_in_seconds=round(due_in_seconds, 3), clean=is_clean
        )
        await self._key.write(to_value(freed))


async def take_lease(leases: Bucket, shard: Shard, observed: Observed | None, terms: LeaseTerms) -> HeldLease:
    """Take a lease that is free, by compare-and-set on what was observed.

    Raises:
        KeyWrongLastSequenceError: another node was faster, or what was observed is outdated.
        TRANSIENT: whether it was taken is not known; what the watch says next tells.
    """
    before = read_lease(observed)
    lease = Lease(terms.identity, (before.epoch if before else 0) + 1, terms.seconds)
    sent_at = terms.monotonic()
    revision = await leases.compare_and_set(
        shard.key, to_value(lease), observed.revision if observed is not None else 0
    )

    def is_ours(value: bytes) -> bool:
        stored = try_value(value, Lease)
        return stored is not None and stored.node == terms.identity

    held = HeldLease(shard, lease, before, OwnedKey(leases, shard.key, revision, is_ours), terms)
    held.taken(sent_at)
    return held
