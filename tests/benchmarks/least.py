"""The least that a record takes, in a fresh process: signed pages, cut into texts, each with an id, as JSON lines.

No metadata, no masking, no memory of what was delivered, no checkpoint: what lies between this and ours is what makes
an artifact. It is no target; it tells how far any target could be met in one process.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec

from signal_client_oci.oci_api.client import Client, borrow
from signal_client_oci.oci_api.operations import Page, list_events, list_problems, search_logs
from signal_client_oci.settings.api_key import load_api_key
from signal_client_oci.settings.model import parse_settings
from tests.benchmarks.texts import TENANCY

_TIME = "2026-01-15T12:01:00.000Z"


def main() -> None:
    """Do the task in the first argument."""
    task = json.loads(sys.argv[1])
    settings = parse_settings(json.loads(Path(task["settings"]).read_bytes()) | task["overrides"])
    key = load_api_key(settings.private_key.get_secret_value(), "", settings.fingerprint)
    encode = msgspec.json.Encoder().encode_lines
    fetched = 0
    with borrow(settings, key, settings.region, task["service"], None) as client:
        client.call(*_FIRST[task["service"]])  # the SDK loads a client's modules with its first request
        began = time.perf_counter()
        with (Path(task["directory"]) / "artifacts.jsonl").open("ab") as lines:
            for page in _pages(client, task):
                lines.write(encode([_artifact(text) for text in page.items]))
                fetched += len(page.items)
    print(json.dumps({"seconds": time.perf_counter() - began, "fetched": fetched}))  # noqa: T201


def _artifact(text: bytes) -> dict[str, Any]:
    identity = hashlib.blake2b(text, digest_size=16).hexdigest()
    return {"id": identity, "source": "oci-cloud", "timestamp": _TIME, "raw": text.decode(), "metadata": {}}


def _pages(client: Client, task: dict[str, Any]) -> Iterator[Page[bytes]]:
    token = None
    while True:
        page = _page(client, task, token)
        yield page
        token = page.next_page
        if token is None:
            return


def _page(client: Client, task: dict[str, Any], token: str | None) -> Page[bytes]:
    if task["service"] == "cloudguard":
        return list_problems(client, TENANCY, subtree=False, lifecycle_state="ACTIVE", page=token)
    start, end = (
        datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=minute) for minute in task["window"]
    )
    if task["service"] == "audit":
        return list_events(client, TENANCY, start, end, page=token)
    return search_logs(client, [TENANCY], start, end, page=token)


_FIRST: dict[str, Any] = {
    "audit": ("list_events", TENANCY, *[datetime(2026, 1, 1, tzinfo=timezone.utc)] * 2),
    "logging": (
        "search_logs",
        {"timeStart": "2026-01-01T00:00Z", "timeEnd": "2026-01-01T00:00Z", "searchQuery": "search"},
    ),
    "cloudguard": ("get_configuration", TENANCY),
}


if __name__ == "__main__":
    main()
