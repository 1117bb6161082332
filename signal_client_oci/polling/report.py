"""The last item of a poll, and the log lines that say the same."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Literal

from signal_client_oci.contract import SOURCES, Check, Checkpoint, Report, SourceName, SourceReport
from signal_client_oci.polling.context import Run, in_utc
from signal_client_oci.scheduler.dispatcher import Dispatcher
from signal_client_oci.scheduler.requests import Result
from signal_client_oci.state.batcher import Batcher
from signal_client_oci.state.windows import to_text

__all__ = ["failed_report", "log_report", "make_report"]

logger = logging.getLogger("signal_client_oci")

_WORDS: Final[dict[SourceName, str]] = {
    "audit": "audit events",
    "logging": "log records",
    "cloud_guard": "Cloud Guard problems",
}


def make_report(
    run: Run, results: Mapping[SourceName, Result], crew: Dispatcher, *, degraded: bool
) -> Report:
    """Sum up a poll whose batches were all handed out."""
    sources: dict[SourceName, SourceReport] = {}
    for source in SOURCES:
        result = results.get(source, Result("skipped"))
        batcher = run.batchers.get(source)
        sources[source] = {
            "status": result.status,
            "fetched": batcher.delivered if batcher else 0,
            "requests": crew.requests.get(source, 0),
            "retries": crew.retries.get(source, 0),
            "error": result.error,
            "covered_until": result.covered_until,
            "counts": result.counts,
        }
    checkpoint = run.progress.to_json()
    _warn_of_size(run)
    return {
        "type": "report",
        "status": _status(sources, degraded=degraded),
        "started_at": to_text(run.started),
        "finished_at": to_text(in_utc(run.clock())),
        "sources": sources,
        "warnings": run.warnings,
        "checkpoint": checkpoint,
    }


def failed_report(  # noqa: PLR0913  (what such a report consists of)
    check: Check,
    started: datetime,
    finished: datetime,
    checkpoint: Checkpoint,
    switched_off: AbstractSet[SourceName],
    batchers: Mapping[SourceName, Batcher] | None = None,
) -> Report:
    """Report a poll that failed as a whole; `checkpoint` holds what the batches before had reached."""
    delivered = {source: batcher.delivered for source, batcher in (batchers or {}).items()}
    sources: dict[SourceName, SourceReport] = {
        source: {
            "status": "skipped" if source in switched_off else "failed",
            "fetched": delivered.get(source, 0),
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


def log_report(report: Report, instance: str) -> None:
    """Write one line for each source that was read, and one for each failure and warning."""
    name = "".join(character if character.isprintable() else "?" for character in instance)
    for source, one in report["sources"].items():
        if one["status"] != "skipped":
            logger.info("oci-cloud: fetched %d %s (instance %s)", one["fetched"], _WORDS[source], name)
    errors = {id(one["error"]): one["error"] for one in report["sources"].values() if one["error"]}
    for check in [*errors.values(), *report["warnings"]]:
        logger.warning(
            "oci-cloud: %s (instance %s): %s. %s",
            check["code"],
            name,
            check["message"].rstrip("."),
            check["remedy"],
        )


def _status(
    sources: Mapping[SourceName, SourceReport], *, degraded: bool
) -> Literal["ok", "degraded", "failed"]:
    statuses = {one["status"] for one in sources.values()} - {"skipped"}
    if statuses == {"failed"}:
        return "failed"
    return "degraded" if degraded or statuses - {"ok"} else "ok"


def _warn_of_size(run: Run) -> None:
    if ("cloud_guard", "") in run.progress.dropped:
        title = SOURCES["cloud_guard"]["title"]
        message = f"{title}: versions of delivered problems had to be dropped"
        run.warn("cloud_guard", title, "OVERLAP_TOO_FULL", message)
    if run.progress.coarsened:
        message = "some compartments are read again from an earlier time"
        run.warn("settings", "Checkpoint", "CHECKPOINT_TOO_LARGE", message)
