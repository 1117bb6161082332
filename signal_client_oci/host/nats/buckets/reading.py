"""Reading a bucket for a command: everything that is in it now, once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone

from nats.aio.client import Client
from nats.js.errors import BucketNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.buckets.watch import watch_bucket
from signal_client_oci.host.nats.layout import bucket_stream
from signal_client_oci.host.nats.session import ANSWER_SECONDS, CommandSession

__all__ = ["BucketEntry", "existing_bucket", "read_bucket", "server_time"]


@dataclass(frozen=True)
class BucketEntry:
    """One entry: its value, which may hold a secret, and the revision that compare-and-set takes."""

    value: bytes = field(repr=False)
    revision: int
    created: datetime
    """When it was written, by the server's clock."""


async def existing_bucket(session: CommandSession, name: str) -> KeyValue:
    """Return a bucket; raises `ClusterError`."""
    try:
        return await session.ask(f"opening the bucket {name}", session.js.key_value(name))
    except (BucketNotFoundError, NotFoundError):
        raise _no_bucket(session, name) from None


async def read_bucket(
    session: CommandSession, bucket: str, keys: str = ">", *, keys_only: bool = False
) -> dict[str, BucketEntry]:
    """Return the entries whose keys match (`*` and `>` as in subjects) by key, sorted.

    With `keys_only` the server sends no values, so that no secret leaves it. Raises `ClusterError`.
    """
    reading = _read(session.client, bucket, keys, keys_only=keys_only)
    try:
        return dict(sorted((await session.ask(f"reading the bucket {bucket}", reading)).items()))
    except NotFoundError:
        raise _no_bucket(session, bucket) from None


async def server_time(session: CommandSession, bucket: str) -> datetime:
    """Return the time by the server's clock; a server before 2.10 does not tell, and this machine's is returned."""
    request = session.client.request(f"$JS.API.STREAM.INFO.{bucket_stream(bucket)}", timeout=ANSWER_SECONDS)
    told = json.loads((await session.ask("asking for the time", request)).data).get("ts", "")
    return utc_moment(told) or datetime.now(timezone.utc)


async def _read(client: Client, bucket: str, keys: str, *, keys_only: bool) -> dict[str, BucketEntry]:
    async with watch_bucket(client, bucket, keys, seconds=ANSWER_SECONDS, keys_only=keys_only) as watch:
        entries = {one.key: one for one in await watch.read_all(ANSWER_SECONDS)}
    return {
        key: BucketEntry(one.value, one.revision, one.created)
        for key, one in entries.items()
        if not one.is_deletion
    }


def _no_bucket(session: CommandSession, name: str) -> ClusterError:
    return ClusterError(
        f"{session.access.shown}: there is no bucket {name}; make it: signal-client-oci cluster init"
    )
