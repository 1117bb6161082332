"""An instance, the set of those read from one file, and the exception for every fault of such a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host.instances.names import shown_name, shown_names
from signal_client_oci.settings.schema import FIELDS, SECRETS
from signal_client_oci.settings.secrecy import HiddenText, HoldsSecret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Instance", "InstanceSet", "InstancesError", "SeveralInstancesError"]


class InstancesError(ValueError):
    """An instances file, or a file that it names, cannot be used; one line: where, what, the way out."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(" ".join(f"{where}: {problem}; {remedy}".split()))
        self.where = where
        self.problem = problem
        self.remedy = remedy


class SeveralInstancesError(InstancesError):
    """One instance is needed and the file has several; the remedy names them."""


class _Settings(HoldsSecret, Mapping[str, Any]):
    """The settings of an instance by name; the repr shows names alone, and secrets are hidden texts."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {
            name: HiddenText(value) if name in SECRETS and isinstance(value, str) else value
            for name, value in values.items()
        }

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<settings: {', '.join(name for name in self._values if name in FIELDS)}>"


@dataclass(frozen=True)
class Instance(HoldsSecret):
    """One configured tenancy: the settings for the connector, and how often it is polled.

    It cannot be pickled or copied, and `dataclasses.asdict` refuses it.
    """

    name: str
    settings: Mapping[str, Any] = field(repr=False)
    """The connector's settings, secrets among them; left out of the repr."""
    connector: str = CONNECTOR
    enabled: bool = True
    poll_interval_minutes: float = 5
    shard_by_region: bool = False
    """Whether several nodes of a cluster share its regions between them; a single host reads all of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _Settings(self.settings))

    def with_settings(self, **changes: Any) -> Instance:
        """Return the same instance with some settings changed."""
        return replace(self, settings={**self.settings, **changes})


@dataclass(frozen=True)
class InstanceSet:
    """What was read from `path`, and `warnings` (one line each) about files that other users can read."""

    path: Path
    instances: tuple[Instance, ...]
    warnings: tuple[str, ...] = ()

    def only(self, name: str | None = None) -> Instance:
        """Return the instance of that name, or the only one; raises `InstancesError`."""
        names = shown_names(instance.name for instance in self.instances)
        if name is None and len(self.instances) != 1:
            raise SeveralInstancesError(str(self.path), "has several instances", f"name one of: {names}")
        for instance in self.instances:
            if name in {None, instance.name}:
                return instance
        raise InstancesError(str(self.path), f"has no instance {shown_name(name)}", f"it has: {names}")
