"""What JetStream answers to each message that was published without waiting for the answer.

The client's own `publish_async` never completes for a message that the stream refuses (nats-py 2.16 raises in the
reply's callback), so a full stream would look like a silent one.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Final, NamedTuple

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from signal_client_oci.host.nats.layout import STREAM

__all__ = ["Acknowledgement", "Acknowledgements"]

_STREAM_FULL: Final = 10077  # JSStreamStoreFailedF: maximum messages or bytes exceeded
_NO_RESPONDERS: Final = "503"


class Acknowledgement(NamedTuple):
    """The answer: the sequence under which a message is stored, or why it is not."""

    sequence: int = 0
    is_repeated: bool = False
    """The stream had a message with this id before."""
    refusal: str = ""


class _Error(msgspec.Struct):
    description: str = "no reason given"
    err_code: int = 0


class _Reply(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)


class Acknowledgements:
    """One subscription for the answers to all messages of a node."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = ""
        self._numbers = itertools.count()
        self._expected: dict[str, asyncio.Future[Acknowledgement]] = {}

    async def open(self) -> None:
        """Subscribe, unless that was done; the client does it again after a reconnect."""
        if not self._prefix:
            prefix = self._client.new_inbox()
            await self._client.subscribe(f"{prefix}.*", cb=self._take)
            self._prefix = prefix

    def expect(self) -> tuple[str, asyncio.Future[Acknowledgement]]:
        """Return the subject for the reply to one message, and the future of its acknowledgement."""
        token = str(next(self._numbers))
        future: asyncio.Future[Acknowledgement] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._expected.pop(token, None))
        self._expected[token] = future
        return f"{self._prefix}.{token}", future

    async def _take(self, message: Msg) -> None:
        future = self._expected.get(message.subject.rpartition(".")[2])
        if future is not None and not future.done():
            future.set_result(_read(message))


def _read(message: Msg) -> Acknowledgement:
    if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
        return Acknowledgement(
            refusal=f"no stream takes the artifacts; check that {STREAM} exists and has the subject"
        )
    try:
        reply = _REPLY.decode(message.data)
    except msgspec.MsgspecError:
        return Acknowledgement(refusal="the server's answer is not an acknowledgement of JetStream")
    if reply.error is None:
        return Acknowledgement(reply.seq, reply.duplicate)
    if reply.error.err_code == _STREAM_FULL:
        what = f"is full ({reply.error.description}); make room in it or raise its limits"
    else:
        what = f"refused an artifact: {reply.error.description}"
    return Acknowledgement(refusal=f"the stream {STREAM} {what}")
