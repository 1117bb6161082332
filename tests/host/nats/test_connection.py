"""The connection of a node when a server stands still: what was not sent is dropped, and nothing waits for it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import nats
import pytest
from support.certificates import certificates
from support.cluster_world import until
from support.loopback_servers import certificate
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
@pytest.mark.slow
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_a_connection_closes_although_the_server_is_not_trusted_any_more(tmp_path):
    """The server comes back with a certificate of nobody: the node, told to end, does not wait for the handshakes."""
    (tmp_path / "trusted.pem").write_text(certificates().server)
    (tmp_path / "ca.pem").write_text(certificates().authority)
    trusted, other = (_tls(file) for file in (tmp_path / "trusted.pem", certificate(tmp_path, "127.0.0.1")))

    async def run(server: NatsServer) -> None:
        access = ServerAccess((server.url,), tls_ca=tmp_path / "ca.pem")
        connection = await connect(access, "test", request_seconds=0.5, ping_seconds=0.5)
        server.kill()
        server.config = other
        server.start()
        await until(lambda: _has_failed(connection), 15)
        await asyncio.wait_for(connection.close(), CLOSED_SECONDS)

    with NatsServer(tmp_path / "nats", trusted) as server:
        asyncio.run(run(server))


def _tls(file: Path) -> str:
    return f"tls {{ cert_file: '{file}', key_file: '{file}' }}"


async def _has_failed(connection: Connection) -> bool:
    return isinstance(connection.last_error, ssl.SSLError)


async def _is_at(connection: Connection, server: NatsServer) -> bool:
    return connection.is_connected and connection.client.connected_url.port == server.port
