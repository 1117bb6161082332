"""What is fixed while one poll runs: its instance, its settings, its clock and the host's limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Final

from signal_client_oci.artifacts.envelope import Origin
from signal_client_oci.artifacts.sanitize import sanitize_name
from signal_client_oci.contract import DEFAULT_MAX_BATCH_ARTIFACTS, DEFAULT_MAX_BATCH_BYTES
from signal_client_oci.settings.model import Settings
from signal_client_oci.state.batch_limits import BatchLimits
from signal_client_oci.state.cursor import newest_readable
from signal_client_oci.state.windows import floor_minute, to_millisecond, to_text

__all__ = ["ContextError", "Limits", "PollContext", "clock_of", "in_utc"]

_MINUTE: Final = 60_000
_A_CLOCK: Final = "a function that returns an aware UTC datetime"
_FIRST_YEAR: Final = 1970  # what is older, or has no room for a time zone, is no present time
_LAST_YEAR: Final = 9000
_SHORT: Final = 64  # bits


class ContextError(ValueError):
    """A value in the host's context that cannot be used; the text names its key, "" stands for the whole."""

    def __init__(self, key: str, expected: str, found: object) -> None:
        what = f"`{key}` in the host's context" if key else "the host's context"
        super().__init__(f"{what} must be {expected}; {_in_words(found)}")


def _in_words(found: object) -> str:
    """Return a number as it is, and of anything else only the type: its text could hold a secret or have no end."""
    if isinstance(found, Exception):
        return f"it raised {type(found).__name__}"
    is_short = type(found) in {bool, float} or (type(found) is int and found.bit_length() <= _SHORT)
    return f"found: {found if found is None or is_short else type(found).__name__}"


def clock_of(context: object) -> Callable[[], datetime]:
    """Return the host's clock, or the system's where the host has none; each time it tells is checked.

    Raises:
        ContextError: the context is no object, or its clock cannot be called; or, when it is called, tells no time.
    """
    if not isinstance(context, Mapping):
        raise ContextError("", "an object", context)
    now = _function(context, "now", _A_CLOCK)
    if now is None:
        return _utc_now

    def checked() -> Any:
        moment = now()
        if not _is_present(moment):
            raise ContextError("now", _A_CLOCK, moment)
        return moment

    return checked


def _is_present(moment: object) -> bool:
    """Return whether a clock's answer can be the present time; its time zone is the host's code too."""
    try:
        return isinstance(moment, datetime) and _FIRST_YEAR <= in_utc(moment).year <= _LAST_YEAR
    except Exception:  # noqa: BLE001  (reported as a wrong value under its key)
        return False


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
        batch: How much a batch may hold.
    """

    began: float
    until: float | None
    should_stop: Callable[[], bool]
    batch: BatchLimits

    @classmethod
    def of_host(cls, context: Mapping[str, Any]) -> Limits:
        """Read them from what the host lends to a poll (`contract.Context`).

        Raises:
            ContextError: one of them cannot be used.
        """
        began, deadline = time.monotonic(), _seconds(context, "deadline_seconds")
        should_stop = _function(context, "should_stop", "a function that returns true or false")
        return cls(
            began,
            None if deadline is None else began + deadline,
            should_stop or _never,
            BatchLimits(
                _limit(context, "max_batch_artifacts", DEFAULT_MAX_BATCH_ARTIFACTS),
                _limit(context, "max_batch_bytes", DEFAULT_MAX_BATCH_BYTES),
            ),
        )


@dataclass(frozen=True)
class PollContext:
    """One poll of one instance; read only.

    Attributes:
        instance: The instance's name.
        settings: Its settings.
        now: The host's clock, the only one for windows and intervals.
        started: When the poll began; windows are computed from this moment.
        is_naive: The host's clock tells no time zone, so that UTC had to be assumed.
    """

    instance: str
    settings: Settings
    now: Callable[[], datetime]
    started: datetime
    is_naive: bool = False

    @cached_property
    def safe_name(self) -> str:
        """The instance's name as artifacts and logs have it."""
        return sanitize_name(self.instance)

    @property
    def polled_at(self) -> int:
        """Second of the poll's beginning."""
        return int(self.started.timestamp())

    @cached_property
    def polled_at_millisecond(self) -> int:
        """Millisecond of the poll's beginning."""
        return to_millisecond(self.started)

    @cached_property
    def minute(self) -> int:
        """Minute of the poll's beginning."""
        return floor_minute(self.started)

    @cached_property
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


def _function(context: Mapping[str, Any], key: str, expected: str) -> Callable[[], Any] | None:
    """Return a function of the host's, None where it has none; what it raises is told under its key."""
    function = context.get(key)
    if function is None:
        return None
    if not callable(function):
        raise ContextError(key, expected, function)

    def called() -> Any:
        try:
            return function()
        except Exception as error:  # noqa: BLE001  (the host's code; its text could hold anything)
            problem = error
        raise ContextError(key, expected, problem)

    return called


def _seconds(context: Mapping[str, Any], key: str) -> float | None:
    value = context.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ContextError(key, "a number of seconds", value)
    return None if value == math.inf else float(value)


def _limit(context: Mapping[str, Any], key: str, default: int) -> int:
    value = context.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ContextError(key, "a whole number from 1 on", value)
    return value


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


def _never() -> bool:
    return False
