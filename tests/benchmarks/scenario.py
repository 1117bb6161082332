"""What the benchmark's server holds: how many records lie when, and how the services behave.

A scenario is plain JSON, so that the benchmark can hand it to the server's process and to those that are measured.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.benchmarks.texts import TENANCY

__all__ = ["NOW", "Bucket", "Scenario", "Timeline", "compartment"]

NOW: Final = 29_474_641
"""The minute (since 1970) at which every measured poll takes place: 2026-01-15T12:01Z."""

Stretch = tuple[int, int, int]
"""First minute, minute after the last, records spread evenly between them."""


@dataclass(frozen=True)
class Scenario:
    """One tenancy behind a path of its own.

    Attributes:
        name: First part of the path.
        audit: When the tenancy's own audit events lie.
        logging: When its log records lie.
        problems: Open problems.
        compartments: Compartments below the tenancy.
        each: When the audit events of each of them lie.
        page_size: Audit events a page; the other services are asked for 1,000.
        latency: Seconds that every answer takes.
        rate: Requests a second that a service accepts, 0 = any number.
        burst: Requests that may come at once.
    """

    name: str
    audit: Sequence[Stretch] = ()
    logging: Sequence[Stretch] = ()
    problems: int = 0
    compartments: int = 0
    each: Sequence[Stretch] = ()
    page_size: int = 100
    latency: float = 0.0
    rate: float = 0.0
    burst: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @property
    def records(self) -> int:
        """How many records there are in all."""
        own = sum(count for stretches in (self.audit, self.logging) for _, _, count in stretches)
        return own + self.problems + self.compartments * sum(count for _, _, count in self.each)


class Timeline:
    """Numbered records in time."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = sorted(tuple(one) for one in stretches)
        self._before = [0]
        for _, _, count in self._stretches:
            self._before.append(self._before[-1] + count)

    def first_from(self, minute: int) -> int:
        """Return the number of the first record at or after `minute`."""
        at = bisect_right(self._stretches, minute, key=lambda one: one[0]) - 1
        if at < 0:
            return 0
        start, end, count = self._stretches[at]
        return self._before[at] + -(-(min(minute, end) - start) * count // (end - start))

    def minute_of(self, number: int) -> int:
        """Return the minute in which a record lies."""
        at = min(bisect_right(self._before, number), len(self._stretches)) - 1
        start, end, count = self._stretches[at]
        return start + (number - self._before[at]) * (end - start) // count


@dataclass
class Bucket:
    """A token bucket: how often a service lets its user ask."""

    rate: float
    burst: int
    _tokens: float = field(default=-1.0)
    _since: float = 0.0

    def allows(self) -> bool:
        """Take a token if there is one; a refused request costs none."""
        now = time.monotonic()
        if self._tokens < 0:
            self._tokens, self._since = float(self.burst), now
        self._tokens = min(float(self.burst), self._tokens + (now - self._since) * self.rate)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass
class Place:
    """A scenario at work: what was asked of it, and how often."""

    scenario: Scenario
    counts: Counter[str] = field(default_factory=Counter)
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def allows(self, service: str) -> bool:
        """Count a request, and tell whether the service accepts it."""
        scenario = self.scenario
        accepted = True
        if scenario.rate:
            accepted = self.buckets.setdefault(service, Bucket(scenario.rate, scenario.burst)).allows()
        self.counts[f"{service} {200 if accepted else 429}"] += 1
        return accepted


def compartment(number: int) -> str:
    """Return the OCID of a compartment; 0 is the tenancy."""
    return f"ocid1.compartment.oc1..aaaaaaaabenchmark{number:06d}" if number else TENANCY
