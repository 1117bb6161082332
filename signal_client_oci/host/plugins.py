"""The plugins of the host: found by entry point, checked against the hookspecs, asked for their connectors.

A plugin that cannot be imported, that implements a hook wrongly or whose descriptors break the contract does not
keep the host from starting: it is rejected, logged at WARNING and listed in `Plugins.rejected`.
"""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from signal_client_oci.host.conformance.contract_checks import ContractError, as_list, fail
from signal_client_oci.host.conformance.hook_checks import check_connector
from signal_client_oci.host.hookspecs import GROUP, plugin_manager

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from signal_client_oci.contract import ConnectorInfo

__all__ = ["Plugins", "RejectedPlugin", "UnknownConnectorError", "describe"]

_log = logging.getLogger(__name__)


class UnknownConnectorError(LookupError):
    """No loaded plugin has this connector; the text lists the known connectors and the rejected plugins."""


@dataclass(frozen=True)
class RejectedPlugin:
    """A plugin that is not used: the name of its entry point, and the reason in one line."""

    plugin: str
    reason: str


class Plugins:
    """A pluggy `PluginManager` with the contract's hookspecs, and the plugins that were rejected.

    `Plugins()` is empty; `Plugins.discover()` loads every entry point of the group `signal_client`.
    """

    def __init__(self) -> None:
        self.manager = plugin_manager()
        self._rejected: list[RejectedPlugin] = []
        self._lock = threading.Lock()

    @classmethod
    def discover(cls, group: str = GROUP) -> Plugins:
        """Return the installed plugins; no fault of a plugin raises."""
        plugins = cls()
        for name in dict.fromkeys(point.name for point in importlib.metadata.entry_points(group=group)):
            plugins.load(name, group)
        return plugins

    @property
    def rejected(self) -> Sequence[RejectedPlugin]:
        """The plugins that were rejected so far."""
        return tuple(self._rejected)

    @property
    def hook(self) -> Any:
        """The hooks to call, with keyword arguments."""
        return self.manager.hook

    def load(self, name: str, group: str = GROUP) -> None:
        """Import and register one entry point; a plugin that fails is rejected."""
        try:
            self.manager.load_setuptools_entrypoints(group, name=name)
            self.manager.check_pending()
        except (Exception, SystemExit) as error:  # noqa: BLE001  any fault of a plugin rejects it alone
            self._reject(name, describe(error))

    def register(self, plugin: object, name: str) -> None:
        """Register a plugin object; raises `pluggy.PluginValidationError` for hooks that match no specification."""
        self.manager.register(plugin, name=name)
        try:
            self.manager.check_pending()
        except pluggy.PluginValidationError:
            self.manager.unregister(name=name)
            raise

    def connectors(self) -> dict[str, ConnectorInfo]:
        """Return the descriptor of every connector by name; a plugin that gives none is rejected."""
        found: dict[str, ConnectorInfo] = {}
        with self._lock:
            for name, plugin in self.manager.list_name_plugin():
                found |= self._connectors_of(name, plugin, found)
        return found

    def connector(self, name: str) -> ConnectorInfo:
        """Return the descriptor of one connector; raises `UnknownConnectorError`."""
        known = self.connectors()
        if name in known:
            return known[name]
        names = ", ".join(sorted(known)) or "none"
        rejected = "".join(f"; plugin {one.plugin} was rejected: {one.reason}" for one in self._rejected)
        raise UnknownConnectorError(
            f"no plugin has the connector {name!r}; known connectors: {names}{rejected}"
        )

    def _connectors_of(self, name: str, plugin: object, taken: Collection[str]) -> dict[str, ConnectorInfo]:
        try:
            return self._descriptors(plugin, taken)
        except Exception as error:  # noqa: BLE001  one plugin's defect must not hide the others' connectors
            self._reject(name, describe(error))
            return {}

    def _descriptors(self, plugin: object, taken: Collection[str]) -> dict[str, ConnectorInfo]:
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        answers = self.manager.subset_hook_caller("signal_client_register_connectors", others)()
        found: dict[str, ConnectorInfo] = {}
        for info in (info for answer in answers for info in as_list(answer, "connectors")):
            name = check_connector(info, f"connectors[{len(found)}]")["name"]
            if name in taken or name in found:
                fail("CONNECTOR_TWICE", "connectors", f"`{name}` is already registered")
            found[name] = info
        return found

    def _reject(self, name: str, reason: str) -> None:
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
        self._rejected.append(RejectedPlugin(name, reason))
        _log.warning("plugin %s was rejected: %s", name, reason)


def describe(error: BaseException) -> str:
    """Return an exception of a plugin in one line: type and place, and its text if that kind never quotes a setting."""
    safe_to_quote = (ContractError, ImportError, SyntaxError, pluggy.PluginValidationError)
    words = f": {' '.join(str(error).split())}" if isinstance(error, safe_to_quote) else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{words}{place}"
