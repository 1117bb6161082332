"""What a watch of a bucket says that the bucket has, against a real server."""

from __future__ import annotations

import asyncio

import nats
import pytest
from nats.js.api import KeyValueConfig
from nats.js.errors import NotFoundError
from support.late_deliveries import LateDeliveries

from signal_client_oci.host.nats.buckets.watch import is_deletion, watch_bucket

BUCKET = "watched"
SECONDS = 5.0


def watched(url, work, history=1):
    """What is done on a connection of its own with a bucket that is new."""

    async def connected():
        client = await nats.connect(url)
        js = client.jetstream()
        bucket = await js.create_key_value(KeyValueConfig(bucket=BUCKET, history=history))
        try:
            return await work(client, bucket)
        finally:
            await js.delete_key_value(BUCKET)
            await client.close()

    return asyncio.run(connected())


async def read_all(client, keys=">", **options):
    """All entries of the bucket, as (key, value) or (key, None) where one was deleted."""
    async with watch_bucket(client, BUCKET, keys, seconds=SECONDS, **options) as watch:
        entries = await watch.read_all(SECONDS)
    return [(one.key, None if one.is_deletion else one.value) for one in entries]


@pytest.mark.parametrize("count", [1, 2, 40])
def test_entries_that_answers_overtake_are_waited_for(nats_server, count):
    """A bucket does not look empty, or shorter, while what it has is on its way."""

    async def put_and_read(client, bucket):
        for number in range(count):
            await bucket.put(f"key.{number}", b"value")
        return await read_all(client)

    with LateDeliveries(nats_server.port) as proxy:
        entries = watched(proxy.url, put_and_read)
    assert sorted(entries) == sorted((f"key.{number}", b"value") for number in range(count))


@pytest.mark.parametrize("history", [1, 5])
def test_everything_that_is_there_is_read_once_and_what_was_deleted_is_said(nats_server, history):
    """The last value of each key that matches, also where a bucket keeps older ones; where none matches, nothing."""

    async def read(client, bucket):
        await bucket.put("one.a", b"old")
        await bucket.put("two.b", b"other")
        await bucket.put("one.c", b"3")
        await bucket.put("one.a", b"new")
        await bucket.delete("one.c")
        return await read_all(client, "one.>"), await read_all(client, "none.>")

    matching, none = watched(nats_server.url, read, history)
    assert sorted(matching) == [("one.a", b"new"), ("one.c", None)]
    assert none == []


def test_keys_alone_come_without_their_values(nats_server):
    """The server sends no value, so that no secret leaves it."""

    async def read(client, bucket):
        await bucket.put("one", b"secret")
        return await read_all(client, keys_only=True)

    assert watched(nats_server.url, read) == [("one", b"")]


def test_changes_come_after_what_was_there(nats_server):
    """Each with its revision, also where the bucket was empty; nothing comes after the watch has ended."""

    async def follow(client, bucket):
        async with watch_bucket(client, BUCKET, seconds=SECONDS) as watch:
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


def test_a_bucket_that_is_not_there_is_no_empty_one(nats_server):
    """The server's refusal is raised."""

    async def missing(client, _):
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
