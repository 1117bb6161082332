"""The bench: the server's process, and fresh processes for everything that is measured."""

from __future__ import annotations

import http.client
import importlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Final

from typing_extensions import Self

from signal_client_oci.sandbox.data.keys import api_key_fingerprint, public_key_of, shared_private_key_pem
from tests.benchmarks.scenario import NOW, Scenario, compartment
from tests.benchmarks.texts import TENANCY, minute_text

__all__ = ["Bench"]

ROOT: Final = Path(__file__).parents[2]
_REGION: Final = "us-ashburn-1"
_PATHS: Final = {
    "audit": ("GET", "20190901/auditEvents?compartmentId={tenancy}&startTime={start}&endTime={end}", ""),
    "logging": (
        "POST",
        "20190909/search?limit=1000",
        '{{"timeStart":"{start}","timeEnd":"{end}","searchQuery":"search \\"{tenancy}\\""}}',
    ),
    "cloudguard": ("GET", "20200131/problems?lifecycleState=ACTIVE", ""),
}
_HOST_START: Final = """
import sys
import pluggy
host = pluggy.PluginManager("signal_client")
host.load_setuptools_entrypoints("signal_client")
host.hook.signal_client_register_connectors()
host.hook.signal_client_settings_schema(connector="oci-cloud")
print("oci" in sys.modules)
"""


class Bench:
    """Hands scenarios to the server and measures processes against it; use it in a `with`.

    With `copies`, what needs the SDK runs in copies of this process, which has loaded it.
    """

    def __init__(self, *, copies: bool = False) -> None:
        self._copies = copies
        self._directory = Path(tempfile.mkdtemp(prefix="oci-cloud-benchmark-"))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout
        self.port = int(self._server.stdout.readline())
        self._settings = self._directory / "settings.json"
        self._write_settings()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.wait(10)
        self._server.stdout.close()
        shutil.rmtree(self._directory)

    def open(self, scenario: Scenario) -> None:
        """Have the server hold a scenario, its counts at zero."""
        self._control("open", scenario.to_json())

    def counts(self, scenario: Scenario) -> dict[str, int]:
        """Return "<service> <status>" → requests since the scenario was opened."""
        return self._control("counts", {"name": scenario.name})

    def ours(self, scenario: Scenario, minutes: Sequence[int] = (NOW,), **overrides: Any) -> dict[str, Any]:
        """Poll at each of the minutes in one fresh process; return what the child says, and the server's counts."""
        self.open(scenario)
        with self._task(scenario, overrides) as task:
            result = self._child("tests.benchmarks.ours", task | {"minutes": list(minutes)})
        return result | {"counts": self.counts(scenario)}

    def baseline(
        self, scenario: Scenario, service: str, lookback: int, compartments: int = 0
    ) -> dict[str, Any]:
        """Read the same with the SDK's own means in a fresh process."""
        self.open(scenario)
        with self._task(scenario, {}) as task:
            asked = {
                "service": service,
                "window": [NOW - 1 - lookback, NOW - 1],
                "compartments": [compartment(number) for number in range(compartments + 1)],
            }
            return self._child("tests.benchmarks.baseline", task | asked)

    def least(self, scenario: Scenario, service: str, lookback: int) -> dict[str, Any]:
        """Read the same in a fresh process, and make no more of it than a record with an id."""
        self.open(scenario)
        with self._task(scenario, {"audit_enabled": True}) as task:
            asked = {"service": service, "window": [NOW - 1 - lookback, NOW - 1]}
            return self._child("tests.benchmarks.least", task | asked)

    def ceiling(self, scenario: Scenario, service: str, lookback: int) -> dict[str, Any]:
        """Read the same over a bare socket in a fresh process."""
        self.open(scenario)
        method, path, body = _PATHS[service]
        start, end = (f"{minute_text(minute)}:00Z" for minute in (NOW - 1 - lookback, NOW - 1))
        words = {"tenancy": TENANCY, "start": start, "end": end}
        target = f"/{scenario.name}/{_REGION}/{service}/{path.format(**words)}"
        task = {"port": self.port, "method": method, "target": target, "body": body.format(**words)}
        return self._fresh("tests.benchmarks.ceiling", task | {"records": scenario.records})

    def stages(self, passes: int) -> dict[str, Any]:
        """Return the microseconds that each stage of a record's way takes, and those of a request."""
        scenario = Scenario("stages", audit=[(NOW - 10, NOW, 1)])
        self.open(scenario)
        with self._task(scenario, {"audit_enabled": True}) as task:
            return self._child("tests.benchmarks.stages", task | {"passes": passes})

    def start(self) -> dict[str, Any]:
        """Return the seconds that a process takes to start a host with the plugin, and one to import pydantic."""
        began = time.perf_counter()
        told = subprocess.run(
            [sys.executable, "-c", _HOST_START], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        ours = time.perf_counter() - began
        subprocess.run([sys.executable, "-c", "import pydantic"], cwd=ROOT, check=True)
        pydantic = time.perf_counter() - began - ours
        return {"ours": ours, "pydantic": pydantic, "oci_imported": told.stdout.strip() == b"True"}

    @contextmanager
    def _task(self, scenario: Scenario, overrides: dict[str, Any]) -> Iterator[dict[str, Any]]:
        directory = Path(tempfile.mkdtemp(dir=self._directory))
        template = f"http://127.0.0.1:{self.port}/{scenario.name}/{{region}}/{{service}}"
        try:
            yield {
                "settings": str(self._settings),
                "directory": str(directory),
                "overrides": {"endpoint_template": template, **overrides},
            }
        finally:
            shutil.rmtree(directory)

    def _child(self, module: str, task: dict[str, Any]) -> dict[str, Any]:
        return _in_a_copy(module, task) if self._copies else self._fresh(module, task)

    def _fresh(self, module: str, task: dict[str, Any]) -> dict[str, Any]:
        command = [sys.executable, "-m", module, json.dumps(task)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
        return dict(json.loads(done.stdout))

    def _control(self, action: str, told: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("POST", f"/control/{action}", json.dumps(told))
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()

    def _write_settings(self) -> None:
        pem = shared_private_key_pem()
        settings = {
            "tenancy_ocid": TENANCY,
            "user_ocid": "ocid1.user.oc1..aaaaaaaabenchmark",
            "fingerprint": api_key_fingerprint(public_key_of(pem)),
            "private_key": pem,
            "region": _REGION,
            "audit_enabled": False,
            "logging_enabled": False,
            "cloud_guard_enabled": False,
        }
        descriptor = os.open(self._settings, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(settings, file)


def _in_a_copy(module: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run a module as a program in a copy of this process; return what it prints."""
    for needed in (module, "signal_client_oci.polling.poll"):
        importlib.import_module(needed)  # once, and not in each copy
    reading, writing = os.pipe()
    copy = multiprocessing.get_context("fork").Process(target=_run_into, args=(writing, module, task))
    copy.start()
    os.close(writing)
    with os.fdopen(reading) as printed:
        told = printed.read()
    copy.join()
    return dict(json.loads(told))


def _run_into(writing: int, module: str, task: dict[str, Any]) -> None:
    sys.argv = [module, json.dumps(task)]
    with os.fdopen(writing, "w") as printed, redirect_stdout(printed):
        importlib.import_module(module).main()
