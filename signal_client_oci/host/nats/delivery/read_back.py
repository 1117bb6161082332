"""Which artifacts of an instance are in the stream after a sequence: their ids, read from the headers alone.

What an owner delivered before it died, and did not checkpoint, is delivered again by the next one. The server drops a
repeated id only within its window of duplicates, so the ids are read back. Reads that are wanted at the same time
are one read, because a node that takes over many instances would otherwise read the same messages for each.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError

from signal_client_oci.host.nats.connection import TRANSIENT, Connection
from signal_client_oci.host.nats.layout import INSTANCE_HEADER, MSG_ID_HEADER, STREAM, Shard, encode_name

__all__ = ["ReadBack"]

_log = logging.getLogger(__name__)
_FETCH: Final = 1000
_NANOSECONDS: Final = 1_000_000_000
_STATUS: Final = "Status"
_WORK_QUEUE: Final = 10084  # JSConsumerWQRequiresExplicitAckErr: who reads it takes messages out
_FORGET_CONSUMER_SECONDS: Final = 15.0


class _Wanted(NamedTuple):
    shard: Shard
    after: int
    found: asyncio.Future[dict[str, int]]


class ReadBack:
    """Reads the stream's headers, for several instances at a time."""

    def __init__(self, connection: Connection, subject: str) -> None:
        self._connection = connection
        self._subject = subject
        self._waiting: list[_Wanted] = []
        self._reading = asyncio.Lock()

    async def last_sequence(self) -> int:
        """Return the stream's last sequence; raises `TRANSIENT`."""
        info = await self._connection.js.stream_info(STREAM)
        return info.state.last_seq

    async def ids_after(self, shard: Shard, sequence: int) -> dict[str, int]:
        """Return the ids of a shard's artifacts after a sequence, each with its own; raises `TRANSIENT`.

        What was delivered for the instance as a whole counts for each of its regions, and the other way round.
        """
        found: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Wanted(shard, sequence, found))
        async with self._reading:
            if not found.done():
                await self._read_for_all()
        return await found

    async def _read_for_all(self) -> None:
        wanted, self._waiting = self._waiting, []
        try:
            ids = await self._read_if_possible(wanted)
        except BaseException as error:
            for one in wanted:
                if not one.found.done():
                    one.found.set_exception(error if isinstance(error, TRANSIENT) else ConnectionError())
                    one.found.exception()  # whoever asked and is gone by now will not look at it
            raise
        for one, mine in zip(wanted, ids, strict=True):
            if not one.found.done():
                one.found.set_result(mine)

    async def _read_if_possible(self, wanted: list[_Wanted]) -> list[dict[str, int]]:
        try:
            return await self._read(wanted)
        except APIError as error:
            if error.err_code != _WORK_QUEUE:
                raise
        _log.warning(
            "the stream %s is a work queue and cannot be read back; a record may be repeated after a take-over",
            STREAM,
        )
        return [{} for _ in wanted]

    async def _read(self, wanted: list[_Wanted]) -> list[dict[str, int]]:
        ids: list[dict[str, int]] = [{} for _ in wanted]
        last = await self.last_sequence()
        # a sequence that the stream has not reached is of an earlier stream of the same name: read all of this one
        after = [one.after if one.after <= last else 0 for one in wanted]
        places: dict[str, list[int]] = {}
        if min(after) >= last:
            return ids
        headers = _headers(self._connection, self._subject, min(after) + 1, last)
        async with aclosing(headers):
            async for sequence, key, artifact in headers:
                if key not in places:
                    places[key] = [at for at, one in enumerate(wanted) if _concerns(key, one.shard)]
                for place in places[key]:
                    if sequence > after[place]:
                        ids[place][artifact] = sequence
        return ids


def _concerns(key: str, shard: Shard) -> bool:
    """Return whether what was delivered under a shard's key may be what another one reads."""
    return key in {shard.key, encode_name(shard.instance)} or (
        not shard.region and key.startswith(f"{shard.key}.")
    )


@dataclass
class _Page:
    """What one request to the consumer brings: rows of sequence, shard's key and id."""

    size: int = 0
    rows: list[tuple[int, str, str]] = field(default_factory=list)
    left: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, message: Msg) -> None:
        """Take one message, or the status that ends the page early."""
        headers = message.headers or {}
        if _STATUS in headers:
            self.is_over.set()
            return
        place = message.metadata
        self.left = place.num_pending
        row = (place.sequence.stream, headers.get(INSTANCE_HEADER, ""), headers.get(MSG_ID_HEADER, ""))
        self.rows.append(row)
        if len(self.rows) >= self.size:
            self.is_over.set()


async def _headers(
    connection: Connection, subject: str, first: int, last: int
) -> AsyncGenerator[tuple[int, str, str], None]:
    """Yield sequence, shard's key and id of each message from one sequence to another.

    The client's own `fetch` takes twice the processor time: it makes two tasks for each message.
    """
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=first,
        filter_subject=subject,
        ack_policy=AckPolicy.NONE,
        headers_only=True,
        inactive_threshold=_FORGET_CONSUMER_SECONDS,
        num_replicas=1,
        mem_storage=True,
    )
    consumer = await connection.js.add_consumer(STREAM, config)
    page = _Page(left=consumer.num_pending or 0)
    inbox = connection.client.new_inbox()
    subscription = await connection.client.subscribe(inbox, cb=page.take)
    try:
        while page.left:
            page.size, page.rows = min(_FETCH, page.left), []
            page.is_over.clear()
            wanted = {"batch": page.size, "expires": round(connection.request_seconds * _NANOSECONDS)}
            await connection.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer.name}",
                json.dumps(wanted).encode(),
                reply=inbox,
            )
            await asyncio.wait_for(page.is_over.wait(), connection.request_seconds * 2)
            if not page.rows:
                raise asyncio.TimeoutError
            for row in page.rows:
                yield row
            if page.rows[-1][0] >= last:
                return
    finally:
        await subscription.unsubscribe()
