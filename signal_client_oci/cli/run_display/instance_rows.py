"""What is known of each instance while `run` polls: how its last poll ended, and where each source has got to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from signal_client_oci.artifacts.times import utc_moment
from signal_client_oci.cli.output.poll_report import SOURCE_TITLES, checks_to_resolve
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.contract import Report, SourceReport
from signal_client_oci.host.headline import VERDICTS, Standing, Verdict

__all__ = ["InstanceRow", "SourceRow"]

_ABORTED: Final = "ABORTED"


@dataclass
class SourceRow:
    """One source of one instance; `new` are the artifacts of the last poll."""

    status: str = "waiting"
    polled: datetime | None = None
    new: int = 0
    total: int = 0
    covered_until: datetime | None = None
    error: str = ""

    def update(self, report: SourceReport, now: datetime) -> None:
        """Take over how the source fared in a poll."""
        self.status, self.new, self.polled = report["status"], report["fetched"], now
        self.covered_until = utc_moment(report["covered_until"] or "") or self.covered_until
        if report["status"] != "skipped":
            self.error = printable(report["error"]["code"]) if report["error"] else ""


@dataclass
class InstanceRow:
    """One instance: `outcome` is how its last poll ended, `notes` say in a line each what needs attention since."""

    name: str
    outcome: Verdict = "waiting"
    is_polling: bool = False
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    sources: dict[str, SourceRow] = field(
        default_factory=lambda: {name: SourceRow() for name in SOURCE_TITLES}
    )

    @property
    def rank(self) -> int:
        """Where the instance belongs in a list with the troubled ones first."""
        return VERDICTS.index(self.outcome)

    @property
    def status(self) -> str:
        """What to show as its status."""
        return "polling" if self.is_polling else self.outcome

    def named_notes(self) -> list[str]:
        """Return the notes with the instance's name before each."""
        return [printable(f"{self.name}: {note}") for note in self.notes]

    @property
    def standing(self) -> Standing:
        """How the instance fares, for the line that tells of all."""
        return Standing(printable(self.name), self.outcome, self.reason)

    def merged(self) -> SourceRow:
        """Return the sources as one: the sums, the greatest lag, and the reason for the instance's outcome."""
        sources = list(self.sources.values())
        polled = [source.polled for source in sources if source.polled]
        covered = [source.covered_until for source in sources if source.covered_until]
        return SourceRow(
            self.status,
            max(polled, default=None),
            sum(source.new for source in sources),
            self.total,
            min(covered, default=None),
            self.reason,
        )

    @property
    def total(self) -> int:
        """Artifacts since the start."""
        return sum(source.total for source in self.sources.values())

    def start(self) -> None:
        """A poll begins; how the last one ended is known until this one has ended."""
        self.is_polling = True
        for source in self.sources.values():
            source.status, source.new = "polling", 0

    def finish(self, report: Report, now: datetime) -> None:
        """A poll gave its report."""
        checks = checks_to_resolve(report)
        self.is_polling, self.outcome = False, report["status"]
        self.reason = printable(checks[0]["code"]) if checks and self.outcome != "ok" else ""
        self.notes = [
            f"{check['code']}: {check['message'].rstrip('.')}. {check['remedy']}" for check in checks
        ]
        for name, source in report["sources"].items():
            self.sources[name].update(source, now)

    def abort(self, problem: str, now: datetime) -> None:
        """A poll ended without a report."""
        self.is_polling, self.outcome, self.reason = False, "failed", _ABORTED
        self.notes = [f"the poll was aborted: {problem}"]
        for source in self.sources.values():
            source.status, source.polled, source.error = "failed", now, _ABORTED
