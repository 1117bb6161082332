"""The services' clock, as the `Date` headers of their answers tell it, beside this host's."""

from __future__ import annotations

from datetime import datetime

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import make_check
from signal_client_oci.polling.context import PollContext
from signal_client_oci.state.changes import BoundByClock
from signal_client_oci.state.cursor import is_ahead
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.windows import floor_minute, minute_to_text

__all__ = ["ServiceClock"]


class ServiceClock:
    """Notices that this host's clock is ahead, or that an earlier poll's was."""

    def __init__(self, context: PollContext, state: PollState) -> None:
        self._lookback = context.settings.lookback_minutes
        self._read_until = state.read_until()
        self._latest = max(context.minute, self._read_until)
        self._minute: int | None = None

    def note(self, date: datetime | None) -> list[BoundByClock]:
        """Return what an answer's `Date` bounds: nothing where it agrees with what is known, or is missing."""
        if date is None:
            return []
        minute = floor_minute(date)
        if not is_ahead(self._latest, minute) or minute == self._minute:
            return []
        self._minute = minute
        return self.bound()

    def bound(self) -> list[BoundByClock]:
        """Return what the last answer's `Date` bounds."""
        return [] if self._minute is None else [BoundByClock(self._minute, self._lookback)]

    def warnings(self) -> list[Check]:
        """Return what has to be said where records were taken for read that did not exist yet."""
        if self._minute is None or not is_ahead(self._read_until, self._minute):
            return []
        begin = minute_to_text(max(1, self._minute - 1 - self._lookback))
        message = f"earlier polls read beyond the service's clock; reading resumes from {begin}"
        return [make_check("settings", "Clock", "warning", "CLOCK_WENT_BACK", message)]
