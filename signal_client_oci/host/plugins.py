"""The plugins of the host: found by entry point, held against the hookspecs, asked for their connectors.

A plugin that cannot be imported, that implements a hook wrongly or that breaks the contract in its
descriptors does not keep the host from starting: it is left out, logged at WARNING and listed in
`Plugins.faults`.
"""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from signal_client_oci.host import hookspecs
from signal_client_oci.host.contract_checks import ContractError, breach, listing
from signal_client_oci.host.hook_checks import check_connector

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from signal_client_oci.contract import ConnectorInfo

__all__ = ["PluginFault", "Plugins", "UnknownConnectorError", "describe"]

_log = logging.getLogger(__name__)


class UnknownConnectorError(LookupError):
    """No loaded plugin brings this connector; the text lists those there are and what could not be loaded."""


@dataclass(frozen=True)
class PluginFault:
    """A plugin that was left out: its entry point's name, and why, in one line."""

    plugin: str
    problem: str


class Plugins:
    """A pluggy `PluginManager` with the contract's hookspecs, and what went wrong on the way.

    `Plugins()` is empty; `Plugins.discover()` loads every entry point of the group `signal_client`.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._faults: list[PluginFault] = []
        self._turn = threading.Lock()

    @classmethod
    def discover(cls, group: str = hookspecs.GROUP) -> Plugins:
        """The plugins that are installed; raises nothing on account of a plugin."""
        plugins = cls()
        for name in dict.fromkeys(point.name for point in importlib.metadata.entry_points(group=group)):
            plugins.load(name, group)
        return plugins

    @property
    def faults(self) -> Sequence[PluginFault]:
        """The plugins that were left out so far."""
        return tuple(self._faults)

    @property
    def hook(self) -> Any:
        """The hooks to call, with keyword arguments."""
        return self.manager.hook

    def load(self, name: str, group: str = hookspecs.GROUP) -> None:
        """Import and register one entry point; a plugin that fails is left out and reported."""
        try:
            self.manager.load_setuptools_entrypoints(group, name=name)
            self.manager.check_pending()
        except (Exception, SystemExit) as error:  # noqa: BLE001  reported, whatever it is
            self._leave_out(name, describe(error))

    def register(self, plugin: object, name: str) -> None:
        """Register a plugin object; raises `pluggy.PluginValidationError` for hooks that fit no spec."""
        self.manager.register(plugin, name=name)
        try:
            self.manager.check_pending()
        except pluggy.PluginValidationError:
            self.manager.unregister(name=name)
            raise

    def connectors(self) -> dict[str, ConnectorInfo]:
        """The descriptor of every connector by name; a plugin that gives none is left out and reported."""
        found: dict[str, ConnectorInfo] = {}
        with self._turn:
            for name, plugin in self.manager.list_name_plugin():
                found |= self._connectors_of(name, plugin, found)
        return found

    def connector(self, name: str) -> ConnectorInfo:
        """The descriptor of one connector; raises `UnknownConnectorError`."""
        known = self.connectors()
        if name in known:
            return known[name]
        there_are = ", ".join(sorted(known)) or "none"
        left_out = "".join(f"; plugin {fault.plugin} was left out: {fault.problem}" for fault in self._faults)
        raise UnknownConnectorError(
            f"no plugin brings the connector {name!r}; there are: {there_are}{left_out}"
        )

    def _connectors_of(self, name: str, plugin: object, taken: Collection[str]) -> dict[str, ConnectorInfo]:
        try:
            return self._descriptors(plugin, taken)
        except Exception as error:  # noqa: BLE001  one plugin's defect must not hide the others' connectors
            self._leave_out(name, describe(error))
            return {}

    def _descriptors(self, plugin: object, taken: Collection[str]) -> dict[str, ConnectorInfo]:
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        answers = self.manager.subset_hook_caller("signal_client_register_connectors", others)()
        found: dict[str, ConnectorInfo] = {}
        for info in (info for answer in answers for info in listing(answer, "connectors")):
            name = check_connector(info, f"connectors[{len(found)}]")["name"]
            if name in taken or name in found:
                breach("CONNECTOR_TWICE", "connectors", f"`{name}` is brought already")
            found[name] = info
        return found

    def _leave_out(self, name: str, problem: str) -> None:
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
        self._faults.append(PluginFault(name, problem))
        _log.warning("plugin %s is left out: %s", name, problem)


def describe(error: BaseException) -> str:
    """An exception of a plugin in one line: type and place; its text only if the kind quotes no setting."""
    told = (ContractError, ImportError, SyntaxError, pluggy.PluginValidationError)
    words = f": {' '.join(str(error).split())}" if isinstance(error, told) else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{words}{place}"
