"""Which compartments a poll reads: the scope and everything below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.oci_api.operations import CompartmentRow
from signal_client_oci.polling.scope import Compartment
from signal_client_oci.state.windows import floor_minute

__all__ = ["walk"]


def _compartment(row: CompartmentRow) -> Compartment:
    created = utc_moment(row.time_created or "")
    return Compartment(
        row.id,
        row.name or "",
        0 if created is None else floor_minute(created),
        deleted=row.lifecycle_state == "DELETED",
    )


def walk(scope: str, rows: Mapping[str, CompartmentRow]) -> Iterator[Compartment]:
    """Yield the scope and everything below it, each once."""
    below: dict[str, list[CompartmentRow]] = {}
    for row in rows.values():
        if row.compartment_id:
            below.setdefault(row.compartment_id, []).append(row)
    yield _compartment(rows[scope]) if scope in rows else Compartment(scope, "", 0, deleted=False)
    seen, waiting = {scope}, [scope]
    while waiting:
        for row in below.get(waiting.pop(), ()):
            if row.id not in seen:
                seen.add(row.id)
                waiting.append(row.id)
                yield _compartment(row)
