"""The connection of a node when a server stands still: what was not sent is dropped, and nothing waits for it."""

from __future__ import annotations

import asyncio

import nats
import pytest
from support.cluster_world import until
from support.nats_server import NatsServer

from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.connection import TRANSIENT, Connection, connect

SUBJECT = "x"
MESSAGES = 40
LARGE = b"-" * 900_000
"""Forty of these are more than the sockets of both sides take."""
CLOSED_SECONDS = 3.0


async def _publish_what_nobody_reads(connection: Connection) -> None:
    for _ in range(MESSAGES):
        try:
            await connection.client.publish(SUBJECT, LARGE)
        except TRANSIENT:
            return
    assert connection.client.pending_data_size > len(LARGE), "everything was sent"


# the NATS client leaves the socket of an attempt that failed to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_server_that_stands_still_did_not_read_is_neither_waited_for_nor_sent_later(tmp_path):
    """The node connects to the next server, which gets nothing of it; closing does not wait for it either."""
    with NatsServer(tmp_path / "one") as one, NatsServer(tmp_path / "two") as two:
        servers = {one.port: one, two.port: two}

        async def run() -> None:
            access = ServerAccess(tuple(server.url for server in servers.values()))
            connection = await connect(access, "test", request_seconds=0.5, ping_seconds=0.5)
            stuck = servers.pop(connection.client.connected_url.port)
            (other,) = servers.values()
            onlooker = await nats.connect(other.url)
            seen = await onlooker.subscribe(SUBJECT)
            await onlooker.flush()
            try:
                stuck.pause()
                await _publish_what_nobody_reads(connection)
                await until(lambda: _is_at(connection, other), 15)
                await connection.client.publish(SUBJECT, b"news")
                assert (await seen.next_msg(5)).data == b"news"
                other.pause()
                await _publish_what_nobody_reads(connection)
                await asyncio.wait_for(connection.close(), CLOSED_SECONDS)
            finally:
                stuck.resume()
                other.resume()
                await onlooker.close()

        asyncio.run(run())


async def _is_at(connection: Connection, server: NatsServer) -> bool:
    return connection.is_connected and connection.client.connected_url.port == server.port
