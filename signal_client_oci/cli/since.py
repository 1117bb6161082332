"""The value of `--since`: a period such as `2h`, or a time."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Final

from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.output.safe_text import shortened

__all__ = ["lookback_minutes"]

_PERIOD: Final = re.compile(r"(\d{1,6})\s*(m|min|h|d)")
_MINUTES: Final = {"m": 1, "min": 1, "h": 60, "d": 24 * 60}
_MAX_MINUTES: Final = 14 * 24 * 60
_MAX_SHOWN: Final = 40


def lookback_minutes(text: str, now: datetime) -> int:
    """Return how many whole minutes a poll at `now` has to look back; raises `CommandError`.

    A time without an offset is UTC. The maximum is 14 days, the most that Logging can search.
    """
    quoted = f"--since {shortened(text, _MAX_SHOWN)!r}"
    minutes = _period_minutes(text.strip().lower())
    if minutes is None:
        minutes = _minutes_since(text.strip(), now, quoted)
    if minutes < 1:
        raise CommandError(f"{quoted}: is less than a minute ago; give a time in the past")
    if minutes > _MAX_MINUTES:
        raise CommandError(
            f"{quoted}: is more than 14 days ago, the most that Logging can search; give a later time"
        )
    return minutes


def _period_minutes(text: str) -> int | None:
    match = _PERIOD.fullmatch(text)
    return int(match[1]) * _MINUTES[match[2]] if match else None


def _minutes_since(text: str, now: datetime, quoted: str) -> int:
    try:
        # Python 3.10 does not parse Z.
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return math.ceil((now - moment) / timedelta(minutes=1))
    except (ValueError, OverflowError):
        raise CommandError(f"{quoted}: not a period or time; give 90m, 2h, 3d or 2026-03-02T09:00Z") from None
