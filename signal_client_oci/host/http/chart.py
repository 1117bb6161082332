"""Records and lag of a source over the last hours, in slots of five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = ["CHART_SLOTS", "SLOT_SECONDS", "ChartPoint", "add_to_chart"]

SLOT_SECONDS: Final = 300
CHART_SLOTS: Final = 72


@dataclass(frozen=True)
class ChartPoint:
    """One slot: its number (slots since 1970), the artifacts published in it, the longest lag at the end of a poll."""

    slot: int
    records: int = 0
    lag_seconds: float | None = None


def add_to_chart(
    chart: tuple[ChartPoint, ...], moment: datetime, records: int = 0, lag_seconds: float | None = None
) -> tuple[ChartPoint, ...]:
    """Return the chart with what happened at `moment`, without slots that are six hours older.

    Where the clock was set back, the newest slot takes what happens until the clock has caught up.
    """
    slot = int(moment.timestamp()) // SLOT_SECONDS
    last = chart[-1] if chart and chart[-1].slot >= slot else ChartPoint(slot)
    lags = [lag for lag in (last.lag_seconds, lag_seconds) if lag is not None]
    changed = ChartPoint(last.slot, last.records + records, max(lags, default=None))
    return (*(one for one in chart if changed.slot - CHART_SLOTS < one.slot < changed.slot), changed)
