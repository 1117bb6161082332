"""A small host in memory over the sandbox: it publishes, stores and breaks off as the contract says.

Every poll goes through `signal_client_oci.plugin.signal_client_poll`, over real sockets, and every item that it
yields is checked against the contract by `host.conformance`.
"""

from __future__ import annotations

import copy
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

import support.faults  # noqa: F401  registers the kinds of faults that tests inject
from signal_client_oci.contract import MAX_CHECKPOINT_BYTES
from signal_client_oci.host.conformance import PollConformance, PollTerms
from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.plugin import signal_client_poll
from signal_client_oci.sandbox import Emitted, InjectedFault, Sandbox, Tenancy, VirtualClock
from signal_client_oci.sandbox.clocks import format_time, to_micros
from signal_client_oci.sandbox.data.keys import shared_private_key_pem

HOME = "us-ashburn-1"
FAR = "eu-frankfurt-1"
SERVICES = {"audit": "audit", "logging": "logging", "cloud_guard": "cloudguard"}
"""Source → its name in endpoints and in the ground truth."""

_names = itertools.count(1)


class World:
    """One OCI with a clock that only moves by hand, and as many tenancies as a test needs."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sandbox = Sandbox(clock=self.clock)

    def tenancy(self, *regions: str, compartments: int = 0) -> Tenancy:
        """Add a tenancy under a name of its own; its compartments are a year old."""
        tenancy = self.sandbox.add_tenancy(
            f"acme-{next(_names)}", regions or (HOME,), private_key_pem=shared_private_key_pem(0)
        )
        for number in range(compartments):
            tenancy.add_compartment(f"team-{number}", created=tenancy.tree.root.created)
        return tenancy

    def fault(self, kind: Any = "status", **how: Any) -> InjectedFault:
        """Put a fault in force."""
        return self.sandbox.faults.add(InjectedFault(kind, **how))

    def requests(self, operation: str, **wanted: Any) -> list[Any]:
        """Return the recorded requests of an operation that have the wanted attributes."""
        return [
            one
            for one in self.sandbox.requests
            if one.operation == operation and all(getattr(one, name) == is_ for name, is_ in wanted.items())
        ]


class _Ticking:
    """The host's clock: like the world's, which only moves by hand, but never twice the same, as real ones are."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._ticks = itertools.count()

    def __call__(self) -> datetime:
        return self._clock() + timedelta(milliseconds=next(self._ticks) % 1000)


class Instance:
    """One instance as the host keeps it: settings, the stored checkpoint, what was published.

    `published` holds (source, artifact) in the order of arrival; `stored` the checkpoint as JSON text.
    """

    def __init__(self, tenancy: Tenancy, name: str = "production", **settings: Any) -> None:
        self.tenancy = tenancy
        self.name = name
        self.clock: Callable[[], datetime] = _Ticking(tenancy.clock)
        self.settings = tenancy.settings(**{"cloud_guard_interval_minutes": 5} | settings)
        self.stored = b"null"
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.reports: list[dict[str, Any]] = []

    def poll(self, *, drop_after: int | None = None, store_last: bool = True, **context: Any) -> Any:
        """Poll to the end and return the report; None for a poll that was dropped.

        `drop_after` closes the generator after so many items were published, `store_last` says whether the last
        of them still had its checkpoint stored. The rest goes into the context.
        """
        given = {"now": self.clock, **context}
        with self.polling(given) as items:
            for number, item in enumerate(items, 1):
                self.publish(item)
                if number != drop_after or store_last:
                    self.store(item)
                if number == drop_after:
                    return None
        self.reports.append(item)
        return item

    @contextmanager
    def polling(self, context: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """Start a poll and lend its items, each found to keep the contract; the generator is closed at the end."""
        rules = PollConformance(PollTerms.of_context(self.name, "oci-cloud", tuple(SERVICES), context))
        poll = self.start(context)
        try:
            yield (rules.accept(item) for item in poll)
        finally:
            poll.close()

    def start(self, context: dict[str, Any]) -> Any:
        """Return the poll's generator as the hook gives it."""
        return signal_client_poll(
            connector="oci-cloud",
            instance=self.name,
            settings=copy.deepcopy(self.settings),
            checkpoint=json.loads(self.stored),
            context=dict(context),
        )

    def publish(self, item: dict[str, Any]) -> None:
        """Keep a batch's artifacts, as they would read back from a file."""
        artifacts = msgspec.json.decode(compact_json(item.get("artifacts", [])))
        self.published += [(item["source"], artifact) for artifact in artifacts]

    def store(self, item: dict[str, Any]) -> None:
        """Keep an item's checkpoint in place of the one before."""
        self.stored = compact_json(item["checkpoint"])
        assert len(self.stored) <= MAX_CHECKPOINT_BYTES

    def catch_up(self, *, minutes: float = 5, polls: int = 4, **context: Any) -> Any:
        """Let time pass and poll, several times; return the last report."""
        for _ in range(polls):
            self.tenancy.clock.advance(minutes=minutes)
            report = self.poll(**context)
        return report

    def keys(self, source: str) -> list[str]:
        """Return the ground truth's keys of what was delivered, sorted, repeats included."""
        return sorted(key_of(source, artifact) for of, artifact in self.published if of == source)

    def artifacts(self, source: str) -> list[dict[str, Any]]:
        """Return what was delivered of a source."""
        return [artifact for of, artifact in self.published if of == source]


def key_of(source: str, artifact: dict[str, Any]) -> str:
    """Return the ground truth's key of a delivered artifact, also of one that is not quite JSON."""
    record = json.loads(artifact["raw"], strict=False)
    if source == "audit":  # a search gives an event in Logging's envelope
        return str(record["logContent"]["id"] if "logContent" in record else record["eventId"])
    if source == "logging":
        return str(record["logContent"]["data"]["sandboxMarker"])
    return (
        f"{record['id']} {record['lifecycleDetail']} {record['riskLevel']} "
        f"{_millisecond(record['timeLastDetected'])}"
    )


def _millisecond(text: str) -> str:
    return format_time(datetime.fromisoformat(text.replace("Z", "+00:00")))


def assert_exactly_once(instance: Instance, *sources: str, emitted: Iterable[Emitted] | None = None) -> None:
    """Compare what was delivered with what the tenancy emitted (of what is `emitted`, where that is given)."""
    for source in sources or SERVICES:
        truth = instance.tenancy.ground_truth.of(SERVICES[source]) if emitted is None else emitted
        expected = Counter(one.key for one in truth if one.service == SERVICES[source])
        delivered = Counter(instance.keys(source))
        assert expected - delivered == Counter(), f"{source}: missing"
        assert delivered - expected == Counter(), f"{source}: repeated or unknown"
    assert_one_id_each(instance)


def assert_nothing_missing(instance: Instance, *sources: str) -> None:
    """Each emitted record was delivered at least once, and always under the same id."""
    for source in sources or SERVICES:
        truth = set(instance.tenancy.ground_truth.keys(SERVICES[source]))
        assert truth <= set(instance.keys(source)), f"{source}: missing"
    assert_one_id_each(instance)


def assert_one_id_each(instance: Instance) -> None:
    """The same text of a source always has the same id, and two texts never share one."""
    pairs = {(artifact["id"], (source, artifact["raw"])) for source, artifact in instance.published}
    ids, texts = {one for one, _ in pairs}, {text for _, text in pairs}
    assert len(pairs) == len(ids) == len(texts)


def emit_everywhere(tenancy: Tenancy, count: int = 1, *, problems: int = 0, **fields: Any) -> list[Emitted]:
    """Emit `count` audit events and log records into every compartment of every region, and problems."""
    before = len(tenancy.ground_truth)
    for region in tenancy.regions:
        for compartment in tenancy.tree.subtree(tenancy.ocid):
            for _ in range(count):
                tenancy.emit_audit_event(region, compartment, **_audit_fields(fields))
                tenancy.emit_log_record(region, compartment, **fields)
    for _ in range(problems):
        tenancy.add_problem()
    return list(tenancy.ground_truth)[before:]


def _audit_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {{"time": "processed"}.get(name, name): value for name, value in fields.items()}


def codes(report: dict[str, Any]) -> set[str]:
    """Return every code that a report names, in errors and in warnings."""
    errors = [one["error"]["code"] for one in report["sources"].values() if one["error"]]
    return {*errors, *(warning["code"] for warning in report["warnings"])}


def statuses(report: dict[str, Any]) -> dict[str, str]:
    """Return source → status."""
    return {source: one["status"] for source, one in report["sources"].items()}


def window_of(request: Any) -> tuple[int, int]:
    """Return the window of a recorded ListEvents or SearchLogs in microseconds since 1970."""
    names = ("startTime", "endTime") if request.operation == "list_events" else ("timeStart", "timeEnd")
    start, end = (str((request.params | request.body)[name]) for name in names)
    return _micros(start), _micros(end)


def _micros(text: str) -> int:
    return to_micros(datetime.fromisoformat(text.replace("Z", "+00:00")))


def open_sockets() -> int:
    """Count the sockets of this process."""
    return sum(link.startswith("socket:") for link in _descriptors())


def open_files() -> list[str]:
    """Return what else this process has open, e.g. files and pipes."""
    return sorted(link for link in _descriptors() if not link.startswith(("socket:", "anon_inode:")))


def _descriptors() -> Iterator[str]:
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            yield str(descriptor.readlink())
        except FileNotFoundError:
            continue  # the listing's own descriptor


@contextmanager
def nothing_left(world: World) -> Iterator[None]:
    """Fail unless the block leaves as many threads, sockets and files as it found."""
    assert eventually(lambda: world.sandbox.connections == 0)
    before = (set(threading.enumerate()), open_sockets(), open_files())
    yield
    assert eventually(lambda: world.sandbox.connections == 0), "connections stay open"
    assert eventually(lambda: set(threading.enumerate()) <= before[0]), "threads stay"
    assert eventually(lambda: open_sockets() <= before[1]), "sockets stay open"
    assert eventually(lambda: open_files() == before[2]), f"files: {before[2]} -> {open_files()}"


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait for what another thread is about to do; True as soon as it is done.

    The seconds are only how long a busy machine may take; a request that nobody ends hangs for a minute.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
