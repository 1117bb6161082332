"""Cuts a source's artifacts into batches within the host's limits, each with the changes that it makes true.

What a poll learns (a record was delivered, a cursor moved) waits in the order in which it happened, behind the
artifacts that came before it, and goes out with the last of them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from signal_client_oci.contract import Artifact
from signal_client_oci.state.batch_limits import BatchLimits
from signal_client_oci.state.changes import Change, Delivery, remember

__all__ = ["Batcher", "Pending"]

_LONGEST_WAIT: Final = 2.0


class Pending(NamedTuple):
    """What goes to the host next: artifacts, and what is true once they are there."""

    artifacts: list[Artifact]
    changes: list[Change]


class _Waiting:
    """A delivery of which some may be handed out already."""

    __slots__ = ("artifacts", "digests", "key", "sizes", "total")

    def __init__(self, delivery: Delivery) -> None:
        self.artifacts, self.digests, self.key = delivery.artifacts, delivery.digests, delivery.key
        texts = [artifact["raw"] for artifact in delivery.artifacts]
        are_bytes = all(map(str.isascii, texts))
        self.sizes = list(map(len, texts)) if are_bytes else [len(text.encode()) for text in texts]
        self.total = sum(self.sizes)

    def fitting(self, room: int, room_bytes: int, *, alone: bool) -> int:
        """Return how many fit into what is left of a batch; into an empty one, the first always does."""
        if len(self.sizes) <= room and self.total <= room_bytes:
            return len(self.sizes)
        fitting = sum(total <= room_bytes for total in accumulate(self.sizes[:room]))
        return max(fitting, int(alone))

    def hand_out(self, count: int, pending: Pending) -> int:
        """Move the first `count` into a batch; return their bytes."""
        size = sum(self.sizes[:count])
        pending.artifacts.extend(self.artifacts[:count])
        pending.changes.append(remember(self.key, self.digests[:count]))
        # cut off what went: it must not be kept in memory until the rest goes
        self.artifacts, self.digests = self.artifacts[count:], self.digests[count:]
        del self.sizes[:count]
        self.total -= size
        return size


class Batcher:
    """The artifacts of one source on their way to the host; with limits of nothing each travels alone."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = BatchLimits(max(1, limits.max_artifacts), max(0, limits.max_bytes))
        self._waiting: deque[_Waiting | Change] = deque()
        self._artifacts = 0
        self._bytes = 0
        self._since = 0.0

    def push(self, item: Delivery | Change) -> None:
        """Queue artifacts, or a change that is true once everything queued before it was handed out."""
        if not self._waiting:
            self._since = time.monotonic()
        if not isinstance(item, Delivery):
            self._waiting.append(item)
        elif item.artifacts:
            waiting = _Waiting(item)
            self._waiting.append(waiting)
            self._artifacts += len(waiting.artifacts)
            self._bytes += waiting.total

    @property
    def is_full(self) -> bool:
        """True while more waits than fits into one batch."""
        return self._artifacts >= self._limits.max_artifacts or self._bytes > self._limits.max_bytes

    def ready(self) -> Iterator[Pending]:
        """Yield what fills a batch, and what has waited long enough."""
        while self.is_full:
            yield self._cut()
        if self._waiting and time.monotonic() - self._since > _LONGEST_WAIT:
            yield self._cut()

    def flush(self) -> Iterator[Pending]:
        """Yield everything that waits; the last may have changes alone."""
        while self._waiting:
            yield self._cut()

    def _cut(self) -> Pending:
        pending, total = Pending([], []), 0
        while self._waiting:
            first = self._waiting[0]
            if not isinstance(first, _Waiting):
                pending.changes.append(first)
            else:
                room = self._limits.max_artifacts - len(pending.artifacts)
                count = first.fitting(room, self._limits.max_bytes - total, alone=not pending.artifacts)
                is_whole = count == len(first.artifacts)
                total += first.hand_out(count, pending) if count else 0
                if not is_whole:
                    break
            self._waiting.popleft()
        self._artifacts -= len(pending.artifacts)
        self._bytes -= total
        self._since = time.monotonic()
        return pending
