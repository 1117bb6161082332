"""A bucket's entries in memory, kept up by a watch.

A watch may stop without an error when a server dies, so it is made anew whenever the connection comes back, and once
a minute, which reads everything again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import nats.errors

from signal_client_oci.host.nats.buckets.bucket import Bucket
from signal_client_oci.host.nats.buckets.watch import BucketWatch, WatchedEntry, watch_bucket
from signal_client_oci.host.nats.connection import TRANSIENT, explain

__all__ = ["BucketMirror", "Observed"]

_log = logging.getLogger(__name__)
_READ_AGAIN_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 5.0


class Observed(NamedTuple):
    """An entry as this process saw it."""

    revision: int
    value: bytes
    since: float
    """When this revision was first seen, by this process's monotonic clock, counting only time while connected."""


class BucketMirror:
    """The entries of a bucket; `on_change` is called in the event loop whenever a value has changed."""

    def __init__(
        self,
        bucket: Bucket,
        on_change: Callable[[], None],
        *,
        monotonic: Callable[[], float],
        keys: str = ">",
    ) -> None:
        self.is_current = False
        """Whether everything was read since the connection was last lost."""
        self._bucket = bucket
        self._keys = keys
        self._on_change = on_change
        self._monotonic = monotonic
        self._entries: dict[str, Observed] = {}
        self._renew = asyncio.Event()
        self._was_lost = False
        bucket.connection.on_change(self._connection_changed)

    @property
    def entries(self) -> Mapping[str, Observed]:
        """The entries by key, as they are now."""
        return self._entries

    def read_again(self) -> None:
        """Make the watch anew: what it says was found to be outdated."""
        self._renew.set()

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            self._renew.clear()
            try:
                await self._follow()
                pause = _FIRST_PAUSE_SECONDS
            except TRANSIENT as error:
                if self._bucket.connection.is_connected:
                    _log.warning("watching %s failed: %s", self._bucket.name, explain(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _connection_changed(self, is_connected: bool) -> None:  # noqa: FBT001  (the listener's only argument)
        if is_connected:
            self._renew.set()
        else:
            self.is_current = False
            self._was_lost = True

    async def _follow(self) -> None:
        """Watch until it is time to make the watch anew."""
        connection = self._bucket.connection
        async with watch_bucket(
            connection.client, self._bucket.name, self._keys, seconds=connection.request_seconds
        ) as watch:
            await self._take_all(watch)
            until = self._monotonic() + _READ_AGAIN_SECONDS
            while not self._renew.is_set() and (left := until - self._monotonic()) > 0:
                entry = await self._next(watch, left)
                if entry is not None and self._take(entry):
                    self._on_change()

    async def _take_all(self, watch: BucketWatch) -> None:
        """Read everything there is; what is not there any more goes."""
        if self._was_lost:
            self._was_lost = False
            now = self._monotonic()
            self._entries = {key: one._replace(since=now) for key, one in self._entries.items()}
        entries = await watch.read_all(self._bucket.connection.request_seconds)
        for entry in entries:
            self._take(entry)
        for key in self._entries.keys() - {one.key for one in entries}:
            del self._entries[key]
        if not self._was_lost:
            self.is_current = True
        self._on_change()

    async def _next(self, watch: BucketWatch, seconds: float) -> WatchedEntry | None:
        """Return the next entry, or None when the watch is to be made anew."""
        update = asyncio.ensure_future(watch.next(seconds))
        renew = asyncio.ensure_future(self._renew.wait())
        try:
            await asyncio.wait({update, renew}, return_when=asyncio.FIRST_COMPLETED)
            return update.result() if update.done() else None
        except nats.errors.TimeoutError:
            return None
        finally:
            update.cancel()
            renew.cancel()
            await asyncio.gather(update, renew, return_exceptions=True)

    def _take(self, entry: WatchedEntry) -> bool:
        """Keep an entry; return whether its value is news: a lease that is renewed has the same."""
        kept = self._entries.get(entry.key)
        if entry.is_deletion:
            return self._entries.pop(entry.key, None) is not None
        if kept is None or kept.revision != entry.revision:
            self._entries[entry.key] = Observed(entry.revision, entry.value, self._monotonic())
        return kept is None or kept.value != entry.value
