"""From samples to a row of the table: the median, the spread, and whether the target is met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Verdict", "at_least", "at_most", "worst"]


@dataclass(frozen=True)
class Verdict:
    """One target of one row.

    Attributes:
        row: What was measured.
        against: With what it was compared.
        target: The target, as text.
        measured: The median, as text.
        spread: The smallest and the largest sample, as text.
        met: Whether the median meets the target.
        remark: What else is worth knowing, e.g. the rates behind a ratio.
        samples: Every sample, in the order of the runs.
    """

    row: str
    against: str
    target: str
    measured: str
    spread: str
    met: bool
    remark: str = ""
    samples: Sequence[float] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**self.__dict__, "samples": list(self.samples)}


def at_least(
    row: str, against: str, samples: Sequence[float], least: float, unit: str, remark: str = ""
) -> Verdict:
    """Judge by a least value of the median; `unit` stands behind each number."""
    return _verdict(
        row, against, f"≥ {_text(least)}{unit}", samples, unit, least <= statistics.median(samples), remark
    )


def at_most(
    row: str, against: str, samples: Sequence[float], most: float, unit: str, remark: str = ""
) -> Verdict:
    """Judge by a greatest value of the median; `unit` stands behind each number."""
    return _verdict(
        row, against, f"≤ {_text(most)}{unit}", samples, unit, statistics.median(samples) <= most, remark
    )


def worst(verdicts: Sequence[Verdict]) -> bool:
    """Return True if every target is met."""
    return all(verdict.met for verdict in verdicts)


def _verdict(
    row: str,
    against: str,
    target: str,
    samples: Sequence[float],
    unit: str,
    met: bool,  # noqa: FBT001
    remark: str,
) -> Verdict:
    spread = f"{_text(min(samples))} to {_text(max(samples))}{unit}"
    return Verdict(
        row, against, target, f"{_text(statistics.median(samples))}{unit}", spread, met, remark, samples
    )


def _text(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.3g}"
