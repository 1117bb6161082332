"""Cuts a source's artifacts into batches; each carries the checkpoint that it makes true.

What a poll learns (a record was delivered, a position moved) is noted in the order in which it happened, and enters
the checkpoint only when the batch that contains everything before it is handed out.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Final, TypeVar

from signal_client_oci.contract import Artifact, Batch, Checkpoint, SourceName

__all__ = ["Batcher"]

_LONGEST_WAIT: Final = 2.0

Effect = Callable[[], None]
Mark = TypeVar("Mark")


class _Waiting:
    """Artifacts in a row, each with its bytes and its mark, or none at all; what is handed out is not kept."""

    __slots__ = ("artifacts", "effect", "marks", "sizes", "total")

    def __init__(
        self, artifacts: list[Artifact], marks: list[Any], effect: Callable[[list[Any]], None]
    ) -> None:
        self.artifacts, self.marks, self.effect = artifacts, marks, effect
        self.sizes = [_size(artifact["raw"]) for artifact in artifacts]
        self.total = sum(self.sizes)

    def append(self, artifact: Artifact, mark: Any) -> int:
        """Add one more; return its bytes."""
        size = _size(artifact["raw"])
        self.artifacts.append(artifact)
        self.marks.append(mark)
        self.sizes.append(size)
        self.total += size
        return size

    def fitting(self, room: int, room_bytes: int, *, alone: bool) -> int:
        """Return how many fit into what is left of a batch; into an empty one, the first always does."""
        if len(self.sizes) <= room and self.total <= room_bytes:
            return len(self.sizes)
        fitting = sum(total <= room_bytes for total in accumulate(self.sizes[:room]))
        return max(fitting, int(alone))

    def hand_out_all(self, into: list[Artifact]) -> int:
        """Move all of them into a batch and let their effect happen; return their bytes."""
        into += self.artifacts
        self.effect(self.marks)
        return self.total

    def hand_out(self, count: int, into: list[Artifact]) -> int:
        """Do the same with the first `count`."""
        size = sum(self.sizes[:count])
        into += self.artifacts[:count]
        self.effect(self.marks[:count])
        del self.artifacts[:count], self.sizes[:count], self.marks[:count]
        self.total -= size
        return size


class Batcher:
    """The artifacts of one source on their way to the host.

    Args:
        source: Which source they are of.
        checkpoint: Returns the checkpoint as the effects so far have made it.
        max_artifacts: Artifacts in a batch at most.
        max_bytes: UTF-8 bytes of `raw` in a batch at most; one larger record travels alone.

    Attributes:
        delivered: Artifacts handed to the host so far.
    """

    def __init__(
        self, source: SourceName, checkpoint: Callable[[], Checkpoint], max_artifacts: int, max_bytes: int
    ) -> None:
        self.delivered = 0
        self._source = source
        self._checkpoint = checkpoint
        self._max_artifacts = max(1, max_artifacts)
        self._max_bytes = max(0, max_bytes)
        self._waiting: deque[_Waiting] = deque()
        self._artifacts = 0
        self._bytes = 0
        self._since = 0.0

    def add(self, artifact: Artifact, mark: Mark, effect: Callable[[list[Mark]], None]) -> None:
        """Queue an artifact; `effect` gets the marks of those that are queued in a row and handed out together."""
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.effect != effect:
            last = _Waiting([], [], effect)
            self._enqueue(last)
        size = last.append(artifact, mark)
        self._artifacts += 1
        self._bytes += size

    def add_all(
        self, artifacts: list[Artifact], marks: list[Mark], effect: Callable[[list[Mark]], None]
    ) -> None:
        """Queue artifacts, each with a mark; `effect` gets the marks of those that are handed out together."""
        waiting = _Waiting(artifacts, marks, effect)
        self._enqueue(waiting)
        self._artifacts += len(artifacts)
        self._bytes += waiting.total

    def note(self, effect: Effect) -> None:
        """Queue an effect that is true once everything queued before it was handed out."""
        self._enqueue(_Waiting([], [], lambda _: effect()))

    def ready(self) -> Iterator[Batch]:
        """Yield the batches that are full, or have waited long enough."""
        while self._artifacts >= self._max_artifacts or self._bytes > self._max_bytes:
            yield self._cut()
        if self._waiting and time.monotonic() - self._since > _LONGEST_WAIT:
            yield self._cut()

    def flush(self) -> Iterator[Batch]:
        """Yield everything that waits; what has no artifacts left only takes effect."""
        while self._artifacts:
            yield self._cut()
        while self._waiting:
            self._waiting.popleft().hand_out_all([])

    def _enqueue(self, waiting: _Waiting) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(waiting)

    def _cut(self) -> Batch:
        artifacts: list[Artifact] = []
        total = 0
        while self._waiting:
            first = self._waiting[0]
            room = self._max_artifacts - len(artifacts)
            count = first.fitting(room, self._max_bytes - total, alone=not artifacts)
            if count < len(first.artifacts):
                total += first.hand_out(count, artifacts) if count else 0
                break
            total += first.hand_out_all(artifacts)
            self._waiting.popleft()
        self._artifacts -= len(artifacts)
        self._bytes -= total
        self._since = time.monotonic()
        self.delivered += len(artifacts)
        return {
            "type": "batch",
            "source": self._source,
            "artifacts": artifacts,
            "checkpoint": self._checkpoint(),
        }


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
