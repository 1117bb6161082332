"""The sink and checkpoint store of one shard's polls: each artifact into the stream once, then its checkpoint.

The checkpoint's envelope says up to which sequence of the stream it covers the shard's artifacts. What comes after it
was delivered by an owner that did not come to checkpoint it, or by this one when acknowledgements were lost. Its ids
are read back, and not sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from signal_client_oci.contract import Artifact, Checkpoint
from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.connection import TRANSIENT, explain
from signal_client_oci.host.nats.delivery.checkpoints import FencedCheckpoint
from signal_client_oci.host.nats.delivery.messages import ArtifactMessage, to_messages
from signal_client_oci.host.nats.delivery.publisher import Sent, StreamPublisher
from signal_client_oci.host.nats.delivery.read_back import ReadBack
from signal_client_oci.host.nats.delivery.retry_pause import RetryPause
from signal_client_oci.host.nats.ownership.leases import HeldLease

__all__ = ["ArtifactStream", "DeliveryCounts", "ShardDelivery"]

_log = logging.getLogger(__name__)


@dataclass
class DeliveryCounts:
    """What an owner has delivered since it took the shard."""

    delivered: int = 0
    already_delivered: int = 0
    large_artifacts: int = 0


@dataclass(frozen=True)
class ArtifactStream:
    """The stream as a node uses it."""

    publisher: StreamPublisher
    read_back: ReadBack


class ShardDelivery:
    """Delivers the batches of one shard, for as long as this process owns it."""

    def __init__(
        self,
        held: HeldLease,
        checkpoint: FencedCheckpoint,
        stream: ArtifactStream,
        new_pause: Callable[[], RetryPause],
    ) -> None:
        self.counts = DeliveryCounts()
        self._held = held
        self._checkpoint = checkpoint
        self._publisher = stream.publisher
        self._read_back = stream.read_back
        self._new_pause = new_pause
        self._uncovered: dict[str, int] | None = {} if held.is_covered else None
        self._acknowledged: set[str] = set()

    @property
    def is_clean(self) -> bool:
        """Whether the checkpoint is known to cover everything of the shard that is in the stream."""
        return not self._acknowledged and self._uncovered is not None and not self._uncovered

    @property
    def joins_regions(self) -> bool:
        """Whether it begins without a checkpoint what was read by region before: nobody knows how far each has come."""
        return self._held.has_overlap and not self._held.shard.region and self.load() is None

    def load(self) -> Checkpoint | None:
        """Return the checkpoint that was stored last; may be called in any thread."""
        return self._checkpoint.load()

    def encode(self, artifacts: Sequence[Artifact]) -> list[ArtifactMessage]:
        """Return the messages of artifacts; takes processor time, and may be called in any thread."""
        return to_messages(self._held.shard, artifacts, self._publisher.max_message_bytes)

    async def deliver(self, messages: Sequence[ArtifactMessage]) -> None:
        """Store messages in the stream, each once; returns when all are stored.

        Raises:
            NotOwnerError: another node owns the shard now.
            DeliveryStoppedError: the node ends.
        """
        missing = {message.id: message for message in messages}
        pause = self._new_pause()
        while missing:
            problem = await self._attempt(missing)
            if missing:
                await pause.wait(problem)
        pause.over()

    async def save(self, checkpoint: Checkpoint) -> None:
        """Store the checkpoint that covers everything that was delivered; raises like `deliver`."""
        await self._checkpoint.save(checkpoint, self._covered_sequence(), self._new_pause())
        self._acknowledged.clear()

    def poll_completed(self) -> None:
        """Note that a poll has read everything there is: whatever an earlier owner delivered has come again by now."""
        self._uncovered = {}

    def poll_aborted(self) -> None:
        """Note that a poll ended without its report: what it delivered last may not be covered."""
        self._acknowledged.clear()
        self._uncovered = None

    async def _attempt(self, missing: dict[str, ArtifactMessage]) -> str:
        """Send what is missing; remove what is stored; return what is wrong with the others."""
        try:
            if self._uncovered is None:
                await self._find_uncovered()
            self._skip_delivered(missing)
            await self._store_objects(missing.values())
            sent = await self._publisher.send(list(missing.values()), self._may_send)
        except (*TRANSIENT, ClusterError) as error:
            return explain(error)
        self._note(sent, missing)
        return sent.problem

    def _may_send(self) -> bool:
        return self._held.is_certain

    async def _find_uncovered(self) -> None:
        after = self._checkpoint.stream_sequence
        found = await self._read_back.ids_after(self._held.shard, after)
        self._uncovered = {key: sequence for key, sequence in found.items() if key not in self._acknowledged}

    def _skip_delivered(self, missing: dict[str, ArtifactMessage]) -> None:
        uncovered: dict[str, Any] = self._uncovered or {}
        for identity in missing.keys() & uncovered.keys():
            del missing[identity], uncovered[identity]
            self._acknowledged.add(identity)
            self.counts.already_delivered += 1

    async def _store_objects(self, messages: Iterable[ArtifactMessage]) -> None:
        for message in messages:
            if message.objects:
                await self._publisher.store_objects(message)

    def _note(self, sent: Sent, missing: dict[str, ArtifactMessage]) -> None:
        for identity in sent.stored:
            message = missing.pop(identity)
            self._acknowledged.add(identity)
            if message.objects:
                self._count_large(message)
        self.counts.delivered += len(sent.stored) - len(sent.repeated)
        self.counts.already_delivered += len(sent.repeated)
        if sent.is_unknown:
            self._uncovered = None

    def _count_large(self, message: ArtifactMessage) -> None:
        self.counts.large_artifacts += 1
        _log.warning(
            "%s: artifact %s is larger than a message may be; its raw text is in the object store",
            self._held.shard.label,
            message.id,
        )

    def _covered_sequence(self) -> int:
        """Return the sequence up to which the next checkpoint covers the shard's artifacts."""
        before = self._checkpoint.stream_sequence
        if self._uncovered is None:
            return before
        if self._uncovered:
            return max(before, min(self._uncovered.values()) - 1)
        return max(before, self._publisher.newest_sequence)
