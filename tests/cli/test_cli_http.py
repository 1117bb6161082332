"""`run --http`: the status page of a real process, and what is said where it cannot be had."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from io import StringIO

import pytest
from support.command_lines import (
    WAIT_SECONDS,
    call,
    finished,
    lines_until,
    one_line,
    start,
    write_instances,
)

from signal_client_oci.cli import status_page
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host.http.board import StatusBoard

_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetched(url):
    """The body of a page."""
    with _WITHOUT_PROXY.open(url, timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.slow
def test_a_run_serves_what_it_does_until_it_is_told_to_stop(tmp_path, sandbox, tenancy):
    """The address is printed, page and metrics tell of the first poll, and SIGTERM closes server and run in order."""
    wrong_key = sandbox.add_tenancy("umbrella", regions=("us-ashburn-1",)).settings()
    refused = wrong_key | {"user_ocid": "ocid1.user.oc1..aaaaaaaanobody"}
    path = write_instances(tmp_path, prod=tenancy.settings(), second=refused)
    process = start("run", path, "--directory", tmp_path / "data", "--http", "127.0.0.1:0")
    first, *_ = lines_until(
        process,
        lambda lines: sum("Cloud Guard" in line or "NOT_AUTHENTICATED" in line for line in lines) == 2,
    )
    url = first.removeprefix("status page: ").strip()
    assert url.startswith("http://127.0.0.1:")
    until = time.monotonic() + WAIT_SECONDS
    while (told := json.loads(fetched(f"{url}status.json")))["headline"].count("polled yet"):
        assert time.monotonic() < until, told
        time.sleep(0.01)
    assert told["headline"] == "2 instances, 1 failed: second NOT_AUTHENTICATED; 1 ok"
    metrics = fetched(f"{url}metrics")
    assert 'signal_client_records_fetched_total{instance="prod",source="audit"} 2.0\n' in metrics
    assert 'signal_client_polls_completed_total{instance="second",result="failed"} 1.0\n' in metrics
    assert fetched(f"{url}readyz") == "ready: 2 instances were polled within three intervals\n"
    for secret in (
        tenancy.settings()["private_key"].splitlines()[1],
        wrong_key["private_key"].splitlines()[1],
    ):
        assert secret not in metrics + json.dumps(told)
    process.send_signal(signal.SIGTERM)
    ended = finished(process)
    assert (ended.code, ended.err) == (0, "")
    assert "stopped: 4 artifacts in " in ended.out
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/"))), timeout=5)


@pytest.mark.slow
def test_an_address_that_cannot_be_had_is_one_line(capsys, tmp_path, toml):
    """A port in use, and a text that is no address, name the option and the way out, before anything is polled."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = one_line(call(capsys, "run", toml, "--directory", tmp_path / "data", "--http", address))
    assert f"--http {address}: Address already in use; name another address" in told
    told = one_line(call(capsys, "run", toml, "--directory", tmp_path / "data", "--http", "9464"))
    assert "--http: '9464' is not HOST:PORT; for example 127.0.0.1:9464" in told


@pytest.mark.slow
def test_a_missing_extra_is_named(capsys, monkeypatch, tmp_path, toml):
    """Without `prometheus-client` the option says which command installs it."""
    monkeypatch.setattr(status_page, "find_spec", lambda _: None)
    told = one_line(call(capsys, "run", toml, "--directory", tmp_path / "data", "--http", "127.0.0.1:0"))
    assert "pip install 'signal-client-oci[metrics]'" in told


def test_an_address_that_others_can_reach_is_warned_of():
    """Who binds it to more than loopback is told that there is no sign-in."""
    for address, is_warned in (("127.0.0.1:0", False), ("0.0.0.0:0", True)):
        stream = StringIO()
        with status_page.status_page(address, StatusBoard(), Screen(stream)):
            assert stream.getvalue().startswith("status page: http://")
        assert ("has no sign-in" in stream.getvalue()) == is_warned
