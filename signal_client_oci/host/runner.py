"""The host: its instances, and one poll of one of them by the contract's delivery rule.

For each batch: publish its artifacts durably, store its checkpoint, only then ask for the next one. The report comes
last, and its checkpoint is stored too. No setting is ever logged.
"""

from __future__ import annotations

import copy
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signal_client_oci.contract import Context
from signal_client_oci.host.conformance.contract_checks import ContractError, fail
from signal_client_oci.host.conformance.hook_checks import check_schema, check_validation
from signal_client_oci.host.conformance.poll_checks import PollConformance
from signal_client_oci.host.conformance.poll_terms import PollTerms
from signal_client_oci.host.delivery import Deliverer
from signal_client_oci.host.plugins import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from signal_client_oci.contract import Batch, ConnectorInfo, Report, Validation
    from signal_client_oci.host.instances import Instance
    from signal_client_oci.host.plugins import Plugins
    from signal_client_oci.host.storage import CheckpointStore, Sink

__all__ = ["BatchProgress", "Host", "InstanceBusyError", "PollResult", "UnknownInstanceError"]


class UnknownInstanceError(LookupError):
    """The host has no instance of this name; the text lists the known ones."""


class InstanceBusyError(RuntimeError):
    """The instance is already being polled; two polls at once would overwrite each other's checkpoints."""


@dataclass(frozen=True)
class BatchProgress:
    """A batch was published and its checkpoint stored; `delivered` counts the artifacts of this poll so far."""

    instance: str
    source: str
    artifacts: int
    delivered: int
    batches: int


@dataclass(frozen=True)
class PollResult:
    """A finished poll: its report, and what the host counted (artifacts by source, UTF-8 bytes of `raw`)."""

    instance: str
    report: Report
    delivered: dict[str, int]
    batches: int
    raw_bytes: int
    duration_seconds: float


class Host:
    """Runs the connectors of `plugins` for its instances; safe to use from one thread per instance.

    `configure` adds or replaces an instance and takes effect with its next poll. Methods that take an instance's name
    raise `UnknownInstanceError`; those that call a hook raise `UnknownConnectorError` when no plugin has its
    connector, and `ContractError` when the plugin breaks the contract, for example by an exception.
    """

    def __init__(
        self,
        plugins: Plugins,
        checkpoints: CheckpointStore,
        sink: Sink,
        instances: Iterable[Instance] = (),
    ) -> None:
        self.plugins = plugins
        self._deliverer = Deliverer(checkpoints, sink)
        self._instances: dict[str, Instance] = {}
        self._locks: dict[str, threading.Lock] = {}
        for instance in instances:
            self.configure(instance)

    @property
    def instances(self) -> dict[str, Instance]:
        """The instances by name, as they are now."""
        return dict(self._instances)

    def configure(self, instance: Instance) -> None:
        """Add an instance, or replace the one of that name."""
        self._locks.setdefault(instance.name, threading.Lock())
        self._instances[instance.name] = instance

    def instance(self, name: str) -> Instance:
        """Return the instance of that name; raises `UnknownInstanceError`."""
        known = self.instances
        if name not in known:
            raise UnknownInstanceError(
                f"no instance {name!r}; known instances: {', '.join(sorted(known)) or 'none'}"
            )
        return known[name]

    def schema(self, connector: str) -> dict[str, Any]:
        """Return the connector's settings schema."""
        self.plugins.connector(connector)
        with _as_contract_errors("signal_client_settings_schema"):
            return check_schema(self.plugins.hook.signal_client_settings_schema(connector=connector))

    def validate(self, name: str) -> Validation:
        """Return whether the instance's settings work, check by check."""
        instance = self.instance(name)
        self.plugins.connector(instance.connector)
        with _as_contract_errors("signal_client_validate_connection"):
            answer = self.plugins.hook.signal_client_validate_connection(
                connector=instance.connector, settings=copy.deepcopy(dict(instance.settings))
            )
            return check_validation(answer)

    def poll_once(
        self,
        name: str,
        context: Context | None = None,
        on_progress: Callable[[BatchProgress], None] | None = None,
    ) -> PollResult:
        """Poll an instance once, whether it is enabled or not; `context` goes to the plugin unchanged.

        Raises `InstanceBusyError` while another thread polls the instance, `DeliveryError` (an OSError) when
        artifacts or the checkpoint cannot be written, and `StateError`. However the poll ends, its generator is
        closed, and a later poll resumes from the checkpoint that was stored last.
        """
        instance = self.instance(name)
        info = self.plugins.connector(instance.connector)
        lock = self._locks[name]
        if not lock.acquire(blocking=False):
            raise InstanceBusyError(f"{name} is already being polled")
        try:
            return self._poll(instance, info, context or Context(), on_progress)
        finally:
            lock.release()

    def _poll(
        self,
        instance: Instance,
        info: ConnectorInfo,
        context: Context,
        on_progress: Callable[[BatchProgress], None] | None,
    ) -> PollResult:
        began = time.monotonic()
        sources = tuple(source["name"] for source in info["sources"])
        conformance = PollConformance(
            PollTerms.of_context(instance.name, instance.connector, sources, context)
        )
        poll = self._start(instance, context)
        try:
            for item in _items(poll):
                self._deliver(instance.name, conformance.accept(item), conformance, on_progress)
            report = conformance.finish()
        finally:
            _close(poll)
        took = time.monotonic() - began
        return PollResult(
            instance.name,
            report,
            dict(conformance.delivered),
            conformance.batches,
            conformance.raw_bytes,
            took,
        )

    def _start(self, instance: Instance, context: Context) -> Iterator[object]:
        hook = "signal_client_poll"
        checkpoint = self._deliverer.checkpoint(instance.name)
        with _as_contract_errors(hook):
            poll = self.plugins.hook.signal_client_poll(
                connector=instance.connector,
                instance=instance.name,
                settings=copy.deepcopy(dict(instance.settings)),
                checkpoint=checkpoint,
                context=dict(context),
            )
        if not hasattr(poll, "__next__"):
            fail("WRONG_TYPE", hook, f"must return an iterator, not {type(poll).__name__}")
        return poll  # type: ignore[no-any-return]

    def _deliver(
        self,
        name: str,
        item: Batch | Report,
        conformance: PollConformance,
        on_progress: Callable[[BatchProgress], None] | None,
    ) -> None:
        artifacts = item["artifacts"] if item["type"] == "batch" else []
        if artifacts:
            self._deliverer.publish(name, artifacts)
        self._deliverer.save(name, item["checkpoint"], has_artifacts=bool(artifacts))
        if item["type"] == "batch" and on_progress is not None:
            delivered = sum(conformance.delivered.values())
            on_progress(
                BatchProgress(name, item["source"], len(item["artifacts"]), delivered, conformance.batches)
            )


def _items(poll: Iterator[object]) -> Iterator[object]:
    end = object()
    while True:
        with _as_contract_errors("signal_client_poll"):
            item = next(poll, end)
        if item is end:
            return
        yield item


def _close(poll: Iterator[object]) -> None:
    close = getattr(poll, "close", None)
    if close is not None:
        with _as_contract_errors("signal_client_poll, on close"):
            close()


@contextmanager
def _as_contract_errors(hook: str) -> Iterator[None]:
    try:
        yield
    except ContractError:
        raise
    except (Exception, SystemExit) as error:  # an exit of a plugin must end no host
        raise ContractError("EXCEPTION", hook, f"raised {describe(error)}") from error
