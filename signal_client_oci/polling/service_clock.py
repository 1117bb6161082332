"""The services' clock, as the `Date` headers of their answers tell it, beside this host's."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from signal_client_oci.contract import Check
from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.failure import make_check
from signal_client_oci.errors.quantities import roughly
from signal_client_oci.polling.context import PollContext, in_utc
from signal_client_oci.state.changes import BoundByClock
from signal_client_oci.state.cursor import is_ahead
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.windows import floor_minute, minute_in_words

__all__ = ["ServiceClock"]

_NOW: Final = "`now` in the host's context"


class ServiceClock:
    """Notices that this host's clock is wrong, or that an earlier poll's was ahead."""

    def __init__(self, context: PollContext, state: PollState) -> None:
        self._context = context
        self._lookback = context.settings.lookback_minutes
        self._read_until = state.read_until()
        self._latest = max(context.minute, self._read_until)
        self._minute: int | None = None
        self._wrong: Check | None = None
        self._is_compared = False

    def note(self, date: datetime | None) -> list[BoundByClock]:
        """Return what an answer's `Date` bounds: nothing where it agrees with what is known, or is missing."""
        if date is None:
            return []
        minute = floor_minute(date)
        if not is_ahead(self._latest, minute) or minute == self._minute:
            return []
        self._minute = minute
        return self.bound()

    def compare(self, date: datetime | None) -> None:
        """Compare the host's clock with the `Date` of the first page; a 401 tells by itself that a clock is wrong."""
        if date is not None and not self._is_compared:
            self._is_compared = True
            self._wrong = self._compared(in_utc(date))

    def bound(self) -> list[BoundByClock]:
        """Return what the last answer's `Date` bounds."""
        return [] if self._minute is None else [BoundByClock(self._minute, self._lookback)]

    def warnings(self) -> list[Check]:
        """Return what is wrong with the host's clock, and that records were taken for read that did not exist yet."""
        found = [self._wrong] if self._wrong else []
        if self._context.is_naive and not found:
            summary = CATALOG["HOST_CLOCK_NAIVE"].summary
            found.append(make_check("settings", "Clock", "warning", "HOST_CLOCK_NAIVE", summary))
        if self._minute is not None and is_ahead(self._read_until, self._minute):
            begin = minute_in_words(max(1, self._minute - 1 - self._lookback))
            message = f"earlier polls read beyond the service's clock; reading resumes from {begin}"
            found.append(make_check("settings", "Clock", "warning", "CLOCK_WENT_BACK", message))
        return found

    def _compared(self, date: datetime) -> Check | None:
        """Return which clock is off, and by how much; None where none is.

        The answer was made after the poll began and before it is looked at, so a right clock stands around it.
        """
        minute, now = floor_minute(date), in_utc(self._context.now())
        if is_ahead(self._context.minute, minute):
            off = f"{roughly((self._context.started - date).total_seconds())} ahead of"
        elif is_ahead(minute, floor_minute(now)):
            off = f"{roughly((date - now).total_seconds())} behind"
        else:
            return None
        system = floor_minute(datetime.now(timezone.utc))
        is_systems = not is_ahead(system, floor_minute(now)) and not is_ahead(floor_minute(now), system)
        code, clock = ("CLOCK_SKEW", "this machine's clock") if is_systems else ("HOST_CLOCK_WRONG", _NOW)
        assumed = "; it tells no time zone and was taken as UTC" if self._context.is_naive else ""
        return make_check("settings", "Clock", "warning", code, f"{clock} is {off} OCI's clock{assumed}")
