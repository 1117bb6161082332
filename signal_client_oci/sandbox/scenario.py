"""A tenancy with a life of its own: an invented company whose users, networks and problems change as time passes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from signal_client_oci.sandbox.data.demo_tenancy import build_company
from signal_client_oci.sandbox.data.log_records import LogFields
from signal_client_oci.sandbox.data.scenario_audit import NOTABLE, ROUTINE, ScenarioEvent
from signal_client_oci.sandbox.data.scenario_logs import LOG_WRITERS
from signal_client_oci.sandbox.data.scenario_problems import CHANGE_MINUTES, ScenarioProblems
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["Scenario"]

_MINUTE = timedelta(minutes=1)
_NOTABLE_EVERY = 2
_AUDIT_LAG = timedelta(seconds=4)
_LOG_LAG = timedelta(seconds=55)


class Scenario:
    """Fills one tenancy: `history` before the clock's now at once, and what came since with every `advance`.

    Two scenarios of one `seed` that begin at the same time tell the same story, however often they are
    advanced. The lags between a record's time and its visibility are those of recorded ones (4 s, 55 s).
    """

    def __init__(self, tenancy: Tenancy, *, seed: int = 1, history: timedelta = timedelta(hours=1)) -> None:
        self._tenancy = tenancy
        self._seed = seed
        self._told_until = tenancy.clock() - history
        self.company = build_company(tenancy, self._told_until - timedelta(days=90))
        self._changes = itertools.count()
        self._problems = ScenarioProblems(tenancy, self.company, self._told_until)
        self.advance()

    def advance(self) -> int:
        """Let everything happen up to the clock's now; return how many records were emitted."""
        before = len(self._tenancy.ground_truth)
        now = self._tenancy.clock()
        minute = self._told_until.replace(second=0, microsecond=0)
        while minute <= now:
            self._tell(minute, now)
            minute += _MINUTE
        self._told_until = max(now, self._told_until)
        return len(self._tenancy.ground_truth) - before

    def _tell(self, minute: datetime, now: datetime) -> None:
        """Emit what happens in one minute, unless it was told before or lies after `now`."""
        number = int(minute.timestamp()) // 60
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311  a story, no secret
        for moment, (region, compartment, audit_fields) in self._events(minute, number, chance):
            if self._told_until < moment <= now:
                audit_fields["event_time"] = moment
                audit_fields["processed"] = moment + _AUDIT_LAG
                self._tenancy.emit_audit_event(region, compartment, **audit_fields)
        for moment, region, compartment, log_fields in self._records(minute, chance):
            if self._told_until < moment <= now:
                log_fields["time"] = moment
                log_fields["visible"] = moment + _LOG_LAG
                self._tenancy.emit_log_record(region, compartment, **log_fields)
        if number % CHANGE_MINUTES == 0 and self._told_until < minute <= now:
            self._problems.change(next(self._changes), minute)

    def _events(
        self, minute: datetime, number: int, chance: random.Random
    ) -> Iterator[tuple[datetime, ScenarioEvent]]:
        tells = list(ROUTINE)
        if number % _NOTABLE_EVERY == 0:
            tells.append(NOTABLE[number // _NOTABLE_EVERY % len(NOTABLE)])
        for tell in tells:
            yield _moment(minute, chance), tell(self.company, chance)

    def _records(
        self, minute: datetime, chance: random.Random
    ) -> Iterator[tuple[datetime, str, str, LogFields]]:
        for name, (write, count) in LOG_WRITERS.items():
            region, compartment, group, log = self.company.logs[name]
            for _ in range(count):
                moment = _moment(minute, chance)
                fields = write(moment, chance)
                fields["group"], fields["log"] = group, log
                yield moment, region, compartment, fields


def _moment(minute: datetime, chance: random.Random) -> datetime:
    return minute + timedelta(milliseconds=chance.randrange(60_000))
