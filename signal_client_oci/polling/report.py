"""The report: the last item of a poll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Literal, cast

from signal_client_oci.contract import SOURCES, Check, Checkpoint, Report, SourceName, SourceReport
from signal_client_oci.errors.failure import make_check
from signal_client_oci.polling.context import PollContext, in_utc
from signal_client_oci.polling.protocol import SourceOutcome
from signal_client_oci.state.compaction import Dropped
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.windows import to_text

__all__ = ["failed_report", "make_report", "size_warnings"]


def make_report(  # noqa: PLR0913  (what a report consists of)
    context: PollContext,
    outcomes: Mapping[SourceName, SourceOutcome],
    numbers: Mapping[SourceName, Mapping[str, int]],
    warnings: Sequence[Check],
    checkpoint: Checkpoint,
    *,
    degraded: bool,
) -> Report:
    """Return the report of a poll whose batches were all handed out.

    Args:
        context: The poll.
        outcomes: How each enabled source fared.
        numbers: Source → `fetched`, `requests`, `retries` and `throttled`.
        warnings: What the operator should know.
        checkpoint: What is stored last.
        degraded: Something could not be found out before any source was read.
    """
    sources: dict[SourceName, SourceReport] = {}
    for source in SOURCES:
        outcome = outcomes.get(source, SourceOutcome("skipped"))
        counted = numbers.get(source, {})
        counts = dict(outcome.counts)
        if throttled := counted.get("throttled"):
            counts["throttled"] = throttled
        sources[source] = {
            "status": outcome.status,
            "fetched": counted.get("fetched", 0),
            "requests": counted.get("requests", 0),
            "retries": counted.get("retries", 0),
            "error": outcome.error,
            "covered_until": outcome.covered_until,
            "counts": counts,
        }
    return {
        "type": "report",
        "status": _status(sources, degraded=degraded),
        "started_at": to_text(context.started),
        "finished_at": to_text(in_utc(context.now())),
        "sources": sources,
        "warnings": list(warnings),
        "checkpoint": checkpoint,
    }


def size_warnings(state: PollState, dropped: Dropped) -> list[Check]:
    """Return what has to be said of what did not fit into the checkpoint."""
    found: list[Check] = []
    for stream, end in dropped.records.items():
        if state.stream(*stream).read_again_from() < end:  # else no later poll reads them again
            title = SOURCES[cast("SourceName", stream.source)]["title"]
            message = f"digests of delivered records had to be dropped in {stream.region}"
            found.append(make_check(stream.source, title, "warning", "OVERLAP_TOO_FULL", message))
    if dropped.problems:
        title = SOURCES["cloud_guard"]["title"]
        message = "versions of delivered problems had to be dropped"
        found.append(make_check("cloud_guard", title, "warning", "OVERLAP_TOO_FULL", message))
    if dropped.cursors:
        message = "some compartments are read again from an earlier time"
        found.append(make_check("settings", "Checkpoint", "warning", "CHECKPOINT_TOO_LARGE", message))
    return found


def failed_report(  # noqa: PLR0913  (what such a report consists of)
    check: Check,
    started: datetime,
    finished: datetime,
    checkpoint: Checkpoint,
    switched_off: AbstractSet[SourceName],
    delivered: Mapping[SourceName, int] | None = None,
) -> Report:
    """Return the report of a poll that failed as a whole; `checkpoint` holds what the batches before had reached."""
    fetched = delivered or {}
    sources: dict[SourceName, SourceReport] = {
        source: {
            "status": "skipped" if source in switched_off else "failed",
            "fetched": fetched.get(source, 0),
            "requests": 0,
            "retries": 0,
            "error": None if source in switched_off else check,
            "covered_until": None,
            "counts": {},
        }
        for source in SOURCES
    }
    return {
        "type": "report",
        "status": "failed",
        "started_at": to_text(started),
        "finished_at": to_text(finished),
        "sources": sources,
        "warnings": [],
        "checkpoint": checkpoint,
    }


def _status(
    sources: Mapping[SourceName, SourceReport], *, degraded: bool
) -> Literal["ok", "degraded", "failed"]:
    statuses = {one["status"] for one in sources.values()} - {"skipped"}
    if statuses == {"failed"}:
        return "failed"
    return "degraded" if degraded or statuses - {"ok"} else "ok"
