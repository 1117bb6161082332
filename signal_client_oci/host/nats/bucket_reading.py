"""Reading a bucket for a command: everything that is in it now, once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone

from nats.js.errors import BucketNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.host.nats.access import ClusterError
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
        raise ClusterError(
            f"{session.access.shown}: there is no bucket {name}; make it: signal-client-oci cluster init"
        ) from None


async def read_bucket(
    session: CommandSession, bucket: KeyValue, keys: str = ">", *, keys_only: bool = False
) -> dict[str, BucketEntry]:
    """Return the entries whose keys match (`*` and `>` as in subjects) by key, sorted.

    With `keys_only` the server sends no values, so that no secret leaves it.
    """
    return dict(
        sorted((await session.ask("reading a bucket", _read(bucket, keys, keys_only=keys_only))).items())
    )


async def server_time(session: CommandSession, bucket: str) -> datetime:
    """Return the time by the server's clock; a server before 2.10 does not tell, and this machine's is returned."""
    request = session.client.request(f"$JS.API.STREAM.INFO.KV_{bucket}", timeout=ANSWER_SECONDS)
    told = json.loads((await session.ask("asking for the time", request)).data).get("ts", "")
    return utc_moment(told) or datetime.now(timezone.utc)


async def _read(bucket: KeyValue, keys: str, *, keys_only: bool) -> dict[str, BucketEntry]:
    watcher = await bucket.watch(keys, ignore_deletes=True, meta_only=keys_only)
    found: dict[str, BucketEntry] = {}
    try:
        async for entry in watcher:
            if entry is None:  # everything that was there has come
                break
            created = entry.created or datetime.now(timezone.utc)
            found[str(entry.key)] = BucketEntry(entry.value or b"", entry.revision or 0, created)
    finally:
        await watcher.stop()  # type: ignore[no-untyped-call]
    return found
