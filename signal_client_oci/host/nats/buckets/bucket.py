"""A bucket as the cluster uses it: consistent reads, compare-and-set, and one key that one owner writes.

Reads ask the stream's leader. A direct read may be answered by a replica that is behind, and what was read decides
here whether a write was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nats.js.api import RawStreamMsg
from nats.js.errors import BucketNotFoundError, KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KeyValue

from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.buckets.watch import is_deletion
from signal_client_oci.host.nats.connection import Connection
from signal_client_oci.host.nats.layout import bucket_stream, bucket_subject

__all__ = ["Bucket", "NotOwnerError", "OwnedKey", "Stored", "open_bucket"]


class NotOwnerError(Exception):
    """Another node has written a key that this node believed to own."""


class Stored(NamedTuple):
    """A key's value and revision."""

    revision: int
    value: bytes


class Bucket:
    """A key-value bucket of JetStream."""

    def __init__(self, connection: Connection, kv: KeyValue, name: str) -> None:
        self.connection = connection
        self.kv = kv
        self.name = name

    async def get(self, key: str) -> Stored | None:
        """Return what the leader has under the key, None where it has nothing or a deletion."""
        message = await self._last(key)
        if message is None or is_deletion(message.headers):
            return None
        return Stored(message.seq or 0, message.data or b"")

    async def put(self, key: str, value: bytes) -> int:
        """Store a value whatever is there; return its revision."""
        return await self.kv.put(key, value)

    async def compare_and_set(self, key: str, value: bytes, revision: int) -> int:
        """Store a value if the key is still at `revision` (0 = it does not exist); return the new revision.

        Raises:
            KeyWrongLastSequenceError: the key has another revision.
        """
        try:
            return await self.kv.update(key, value, last=revision)
        except KeyWrongLastSequenceError:
            message = await self._last(key) if revision == 0 else None
            if message is None or not is_deletion(message.headers):
                raise
        return await self.kv.update(key, value, last=message.seq)

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Delete a key, if it is still at `revision` where one is given."""
        await self.kv.delete(key, last=revision)

    async def _last(self, key: str) -> RawStreamMsg | None:
        try:
            return await self.connection.js.get_last_msg(
                bucket_stream(self.name), bucket_subject(self.name, key)
            )
        except NotFoundError:
            return None


class OwnedKey:
    """A key that its owner writes by compare-and-set, again and again.

    An acknowledgement that was lost looks like a lost race to the next write. Reading back tells them apart: what
    is stored is by this owner (`is_ours`), or it is not.
    """

    def __init__(self, bucket: Bucket, key: str, revision: int, is_ours: Callable[[bytes], bool]) -> None:
        self.revision = revision
        self._bucket = bucket
        self._key = key
        self._is_ours = is_ours

    async def write(self, value: bytes) -> None:
        """Store a value; raises `NotOwnerError` when another one wrote meanwhile, `TRANSIENT` when it is not known."""
        try:
            self.revision = await self._bucket.compare_and_set(self._key, value, self.revision)
        except KeyWrongLastSequenceError:
            stored = await self._bucket.get(self._key)
            if stored is None or not self._is_ours(stored.value):
                raise NotOwnerError(
                    f"{self._key} in {self._bucket.name} was written by another node"
                ) from None
            self.revision = stored.revision
            if stored.value != value:
                await self._write_again(value)

    async def _write_again(self, value: bytes) -> None:
        try:
            self.revision = await self._bucket.compare_and_set(self._key, value, self.revision)
        except KeyWrongLastSequenceError:
            raise NotOwnerError(f"{self._key} in {self._bucket.name} was written meanwhile") from None


async def open_bucket(connection: Connection, name: str) -> Bucket:
    """Return a bucket that exists; raises `ClusterError`."""
    try:
        return Bucket(connection, await connection.js.key_value(name), name)
    except BucketNotFoundError:
        raise ClusterError(f"there is no bucket {name}; make it: signal-client-oci cluster init") from None
