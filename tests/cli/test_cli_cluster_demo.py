"""`demo --cluster` would notice a record that got lost; that it runs from end to end, `.ci/run` checks."""

from __future__ import annotations

import pytest
from support.command_lines import call

from signal_client_oci.cli.demo.cluster_run import ClusterShow, cluster_verdict
from signal_client_oci.cli.demo.cluster_tenancies import open_cluster_tenancies
from signal_client_oci.cli.demo.nats_process import NatsProcess, NatsServerError


def artifacts_of(tenancies):
    """An artifact for each record of a tenancy, as nodes would deliver them."""
    expected = tenancies._expected("acme-1")
    return [
        {
            "id": key,
            "raw": raw,
            "metadata": {"instance": "acme-1", "streamName": stream},
        }
        for source, stream, shape in (
            ("audit", "oci_cloud_audit", '{{"eventId": "{}"}}'),
            ("logging", "oci_cloud_logging", '{{"logContent": {{"data": {{"sandboxMarker": "{}"}}}}}}'),
        )
        for key in expected[source]
        for raw in [shape.format(key)]
    ]


def test_a_record_that_is_missing_or_comes_twice_fails_the_demo():
    """The verdict is by instance: one that agrees, one that lost a record, one with a record too many."""
    with open_cluster_tenancies() as tenancies:
        tenancies.emit("acme-1", 10)
        full = artifacts_of(tenancies)
        problems = tenancies._expected("acme-1")["cloud_guard"].total()
        lost, repeated = tenancies.comparisons(full[1:]), tenancies.comparisons([*full, full[0]])
    assert lost["acme-1"][1:] == (10 + problems, 9, 1 + problems, 0, 0)
    assert repeated["acme-1"][1:] == (10 + problems, 11, problems, 0, 1)
    assert "acme-1" in (cluster_verdict([lost["acme-1"]]) or "")
    good = lost["acme-1"]._replace(delivered=10 + problems, missing=0)
    assert cluster_verdict([good]) is None
    assert cluster_verdict([good._replace(repeated=1)])
    assert cluster_verdict([good._replace(emitted=0, delivered=0)])


def test_a_demo_that_fails_exits_with_1_and_keeps_its_logs(capsys, tmp_path, monkeypatch):
    """The exit code is the verdict's."""

    async def fails(self):
        del self
        return False

    monkeypatch.setattr(ClusterShow, "run", fails)
    ended = call(capsys, "demo", "--cluster", "--directory", tmp_path / "new")
    assert ended.code == 1
    assert (tmp_path / "new" / "nats" / "nats-server.log").exists()


def test_no_connection_of_another_process_takes_a_servers_port_while_it_is_down(tmp_path):
    """A server's port is none of those that systems give to connections (from 16,000 on), and no other server's."""
    ports = [NatsProcess(tmp_path).port for _ in range(100)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 16_000


def test_a_server_whose_port_is_taken_says_so(tmp_path):
    """Its error has the last line of the log, which names the port."""
    with NatsProcess(tmp_path / "one") as one:
        other = NatsProcess(tmp_path / "other")
        other.port = one.port
        with pytest.raises(NatsServerError, match=f"did not start: .*{one.port}.* address already in use"):
            other.start()


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path):
    """A configuration that the server refuses leaves no process, and names the log."""
    server = NatsProcess(tmp_path, "no such option: 1")
    with pytest.raises(
        NatsServerError, match=r"did not start: .*Parse error on line 4.*; its log: .*nats-server\.log"
    ):
        server.start()
    with pytest.raises(NatsServerError, match="does not run"):
        _ = server.pid
