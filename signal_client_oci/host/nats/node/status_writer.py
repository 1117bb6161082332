"""Writes statuses in the background: the last one of each key, again until it is stored."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec

from signal_client_oci.host.nats.buckets.bucket import Bucket
from signal_client_oci.host.nats.connection import TRANSIENT, explain
from signal_client_oci.host.nats.layout import to_value

__all__ = ["StatusWriter"]

_log = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 0.5


class StatusWriter:
    """What this node has to say under its keys of `OCI_STATUS`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._unsaid: dict[str, bytes | None] = {}
        self._news = asyncio.Event()
        self._problem = ""

    def tell(self, key: str, status: msgspec.Struct) -> None:
        """Write a status as soon as possible; a later one for the key takes its place."""
        self._say(key, to_value(status))

    def forget(self, key: str) -> None:
        """Delete a key as soon as possible."""
        self._say(key, None)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._news.wait()
            await self.flush()
            if self._unsaid:
                await asyncio.sleep(_RETRY_SECONDS)

    async def flush(self) -> None:
        """Write what there is to say; what cannot be written is kept."""
        self._news.clear()
        unsaid, self._unsaid = self._unsaid, {}
        for key, value in unsaid.items():
            try:
                if value is None:
                    await self._bucket.delete(key)
                else:
                    await self._bucket.put(key, value)
            except TRANSIENT as error:
                self._unsaid.setdefault(key, value)
                self._news.set()
                self._tell(explain(error))
        if not self._unsaid:
            self._problem = ""

    def _tell(self, problem: str) -> None:
        if problem != self._problem and self._bucket.connection.is_connected:
            self._problem = problem
            _log.warning("%s cannot be written, so its statuses are outdated: %s", self._bucket.name, problem)

    def _say(self, key: str, value: bytes | None) -> None:
        self._unsaid[key] = value
        self._news.set()
