"""Where an audit event's time goes: the stages of its way, each by itself, in a fresh process; prints JSON.

Processor time of one core, the best of several passes over a page of 1,000 events, so that it repeats on a busy
machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from signal_client_oci.artifacts.audit import read_audit_event
from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.batches import Batcher
from signal_client_oci.digests import Digests, digest_of
from signal_client_oci.records import split_list_events
from signal_client_oci.redaction import redact
from tests.benchmarks.texts import BLOCK, TENANCY, block_of

_PASSES = 7


def main() -> None:
    """Print stage → microseconds an event."""
    body = b"[" + bytes(block_of("audit").records(1, 29_474_000, 0, BLOCK)) + b"]"
    texts = split_list_events(body)
    plain = [read_audit_event(text, _origin(redact_secrets=False)) for text in texts]
    artifacts = [record.made().artifact for record in plain]
    encode = msgspec.json.Encoder().encode_lines
    print(  # noqa: T201
        json.dumps(
            {
                "cut the page into texts": _best(lambda: split_list_events(body)),
                "decode what is needed, make the id": _best(
                    lambda: [read_audit_event(text, _origin(redact_secrets=False)) for text in texts]
                ),
                "mask secrets": _best(lambda: [redact(text) for text in texts]),
                "map to the artifact": _best(lambda: [record.made() for record in plain]),
                "digests and batches": _best(lambda: _batched(artifacts)),
                "JSON lines of the host": _best(lambda: encode(artifacts)),
                "bytes an event": len(body) / BLOCK,
            }
        )
    )


def _origin(*, redact_secrets: bool) -> Origin:
    return Origin("benchmark", TENANCY, "us-ashburn-1", redact_secrets, "2026-01-15T12:01:00.000Z")


def _batched(artifacts: list[Any]) -> None:
    known = Digests()
    batcher = Batcher("audit", dict, BLOCK, 1 << 30)
    digests = [digest_of(artifact["id"]) for artifact in artifacts]
    new = [digest for digest in digests if known.claim(digest)]
    batcher.add_all(list(artifacts), new, partial(known.file_all, tag=b"00", end=1))
    for _ in batcher.flush():
        pass


def _best(stage: Callable[[], Any]) -> float:
    times = []
    for _ in range(_PASSES):
        began = time.process_time()
        stage()
        times.append(time.process_time() - began)
    return 1e6 * min(times) / BLOCK


if __name__ == "__main__":
    main()
