"""The sandbox in a process of its own, steered over HTTP; and over TLS."""

import http.client
import json
import signal
import ssl
import stat
import subprocess
import sys
import time

import oci
import pytest
from support.certificates import certificates, server_context

from signal_client_oci.sandbox import InjectedFault, Sandbox
from signal_client_oci.sandbox.clocks import parse_time


class Process:
    """A sandbox process, with its description and its control."""

    def __init__(self, folder, *options):
        self.file = folder / "settings.json"
        command = [
            sys.executable,
            "-m",
            "signal_client_oci.sandbox",
            "--print-settings",
            str(self.file),
            *options,
        ]
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            deadline = time.monotonic() + 20
            while not self.file.exists():
                assert self.child.poll() is None, self.child.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        self.described = json.loads(self.file.read_text())
        self.settings = self.described["tenancies"][0]["settings"]

    def control(self, do, **arguments):
        """Send a command, and return status and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.described["port"], timeout=5)
        try:
            connection.request("POST", "/_control", json.dumps({"do": do, **arguments}))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def client(self, kind, service):
        """Make an SDK client from the settings in the file."""
        settings = self.settings
        config = {
            "tenancy": settings["tenancy_ocid"],
            "user": settings["user_ocid"],
            "fingerprint": settings["fingerprint"],
            "key_content": settings["private_key"],
            "region": settings["region"],
        }
        endpoint = settings["endpoint_template"].format(region=settings["region"], service=service)
        return kind(config, service_endpoint=endpoint, retry_strategy=oci.retry.NoneRetryStrategy())

    def stop(self, number=signal.SIGTERM):
        """Stop it, and return status, output and errors."""
        self.child.send_signal(number)
        output, errors = self.child.communicate(timeout=20)
        return self.child.returncode, output, errors


@pytest.fixture
def running(tmp_path):
    """A process with an invented company on a virtual clock."""
    process = Process(
        tmp_path, "--virtual-clock", "--tenancies", "2", "--compartments", "3", "--problems", "4"
    )
    yield process
    if process.child.poll() is None:
        process.stop(signal.SIGKILL)


@pytest.mark.slow
def test_a_process_serves_obeys_and_ends_cleanly(running):
    """Settings that work, time that is moved from outside, faults, counts, keys; status 0 at SIGTERM."""
    assert stat.S_IMODE(running.file.stat().st_mode) == 0o600
    assert [tenancy["name"] for tenancy in running.described["tenancies"]] == ["acme-1", "acme-2"]
    status, before = running.control("advance", seconds=0)
    status, moved = running.control("advance", seconds=300)
    assert status == 200
    assert parse_time(moved["now"]) - parse_time(before["now"]) == 300_000_000
    assert moved["emitted"] > 0
    client = running.client(oci.identity.IdentityClient, "identity")
    tenancy = running.settings["tenancy_ocid"]
    compartments = client.list_compartments(tenancy, compartment_id_in_subtree=True).data
    listed = {tenancy, *(one.id for one in compartments)}
    assert listed == set(running.described["tenancies"][0]["compartments"])
    running.control("fault", status=500, times=1)
    with pytest.raises(oci.exceptions.ServiceError):
        client.get_tenancy(tenancy)
    _status, counts = running.control("counts")
    assert counts["by_status"] == {"200": 1, "500": 1}
    assert counts["requests"] == 2
    keys = running.control("keys", tenancy=tenancy, service="cloudguard")[1]["keys"]
    assert len(keys) >= 9
    client.base_client.session.close()
    assert running.stop() == (0, b"", b"")


@pytest.mark.slow
def test_control_sets_what_can_be_set_and_refuses_the_rest(running):
    """Latency, rate limit, recording; anything odd is a 400 that says why."""
    client = running.client(oci.identity.IdentityClient, "identity")
    tenancy = running.settings["tenancy_ocid"]
    running.control("set", rate_limit={"per_second": 0.001, "burst": 1}, latency=0.01, record_requests=False)
    assert client.get_tenancy(tenancy).status == 200
    with pytest.raises(oci.exceptions.ServiceError) as throttled:
        client.get_tenancy(tenancy)
    assert throttled.value.status == 429
    running.control("set", rate_limit=None)
    running.control("fault", kind="body", body="[]")
    assert client.get_tenancy(tenancy).status == 200
    running.control("clear_faults")
    running.control("clear_counts")
    assert running.control("counts")[1]["requests"] == 0
    client.base_client.session.close()
    for command in ("dance", "advance", "fault"):
        status, answer = running.control(command, nonsense=1)
        assert (status, list(answer)) == (400, ["error"])
    status, answer = running.control("fault", kind="hang")
    assert (status, answer["error"]) == (400, "ValueError: unknown kind 'hang'; choose one of status, body")
    assert running.stop(signal.SIGINT)[0] == 0


def test_an_ordinary_sandbox_has_no_control(sandbox):
    """The path is then one that does not exist."""
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    connection.request("POST", "/_control", '{"do": "counts"}')
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.slow
def test_generated_loads_are_served(tmp_path):
    """What benchmarks ask for on the command line."""
    process = Process(
        tmp_path,
        "--empty",
        "--virtual-clock",
        "--audit-events",
        "300",
        "--log-records",
        "200",
        "--page-size",
        "150",
    )
    try:
        client = process.client(oci.audit.AuditClient, "audit")
        tenancy = process.settings["tenancy_ocid"]
        now = process.control("advance", seconds=0)[1]["now"]
        answer = client.list_events(tenancy, "2026-01-01T00:00:00Z", now)
        assert len(answer.data) == 150
        assert (
            len(client.list_events(tenancy, "2026-01-01T00:00:00Z", now, page=answer.next_page).data) == 150
        )
        client.base_client.session.close()
    finally:
        assert process.stop()[0] == 0


@pytest.mark.parametrize("trusts", [True, False])
@pytest.mark.slow
def test_https_needs_the_sandboxs_own_authority(clock, tmp_path, trusts):
    """A client that does not know the authority refuses to talk, and one that does is served."""
    with Sandbox(clock=clock, tls=server_context()) as sandbox:
        context = ssl.create_default_context(cadata=certificates().authority if trusts else None)
        connection = http.client.HTTPSConnection("127.0.0.1", sandbox.port, timeout=5, context=context)
        try:
            if trusts:
                connection.request("GET", "/")
                assert connection.getresponse().status == 401
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    connection.request("GET", "/")
        finally:
            connection.close()
        assert sandbox.add_tenancy().endpoint_template.startswith("https://127.0.0.1:")
        assert not list(tmp_path.iterdir())


def test_closing_ends_hanging_tls_connections(clock):
    """The same promise as without TLS."""
    with Sandbox(clock=clock, tls=server_context()) as sandbox:
        sandbox.faults.add(InjectedFault(kind="hang"))
        context = ssl.create_default_context(cadata=certificates().authority)
        connection = http.client.HTTPSConnection("127.0.0.1", sandbox.port, timeout=5, context=context)
        connection.request("GET", "/")
        end = time.monotonic() + 10
        while not sandbox.requests:
            assert time.monotonic() < end
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    connection.close()
