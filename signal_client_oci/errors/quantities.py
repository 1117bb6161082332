"""Numbers with their nouns, as sentences for operators need them."""

from __future__ import annotations

from typing import Final

__all__ = ["counted", "in_seconds", "roughly"]

_EXACT_BELOW: Final = 10.0


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, `1 problem` or `2,000 problems`; the plural is the noun with an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def roughly(seconds: float) -> str:
    """Return a long duration in its two largest units, such as `2 hours 5 minutes` or `400 days`."""
    minutes = round(abs(seconds) / 60)
    units = [("day", minutes // 1440), ("hour", minutes // 60 % 24), ("minute", minutes % 60)]
    first = next((at for at, (_, count) in enumerate(units) if count), len(units) - 1)
    shown = [counted(count, noun) for noun, count in units[first : first + 2] if count]
    return " ".join(shown) or counted(0, "minute")


def in_seconds(seconds: float) -> str:
    """Return a duration, to a tenth of a second below ten seconds: `0.4 seconds`, `1 second`, `12 seconds`."""
    rounded = round(seconds, 1) if seconds < _EXACT_BELOW else round(seconds)
    return f"{rounded:g} second{'' if rounded == 1 else 's'}"
