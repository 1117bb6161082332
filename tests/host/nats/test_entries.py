"""Writing the configuration of a cluster, against a real server."""

from __future__ import annotations

import asyncio
import json

import pytest
from nats.js.errors import KeyNotFoundError
from support.nats_server import NatsServer

from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats import entries
from signal_client_oci.host.nats.access import ClusterError, ServerAccess
from signal_client_oci.host.nats.buckets.reading import read_bucket
from signal_client_oci.host.nats.entries import EntryChange, apply_entries
from signal_client_oci.host.nats.layout import INTEGRATIONS, integration_key
from signal_client_oci.host.nats.session import open_session

SECRET = "-----BEGIN PRIVATE KEY----- of nobody"


@pytest.fixture
def server(tmp_path):
    """A server with JetStream and nothing in it."""
    with NatsServer(tmp_path / "nats") as server:
        yield server


def run(server, work):
    """Do some work with a session and the empty bucket of the configuration."""

    async def connected():
        async with open_session(ServerAccess((server.url,)), "test") as session:
            bucket = await session.js.create_key_value(bucket=INTEGRATIONS)
            return await work(session, bucket)

    return asyncio.run(connected())


def instance(name="prod", **settings):
    """An instance with a key."""
    return Instance(name, {"region": "us-ashburn-1", "private_key": SECRET, **settings})


@pytest.mark.parametrize("name", ["prod", "Prod EU", "a.b", "nord/süd", "*", "x>"])
@pytest.mark.slow
def test_every_name_of_a_file_is_an_entry_that_is_found_again(server, name):
    """Names that are no token of a key are encoded; the second call finds the entry unchanged."""

    async def twice(session, _):
        first = await apply_entries(session, [instance(name)])
        second = await apply_entries(session, [instance(name)])
        keys = list(await read_bucket(session, INTEGRATIONS))
        removed = await apply_entries(session, [], remove=[name])
        assert await read_bucket(session, INTEGRATIONS) == {}
        return [*first.changes, *second.changes, *removed.changes], keys

    changes, keys = run(server, twice)
    assert changes == [EntryChange(name, action) for action in ("added", "unchanged", "removed")]
    assert keys == [integration_key(name)]


@pytest.mark.slow
def test_an_entry_under_a_key_of_the_hosts_own_is_changed_and_removed_there(server):
    """A name with a dot that the host wrote as it is gets no second entry."""
    key, theirs = "oci-cloud.prod.eu", json.dumps({"enabled": True}).encode()

    async def change(session, bucket):
        await bucket.put(key, theirs)
        changed = await apply_entries(session, [instance("prod.eu")])
        keys = list(await read_bucket(session, INTEGRATIONS))
        removed = await apply_entries(session, [], remove=["prod.eu"])
        return [one.action for one in (*changed.changes, *removed.changes)], keys

    assert run(server, change) == (["changed", "removed"], [key])


def test_a_dry_run_compares_and_writes_nothing(server):
    """It says what would be done."""

    async def dry(session, bucket):
        applied = await apply_entries(session, [instance()], dry_run=True)
        with pytest.raises(KeyNotFoundError):
            await bucket.get(integration_key("prod"))
        return applied

    assert run(server, dry).changes == (EntryChange("prod", "added"),)


def frames(error):
    """What a crash reporter shows: the local variables of every frame of an exception, by their repr."""
    shown, traceback = [], error.__traceback__
    while traceback is not None:
        here = (
            traceback.tb_frame.f_locals
            if "/signal_client_oci/" in traceback.tb_frame.f_code.co_filename
            else {}
        )
        shown += [repr(value) for value in here.values()]
        traceback = traceback.tb_next
    return shown


def test_an_entry_that_somebody_else_changes_meanwhile_is_not_overwritten(server, monkeypatch):
    """The write is by compare-and-set; the error names the instance and the way out, and no frame shows a key."""
    theirs = json.dumps({"enabled": True, "credentials": {"private_key": SECRET, "region": "mars"}}).encode()

    async def read_then_changed(session, name, *arguments):
        found = await read_bucket(session, name, *arguments)
        bucket = await session.js.key_value(name)
        await bucket.put(integration_key("prod"), theirs)
        return found

    async def race(session, bucket):
        await apply_entries(session, [instance()])
        monkeypatch.setattr(entries, "read_bucket", read_then_changed)
        with pytest.raises(
            ClusterError, match="'prod' was changed by somebody else meanwhile; run"
        ) as caught:
            await apply_entries(session, [instance(region="eu-frankfurt-1")])
        return caught.value, (await bucket.get(integration_key("prod"))).value

    error, stored = run(server, race)
    assert stored == theirs
    shown = frames(error)
    assert len(shown) > 10
    assert not [one for one in shown if SECRET in one]
