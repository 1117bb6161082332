"""The way everybody does it, in a fresh process: the SDK's own paging, `to_dict`, JSON lines; prints what it took.

Compartment after compartment, page after page, as in Oracle's examples. The SDK's generator cannot read SearchLogs,
whose answer has no `items` (AttributeError in `oci.pagination`), so its pages are followed by hand.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import oci

from tests.benchmarks.process_numbers import forget_peak, peak_rss, rss

Window = tuple[datetime, datetime]


def main() -> None:
    """Do the task in the first argument."""
    task = json.loads(sys.argv[1])
    read = {"audit": _audit, "logging": _logging, "cloudguard": _cloud_guard}[task["service"]]
    client, window = _client(task), _window(task)
    forget_peak()
    before, cpu, began = rss(), time.process_time(), time.perf_counter()
    count = 0
    with (Path(task["directory"]) / "records.jsonl").open("w", encoding="utf-8") as lines:
        for compartment in task["compartments"]:
            for record in read(client, compartment, window):
                lines.write(json.dumps(oci.util.to_dict(record)))
                lines.write("\n")
                count += 1
    print(  # noqa: T201
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - cpu,
                "rss_before": before,
                "rss_peak": peak_rss(),
                "fetched": count,
            }
        )
    )


def _client(task: dict[str, Any]) -> Any:
    settings = json.loads(Path(task["settings"]).read_bytes()) | task["overrides"]
    config = {
        "tenancy": settings["tenancy_ocid"],
        "user": settings["user_ocid"],
        "fingerprint": settings["fingerprint"],
        "key_content": settings["private_key"],
        "region": settings["region"],
    }
    classes = {
        "audit": oci.audit.AuditClient,
        "logging": oci.loggingsearch.LogSearchClient,
        "cloudguard": oci.cloud_guard.CloudGuardClient,
    }
    template = settings["endpoint_template"]
    endpoint = template.format(region=settings["region"], service=task["service"])
    return classes[task["service"]](config, service_endpoint=endpoint)


def _window(task: dict[str, Any]) -> Window:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    start, end = (epoch + timedelta(minutes=minute) for minute in task["window"])
    return start, end


def _audit(client: Any, compartment: str, window: Window) -> Iterator[Any]:
    listed = oci.pagination.list_call_get_all_results_generator
    yield from listed(client.list_events, "record", compartment, *window)


def _logging(client: Any, compartment: str, window: Window) -> Iterator[Any]:
    query = f'search "{compartment}" | sort by datetime asc'
    details = oci.loggingsearch.models.SearchLogsDetails(
        time_start=window[0], time_end=window[1], search_query=query
    )
    page: dict[str, Any] = {}
    while True:
        response = client.search_logs(details, limit=1000, **page)
        yield from response.data.results
        if not response.next_page:
            return
        page = {"page": response.next_page}


def _cloud_guard(client: Any, compartment: str, window: Window) -> Iterator[Any]:  # noqa: ARG001  (all that is open)
    listed = oci.pagination.list_call_get_all_results_generator
    yield from listed(
        client.list_problems,
        "record",
        compartment,
        compartment_id_in_subtree=True,
        access_level="ACCESSIBLE",
        limit=1000,
    )


if __name__ == "__main__":
    main()
