"""What a command says of a request that the server refused, also where nobody looked at the answer."""

from __future__ import annotations

import asyncio

import pytest
from nats.js.api import KeyValueConfig, StreamConfig
from nats.js.errors import ServiceUnavailableError
from support.nats_server import NatsServer

from signal_client_oci.host.nats.access import ClusterError, ServerAccess
from signal_client_oci.host.nats.session import open_session
from signal_client_oci.settings.secrecy import HiddenText

WITHOUT_JETSTREAM = "accounts { plain { users: [{ user: u, password: p }] } }"


def refusal(access, request):
    """What the command says."""

    async def connected():
        async with open_session(access, "test") as session:
            await request(session)

    with pytest.raises(ClusterError) as caught:
        asyncio.run(connected())
    return str(caught.value)


@pytest.mark.parametrize("asked", [True, False])
def test_an_account_without_jetstream_is_told_with_the_way_out(tmp_path, asked):
    """Nothing answers there, and the client's error has neither words nor a code."""

    async def make(session):
        request = session.js.add_stream(name="s", subjects=["s"])
        await (session.ask("making the stream s", request) if asked else request)

    with NatsServer(tmp_path / "nats", WITHOUT_JETSTREAM) as server:
        said = refusal(ServerAccess((server.url,), "u", HiddenText("p")), make)
    assert "JetStream is not enabled; start the server with --jetstream" in said
    assert "None" not in said


@pytest.mark.parametrize("asked", [True, False])
def test_a_full_bucket_is_told_as_that(nats_server, asked):
    """The server answers 503 to more than a missing JetStream."""

    async def fill(session):
        bucket = await session.js.create_key_value(KeyValueConfig(bucket=f"full-{asked}", max_bytes=300))
        request = bucket.put("one", b"x" * 1000)
        await (session.ask("writing the instance 'one'", request) if asked else request)

    said = refusal(ServerAccess((nats_server.url,)), fill)
    assert "maximum bytes exceeded (code 10077); raise max_bytes or max_msgs of the bucket or stream" in said


def test_a_cluster_without_a_leader_is_told_as_that(nats_server):
    """Waiting helps there, and starting JetStream does not."""

    async def ask(_):
        raise ServiceUnavailableError(
            code=503, err_code=10008, description="JetStream system temporarily unavailable"
        )

    assert "JetStream has no leader; wait until most servers" in refusal(
        ServerAccess((nats_server.url,)), ask
    )


def test_a_refusal_that_nobody_looked_at_is_told_in_the_servers_words(nats_server):
    """With its code, and what to do."""

    async def make(session):
        await session.js.add_stream(StreamConfig("s", subjects=["s"], num_replicas=3))

    said = refusal(ServerAccess((nats_server.url,)), make)
    assert said.startswith(
        f"{nats_server.url}: replicas > 1 not supported in non-clustered mode (code 10074); "
    )
    assert "leave --replicas out" in said
