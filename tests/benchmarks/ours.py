"""One or more polls of the plugin in a fresh process, as a host does it; prints what they took as JSON.

Each batch's artifacts go to a file of JSON lines, then its checkpoint replaces the one before, then the next batch is
asked for. `python -m tests.benchmarks.ours '<task>'`; the task names the settings file and the polls.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import oci

from signal_client_oci.plugin import signal_client_poll
from signal_client_oci.polling import poll as _poll  # noqa: F401  (the modules of a poll are loaded before the clock starts)
from tests.benchmarks.process_numbers import forget_peak, peak_rss, rss

_ENCODER = msgspec.json.Encoder()


class _Host:
    """Keeps the artifacts' lines and the checkpoint on disk."""

    def __init__(self, directory: Path) -> None:
        self.lines = directory / "artifacts.jsonl"
        self._checkpoint = directory / "checkpoint.json"

    def poll(self, settings: dict[str, Any], moment: datetime) -> dict[str, Any]:
        """Poll once and return the report."""
        stored = json.loads(self._checkpoint.read_bytes()) if self._checkpoint.exists() else None
        items = signal_client_poll("oci-cloud", "benchmark", settings, stored, {"now": lambda: moment})
        with self.lines.open("ab") as lines:
            return self._follow(items, lines)

    def _follow(self, items: Iterator[dict[str, Any]], lines: BinaryIO) -> dict[str, Any]:
        for item in items:
            if item["type"] == "batch":
                lines.write(_ENCODER.encode_lines(item["artifacts"]))
                lines.flush()
            beside = self._checkpoint.with_suffix(".new")
            beside.write_bytes(_ENCODER.encode(item["checkpoint"]))
            beside.replace(self._checkpoint)
        return item


def main() -> None:
    """Do the task in the first argument."""
    task = json.loads(sys.argv[1])
    settings = json.loads(Path(task["settings"]).read_bytes()) | task["overrides"]
    host = _Host(Path(task["directory"]))
    _load_clients()
    results = []
    for minute in task["minutes"]:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=minute)
        results.append(_measured(host, settings, moment))
    print(json.dumps({"polls": results, "distinct": _distinct(host.lines)}))  # noqa: T201


def _load_clients() -> None:
    """Load the SDK's client classes, which it does when they are first named."""
    for module, name in (
        ("audit", "AuditClient"),
        ("loggingsearch", "LogSearchClient"),
        ("logging", "LoggingManagementClient"),
        ("cloud_guard", "CloudGuardClient"),
        ("identity", "IdentityClient"),
    ):
        getattr(getattr(oci, module), name)


def _measured(host: _Host, settings: dict[str, Any], moment: datetime) -> dict[str, Any]:
    forget_peak()
    before, cpu, began = rss(), time.process_time(), time.perf_counter()
    report = host.poll(settings, moment)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "rss_before": before,
        "rss_peak": peak_rss(),
        "status": report["status"],
        "fetched": sum(one["fetched"] for one in report["sources"].values()),
        "requests": {name: one["requests"] for name, one in report["sources"].items()},
        "retries": sum(one["retries"] for one in report["sources"].values()),
        "checkpoint_bytes": len(_ENCODER.encode(report["checkpoint"])),
    }


def _distinct(lines: Path) -> int:
    """Count the ids in the file; an artifact's line begins `{"id":"`."""
    with lines.open("rb") as file:
        return len({line[7:39] for line in file})


if __name__ == "__main__":
    main()
