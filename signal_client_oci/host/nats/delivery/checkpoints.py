"""The checkpoint of a shard, fenced: whoever took the shard over last is the only one whose writes succeed.

The new owner rewrites the checkpoint, unchanged but for its epoch, before its first poll. That moves the revision
that an earlier owner compares against, so each later write of that owner fails, however late it wakes up.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec
from nats.js.errors import KeyWrongLastSequenceError

from signal_client_oci.contract import Checkpoint
from signal_client_oci.host.nats.buckets.bucket import Bucket, OwnedKey, Stored
from signal_client_oci.host.nats.connection import TRANSIENT, explain
from signal_client_oci.host.nats.delivery.retry_pause import RetryPause
from signal_client_oci.host.nats.layout import (
    CHECKPOINTS,
    CheckpointEnvelope,
    Shard,
    from_value,
    to_value,
    try_value,
)
from signal_client_oci.host.nats.ownership.leases import HeldLease

__all__ = ["FencedCheckpoint", "UnreadableCheckpointError", "fence"]

_log = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 0.02


class UnreadableCheckpointError(Exception):
    """What is stored under a checkpoint's key is not a checkpoint; the text says what to do."""


class FencedCheckpoint:
    """The checkpoint of a shard that this process owns.

    Attributes:
        stream_sequence: `CheckpointEnvelope.stream_sequence` of what is stored.
    """

    def __init__(self, bucket: Bucket, held: HeldLease, envelope: CheckpointEnvelope, revision: int) -> None:
        self.stream_sequence = envelope.stream_sequence
        self._value = to_value(envelope)  # as text it takes a fraction of the memory
        self._held = held
        self._key = OwnedKey(bucket, held.shard.key, revision, self._is_ours)

    def load(self) -> Checkpoint | None:
        """Return the checkpoint that was stored last, None = none yet."""
        return from_value(self._value, CheckpointEnvelope).checkpoint

    async def save(self, checkpoint: Checkpoint | None, stream_sequence: int, pause: RetryPause) -> None:
        """Store a checkpoint; returns when it is stored, and until then tries for as long as `pause` lets it.

        Raises:
            NotOwnerError: another node owns the shard now.
            DeliveryStoppedError: the node ends.
        """
        lease = self._held.lease
        envelope = CheckpointEnvelope(checkpoint, lease.epoch, lease.node, stream_sequence)
        value = to_value(envelope)
        while True:
            try:
                await self._write(value)
            except TRANSIENT as error:
                await pause.wait(f"the checkpoint cannot be stored: {explain(error)}")
            else:
                self._value, self.stream_sequence = value, stream_sequence
                pause.over()
                return

    async def _write(self, value: bytes) -> None:
        await self._key.write(value)

    def _is_ours(self, value: bytes) -> bool:
        stored, lease = try_value(value, CheckpointEnvelope), self._held.lease
        return stored is not None and (stored.epoch, stored.node) == (lease.epoch, lease.node)


class _UnfencedCheckpoint(FencedCheckpoint):
    """The same without the fence, to prove that the fence is what keeps two owners apart."""

    def __init__(self, bucket: Bucket, held: HeldLease, envelope: CheckpointEnvelope, revision: int) -> None:
        super().__init__(bucket, held, envelope, revision)
        self._bucket = bucket

    async def _write(self, value: bytes) -> None:
        await self._bucket.put(self._held.shard.key, value)


async def fence(
    bucket: Bucket, held: HeldLease, newest_sequence: int, *, fencing: bool = True
) -> FencedCheckpoint:
    """Return the checkpoint of a shard that was just taken over, after rewriting it with the new epoch.

    A region of an instance that was not split by region before begins with the instance's checkpoint.
    `newest_sequence` is the stream's last sequence, from which on a shard is read back that was never owned before.
    One that was, and has no checkpoint, begins anew with the lookback, and the whole stream is read back.

    Raises:
        NotOwnerError: yet another node took it over meanwhile.
        UnreadableCheckpointError: what is stored is not a checkpoint.
        TRANSIENT: NATS did not answer.
    """
    shard = held.shard
    while True:
        stored = await bucket.get(shard.key)
        before = _read(stored, shard)
        if before is None:
            before = await _inherited(bucket, shard) or _without_checkpoint(held, newest_sequence)
        if not fencing:
            return _UnfencedCheckpoint(bucket, held, before, stored.revision if stored else 0)
        if before.epoch >= held.lease.epoch:
            await held.raise_epoch(before.epoch + 1)
        sequence = newest_sequence if held.is_covered else before.stream_sequence
        envelope = CheckpointEnvelope(before.checkpoint, held.lease.epoch, held.lease.node, sequence)
        try:
            revision = await bucket.compare_and_set(
                shard.key, to_value(envelope), stored.revision if stored else 0
            )
        except KeyWrongLastSequenceError:
            await asyncio.sleep(_AGAIN_SECONDS)
            continue  # the owner before has written once more: take that
        return FencedCheckpoint(bucket, held, envelope, revision)


def _without_checkpoint(held: HeldLease, newest_sequence: int) -> CheckpointEnvelope:
    """Return what a shard begins with that has none."""
    if held.before is None and not held.has_overlap:
        return CheckpointEnvelope(None, 0, "", newest_sequence)
    begin = "with the longest lookback" if held.has_overlap and not held.shard.region else "with its lookback"
    _log.warning(
        "%s: there is no checkpoint in %s, though it was polled before; it begins %s",
        held.shard.label,
        CHECKPOINTS,
        begin,
    )
    return CheckpointEnvelope(None, 0, "")


async def _inherited(bucket: Bucket, shard: Shard) -> CheckpointEnvelope | None:
    if not shard.region:
        return None
    whole = Shard(shard.instance)
    envelope = _read(await bucket.get(whole.key), whole)
    return None if envelope is None else msgspec.structs.replace(envelope, epoch=0)


def _read(stored: Stored | None, shard: Shard) -> CheckpointEnvelope | None:
    if stored is None:
        return None
    envelope = try_value(stored.value, CheckpointEnvelope)
    if envelope is None:
        raise UnreadableCheckpointError(
            f"the value of {shard.key} in {CHECKPOINTS} is not a checkpoint; restore the one before it, or delete "
            "the key to begin with the lookback"
        )
    return envelope
