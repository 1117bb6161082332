"""Reads the example records of `tests/artifacts/examples`, and maps them to artifacts.

`python -m tests.support.example_records` writes the artifacts anew; look at the difference before committing it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.artifacts.envelope import MappedRecord, Origin
from signal_client_oci.artifacts.logs.record import read_log_record
from signal_client_oci.artifacts.problems.record import read_problem

DIRECTORY = Path(__file__).parents[1] / "artifacts" / "examples"
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.json"))
ORIGIN = Origin(
    instance="acme",
    tenancy_ocid="ocid1.tenancy.oc1..aaaaaaaat3nancy7examp1e",
    region="us-ashburn-1",
    redact=True,
    read_at="2026-03-04T09:20:00.000Z",
)


def example(name: str) -> dict[str, Any]:
    """Return an example: `source`, `record`, perhaps `details`, and the expected `artifact`."""
    return json.loads((DIRECTORY / f"{name}.json").read_text("utf-8"))


def each_path() -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    """Return each path that a kind of record has, once, with the first example of that kind that has it."""
    seen = set()
    for name in NAMES:
        given = example(name)
        kind = (given["source"], str(given["record"].get("logContent", {}).get("type")))
        for path in paths_of(given["record"]):
            if (kind, path) not in seen:
                seen.add((kind, path))
                yield given, path


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the paths of everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield (*path, key)
        yield from paths_of(member, (*path, key))


def text_of(record: Any) -> bytes:
    """Write a record as the services do; half a surrogate pair can only be written as an escape."""
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(record, separators=(",", ":")).encode()


def mapped(source: str, record: Any, details: Any = None, origin: Origin = ORIGIN) -> MappedRecord:
    """Make the artifact of a record of a source."""
    text = record if isinstance(record, bytes) else text_of(record)
    if source == "audit":
        return read_audit_event(text, origin).to_artifact()
    if source == "logging":
        return read_log_record(text, origin).to_artifact()
    return read_problem(text, origin).to_artifact(None if details is None else text_of(details))


def mapped_example(name: str) -> MappedRecord:
    """Make the artifact of an example."""
    given = example(name)
    return mapped(given["source"], given["record"], given.get("details"))


def _write_anew() -> None:
    for name in NAMES:
        given = example(name)
        given["artifact"] = mapped_example(name).artifact
        (DIRECTORY / f"{name}.json").write_text(
            json.dumps(given, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )


if __name__ == "__main__":
    _write_anew()
