"""The records of `tests/data`, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.example_records import mapped

DATA = Path(__file__).parents[1] / "data"


def records(name: str) -> list[dict[str, Any]]:
    """Return the lines of a file of records."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


def text_of(entry: dict[str, Any]) -> bytes:
    """Return an entry's record as OCI would send it."""
    if "raw" in entry:
        return entry["raw"].encode()
    return json.dumps(entry["record"], ensure_ascii=False, separators=(",", ":")).encode()


def artifact_of(entry: dict[str, Any]) -> Any:
    """Return what the connector makes of an entry's record."""
    return mapped(entry["source"], text_of(entry))
