"""What is fixed while one poll runs: its instance, its settings, its clock and the host's limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Final

from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.artifacts.sanitize import sanitize_name
from signal_client_oci.settings.model import Settings
from signal_client_oci.state.cursor import newest_readable
from signal_client_oci.state.windows import floor_minute, to_millisecond, to_text

__all__ = ["Limits", "PollContext", "in_utc"]

DEFAULT_BATCH_ARTIFACTS: Final = 1000
DEFAULT_BATCH_BYTES: Final = 4 * 1024 * 1024
_MINUTE: Final = 60_000


def in_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; a naive one counts as UTC."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


@dataclass(frozen=True)
class Limits:
    """What the host allows a poll.

    Attributes:
        began: `time.monotonic()` when the poll began.
        until: `time.monotonic()` at which everything has to be over, None = no such time.
        should_stop: Tells whether the host wants the poll to end.
        max_batch_artifacts: Artifacts in a batch at most.
        max_batch_bytes: UTF-8 bytes of their `raw` at most.
    """

    began: float
    until: float | None
    should_stop: Callable[[], bool]
    max_batch_artifacts: int = DEFAULT_BATCH_ARTIFACTS
    max_batch_bytes: int = DEFAULT_BATCH_BYTES

    @classmethod
    def of_host(cls, context: Mapping[str, Any]) -> Limits:
        """Read them from what the host lends to a poll (`contract.Context`)."""
        began, deadline = time.monotonic(), context.get("deadline_seconds")
        return cls(
            began,
            None if deadline is None else began + float(deadline),
            context.get("should_stop") or _never,
            context.get("max_batch_artifacts") or DEFAULT_BATCH_ARTIFACTS,
            context.get("max_batch_bytes") or DEFAULT_BATCH_BYTES,
        )


@dataclass(frozen=True)
class PollContext:
    """One poll of one instance; read only.

    Attributes:
        instance: The instance's name.
        settings: Its settings.
        now: The host's clock, the only one for windows and intervals.
        started: When the poll began; windows are computed from this moment.
    """

    instance: str
    settings: Settings
    now: Callable[[], datetime]
    started: datetime

    @cached_property
    def safe_name(self) -> str:
        """The instance's name as artifacts and logs have it."""
        return sanitize_name(self.instance)

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

    @property
    def lookback_start(self) -> int:
        """Minute at which a first poll begins."""
        return self.newest - self.settings.lookback_minutes

    def read_at_millisecond(self) -> int:
        """Return when something that was just read was read: the poll's beginning, plus the whole minutes since.

        Cursors that were read in the same minute stay equal that way, and share their place in the checkpoint.
        """
        lasted = to_millisecond(in_utc(self.now())) - self.polled_at_millisecond
        return self.polled_at_millisecond + max(0, lasted) // _MINUTE * _MINUTE

    def origin(self, region: str) -> Origin:
        """Return what the artifacts of a region share."""
        return Origin(
            instance=self.safe_name,
            tenancy_ocid=self.settings.tenancy_ocid,
            region=region,
            redact=self.settings.redact_secrets,
            read_at=to_text(self.started),
        )


def _never() -> bool:
    return False
