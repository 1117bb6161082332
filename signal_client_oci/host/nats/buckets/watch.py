"""A watch of a bucket: everything that is in it, then every change.

The client's own watch (nats-py 2.16, js/kv.py) counts what is still to come. That count can be too small: an entry that
is on its way is not in it, nor, for a moment, one that is being overwritten (nats-server 2.15). A bucket could look
empty that is not. This watch asks for the keys, and has read everything when each of them has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from nats.aio.client import Client
from nats.errors import Error, TimeoutError  # noqa: A004  the client's own
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from signal_client_oci.host.nats.layout import bucket_stream, bucket_subject

__all__ = ["BucketWatch", "WatchedEntry", "is_deletion", "watch_bucket"]

_Subscription: TypeAlias = JetStreamContext.PushSubscription
_HEARTBEAT_SECONDS: Final = 5.0
_FORGET_CONSUMER_SECONDS: Final = 15.0
_DELETION_HEADERS: Final = ("KV-Operation", "Nats-Marker-Reason")
"""Of a client's deletion, and of the marker that a server leaves where an entry has expired (nats-server 2.11)."""


class WatchedEntry(NamedTuple):
    """An entry as the bucket has it, or that it has been deleted."""

    key: str
    value: bytes
    revision: int
    created: datetime
    """When it was written, by the server's clock."""
    is_deletion: bool

    def __repr__(self) -> str:
        return f"<entry {self.key!r} at {self.revision}>"  # a value may hold secrets


class BucketWatch:
    """What `watch_bucket` yields; the entries come in the order in which they were written."""

    def __init__(self, js: JetStreamContext, subscription: _Subscription, bucket: str, keys: str) -> None:
        self._js = js
        self._subscription = subscription
        self._stream = bucket_stream(bucket)
        self._prefix = bucket_subject(bucket)
        self._subjects = bucket_subject(bucket, keys)

    async def read_all(self, seconds: float) -> list[WatchedEntry]:
        """Return all entries that are there; to be called once, before `next`.

        `seconds` is how long each key may take. Raises what `next` raises, and what a request raises.
        """
        entries: list[WatchedEntry] = []
        now = asyncio.get_running_loop().time
        missing, until = await self._keys(), now() + seconds
        while missing:
            try:
                entry = await self.next(until - now())
            except TimeoutError:
                # What has expired or was purged meanwhile does not come any more.
                missing &= await self._keys()
                if missing:
                    raise
                break
            entries.append(entry)
            if entry.key in missing:
                missing.discard(entry.key)
                until = now() + seconds
        return entries

    async def next(self, seconds: float) -> WatchedEntry:
        """Return the next entry; raises `nats.errors.TimeoutError` and `ConnectionClosedError`."""
        message = await self._subscription.next_msg(timeout=seconds)
        return WatchedEntry(
            message.subject.removeprefix(self._prefix),
            message.data,
            message.metadata.sequence.stream,
            message.metadata.timestamp,
            is_deletion(message.headers),
        )

    async def _keys(self) -> set[str]:
        """Return the keys that the stream has, those of deletions among them: of its leader, where it has one.

        A server lists at most 100,000 subjects (nats-server 2.15, server/jetstream_api.go).
        """
        info = await self._js.stream_info(self._stream, subjects_filter=self._subjects)
        return {subject.removeprefix(self._prefix) for subject in info.state.subjects or ()}


@asynccontextmanager
async def watch_bucket(
    client: Client, bucket: str, keys: str = ">", *, seconds: float, keys_only: bool = False
) -> AsyncIterator[BucketWatch]:
    """Watch the keys of a bucket that match (`*` and `>` as in subjects), and end the watch in the end.

    With `keys_only` the server sends no values. `seconds` is how long a request may take. Raises the client's errors.
    """
    js = client.jetstream(timeout=seconds)
    stream = bucket_stream(bucket)
    config = ConsumerConfig(
        deliver_subject=client.new_inbox(),
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        filter_subject=bucket_subject(bucket, keys),
        headers_only=keys_only,
        ack_policy=AckPolicy.NONE,
        max_deliver=1,
        flow_control=True,
        idle_heartbeat=_HEARTBEAT_SECONDS,
        inactive_threshold=_FORGET_CONSUMER_SECONDS,
        num_replicas=1,
        mem_storage=True,
    )
    consumer = await js.add_consumer(stream, config=config)
    subscription = await js.subscribe_bind(stream, config, consumer.name, ordered_consumer=True)
    try:
        yield BucketWatch(js, subscription, bucket, keys)
    finally:
        with suppress(Error, OSError):  # without a connection there is nothing to end
            await subscription.unsubscribe()


def is_deletion(headers: Mapping[str, str] | None) -> bool:
    """Return whether a message of a bucket's stream says that its key has been deleted, or has expired."""
    return any(name in (headers or ()) for name in _DELETION_HEADERS)
