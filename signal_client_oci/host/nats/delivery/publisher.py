"""Publishes messages to the stream, many at a time, and says of each whether it is stored.

One publisher serves all shards of a node, so that what is on its way is bounded for the node as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from nats.js.api import ObjectMeta
from nats.js.errors import BucketNotFoundError, NotFoundError

from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.connection import TRANSIENT, Connection, explain
from signal_client_oci.host.nats.delivery.acknowledgements import Acknowledgement, Acknowledgements
from signal_client_oci.host.nats.delivery.messages import ArtifactMessage
from signal_client_oci.host.nats.layout import LARGE_ARTIFACTS, STREAM
from signal_client_oci.host.nats.resource_fit import covers

__all__ = ["Sent", "StreamPublisher"]

_IN_FLIGHT: Final = 256
_YIELD_EVERY: Final = 32


@dataclass
class Sent:
    """What became of messages.

    Attributes:
        stored: Id → sequence in the stream, of what the server has acknowledged.
        repeated: The ids of them that the server had before.
        problem: Why the others were not stored, "" if all were.
        is_unknown: Of some it is not known whether they were stored.
    """

    stored: dict[str, int] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    problem: str = ""
    is_unknown: bool = False


class StreamPublisher:
    """Publishes to one subject.

    Attributes:
        newest_sequence: The highest sequence that was acknowledged to this node.
        max_message_bytes: The largest message, headers included, that server and stream take.
    """

    def __init__(self, connection: Connection, subject: str) -> None:
        self.newest_sequence = 0
        self.max_message_bytes = connection.client.max_payload
        self._connection = connection
        self._subject = subject
        self._acks = Acknowledgements(connection.client)
        self._free = asyncio.Semaphore(_IN_FLIGHT)

    async def refresh_limits(self) -> int:
        """Read the stream's limits and return its last sequence.

        Raises:
            ClusterError: there is no such stream, or it is not the appliance's.
            TRANSIENT: NATS did not answer.
        """
        try:
            info = await self._connection.js.stream_info(STREAM)
        except NotFoundError:
            raise ClusterError(
                f"there is no stream {STREAM}; make it: signal-client-oci cluster init"
            ) from None
        subjects = info.config.subjects or []
        if not any(covers(wide, self._subject) for wide in subjects):
            raise ClusterError(
                f"the stream {STREAM} does not take the subject {self._subject} (it takes: "
                f"{', '.join(subjects) or 'none'}); check --appliance"
            )
        limits = [self._connection.client.max_payload, info.config.max_msg_size or 0]
        self.max_message_bytes = min(limit for limit in limits if limit > 0)
        return info.state.last_seq

    async def store_objects(self, message: ArtifactMessage) -> None:
        """Store what does not fit into a message; raises like `refresh_limits`."""
        try:
            store = await self._connection.js.object_store(LARGE_ARTIFACTS)
        except BucketNotFoundError:
            raise ClusterError(
                f"there is no object store {LARGE_ARTIFACTS}; make it: signal-client-oci cluster init"
            ) from None
        for name, content in message.objects.items():
            if await _size_of(store, name) != len(content):
                await store.put(name, content, ObjectMeta(name=name))

    async def send(self, messages: Iterable[ArtifactMessage], may_send: Callable[[], bool]) -> Sent:
        """Publish messages and wait for every acknowledgement; `may_send` is asked before each.

        Raises `TRANSIENT` when nothing was sent.
        """
        await self._acks.open()
        sent = Sent()
        acks: dict[asyncio.Future[Acknowledgement], str] = {}
        for count, message in enumerate(messages):
            if count % _YIELD_EVERY == 0:
                await asyncio.sleep(0)  # leases have to be renewed meanwhile
            if not await self._acquire():
                break  # no acknowledgement has come for a while
            if not (self._connection.is_connected and may_send()):
                self._free.release()
                sent.problem = self._connection.problem or "the lease has to be renewed first"
                break
            reply, ack = self._acks.expect()
            ack.add_done_callback(self._release)
            acks[ack] = message.id
            try:
                await self._connection.client.publish(
                    self._subject, message.body, reply=reply, headers=message.headers
                )
            except TRANSIENT as error:
                sent.problem = explain(error)
                break
        if acks:
            await asyncio.wait(acks, timeout=self._connection.request_seconds)
        for ack, identity in acks.items():
            self._note(ack, identity, sent)
        return sent

    async def _acquire(self) -> bool:
        """Wait until one more message may be on its way; False when that takes too long."""
        if not self._free.locked():
            return await self._free.acquire()
        try:
            return await asyncio.wait_for(self._free.acquire(), self._connection.request_seconds)
        except asyncio.TimeoutError:
            return False

    def _release(self, _: asyncio.Future[Acknowledgement]) -> None:
        self._free.release()

    def _note(self, ack: asyncio.Future[Acknowledgement], identity: str, sent: Sent) -> None:
        if not ack.done():
            ack.cancel()
            sent.is_unknown = True
            sent.problem = self._connection.problem or "the server has not acknowledged the artifacts in time"
        elif ack.result().refusal:
            sent.problem = ack.result().refusal
        else:
            sequence = ack.result().sequence
            sent.stored[identity] = sequence
            if ack.result().is_repeated:
                sent.repeated.add(identity)
            self.newest_sequence = max(self.newest_sequence, sequence)


async def _size_of(store: Any, name: str) -> int | None:
    try:
        info = await store.get_info(name)
    except NotFoundError:
        return None
    return info.size if isinstance(info.size, int) else None
