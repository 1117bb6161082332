"""A bucket's entries in memory, also after the server has died."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import nats.errors
import pytest
from nats.errors import OutboundBufferLimitError
from support.clock import Ticks
from support.cluster_world import until
from support.nats_server import NatsServer

from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.buckets import mirror as bucket_mirror
from signal_client_oci.host.nats.buckets.bucket import Bucket, open_bucket
from signal_client_oci.host.nats.buckets.mirror import BucketMirror, Observed
from signal_client_oci.host.nats.buckets.watch import BucketWatch, WatchedEntry, watch_bucket
from signal_client_oci.host.nats.connection import connect
from signal_client_oci.host.nats.layout import LEASES
from signal_client_oci.host.nats.resources import StreamLimits, needed_resources

SECONDS = 10.0


async def _leases(server: NatsServer) -> Bucket:
    """Make what a cluster needs, and open the bucket of the leases on a connection of its own."""
    connection = await connect(ServerAccess((server.url,)), "test", request_seconds=2.0, ping_seconds=0.5)
    for resource in needed_resources("edge", 1, StreamLimits()):
        await connection.js.add_stream(resource.config)
    return await open_bucket(connection, LEASES)


async def _mirror_over_a_death(server: NatsServer) -> None:
    bucket = await _leases(server)
    await bucket.put("old", b"1")
    await bucket.put("gone", b"1")
    ticks = Ticks()
    mirror = BucketMirror(bucket, lambda: None, monotonic=ticks)
    running = asyncio.ensure_future(mirror.run())

    async def shown(**wanted: bytes) -> bool:
        return mirror.is_current and {key: one.value for key, one in mirror.entries.items()} == wanted

    try:
        await until(lambda: shown(old=b"1", gone=b"1"), SECONDS)
        ticks.advance(5)
        await bucket.put("old", b"2")
        await bucket.delete("gone")
        await until(lambda: shown(old=b"2"), SECONDS)
        assert mirror.entries["old"].since == ticks()
        ticks.advance(100)
        await asyncio.to_thread(server.kill)
        await until(lambda: _is(not mirror.is_current), SECONDS)
        with pytest.raises(OutboundBufferLimitError):
            await bucket.put("queued", b"never stored")
        await asyncio.to_thread(server.start)
        await until(lambda: _is(mirror.is_current), SECONDS)
        assert mirror.entries["old"].since == ticks(), "time without a connection was counted"
        await bucket.put("new", b"3")
        await until(lambda: shown(old=b"2", new=b"3"), SECONDS)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bucket.connection.close()


async def _mirror_over_a_failed_watch(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the first watch fail because no answer comes in time; return the watches."""
    bucket = await _leases(server)
    await bucket.put("there", b"1")
    watches = 0

    def late_once(*arguments: Any, **named: Any) -> Any:
        nonlocal watches
        watches += 1
        if watches == 1:
            raise nats.errors.TimeoutError
        return watch_bucket(*arguments, **named)

    monkeypatch.setattr(bucket_mirror, "watch_bucket", late_once)
    mirror = BucketMirror(bucket, lambda: None, monotonic=Ticks())
    running = asyncio.ensure_future(mirror.run())
    try:
        await until(lambda: _is(mirror.is_current and "there" in mirror.entries), SECONDS)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bucket.connection.close()
    return watches


async def _mirror_over_a_purge(server: NatsServer) -> dict[str, Observed]:
    """Remove an entry so that no deletion tells of it; return what the mirror has when it has read again."""
    bucket = await _leases(server)
    await bucket.put("gone", b"1")
    changes: list[int] = []
    mirror = BucketMirror(bucket, lambda: changes.append(len(mirror.entries)), monotonic=Ticks())
    running = asyncio.ensure_future(mirror.run())
    try:
        await until(lambda: _is(changes), SECONDS)
        await bucket.connection.js.purge_stream(f"KV_{LEASES}")
        await bucket.put("new", b"1")
        seen = len(changes)
        mirror.read_again()
        await until(lambda: _is(len(changes) > seen and changes[-1] == 1), SECONDS)
        return dict(mirror.entries)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bucket.connection.close()


async def _mirror_over_a_loss_while_it_reads(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[bool, bool]:
    """Lose the connection while everything is read; return whether the mirror is current then, and when it is back."""
    bucket = await _leases(server)
    read_all, readings = BucketWatch.read_all, 0

    async def read_and_lose(watch: BucketWatch, seconds: float) -> list[WatchedEntry]:
        nonlocal readings
        entries = await read_all(watch, seconds)
        if not readings:
            await bucket.connection.disconnected()
        readings += 1
        return entries

    monkeypatch.setattr(BucketWatch, "read_all", read_and_lose)
    changed = asyncio.Event()
    mirror = BucketMirror(bucket, changed.set, monotonic=Ticks())
    running = asyncio.ensure_future(mirror.run())
    try:
        await asyncio.wait_for(changed.wait(), SECONDS)
        was_current = mirror.is_current
        await bucket.connection.reconnected()
        await until(lambda: _is(mirror.is_current), SECONDS)
        return was_current, mirror.is_current
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bucket.connection.close()


async def _mirror_ends_with_its_connection(server: NatsServer) -> list[dict[str, Any]]:
    """End a mirror and close its connection at once; return what the event loop complains of."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    bucket = await _leases(server)
    mirror = BucketMirror(bucket, lambda: None, monotonic=Ticks())
    running = asyncio.ensure_future(mirror.run())
    await until(lambda: _is(mirror.is_current), SECONDS)
    running.cancel()
    await bucket.connection.close()
    await asyncio.gather(running, return_exceptions=True)
    del running
    gc.collect()
    return complaints


async def _is(value: object) -> object:
    return value


@pytest.mark.slow
def test_changes_arrive_also_after_the_server_has_died(tmp_path):
    """Within ten seconds, without the time that had no connection; what was put meanwhile was refused, not queued."""
    with NatsServer(tmp_path / "nats") as server:
        asyncio.run(_mirror_over_a_death(server))


@pytest.mark.slow
def test_a_watch_whose_answer_came_too_late_is_made_anew(tmp_path, monkeypatch):
    """The node goes on with the next watch instead of ending."""
    with NatsServer(tmp_path / "nats") as server:
        assert asyncio.run(_mirror_over_a_failed_watch(server, monkeypatch)) == 2


def test_a_mirror_that_ends_with_its_connection_leaves_no_error_that_nobody_took(tmp_path):
    """What it waited for is over when it is, so that a node that ends logs no traceback."""
    with NatsServer(tmp_path / "nats") as server:
        assert asyncio.run(_mirror_ends_with_its_connection(server)) == []


def test_what_went_without_a_word_is_gone_after_the_next_reading(tmp_path):
    """An entry that was purged leaves no deletion behind."""
    with NatsServer(tmp_path / "nats") as server:
        assert list(asyncio.run(_mirror_over_a_purge(server))) == ["new"]


def test_what_was_read_while_the_connection_was_lost_does_not_count_as_current(tmp_path, monkeypatch):
    """Whoever decides by it waits until everything was read on the connection that is back."""
    with NatsServer(tmp_path / "nats") as server:
        assert asyncio.run(_mirror_over_a_loss_while_it_reads(server, monkeypatch)) == (False, True)
