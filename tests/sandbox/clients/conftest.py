"""Oracle's own clients, each in a process of its own; skipped, and loudly, where they are not installed."""

import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from signal_client_oci.sandbox import VirtualClock

HERE = Path(__file__).parent


def _required(what, path):
    """Return the path of a program; without it CI fails, and elsewhere the test is skipped."""
    if path and Path(path).exists():
        return str(path)
    reason = (
        f"the sandbox is not tested with it: no {what}; `bash tests/sandbox/clients/install.sh` installs it"
    )
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    return pytest.skip(reason)


@pytest.fixture
def clock():
    """Half past three: the TypeScript SDK writes such hours with one digit."""
    clock = VirtualClock()
    clock.advance(hours=-5, minutes=-30)
    return clock


@pytest.fixture
def filled(tenancy, clock):
    """The tenancy with a few records of each kind in the last hour, of more than one page."""
    for name in ("prod", "dev"):
        tenancy.add_compartment(name)
    tenancy.audit.page_size = 2
    for number in range(5):
        when = clock() - timedelta(minutes=10 * number + 5)
        tenancy.emit_audit_event(tenancy.regions[0], tenancy.ocid, processed=when)
        tenancy.emit_log_record(tenancy.regions[0], tenancy.ocid, time=when, payload={"n": number})
        tenancy.add_problem(
            last_detected=when, resource_name=f"bucket-{number}", risk_level="LOW" if number else "HIGH"
        )
    return tenancy


@pytest.fixture
def configuration(tenancy, tmp_path):
    """The clients' configuration file."""
    key, file = tmp_path / "key.pem", tmp_path / "config"
    lines = {"user": tenancy.user, "fingerprint": tenancy.fingerprint, "tenancy": tenancy.ocid}
    lines |= {"region": tenancy.regions[0], "key_file": key}
    key.write_text(tenancy.private_key_pem, encoding="ascii")
    file.write_text(
        "\n".join(["[DEFAULT]", *(f"{name}={value}" for name, value in lines.items())]), encoding="utf-8"
    )
    for one in (key, file):
        one.chmod(0o600)
    return file


def _json_of(command, tmp_path, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        env=kept | {"HOME": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture
def command_line(tenancy, configuration, tmp_path):
    """Run the official command line: `command_line(service, "words of a command", *more)` gives its `data`."""
    program = _required("OCI command line", HERE / ".venv" / "bin" / "oci")

    def run(service, words, *more):
        endpoint = tenancy.endpoint_template.format(region=tenancy.regions[0], service=service)
        command = [program, "--config-file", configuration, "--endpoint", endpoint, *words.split(), *more]
        return _json_of(command, tmp_path, SUPPRESS_LABEL_WARNING="True")["data"]

    return run


@pytest.fixture
def typescript(tenancy, configuration, tmp_path, clock):
    """What `client.js` reads of the last hour with the official TypeScript SDK."""
    node = _required("Node", shutil.which("node"))
    _required("TypeScript SDK", HERE / "node_modules" / "oci-common")
    base = f"{tenancy.endpoint_template.partition('/{')[0]}/{tenancy.regions[0]}"
    window = (clock() - timedelta(hours=1), clock())
    command = [
        node,
        HERE / "client.js",
        base,
        configuration,
        tenancy.ocid,
        *(one.isoformat() for one in window),
    ]
    return lambda: _json_of(command, tmp_path)
