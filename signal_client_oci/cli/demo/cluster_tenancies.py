"""The tenancies of the demo's cluster: records appear while nodes and server are killed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from signal_client_oci.cli.demo.demo_verification import Comparison, compare
from signal_client_oci.contract import Artifact
from signal_client_oci.host.instances import Instance
from signal_client_oci.sandbox import Sandbox, Tenancy
from signal_client_oci.sandbox.data.keys import shared_private_key_pem

__all__ = ["ClusterTenancies", "open_cluster_tenancies"]

COUNT: Final = 6
INTERVAL_MINUTES: Final = 0.03
_REGION: Final = "us-ashburn-1"
_SPREAD_MINUTES: Final = 8
_PROBLEMS: Final = 2


class ClusterTenancies:
    """Six tenancies by the names of their instances."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._tenancies = {
            name: _tenancy(sandbox, name) for name in map("acme-{}".format, range(1, COUNT + 1))
        }
        self._numbers = itertools.count()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the instances."""
        return tuple(self._tenancies)

    @property
    def emitted(self) -> int:
        """How many records there are so far."""
        return sum(sum(expected.total() for expected in self._expected(name).values()) for name in self.names)

    def instances(self) -> list[Instance]:
        """Return the instances that collect from the tenancies."""
        return [
            Instance(
                name,
                tenancy.settings(lookback_minutes=30),
                poll_interval_minutes=INTERVAL_MINUTES,
            )
            for name, tenancy in self._tenancies.items()
        ]

    def emit(self, name: str, count: int) -> None:
        """Emit Audit events and log records of some minutes ago, which can be read from now on.

        A poll reads whole minutes that are over, so what belongs to the last one would be read a minute later.
        """
        tenancy = self._tenancies[name]
        for number in itertools.islice(self._numbers, count):
            now = tenancy.clock()
            then = now - timedelta(minutes=2 + number % _SPREAD_MINUTES, milliseconds=number % 1000)
            if number % 2:
                tenancy.emit_log_record(_REGION, tenancy.ocid, time=then, visible=now)
            else:
                tenancy.emit_audit_event(_REGION, tenancy.ocid, processed=then, visible=now)

    def emit_everywhere(self, count: int) -> None:
        """Emit so many records in each tenancy."""
        for name in self.names:
            self.emit(name, count)

    def comparisons(self, artifacts: Iterable[Artifact]) -> dict[str, Comparison]:
        """Compare by instance what was emitted, of all three sources together, with the artifacts."""
        delivered: dict[str, list[Artifact]] = {name: [] for name in self.names}
        for artifact in artifacts:
            delivered.setdefault(str(artifact["metadata"]["instance"]), []).append(artifact)
        return {
            name: _together(name, compare(self._expected(name), found)) for name, found in delivered.items()
        }

    def _expected(self, name: str) -> dict[str, Counter[str]]:
        tenancy = self._tenancies.get(name)
        services = {"audit": "audit", "logging": "logging", "cloud_guard": "cloudguard"}
        return {
            source: Counter(tenancy.ground_truth.keys(service) if tenancy else ())
            for source, service in services.items()
        }


@contextmanager
def open_cluster_tenancies() -> Iterator[ClusterTenancies]:
    """Open the tenancies; on exit no thread and no socket remain."""
    with Sandbox() as sandbox:
        yield ClusterTenancies(sandbox)


def _tenancy(sandbox: Sandbox, name: str) -> Tenancy:
    tenancy = sandbox.add_tenancy(name, (_REGION,), private_key_pem=shared_private_key_pem(0))
    for _ in range(_PROBLEMS):
        tenancy.add_problem()
    return tenancy


def _together(name: str, comparisons: Iterable[Comparison]) -> Comparison:
    numbers = zip(*(one[1:] for one in comparisons), strict=True)
    return Comparison(name, *map(sum, numbers))
