"""What a node tells of itself and its shards in `OCI_STATUS`: for the tile, for `cluster status` and for metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from signal_client_oci.contract import Check, Report
from signal_client_oci.host.nats.delivery.shard_delivery import DeliveryCounts
from signal_client_oci.host.nats.layout import Shard, TileStatus
from signal_client_oci.host.runner import PollResult

__all__ = ["ShardStatus", "rfc3339", "time_now"]


def time_now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def rfc3339(moment: datetime) -> str:
    """Return a time as RFC 3339 text, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ShardStatus:
    """The status of one shard, as its owner sees it; each method returns it anew.

    Attributes:
        value: What was last returned.
    """

    def __init__(self, shard: Shard, node: str, epoch: int, now: Callable[[], datetime] = time_now) -> None:
        self.value = TileStatus(shard.instance, shard.region, node=node, epoch=epoch)
        self._now = now

    def take_over(self, before: TileStatus | None) -> TileStatus:
        """Keep what the owner before has told of the last poll, until there is another one."""
        if before is not None and before.state != "disabled":
            self.value = msgspec.structs.replace(
                before,
                node=self.value.node,
                epoch=self.value.epoch,
                back_pressure="",
                field_errors={},
                next_poll_at=None,
                delivered_total=0,
                already_delivered_total=0,
                large_artifacts_total=0,
            )
        return self.value

    def started(self) -> TileStatus:
        """Note that a poll runs."""
        return self._change(last_poll_started_at=rfc3339(self._now()), next_poll_at=None)

    def waiting(self, reason: str) -> TileStatus:
        """Say why delivery waits, "" = it goes on."""
        return self._change(back_pressure=reason)

    def finished(self, result: PollResult, counts: DeliveryCounts, due_in_seconds: float) -> TileStatus:
        """Say how a poll ended that gave its report."""
        report = result.report
        check = next(_checks(report), None)
        covered = _covered_until(report) or self.value.covered_until
        return self._change(
            state=report["status"],
            fetched=dict(result.delivered),
            covered_until=covered,
            code=check["code"] if check else "",
            error=check["message"] if check else "",
            remedy=check["remedy"] if check else "",
            **self._ended(counts, due_in_seconds, covered),
        )

    def interrupted(self, counts: DeliveryCounts, due_in_seconds: float) -> TileStatus:
        """Say that a poll was ended early by this node; the state is that of the poll before."""
        return self._change(**self._ended(counts, due_in_seconds, self.value.covered_until))

    def aborted(self, problem: str, counts: DeliveryCounts, due_in_seconds: float) -> TileStatus:
        """Say what ended a poll without its report."""
        return self._change(
            state="failed",
            code="POLL_ABORTED",
            error=f"the poll was aborted: {problem}",
            remedy="The next poll resumes from the last checkpoint. If it happens again, look into the node's log.",
            **self._ended(counts, due_in_seconds, self.value.covered_until),
        )

    def _ended(self, counts: DeliveryCounts, due_in_seconds: float, covered: str | None) -> dict[str, Any]:
        now = self._now()
        until = datetime.fromisoformat(covered.replace("Z", "+00:00")) if covered else None
        return {
            "last_poll_finished_at": rfc3339(now),
            "next_poll_at": rfc3339(now + timedelta(seconds=due_in_seconds)),
            "lag_seconds": round((now - until).total_seconds(), 1) if until else None,
            "delivered_total": counts.delivered,
            "already_delivered_total": counts.already_delivered,
            "large_artifacts_total": counts.large_artifacts,
            "back_pressure": "",
        }

    def _change(self, **changes: Any) -> TileStatus:
        self.value = msgspec.structs.replace(self.value, **changes)
        return self.value


def _covered_until(report: Report) -> str | None:
    """Return the least `covered_until` of the sources that were read, None if no source has one."""
    read = [one for one in report["sources"].values() if one["status"] != "skipped"]
    times = [one["covered_until"] for one in read if one["covered_until"]]
    return min(times, default=None)  # all of them in UTC and to the second


def _checks(report: Report) -> Iterator[Check]:
    """Yield what needs attention, failures first."""
    yield from (one["error"] for one in report["sources"].values() if one["error"])
    yield from (check for check in report["warnings"] if check["status"] in {"failed", "warning"})
