"""What all parts of one poll share: its settings, its clock, where reading stands, and what to tell the operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.contract import Check, SourceName
from signal_client_oci.errors.failure import make_check
from signal_client_oci.settings.model import Settings
from signal_client_oci.state.batcher import Batcher
from signal_client_oci.state.checkpoint import Progress
from signal_client_oci.state.cursor import newest_readable
from signal_client_oci.state.windows import floor_minute, to_millisecond, to_text

__all__ = ["Run", "in_utc"]

_MINUTE: Final = 60_000


def in_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; a naive one counts as UTC."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


@dataclass
class Run:
    """One poll of one instance.

    Attributes:
        instance: The instance's name.
        settings: Its settings.
        clock: The host's clock, the only one for windows and intervals.
        progress: Where reading stands; changed as the poll goes on.
        batchers: The enabled sources' ways to the host.
        started: When the poll began; windows are reckoned from this moment.
        warnings: What the operator should know though nothing failed.
    """

    instance: str
    settings: Settings
    clock: Callable[[], datetime]
    progress: Progress
    started: datetime
    batchers: dict[SourceName, Batcher] = field(default_factory=dict)
    warnings: list[Check] = field(default_factory=list)
    _origins: dict[str, Origin] = field(default_factory=dict)

    @property
    def polled_at(self) -> int:
        """Second of the poll's beginning."""
        return int(self.started.timestamp())

    @property
    def polled_at_millisecond(self) -> int:
        """Millisecond of the poll's beginning."""
        return to_millisecond(self.started)

    @property
    def minute(self) -> int:
        """Minute of the poll's beginning."""
        return floor_minute(self.started)

    @property
    def newest(self) -> int:
        """End of what may be asked for, in minutes."""
        return newest_readable(self.minute)

    def read_at_millisecond(self) -> int:
        """Return when something that was just read was read: the poll's beginning, plus the whole minutes since.

        Positions that were read in the same minute stay equal that way, and share their place in the checkpoint.
        """
        lasted = to_millisecond(in_utc(self.clock())) - self.polled_at_millisecond
        return self.polled_at_millisecond + max(0, lasted) // _MINUTE * _MINUTE

    def origin(self, region: str) -> Origin:
        """Return what the artifacts of a region share, the same object each time."""
        if region not in self._origins:
            self._origins[region] = Origin(
                instance=self.instance,
                tenancy_ocid=self.settings.tenancy_ocid,
                region=region,
                redact=self.settings.redact_secrets,
                read_at=to_text(self.started),
            )
        return self._origins[region]

    def warn(self, name: str, title: str, code: str, message: str, opc_request_id: str | None = None) -> None:
        """Add a warning to the report, each code and message once."""
        warning = make_check(name, title, "warning", code, message, opc_request_id=opc_request_id)
        if not any(known["code"] == code and known["message"] == message for known in self.warnings):
            self.warnings.append(warning)
