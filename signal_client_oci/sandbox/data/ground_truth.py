"""What a tenancy really emitted, to be compared with what a collector delivered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Emitted", "GroundTruth"]


@dataclass(frozen=True, slots=True)
class Emitted:
    """One record: `key` identifies it, `raw` is its JSON text, `visible` when readers could first see it.

    `key` is an Audit event's eventId, a log record's marker (`data.sandboxMarker`), and for a version of a
    Cloud Guard problem `"<OCID> <lifecycle detail> <risk level> <last detected>"`. `time` is the processed
    time, the record's time, or the last detection. `copy_of_audit` marks the log records that repeat an Audit
    event.
    """

    service: Literal["audit", "logging", "cloudguard"]
    region: str
    compartment: str
    key: str
    raw: bytes
    time: datetime
    visible: datetime
    copy_of_audit: bool = False


class GroundTruth:
    """All records of a tenancy in the order of emission; thread-safe."""

    def __init__(self) -> None:
        self._records: list[Emitted] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)

    def __iter__(self) -> Iterator[Emitted]:
        with self._lock:
            return iter(tuple(self._records))

    def add(self, record: Emitted) -> Emitted:
        """Note a record and return it."""
        with self._lock:
            self._records.append(record)
        return record

    def of(self, service: str) -> list[Emitted]:
        """Return the records of one service, without the copies of Audit events in Logging."""
        return [one for one in self if one.service == service and not one.copy_of_audit]

    def keys(self, service: str) -> list[str]:
        """Return the keys of one service's records, sorted; a key emitted twice is there twice."""
        return sorted(one.key for one in self.of(service))
