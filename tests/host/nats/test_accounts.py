"""The accounts of `docs/cluster.md`, as they stand there: they are enough, and no more than enough."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from nats.js.api import StreamConfig
from support.command_lines import call, write_instances
from support.nats_server import NatsServer
from support.node_process import NodeProcess

from signal_client_oci.host.nats.access import ServerAccess
from signal_client_oci.host.nats.observation import onlooker
from signal_client_oci.host.nats.session import NotPermittedError, open_session
from signal_client_oci.sandbox import Sandbox
from signal_client_oci.settings.secrecy import HiddenText

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
NAMED = re.findall(r"\[`(test_\w+\.py)::(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", PAGE)
ACCOUNTS = re.search(r"<!-- accounts:begin -->\n```\n(.*?)```\n<!-- accounts:end -->", PAGE, re.DOTALL)
APPLIANCE = "edge-1"
RECORDS = 5
WAIT_SECONDS = 40.0


def access(server, user):
    """An account of the page."""
    return ServerAccess((server.url,), user, HiddenText(f"{user}-password"))


@pytest.fixture
def server(tmp_path, monkeypatch, capsys):
    """A server with the accounts of the page, on which `cluster init` was run."""
    for user, variable in (("admin", "ADMIN"), ("oci-node", "NODE"), ("oci-status", "STATUS")):
        monkeypatch.setenv(f"NATS_{variable}_PASSWORD", f"{user}-password")
    with NatsServer(tmp_path / "nats", ACCOUNTS[1]) as server:
        become(monkeypatch, "admin")
        ended = call(capsys, "cluster", "init", "--nats", server.url, "--appliance", APPLIANCE)
        assert ended.code == 0, ended
        yield server


def become(monkeypatch, user):
    """Let commands sign in as this user."""
    monkeypatch.setenv("NATS_USER", user)
    monkeypatch.setenv("NATS_PASSWORD", f"{user}-password")


async def wait_for(server, count):
    """Wait until so many artifacts are in the stream."""
    until = time.monotonic() + WAIT_SECONDS
    async with onlooker(access(server, "admin"), APPLIANCE) as watcher:
        while await watcher.stored() < count:
            assert time.monotonic() < until, "the node does not deliver"
            await asyncio.sleep(0.05)


@pytest.mark.slow
def test_a_node_works_with_the_account_of_the_page(server, tmp_path, capsys, monkeypatch):
    """It delivers, also what is larger than a message, takes over after a kill, and the server refuses it nothing."""
    with Sandbox() as sandbox:
        tenancy = sandbox.add_tenancy("acme", ("us-ashburn-1",))
        then = tenancy.clock() - timedelta(minutes=3)
        for _ in range(RECORDS):
            tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid, processed=then)
        tenancy.emit_log_record("us-ashburn-1", tenancy.ocid, time=then, payload={"long": "x" * 1_200_000})
        toml = write_instances(tmp_path, acme=tenancy.settings(cloud_guard_enabled=False))
        toml.write_text(toml.read_text() + "\npoll_interval_minutes = 0.02\n")
        assert call(capsys, "cluster", "apply", toml, "--nats", server.url).code == 0
        become(monkeypatch, "oci-node")
        nodes = ("first", RECORDS + 1), ("second", RECORDS + 2)
        for name, count in nodes:
            log = tmp_path / f"{name}.log"
            with NodeProcess(server.url, name, log, lease_seconds=1.0, appliance=APPLIANCE):
                asyncio.run(wait_for(server, count))
            tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid, processed=then, visible=tenancy.clock())
            assert "violation" not in log.read_text(), log.read_text()
        become(monkeypatch, "oci-status")
        told = call(capsys, "cluster", "status", "--nats", server.url)
    assert "acme" in told.out
    assert "This account may not read the configuration" in told.out


async def wait_for_ever(subscription):
    """Subscribe, and wait for what the server says of it."""
    await subscription
    await asyncio.sleep(WAIT_SECONDS)


FORBIDDEN = {
    "read another bucket": lambda js: js.key_value("SERVERS"),
    "watch another bucket": lambda js: js.add_consumer("KV_SERVERS"),
    "change an instance": lambda js: js.publish("$KV.INTEGRATIONS.oci-cloud.acme", b"{}", timeout=1),
    "delete the stream": lambda js: js.delete_stream("DATA"),
    "empty the stream": lambda js: js.purge_stream("DATA"),
    "delete a message": lambda js: js.delete_msg("DATA", 1),
    "change the stream": lambda js: js.update_stream(StreamConfig(name="DATA", subjects=["x"])),
    "delete the parser's consumer": lambda js: js.delete_consumer("DATA", "parser"),
    "publish as another appliance": lambda js: js.publish("edge-2.data.artifacts.raw", b"{}", timeout=1),
    "make a stream": lambda js: js.add_stream(name="MINE", subjects=["mine"]),
    "listen to everybody": lambda js: wait_for_ever(js._nc.subscribe(">")),
}


@pytest.mark.slow
def test_the_account_of_a_node_can_do_nothing_else(server):
    """Other buckets, the configuration, the stream itself and other subjects are closed to it."""

    async def attempt():
        async with open_session(access(server, "admin"), "test") as admin:
            await admin.js.create_key_value(bucket="SERVERS")
            await admin.js.add_consumer("DATA", durable_name="parser")
        allowed = []
        for what, request in FORBIDDEN.items():
            async with open_session(access(server, "oci-node"), "test") as session:
                try:
                    await session.ask(what, request(session.js))
                except NotPermittedError:
                    continue
                allowed.append(what)
        return allowed

    assert asyncio.run(attempt()) == []


@pytest.mark.parametrize(("file", "test", "path"), NAMED, ids=lambda part: part)
def test_every_test_that_the_page_names_exists(file, test, path):
    """The page names no test that was renamed or removed, and links the file that it is in."""
    assert path.endswith(f"/{file}")
    assert f"\ndef {test}(" in (ROOT / path).read_text(encoding="utf-8")


def test_each_promise_of_the_page_names_a_test():
    """No promise without a test."""
    rows = re.findall(
        r"^\| (.+) \| (.+) \|$", PAGE.partition("## What is promised")[2].partition("## ")[0], re.MULTILINE
    )
    assert len(rows) > 8
    assert all("::test_" in verified for _, verified in rows[1:])
