"""Days of two tenancies in virtual time, with everything going wrong by chance; afterwards delivered = emitted.

The long version: `python -m tests.reliability.soak --days 7 --seed 1`. A seed makes the same days again, up to the
order in which requests meet the faults.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.world import FAR, HOME, SERVICES, Instance, World, key_of

from signal_client_oci.oci_api import transport
from signal_client_oci.polling.scope_discovery.compartment_lists import lists
from signal_client_oci.sandbox.clocks import format_time, to_micros
from signal_client_oci.scheduler import dispatcher as workers
from signal_client_oci.state.cursor import LONGEST_OVERLAP

OVERLAP = 15
INTERVAL = 5
SICK_AT_ONCE = 3
TROUBLES: tuple[dict[str, Any], ...] = (
    {"status": 429},
    {"status": 500},
    {"status": 503, "headers": {"Retry-After": "120"}},
    {"status": 401},
    {"status": 404},
    {"status": 400},
    {"kind": "html"},
    {"kind": "cut_json"},
    {"kind": "truncated"},
    {"kind": "null"},
    {"kind": "reset"},
    {"kind": "reset_mid_body"},
    {"kind": "hang"},
    {"kind": "repeated_page_token"},
    {"kind": "empty_page_token"},
    {"kind": "expired_page_token"},
    {"kind": "redirect"},
)
"""What may befall a service; none of them changes a record, so each must arrive exactly as it was emitted."""


@dataclass
class Soak:
    """Two instances and their world, moved on poll by poll."""

    days: float
    seed: int
    polls: int = 0
    drops: int = 0
    restarts: int = 0
    troubled: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.world = World()
        self.world.sandbox.request_log.enabled = False
        self.world.sandbox.faults.seed(self.seed)
        self.instances = []
        for name in ("production", "development"):
            tenancy = self.world.tenancy(HOME, FAR, compartments=3)
            tenancy.audit.page_size = 20
            self.instances.append(
                Instance(tenancy, name, overlap_minutes=OVERLAP, cloud_guard_interval_minutes=30)
            )
        self.open_until: dict[int, float] = {}
        self.listed: dict[str, set[str]] = {instance.name: set() for instance in self.instances}

    def run(self) -> None:
        """Let the days pass, end all faults, and compare."""
        end = self.world.clock() + timedelta(days=self.days)
        with self.world.sandbox:
            for instance in self.instances:
                instance.poll()
            while self.world.clock() < end:
                minutes = self._minutes_to_the_next_poll()
                self.world.clock.advance(minutes=minutes)
                self._emit(minutes)
                self._change_the_weather()
                for instance in self.instances:
                    self._poll(instance)
            self.world.sandbox.faults.clear()
            for instance in self.instances:
                self._catch_up(instance)
                self._compare(instance)

    def _catch_up(self, instance: Instance) -> None:
        """Poll until all is well for three times, long enough apart for Cloud Guard and for what is late."""
        well = 0
        for _ in range(12):
            self.world.clock.advance(minutes=35)
            report = instance.poll()
            self._note_the_listed(instance, report)
            well = well + 1 if report["status"] == "ok" else 0
            if well == 3:
                return
        raise AssertionError(f"seed {self.seed}, {instance.name}: not well again: {report['sources']}")

    def _minutes_to_the_next_poll(self) -> float:
        """Mostly the interval; now and then the host is down for hours."""
        if self.chance.random() < 0.01:
            return self.chance.uniform(60, 400)
        return INTERVAL + self.chance.uniform(-0.5, 0.5)

    def _emit(self, minutes: float) -> None:
        """Emit what happened in the last `minutes`, some of it visible only up to the overlap after the next poll."""
        for instance in self.instances:
            tenancy = instance.tenancy
            places = [
                (region, one) for region in tenancy.regions for one in tenancy.tree.subtree(tenancy.ocid)
            ]
            for _ in range(self.chance.choice((0, 1, 3, 3, 60))):
                late = self.chance.choice((0, 0, 0, self.chance.uniform(0, OVERLAP - 1)))
                reach = min(minutes, LONGEST_OVERLAP - 5) if late else minutes
                moment = self.world.clock() - timedelta(minutes=self.chance.uniform(0, reach))
                visible = self.world.clock() + timedelta(minutes=late) if late else moment
                tenancy.emit_audit_event(*self.chance.choice(places), processed=moment, visible=visible)
                tenancy.emit_log_record(*self.chance.choice(places), time=moment, visible=visible)
            self._change_problems(tenancy)
            if self.chance.random() < 0.002:
                tenancy.add_compartment(f"late-{self.polls}", created=self.world.clock())

    def _change_problems(self, tenancy: Any) -> None:
        if self.chance.random() < 0.05:
            tenancy.add_problem(risk_level=self.chance.choice(("LOW", "HIGH", "CRITICAL")))
        if tenancy.cloud_guard.problems and self.chance.random() < 0.1:
            problem = self.chance.choice(list(tenancy.cloud_guard.problems))
            tenancy.update_problem(
                problem,
                lifecycle_detail=self.chance.choice(("OPEN", "RESOLVED", "DISMISSED")),
                last_detected=self.world.clock(),
            )

    def _change_the_weather(self) -> None:
        """End faults whose time has come, and bring up new ones."""
        now = self.world.clock().timestamp()
        faults = self.world.sandbox.faults
        for one in [one for one in faults._faults if self.open_until.get(id(one), 0) < now]:
            faults.remove(one)
        if len(faults._faults) < SICK_AT_ONCE and self.chance.random() < 0.15:
            how = self.chance.choice(TROUBLES)
            tenancy = self.chance.choice(self.instances).tenancy
            compartment = self.chance.choice((None, None, *tenancy.tree.subtree(tenancy.ocid)))
            fault = self.world.fault(
                tenancy=tenancy.ocid,
                service=self.chance.choice((None, "audit", "logging", "cloudguard", "identity")),
                region=self.chance.choice((None, HOME, FAR)),
                compartment=compartment,
                page=self.chance.choice((None, 1, "later")),
                probability=self.chance.choice((1.0, 0.5, 0.1)),
                **how,
            )
            self.open_until[id(fault)] = now + 60 * self.chance.choice((3, 10, 60, 300))
            self.troubled[fault.kind if fault.kind != "status" else str(fault.options["status"])] += 1

    def _poll(self, instance: Instance) -> None:
        """Poll as hosts do: to the end, cut off by a deadline, stopped, or killed after some item."""
        self.polls += 1
        if self.chance.random() < 0.03:
            self.restarts += 1
            lists.clear()  # what a new process does not know
        kind = self.chance.random()
        batch = self.chance.choice((1, 5, 1000))
        if kind < 0.08:
            self.drops += 1
            instance.poll(drop_after=self.chance.randrange(1, 5), max_batch_artifacts=batch)
            return
        context: dict[str, Any] = {"max_batch_artifacts": batch, "deadline_seconds": 3.0}
        if kind < 0.12:
            asked = iter(range(self.chance.randrange(40)))
            context["should_stop"] = lambda: next(asked, None) is None
        self._note_the_listed(instance, instance.poll(**context))
        instance.reports.clear()

    def _note_the_listed(self, instance: Instance, report: dict[str, Any]) -> None:
        """A poll that read Cloud Guard saw every problem in its present version; that version must have arrived."""
        if report["sources"]["cloud_guard"]["status"] != "ok":
            return
        now = to_micros(self.world.clock())
        for problem in instance.tenancy.cloud_guard.problems.values():
            if (version := problem.at(now)) is not None:
                last = format_time(version.last_detected)
                key = f"{problem.ocid} {version.lifecycle_detail} {version.risk_level} {last}"
                self.listed[instance.name].add(key)

    def _compare(self, instance: Instance) -> None:
        """Hold what arrived against what was emitted: each record once, each listed version once."""
        for source, service in SERVICES.items():
            delivered = Counter(instance.keys(source))
            emitted = set(instance.tenancy.ground_truth.keys(service))
            due = self.listed[instance.name] if source == "cloud_guard" else emitted
            told = f"seed {self.seed}, {instance.name}, {source}"
            assert not due - delivered.keys(), f"{told}: missing {len(due - delivered.keys())} of {len(due)}"
            assert not delivered.keys() - emitted, f"{told}: unknown"
            repeated = [key for key, count in delivered.items() if count > 1]
            assert not repeated, f"{told}: repeated {len(repeated)}"
        ids = Counter(artifact["id"] for _, artifact in instance.published)
        assert len(ids) == len({(source, key_of(source, one)) for source, one in instance.published})

    def __str__(self) -> str:
        delivered = sum(len(instance.published) for instance in self.instances)
        troubles = sum(self.troubled.values())
        return (
            f"seed {self.seed}: {self.days:g} days, {self.polls} polls, {self.drops} dropped, "
            f"{self.restarts} restarts, {troubles} troubles of {len(self.troubled)} kinds: "
            f"{delivered} artifacts, each exactly once"
        )


def make_quick(set_attribute: Any = setattr) -> None:
    """Let retries come at once and hanging requests be given up soon: the soak is about state, not about waiting."""
    set_attribute(workers, "_FIRST_DELAY", 0.001)
    set_attribute(transport, "READ_SECONDS", 0.3)
    set_attribute(transport, "TOTAL_SECONDS", 1.0)


def main() -> None:
    """Run the long soak."""
    parser = argparse.ArgumentParser(description="Days of two tenancies in virtual time.")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    make_quick()
    began = time.monotonic()
    soak = Soak(arguments.days, arguments.seed)
    soak.run()
    sys.stdout.write(f"{soak} ({time.monotonic() - began:.0f} s)\n")


if __name__ == "__main__":
    main()
