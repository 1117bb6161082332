"""Where a record's time goes: the stages of its way, each by itself, in a fresh process; prints JSON.

Processor time of one core, the best of several passes over a page of 1,000 records, so that it repeats on a busy
machine; and that of one request for a small page: what the SDK, its signature and the connection take.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.artifacts.problems.record import read_problem
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.oci_api.pages.splitting import split_list_events, split_problems, split_search_results
from signal_client_oci.settings.api_key import load_api_key
from signal_client_oci.settings.model import parse_settings
from signal_client_oci.state.batch_limits import BatchLimits
from signal_client_oci.state.batcher import Batcher
from signal_client_oci.state.changes import Delivery, RecordsKey
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_records import digest_of
from signal_client_oci.state.stream_state import StreamKey
from tests.benchmarks.scenario import NOW
from tests.benchmarks.texts import BLOCK, TENANCY, block_of

_REQUESTS_A_PASS = 7


def main() -> None:
    """Print service → stage → microseconds a record, and the microseconds of a request."""
    task = json.loads(sys.argv[1])
    stages_of = partial(_stages, task["passes"])
    stages = {
        "audit event": stages_of(
            "audit", b"[%b]", split_list_events, read_audit_event, lambda one: one.to_artifact()
        ),
        "log record": stages_of(
            "logging",
            b'{"results":[%b]}',
            split_search_results,
            read_log_record,
            lambda one: one.to_artifact(),
        ),
        "problem": stages_of(
            "cloudguard", b'{"items":[%b]}', split_problems, read_problem, lambda one: one.to_artifact(None)
        ),
    }
    print(json.dumps({"stages": stages, "request": _request(task)}))  # noqa: T201


def _stages(
    passes: int,
    service: str,
    page: bytes,
    split: Callable[[bytes], list[bytes]],
    read: Callable[[bytes, Origin], Any],
    made: Callable[[Any], Any],
) -> dict[str, float]:
    body = page % bytes(block_of(service).records(1, 29_474_000, 0, BLOCK))
    texts = split(body)
    open_, masking = (
        Origin("benchmark", TENANCY, "us-ashburn-1", redact=redact, read_at="2026-01-15T12:01:00.000Z")
        for redact in (False, True)
    )
    records, masked = ([read(text, origin) for text in texts] for origin in (open_, masking))
    artifacts = [made(record).artifact for record in masked]
    encode = msgspec.json.Encoder().encode_lines
    mapping = _best(passes, lambda: [made(record) for record in records])
    return {
        "bytes": len(body) / BLOCK,
        "cut the page into texts": _best(passes, lambda: split(body)),
        "decode what is needed, make the id": _best(passes, lambda: [read(text, open_) for text in texts]),
        "map to the artifact": mapping,
        "mask secrets": _best(passes, lambda: [made(record) for record in masked]) - mapping,
        "digests and batches": _best(passes, lambda: _batched(artifacts)),
        "JSON lines of the host": _best(passes, lambda: encode(artifacts)),
    }


def _batched(artifacts: list[Any]) -> None:
    state, stream = PollState(TENANCY), StreamKey("audit", "us-ashburn-1")
    add = state.stream(*stream).seen.add
    batcher = Batcher(BatchLimits(BLOCK, 1 << 30))
    digests = [digest_of(artifact["id"]) for artifact in artifacts]
    new = [digest for digest in digests if add(digest)]
    batcher.push(Delivery(list(artifacts), new, RecordsKey(stream, b"00", 1)))
    for pending in batcher.flush():
        state.apply(pending.changes)


def _request(task: dict[str, Any]) -> float:
    settings = parse_settings(json.loads(Path(task["settings"]).read_bytes()) | task["overrides"])
    key = load_api_key(settings.private_key.get_secret_value(), "", settings.fingerprint)
    end = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=NOW)
    window = (end - timedelta(minutes=10), end)
    times = []
    with borrow(settings, key, settings.region, "audit", None) as client:
        for _ in range(_REQUESTS_A_PASS * task["passes"]):
            began = time.process_time()
            client.call("list_events", TENANCY, *window)
            times.append(time.process_time() - began)
    return 1e6 * min(times)


def _best(passes: int, stage: Callable[[], Any]) -> float:
    times = []
    for _ in range(passes):
        began = time.process_time()
        stage()
        times.append(time.process_time() - began)
    return 1e6 * min(times) / BLOCK


if __name__ == "__main__":
    main()
