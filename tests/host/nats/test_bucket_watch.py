"""What a watch of a bucket says that the bucket has, against a real server."""

from __future__ import annotations

import asyncio
import itertools

import nats
import pytest
from nats.aio.msg import Msg
from nats.js.api import KeyValueConfig, StreamState
from nats.js.errors import NotFoundError
from support.clock import Ticks
from support.late_deliveries import LateDeliveries

from signal_client_oci.host.nats.buckets.watch import BucketWatch, is_deletion, watch_bucket

NUMBERS = itertools.count()
SECONDS = 5.0
EARLY_SECONDS = 0.05
READINGS = 200


def watched(url, work, history=1):
    """What is done on a connection of its own with a bucket that is new."""

    async def connected():
        client = await nats.connect(url)
        name = f"watched-{next(NUMBERS)}"
        bucket = await client.jetstream().create_key_value(KeyValueConfig(bucket=name, history=history))
        try:
            return await work(client, bucket, name)
        finally:
            await client.close()

    return asyncio.run(connected())


async def read_all(client, name, keys=">", **options):
    """All entries of the bucket, as (key, value) or (key, None) where one was deleted."""
    async with watch_bucket(client, name, keys, seconds=SECONDS, **options) as watch:
        entries = await watch.read_all(SECONDS)
    return [(one.key, None if one.is_deletion else one.value) for one in entries]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_entries_that_answers_overtake_are_waited_for(nats_server, count):
    """A bucket does not look empty, or shorter, while what it has is on its way."""

    async def put_and_read(client, bucket, name):
        for number in range(count):
            await bucket.put(f"key.{number}", b"value")
        return await read_all(client, name)

    with LateDeliveries(nats_server.port) as proxy:
        entries = watched(proxy.url, put_and_read)
    assert sorted(entries) == sorted((f"key.{number}", b"value") for number in range(count))


def test_a_key_that_is_overwritten_all_the_time_is_never_missed(nats_server):
    """Also in the moment in which its old value has gone and the new one is not counted yet."""

    async def write(bucket):
        await asyncio.gather(bucket.put("one", b"1"), bucket.put("two", b"2"))

    async def overwrite(bucket):
        while True:
            await write(bucket)

    async def read(client, bucket, name):
        await write(bucket)
        writer = await nats.connect(nats_server.url)
        theirs = await writer.jetstream().key_value(name)
        overwriting = [asyncio.ensure_future(overwrite(theirs)) for _ in range(2)]
        try:
            return [{key for key, _ in await read_all(client, name)} for _ in range(READINGS)]
        finally:
            for one in overwriting:
                one.cancel()
            await asyncio.gather(*overwriting, return_exceptions=True)
            await writer.close()

    assert watched(nats_server.url, read) == [{"one", "two"}] * READINGS


@pytest.mark.parametrize("history", [1, 5])
def test_everything_that_is_there_is_read_once_and_what_was_deleted_is_said(nats_server, history):
    """The last value of each key that matches, also where a bucket keeps older ones; where none matches, nothing."""

    async def read(client, bucket, name):
        await bucket.put("one.a", b"old")
        await bucket.put("two.b", b"other")
        await bucket.put("one.c", b"3")
        await bucket.put("one.a", b"new")
        await bucket.delete("one.c")
        return await read_all(client, name, "one.>"), await read_all(client, name, "none.>")

    matching, none = watched(nats_server.url, read, history)
    assert sorted(matching) == [("one.a", b"new"), ("one.c", None)]
    assert none == []


def test_a_delivery_that_is_lost_is_sent_again(nats_server):
    """The client notices the gap, and the reading is whole."""

    async def put_and_read(client, bucket, name):
        for key in ("one", "two", "three"):
            await bucket.put(key, b"value")
        return {key for key, _ in await read_all(client, name)}

    with LateDeliveries(nats_server.port, lost={2}) as proxy:
        assert watched(proxy.url, put_and_read) == {"one", "two", "three"}


@pytest.mark.parametrize("purged", [True, False])
def test_only_what_is_gone_meanwhile_is_not_waited_for(nats_server, purged, monkeypatch):
    """Where an entry does not come in time, its key is asked for again; if it is still there, that is an error."""
    keys, answers = BucketWatch._keys, []

    async def keys_before_a_purge(watch):
        answers.append(await keys(watch))
        if purged:
            await watch._js.purge_stream(watch._stream)
        return set(answers[-1])

    async def read(client, bucket, name):
        await bucket.put("one", b"1")
        async with watch_bucket(client, name, seconds=SECONDS) as watch:
            if purged:
                return await watch.read_all(EARLY_SECONDS)
            with pytest.raises(nats.errors.TimeoutError):
                await watch.read_all(EARLY_SECONDS)
            return "raised"

    monkeypatch.setattr(BucketWatch, "_keys", keys_before_a_purge)
    with LateDeliveries(nats_server.port) as proxy:
        assert watched(proxy.url, read) == ([] if purged else "raised")
    assert answers == [{"one"}, set() if purged else {"one"}]


class Paced:
    """In place of a subscription and of JetStream: a bucket of two keys, and entries that come a second apart."""

    def __init__(self, entries):
        self.state = StreamState(0, 0, 0, 0, 1, subjects={"$KV.b.busy": 1, "$KV.b.one": 1})
        self._entries = iter(entries)
        self._clock = Ticks()

    async def stream_info(self, *_, **__):
        """What is in the bucket."""
        return self

    async def next_msg(self, timeout):
        """The next entry, if it comes in time."""
        if timeout < 1:
            raise nats.errors.TimeoutError
        self._clock.advance(1)
        reply = "$JS.ACK.KV_b.c.1.7.7.1000000000.0"
        return Msg(None, subject=f"$KV.b.{next(self._entries)}", reply=reply, data=b"x")

    async def read_all(self, seconds):
        """The keys that a watch reads by this clock."""
        asyncio.get_running_loop().time = self._clock
        return [one.key for one in await BucketWatch(self, self, "b", ">").read_all(seconds)]


def test_each_key_has_its_time():
    """A bucket that takes longer as a whole is read."""
    assert asyncio.run(Paced(["busy", "busy", "one"]).read_all(2.5)) == ["busy", "busy", "one"]


def test_entries_of_other_keys_do_not_make_the_wait_longer():
    """A key that never comes is an error after its time, not a reading without end."""
    with pytest.raises(nats.errors.TimeoutError):
        asyncio.run(Paced(itertools.repeat("busy")).read_all(2.5))


def test_keys_alone_come_without_their_values(nats_server):
    """The server sends no value, so that no secret leaves it."""

    async def read(client, bucket, name):
        await bucket.put("one", b"secret")
        return await read_all(client, name, keys_only=True)

    assert watched(nats_server.url, read) == [("one", b"")]


def test_changes_come_after_what_was_there(nats_server):
    """Each with its revision, also where the bucket was empty."""

    async def follow(client, bucket, name):
        async with watch_bucket(client, name, seconds=SECONDS) as watch:
            assert await watch.read_all(SECONDS) == []
            revisions = [await bucket.put("one", b"1"), await bucket.put("one", b"2")]
            await bucket.delete("one")
            changes = [await watch.next(SECONDS) for _ in range(3)]
            with pytest.raises(nats.errors.TimeoutError):
                await watch.next(0.05)
        return revisions, changes

    revisions, changes = watched(nats_server.url, follow)
    assert [one.revision for one in changes[:2]] == revisions
    assert [one.is_deletion for one in changes] == [False, False, True]
    assert "1" not in repr(changes[0]).removesuffix(f" at {changes[0].revision}>")


def test_a_watch_that_has_ended_leaves_nothing(nats_server):
    """Neither a subscription nor a task, also where its body raised."""

    async def fail(client, name):
        async with watch_bucket(client, name, seconds=SECONDS) as watch:
            assert await watch.read_all(SECONDS) == []
            raise ZeroDivisionError

    async def watch_and_fail(client, _, name):
        before = set(client._subs), asyncio.all_tasks()
        with pytest.raises(ZeroDivisionError):
            await fail(client, name)
        await asyncio.sleep(0)  # its tasks take their cancellation
        return before, (set(client._subs), asyncio.all_tasks())

    before, after = watched(nats_server.url, watch_and_fail)
    assert after == before


def test_a_bucket_that_is_not_there_is_no_empty_one(nats_server):
    """The server's refusal is raised."""

    async def missing(client, *_):
        with pytest.raises(NotFoundError):
            async with watch_bucket(client, "nowhere", seconds=SECONDS):
                raise AssertionError("there is nothing to watch")
        return "refused"

    assert watched(nats_server.url, missing) == "refused"


@pytest.mark.parametrize(
    ("headers", "deleted"),
    [
        (None, False),
        ({"Nats-Msg-Id": "1"}, False),
        ({"KV-Operation": "DEL"}, True),
        ({"KV-Operation": "PURGE"}, True),
        ({"Nats-Marker-Reason": "MaxAge"}, True),
    ],
)
def test_a_deletion_is_known_by_its_header(headers, deleted):
    """Of a client, or of a server where an entry has expired."""
    assert is_deletion(headers) is deleted
