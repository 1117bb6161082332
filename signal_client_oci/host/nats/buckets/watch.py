"""A watch of a bucket: everything that is in it, then every change.

The client's own watch (nats-py 2.16, js/kv.py) asks, once it listens, what is still to come and what has arrived. An
entry that is on its way is neither, so that a bucket can look empty that is not. This one goes by what the server
counted when it made the consumer, before it sent anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timezone
from typing import Final, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

__all__ = ["BucketWatch", "WatchedEntry", "is_deletion", "watch_bucket"]

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
    to_come: int
    """How many entries the bucket had behind this one when it was sent."""

    def __repr__(self) -> str:
        return f"<entry {self.key!r} at {self.revision}>"  # a value may hold secrets


class BucketWatch:
    """What `watch_bucket` yields; the entries come in the order in which they were written."""

    def __init__(self, subscription: JetStreamContext.PushSubscription, prefix: str, to_come: int) -> None:
        self._subscription = subscription
        self._prefix = prefix
        self._to_come = to_come

    async def read_all(self, seconds: float) -> list[WatchedEntry]:
        """Return all entries that are there; to be called once, before `next`.

        `seconds` is how long each entry may take. Raises what `next` raises.
        """
        entries: list[WatchedEntry] = []
        while self._to_come:
            entry = await self.next(seconds)
            entries.append(entry)
            self._to_come = entry.to_come
        return entries

    async def next(self, seconds: float) -> WatchedEntry:
        """Return the next entry; raises `nats.errors.TimeoutError` and `ConnectionClosedError`."""
        message = await self._subscription.next_msg(timeout=seconds)
        return _entry(message, self._prefix)


@asynccontextmanager
async def watch_bucket(
    client: Client, bucket: str, keys: str = ">", *, seconds: float, keys_only: bool = False
) -> AsyncIterator[BucketWatch]:
    """Watch the keys of a bucket that match (`*` and `>` as in subjects), and end the watch in the end.

    With `keys_only` the server sends no values. `seconds` is how long the server may take to make the consumer. Raises
    the client's errors.
    """
    js = client.jetstream(timeout=seconds)
    stream, prefix = f"KV_{bucket}", f"$KV.{bucket}."
    config = ConsumerConfig(
        deliver_subject=client.new_inbox(),
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        filter_subject=f"{prefix}{keys}",
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
        yield BucketWatch(subscription, prefix, consumer.num_pending or 0)
    finally:
        with suppress(Error, OSError):  # without a connection there is nothing to end
            await subscription.unsubscribe()


def is_deletion(headers: Mapping[str, str] | None) -> bool:
    """Return whether a message of a bucket's stream says that its key has been deleted, or has expired."""
    return any(name in (headers or ()) for name in _DELETION_HEADERS)


def _entry(message: Msg, prefix: str) -> WatchedEntry:
    told = message.metadata
    return WatchedEntry(
        message.subject.removeprefix(prefix),
        message.data,
        told.sequence.stream,
        told.timestamp.astimezone(timezone.utc),  # nats-py before 2.10 gives local time without a zone
        is_deletion(message.headers),
        told.num_pending,
    )
