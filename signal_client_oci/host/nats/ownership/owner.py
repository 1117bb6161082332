"""Takes the shards that this node should own, and gives up those that another one should.

One shard moves at a time, between two of its polls, so that a node that joins does not interrupt what runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from nats.js.errors import KeyWrongLastSequenceError

from signal_client_oci.host.nats.buckets.bucket import Bucket
from signal_client_oci.host.nats.buckets.mirror import BucketMirror
from signal_client_oci.host.nats.connection import TRANSIENT, explain
from signal_client_oci.host.nats.layout import Shard
from signal_client_oci.host.nats.ownership.claims import Claims
from signal_client_oci.host.nats.ownership.leases import HeldLease, LeaseTerms, read_lease, take_lease
from signal_client_oci.host.nats.ownership.live_nodes import LiveNodes

__all__ = ["LeaseTable", "Owner", "Worker"]

_log = logging.getLogger(__name__)
_AT_A_TIME: Final = 16
_ConfigT = TypeVar("_ConfigT")


class Worker(Protocol[_ConfigT]):
    """What polls a shard while it is owned."""

    @property
    def config(self) -> _ConfigT:
        """What is polled."""

    @property
    def is_polling(self) -> bool:
        """Whether a poll runs."""

    def configure(self, config: _ConfigT) -> None:
        """Poll with other settings."""

    def stop(self) -> None:
        """End soon."""

    def hand_over(self) -> None:
        """End between two polls."""

    def run(self) -> Awaitable[None]:
        """Own the shard until it is stopped or lost."""


@dataclass(frozen=True)
class LeaseTable:
    """The leases: the bucket, what this process has observed of it, and how it holds leases."""

    bucket: Bucket
    mirror: BucketMirror
    terms: LeaseTerms


@dataclass
class _Move:
    """A shard that was given up for another node, until somebody has it."""

    shard: Shard
    until: float


class Owner(Generic[_ConfigT]):
    """The shards that this node owns; `step` is to be called whenever something was observed, and now and then."""

    def __init__(
        self,
        table: LeaseTable,
        nodes: LiveNodes,
        start: Callable[[_ConfigT, HeldLease], Worker[_ConfigT]],
        on_change: Callable[[], None],
    ) -> None:
        self.workers: dict[Shard, Worker[_ConfigT]] = {}
        self._table = table
        self._nodes = nodes
        self._claims = Claims(nodes, table.terms.monotonic)
        self._start = start
        self._on_change = on_change
        self._tasks: dict[Shard, asyncio.Task[None]] = {}
        self._move: _Move | None = None
        self._no_moves_until = float("-inf")
        self._not_taken = ""

    def step(self, wanted: Mapping[Shard, _ConfigT]) -> float:
        """Do what can be done now; return after how many seconds to look again."""
        for shard, worker in self.workers.items():
            if shard not in wanted:
                worker.stop()
            elif worker.config is not wanted[shard]:
                worker.configure(wanted[shard])
        wait = self._take_free(wanted)
        self._move_one()
        return wait

    async def stop(self, grace_seconds: float) -> None:
        """Stop all workers, and wait for them at most so long."""
        for worker in self.workers.values():
            worker.stop()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace_seconds)

    def _take_free(self, wanted: Mapping[Shard, _ConfigT]) -> float:
        soonest = self._table.terms.seconds
        if not self._nodes.are_settled:
            return min(soonest, 0.2)
        self._claims.observe(self._table.mirror.entries)
        starting = len(self._tasks) - len(self.workers)
        for shard, config in wanted.items():
            if shard not in self._tasks:
                wait = self._claims.seconds_until(shard)
                if wait <= 0 and starting < _AT_A_TIME:
                    starting += 1
                    self._tasks[shard] = asyncio.ensure_future(self._own(shard, config))
                    self._tasks[shard].add_done_callback(self._ended(shard))
                else:
                    soonest = min(soonest, max(wait, 0.05))
        return soonest

    async def _own(self, shard: Shard, config: _ConfigT) -> None:
        table = self._table
        try:
            held = await take_lease(table.bucket, shard, table.mirror.entries.get(shard.key), table.terms)
        except KeyWrongLastSequenceError:
            self._claims.refused(shard)
            table.mirror.read_again()
            return
        except TRANSIENT as error:
            self._tell_not_taken(shard, explain(error))
            self._claims.refused(shard)
            return
        self._not_taken = ""
        self._claims.taken(shard)
        held.has_overlap = self._claims.has_overlap(shard)
        self.workers[shard] = worker = self._start(config, held)
        await worker.run()

    def _tell_not_taken(self, shard: Shard, reason: str) -> None:
        if reason != self._not_taken and self._table.bucket.connection.is_connected:
            self._not_taken = reason
            _log.warning("%s: the lease cannot be taken: %s", shard.label, reason)

    def _ended(self, shard: Shard) -> Callable[[asyncio.Task[None]], None]:
        def forget(task: asyncio.Task[None]) -> None:
            self._tasks.pop(shard, None)
            self.workers.pop(shard, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                _log.error("%s: %s ended the worker", shard.label, type(error).__name__, exc_info=error)
                self._claims.refused(shard)
            self._on_change()

        return forget

    def _move_one(self) -> None:
        now = self._table.terms.monotonic()
        if self._move is not None and not self._is_over(self._move, now):
            return
        self._move = None
        if now < self._no_moves_until or not self._nodes.are_settled:
            return
        misplaced = [shard for shard in self.workers if self._nodes.my_rank(shard) > 0]
        if misplaced:
            shard = min(misplaced, key=lambda one: self.workers[one].is_polling)
            self._move = _Move(shard, now + self._table.terms.seconds)
            self.workers[shard].hand_over()

    def _is_over(self, move: _Move, now: float) -> bool:
        """Return whether a shard that was given up has an owner again."""
        if move.shard in self.workers and self.workers[move.shard].is_polling:
            return False  # it ends with its poll
        lease = read_lease(self._table.mirror.entries.get(move.shard.key))
        holder = lease.node if lease else ""
        if holder and holder != self._nodes.me.identity:
            return True
        if now < move.until:
            return False
        # nobody wanted it: whoever should have it is not as alive as it looks
        self._no_moves_until = now + self._table.terms.seconds
        return True
