"""The contract's rules for what a poll yields: batches, then exactly one report, last.

`PollConformance` follows one poll item by item and raises `ContractError` at the first violation; `checked_poll`
wraps a whole iterator. `hook_checks` has the rules of the other three hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.host.conformance.artifact_checks import check_artifact
from signal_client_oci.host.conformance.contract_checks import (
    as_choice,
    as_count,
    as_dict,
    as_list,
    as_rfc3339_utc,
    compact_json,
    exact_keys,
    fail,
    require_json,
)
from signal_client_oci.host.conformance.hook_checks import check_check
from signal_client_oci.host.conformance.poll_terms import PollTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from signal_client_oci.contract import Batch, Report

__all__ = ["PollConformance", "checked_poll"]

_BATCH_KEYS: Final = ("type", "source", "artifacts", "checkpoint")
_REPORT_KEYS: Final = ("type", "status", "started_at", "finished_at", "sources", "checkpoint")
_SOURCE_KEYS: Final = ("status", "fetched", "requests", "retries", "error", "covered_until")
_REPORT_STATUSES: Final = ("ok", "degraded", "failed")
_SOURCE_STATUSES: Final = ("ok", "failed", "skipped", "partial")


class PollConformance:
    """Follows one poll: `accept` every item, then `finish`; both raise `ContractError`.

    `delivered` counts the artifacts of each source so far, `batches` the batches, `raw_bytes` the bytes of
    `raw`.
    """

    def __init__(self, terms: PollTerms) -> None:
        self.terms = terms
        self.delivered: dict[str, int] = dict.fromkeys(terms.sources, 0)
        self.batches = 0
        self.raw_bytes = 0
        self._report: Report | None = None

    def accept(self, item: object) -> Batch | Report:
        """Return the item after checking that it is a batch or the report that the contract describes."""
        if self._report is not None:
            fail("AFTER_REPORT", "poll", "yielded another item after its report, which must be the last")
        kind = item.get("type") if type(item) is dict else None
        if kind == "batch":
            return self._accept_batch(item)
        if kind != "report":
            fail("UNKNOWN_TYPE", "poll", "yielded an item whose `type` is neither `batch` nor `report`")
        return self._accept_report(item)

    def finish(self) -> Report:
        """Return the report of a poll that has ended; to end without a report breaks the contract."""
        if self._report is None:
            fail("NO_REPORT", "poll", "ended without a report")
        return self._report

    def _accept_batch(self, item: object) -> Batch:
        batch = exact_keys(item, "batch", _BATCH_KEYS)
        source = as_choice(batch["source"], "batch.source", self.terms.sources)
        size = _check_artifacts(batch["artifacts"], self.terms, source)
        _check_checkpoint(batch["checkpoint"], "batch.checkpoint")
        self.batches += 1
        self.delivered[source] += len(batch["artifacts"])
        self.raw_bytes += size
        return cast("Batch", batch)

    def _accept_report(self, item: object) -> Report:
        report = exact_keys(item, "report", _REPORT_KEYS, optional=("warnings",))
        require_json({key: value for key, value in report.items() if key != "checkpoint"}, "report")
        as_choice(report["status"], "report.status", _REPORT_STATUSES)
        as_rfc3339_utc(report["started_at"], "report.started_at")
        as_rfc3339_utc(report["finished_at"], "report.finished_at")
        _check_sources(report, self.delivered)
        for index, warning in enumerate(as_list(report.get("warnings", []), "report.warnings")):
            check_check(warning, f"report.warnings[{index}]")
        _check_checkpoint(report["checkpoint"], "report.checkpoint")
        self._report = cast("Report", report)
        return self._report


def checked_poll(items: Iterable[object], terms: PollTerms) -> Iterator[Batch | Report]:
    """Yield the items of a poll, each after its check; raises `ContractError`."""
    conformance = PollConformance(terms)
    for item in items:
        yield conformance.accept(item)
    conformance.finish()


def _check_artifacts(value: object, terms: PollTerms, source: str) -> int:
    artifacts = as_list(value, "batch.artifacts")
    if len(artifacts) > terms.max_batch_artifacts:
        fail("BATCH_ARTIFACTS", "batch", f"has more than {terms.max_batch_artifacts} artifacts")
    seen: set[str] = set()
    total = 0
    for index, artifact in enumerate(artifacts):
        where = f"batch.artifacts[{index}]"
        identity, size = check_artifact(artifact, where, terms, source)
        if identity in seen:
            fail("REPEATED_ID", f"{where}.id", "is the id of an earlier artifact of the same batch")
        seen.add(identity)
        total += size
    if total > terms.max_batch_bytes and len(artifacts) > 1:
        fail(
            "BATCH_BYTES",
            "batch",
            f"has {total} bytes of `raw` in {len(artifacts)} artifacts, over {terms.max_batch_bytes}",
        )
    return total


def _check_checkpoint(value: object, where: str) -> None:
    require_json(as_dict(value, where), where)
    size = len(compact_json(value))
    if size > MAX_CHECKPOINT_BYTES:
        fail("CHECKPOINT_BYTES", where, f"has {size} bytes, over {MAX_CHECKPOINT_BYTES}")


def _check_sources(report: dict[str, Any], delivered: dict[str, int]) -> None:
    sources = exact_keys(report["sources"], "report.sources", tuple(delivered))
    for name, count in delivered.items():
        _check_source(sources[name], f"report.sources.{name}", count)
    unfinished = [name for name in delivered if sources[name]["status"] in {"failed", "partial"}]
    if unfinished and report["status"] == "ok":
        fail("STATUS", "report.status", f"is `ok` although {', '.join(unfinished)} did not finish")


def _check_source(value: object, where: str, delivered: int) -> None:
    source = exact_keys(value, where, _SOURCE_KEYS, optional=("counts",))
    status = as_choice(source["status"], f"{where}.status", _SOURCE_STATUSES)
    if as_count(source["fetched"], f"{where}.fetched") != delivered:
        fail(
            "FETCHED", f"{where}.fetched", f"is {source['fetched']}, but {delivered} artifacts were delivered"
        )
    as_count(source["retries"], f"{where}.retries")
    if as_count(source["requests"], f"{where}.requests") and status == "skipped":
        fail("STATUS", f"{where}.requests", "must be 0 for a source that was skipped")
    if source["covered_until"] is not None:
        as_rfc3339_utc(source["covered_until"], f"{where}.covered_until")
    _check_error(source["error"], f"{where}.error", status)
    for name, count in as_dict(source.get("counts", {}), f"{where}.counts").items():
        as_count(count, f"{where}.counts.{name}")


def _check_error(value: object, where: str, status: str) -> None:
    if value is not None:
        check_check(value, where)
    if (value is None) and status == "failed":
        fail("STATUS", where, "must tell why the source failed")
    if (value is not None) and status == "ok":
        fail("STATUS", where, "must be None for a source that is `ok`")
