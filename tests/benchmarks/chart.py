"""A plot as SVG, made of text: lines over a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Line", "Panel", "svg"]

_WIDTH: Final = 440
_HEIGHT: Final = 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 40, 20, 50
_EDGE: Final = 12  # beyond the last panel: half of its axis' last number does not fit in it
_COLOURS: Final = ("#0b6e99", "#b35900", "#4f772d")


@dataclass(frozen=True)
class Line:
    """One line: its name, and its points (number of events, value)."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One plot: its title, its lines, and the value at the top of its axis, 0 = as much as there is."""

    title: str
    lines: Sequence[Line]
    top: float = 0.0


def svg(panels: Sequence[Panel]) -> str:
    """Return the panels side by side as an SVG document."""
    width = _WIDTH * len(panels) + _EDGE
    size = f'viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for place, panel in enumerate(panels):
        parts += [f'<g transform="translate({place * _WIDTH} 0)">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    xs = [x for line in panel.lines for x, _ in line.points]
    top = panel.top or _round_up(max(y for line in panel.lines for _, y in line.points))
    low, high = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)))
    axes = _Axes(low, max(high, low + 1), top)
    parts = [f'<text x="{_LEFT}" y="20" font-size="13" font-weight="bold">{panel.title}</text>', *axes.grid()]
    for number, line in enumerate(panel.lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in line.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3" fill="{colour}"/>'
            for x, y in line.points
        ]
        parts.append(
            f'<text x="{_LEFT + 8}" y="{_TOP + 14 + 15 * number}" fill="{colour}">{line.name}</text>'
        )
    return parts


@dataclass(frozen=True)
class _Axes:
    low: int
    high: int
    top: float

    def x(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - value / self.top * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> list[str]:
        """Draw the axes with their numbers."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = []
        for power in range(self.low, self.high + 1):
            x = self.x(10.0**power)
            parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#e0e0e0"/>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{10**power:,}</text>')
        for step in range(5):
            value = self.top * step / 4
            y = self.y(value)
            parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e0e0e0"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
        middle = (_LEFT + right) / 2
        parts.append(
            f'<text x="{middle:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">events in one poll</text>'
        )
        return parts


def _round_up(value: float) -> float:
    """Return the next round number, so that four steps to it are readable."""
    if value <= 0:
        return 4.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value)
