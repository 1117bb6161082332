"""`node`, against a real NATS server."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from support.command_lines import WAIT_SECONDS, call, finished, lines_until, start
from support.nats_server import NatsServer


@pytest.fixture(autouse=True)
def _no_account(monkeypatch):
    """The command reads options from the environment too."""
    for name in ("URL", "USER", "PASSWORD", "CREDS", "NKEY", "CA"):
        monkeypatch.delenv(f"NATS_{name}", raising=False)


@pytest.fixture
def server(tmp_path):
    """A server with JetStream and nothing in it."""
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.mark.slow
def test_a_node_names_what_is_missing_and_how_to_make_it(capsys, server):
    """Without stream and buckets it ends with status 1 and one line."""
    ended = call(capsys, "node", "--nats", server.url, "--appliance", "edge-1")
    told = "signal-client-oci: there is no stream DATA; make it: signal-client-oci cluster init\n"
    assert (ended.code, ended.err) == (1, told)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--appliance", "edge.1", "--appliance: the appliance ID may contain letters, digits"),
        ("--lease-seconds", "0.5", "--lease-seconds"),
        ("--http", "nowhere", "--http"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_sent(capsys, option, value, message):
    """Status 2, and the option by name; no server is needed for it."""
    options = {"--nats": "nats://127.0.0.1:1", "--appliance": "edge-1"} | {option: value}
    ended = call(capsys, "node", *(word for pair in options.items() for word in pair))
    assert ended.code == 2
    assert message in ended.err


@pytest.mark.slow
def test_the_three_commands_of_the_page_are_the_whole_way(capsys, server, toml):
    """As they stand on the page, but for the names of server and file, they collect, and SIGTERM ends a node with 0.

    Its status page shows the instance, the status of the cluster its owner.
    """
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
    block = re.search(r"^## Start\n.*?^```\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    names = {"nats://broker:4222": server.url, "oci.toml": str(toml)}
    init, apply, node = ([names.get(one, one) for one in line.split()[1:]] for line in block.splitlines())
    assert [call(capsys, *init).code, call(capsys, *apply).code] == [0, 0]
    process = start(*node, "--name", "node-1", "--http", "127.0.0.1:0")
    lines = lines_until(process, lambda lines: any("Cloud Guard problems" in line for line in lines))
    address = lines[0].split()[-1]
    with urllib.request.urlopen(f"{address}metrics", timeout=5) as answer:
        metrics = answer.read().decode()
    told = ("cluster", "status", "--nats", server.url, "--json")
    until = time.monotonic() + WAIT_SECONDS
    while (status := json.loads(call(capsys, *told).out))["counts"] != {"ok": 1}:
        assert time.monotonic() < until, status
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    ended = finished(process)
    assert 'instance="prod"' in metrics
    (instance,) = status["instances"]
    assert (instance["instance"], instance["owner"]) == ("prod", "node-1")
    assert (ended.code, ended.err, ended.out.splitlines()[-1]) == (0, "", "stopped")


def test_without_the_extra_the_import_says_how_to_get_it(monkeypatch):
    """The package for NATS names the command that installs what it needs."""
    for name in [one for one in sys.modules if one.startswith("signal_client_oci.host.nats")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # noqa: ARG005
    with pytest.raises(ImportError, match=r"pip install 'signal-client-oci\[cluster\]'"):
        __import__("signal_client_oci.host.nats")
