"""The simulated tenancy of the demo, its clock and steps, and what has to arrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from signal_client_oci.host.instances import Instance
from signal_client_oci.sandbox import Emitted, Sandbox, Tenancy, VirtualClock
from signal_client_oci.sandbox.scenario import Scenario

__all__ = ["DemoStep", "DemoTenancy", "open_demo_tenancy"]

NAME: Final = "acme"
REGIONS: Final = ("us-ashburn-1", "eu-frankfurt-1")
LOOKBACK_MINUTES: Final = 60
_HISTORY: Final = timedelta(minutes=45)
_SETTLING_MINUTES: Final = 2
_LATENCY_SECONDS: Final = 0.06


@dataclass(frozen=True)
class DemoStep:
    """One poll of the demo: how many minutes pass before it, and what happens meanwhile.

    `reads_problems` says whether Cloud Guard is due then (its interval is 30 minutes).
    """

    minutes: int
    story: str
    reads_problems: bool = True
    happens: Callable[[DemoTenancy], None] = field(default=lambda _tenancy: None)


@dataclass
class DemoTenancy:
    """The tenancy and its sandbox; `problems_read` are the times at which Cloud Guard is read."""

    sandbox: Sandbox
    tenancy: Tenancy
    clock: VirtualClock
    scenario: Scenario
    problems_read: list[datetime] = field(default_factory=list)

    def instance(self) -> Instance:
        """Return the instance that collects from the tenancy."""
        return Instance(NAME, self.tenancy.settings(lookback_minutes=LOOKBACK_MINUTES))

    def pass_time(self, step: DemoStep) -> None:
        """Advance the clock; nothing happens in the last minutes, so that a poll can read everything."""
        if step.minutes:
            self.clock.advance(minutes=step.minutes - _SETTLING_MINUTES)
            step.happens(self)
            self.scenario.advance()
            self.clock.advance(minutes=_SETTLING_MINUTES)
        if step.reads_problems:
            self.problems_read.append(self.clock())

    def show_late_event(self) -> None:
        """Emit an event that OCI processed 10 minutes ago but lists only now."""
        now = self.clock()
        self.tenancy.emit_audit_event(
            REGIONS[0],
            self.tenancy.ocid,
            event_name="DeletePolicy",
            source="identityControlPlane",
            action="DELETE",
            principal_name="grace@acme.example.test",
            processed=now - timedelta(minutes=10),
            visible=now,
        )

    def add_compartment(self) -> None:
        """Create a compartment, and an event in it at once."""
        ocid = self.tenancy.add_compartment("quarterly-report")
        self.tenancy.emit_audit_event(
            REGIONS[1], ocid, event_name="CreateBucket", source="ObjectStorage", action="POST"
        )

    def expected(self) -> dict[str, Counter[str]]:
        """Return source → keys of the records that must have arrived by now."""
        truth = self.tenancy.ground_truth
        return {
            "audit": Counter(truth.keys("audit")),
            "logging": Counter(truth.keys("logging")),
            "cloud_guard": Counter(set(self._problem_versions())),
        }

    def _problem_versions(self) -> Iterator[str]:
        """Yield the versions that were current when Cloud Guard was read; those in between cannot be seen."""
        for moment in self.problems_read:
            current: dict[str, Emitted] = {}
            for version in self.tenancy.ground_truth.of("cloudguard"):
                if version.visible <= moment:
                    current[version.key.split()[0]] = version
            yield from (version.key for version in current.values())


@contextmanager
def open_demo_tenancy() -> Iterator[DemoTenancy]:
    """Open the tenancy; on exit no thread and no socket remain."""
    clock = VirtualClock()
    with Sandbox(clock=clock) as sandbox:
        sandbox.latency = _LATENCY_SECONDS
        tenancy = sandbox.add_tenancy(NAME, REGIONS)
        # As in OCI, a Logging search finds the Audit events too.
        tenancy.logging.includes_audit = True
        scenario = Scenario(tenancy, history=_HISTORY)
        yield DemoTenancy(sandbox, tenancy, clock, scenario)
