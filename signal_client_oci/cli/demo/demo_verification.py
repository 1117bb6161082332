"""Verifies that what arrived is what was emitted: each record once, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from signal_client_oci.contract import Artifact

__all__ = ["STREAMS", "Comparison", "compare", "key_of"]

STREAMS: Final[Mapping[str, str]] = {
    "oci_cloud_audit": "audit",
    "oci_cloud_logging": "logging",
    "oci_cloud_guard": "cloud_guard",
}
"""`streamName` → source."""

_KEYS: Final[Mapping[str, Callable[[Any], str]]] = {
    "audit": lambda record: str(record["eventId"]),
    "logging": lambda record: str(record["logContent"]["data"]["sandboxMarker"]),
    "cloud_guard": lambda record: " ".join(
        record[name] for name in ("id", "lifecycleDetail", "riskLevel", "timeLastDetected")
    ),
}


class Comparison(NamedTuple):
    """One source: how many records were emitted and delivered, and how many differ."""

    source: str
    emitted: int
    delivered: int
    missing: int
    unexpected: int
    repeated: int

    @property
    def agrees(self) -> bool:
        """Whether each record arrived exactly once and nothing else did."""
        return not (self.missing or self.unexpected or self.repeated)


def compare(expected: Mapping[str, Counter[str]], artifacts: Iterable[Artifact]) -> list[Comparison]:
    """Compare the keys of emitted records, by source, with the artifacts; a repeated `id` counts as repeated."""
    delivered: dict[str, Counter[str]] = {source: Counter() for source in expected}
    ids: dict[str, Counter[str]] = {source: Counter() for source in expected}
    for artifact in artifacts:
        source, key = key_of(artifact)
        delivered[source][key] += 1
        ids[source][artifact["id"]] += 1
    return [_compared(source, expected[source], delivered[source], ids[source]) for source in expected]


def key_of(artifact: Artifact) -> tuple[str, str]:
    """Return the source and key of an artifact, as in the sandbox's ground truth.

    The key of a record that is not the sandbox's is its text, so that it counts as unexpected.
    """
    source = STREAMS[str(artifact["metadata"]["streamName"])]
    try:
        return source, _KEYS[source](json.loads(artifact["raw"]))
    except (ValueError, KeyError, TypeError):
        return source, artifact["raw"]


def _compared(source: str, expected: Counter[str], delivered: Counter[str], ids: Counter[str]) -> Comparison:
    more_often = sum((delivered - Counter(delivered.keys())).values())
    same_id = sum((ids - Counter(ids.keys())).values())
    return Comparison(
        source,
        expected.total(),
        delivered.total(),
        len(expected.keys() - delivered.keys()),
        len(delivered.keys() - expected.keys()),
        max(more_often, same_id),
    )
