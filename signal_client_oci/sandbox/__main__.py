"""Run a sandbox in a process of its own: `python -m signal_client_oci.sandbox --port 0 --print-settings FILE.json`.

FILE (or standard output, for `-`) receives `{"base_url": …, "port": …, "control_url": …, "tenancies": [{"name": …,
"settings": {…}, "compartments": [OCID, …]}]}` once the server listens; it holds private keys, made for this
run, and is readable by its owner alone. It runs until SIGTERM or SIGINT and then ends with status 0; with status 1
where FILE cannot be written.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from signal_client_oci.sandbox.clocks import VirtualClock, system_clock
from signal_client_oci.sandbox.http.control import CONTROL_PATH
from signal_client_oci.sandbox.http.rate_limit import RateLimit
from signal_client_oci.sandbox.sandbox import Sandbox
from signal_client_oci.sandbox.scenario import Scenario
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["main"]

_TICK_SECONDS = 1.0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m signal_client_oci.sandbox", description="An OCI on loopback.")
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1 (0: any free one)")
    add("--print-settings", metavar="FILE", default="-", help="where to write the settings")
    add("--tenancies", type=int, default=1, help="how many tenancies")
    add("--regions", default="us-ashburn-1,eu-frankfurt-1", help="subscribed regions, home first")
    add("--empty", action="store_true", help="no invented company, only what is asked for below")
    add("--virtual-clock", action="store_true", help="time stands still until advanced by control")
    add("--compartments", type=int, default=0, help="further compartments in each tenancy")
    add("--audit-events", type=int, default=0, help="events over --period, root, home region")
    add("--log-records", type=int, default=0, help="log records over --period, likewise")
    add("--problems", type=int, default=0, help="open problems of the root compartment")
    add("--period", type=float, default=24.0, metavar="HOURS", help="hours before now (24)")
    add("--page-size", type=int, default=100, help="Audit events a page")
    add("--latency", type=float, default=0.0, help="seconds before each response")
    add("--rate", type=float, default=0.0, help="requests a second, beyond which 429 (0: no limit)")
    add("--burst", type=int, default=1, help="requests that may come at once under --rate")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; return the exit status."""
    chosen = _arguments(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    clock = VirtualClock(system_clock()) if chosen.virtual_clock else system_clock
    with Sandbox(clock, chosen.port, controlled=True) as sandbox:
        sandbox.latency = chosen.latency
        sandbox.rate_limit = RateLimit(chosen.rate, chosen.burst) if chosen.rate else None
        tenancies = [_tenancy(sandbox, f"acme-{number}", chosen) for number in range(1, chosen.tenancies + 1)]
        try:
            _write(chosen.print_settings, _description(sandbox, tenancies))
        except OSError as error:
            place = ascii(chosen.print_settings)
            sys.stderr.write(
                f"--print-settings {place}: {error.strerror}; name a new file, or - for the output\n"
            )
            return 1
        while not stop.wait(_TICK_SECONDS):
            for scenario in sandbox.scenarios:
                scenario.advance()
    return 0


def _tenancy(sandbox: Sandbox, name: str, chosen: argparse.Namespace) -> Tenancy:
    tenancy = sandbox.add_tenancy(name, chosen.regions.split(","))
    tenancy.audit.page_size = chosen.page_size
    now, period = sandbox.clock(), timedelta(hours=chosen.period)
    place, started = (tenancy.regions[0], tenancy.ocid), now - period
    for number in range(chosen.compartments):
        tenancy.add_compartment(f"compartment-{number:04}", created=started)
    for number in range(chosen.audit_events):
        tenancy.emit_audit_event(*place, processed=started + period * number / chosen.audit_events)
    for number in range(chosen.log_records):
        tenancy.emit_log_record(*place, time=started + period * number / chosen.log_records)
    for number in range(chosen.problems):
        tenancy.add_problem(last_detected=now - timedelta(seconds=number), resource_name=f"bucket-{number}")
    if not chosen.empty:
        sandbox.scenarios.append(Scenario(tenancy))
    return tenancy


def _description(sandbox: Sandbox, tenancies: list[Tenancy]) -> dict[str, Any]:
    return {
        "base_url": sandbox.base_url,
        "port": sandbox.port,
        "control_url": sandbox.base_url + CONTROL_PATH,
        "tenancies": [
            {
                "name": tenancy.name,
                "settings": tenancy.settings(),
                "compartments": tenancy.tree.subtree(tenancy.ocid),
            }
            for tenancy in tenancies
        ],
    }


def _write(file: str, description: dict[str, Any]) -> None:
    """Write at once and whole, so that a waiting process never reads half of it; replace nothing but a file."""
    text = json.dumps(description, indent=2) + "\n"
    if file == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    path = Path(file)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise FileExistsError(errno.EEXIST, "is not a regular file")
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(unfinished, flags, 0o600), "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(text)
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
