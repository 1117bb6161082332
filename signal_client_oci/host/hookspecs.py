"""The four hooks of the contract, version 1, as pluggy specifications.

The host calls them with keyword arguments; an implementation declares only those that it needs. What crosses
is plain JSON data, apart from the callables in `context`. No hook raises because of settings, keys or networks: its
answer says what is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signal_client_oci.contract import Batch, Checkpoint, ConnectorInfo, Context, Report, Validation

__all__ = [
    "GROUP",
    "PROJECT",
    "plugin_manager",
    "signal_client_poll",
    "signal_client_register_connectors",
    "signal_client_settings_schema",
    "signal_client_validate_connection",
]

PROJECT: Final = "signal_client"
GROUP: Final = "signal_client"

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def signal_client_register_connectors() -> list[ConnectorInfo]:
    """Return one descriptor for each connector of the plugin; touches no network, file or environment variable."""
    raise NotImplementedError


@hookspec(firstresult=True)
def signal_client_settings_schema(connector: str) -> dict[str, Any] | None:
    """Return the JSON Schema (2020-12) of the connector's settings, or None for a connector of another plugin."""


@hookspec(firstresult=True)
def signal_client_validate_connection(connector: str, settings: dict[str, Any]) -> Validation | None:
    """Return whether these settings work, check by check, within 20 s; None for a connector of another plugin."""


@hookspec(firstresult=True)
def signal_client_poll(
    connector: str,
    instance: str,
    settings: dict[str, Any],
    checkpoint: Checkpoint | None,
    context: Context,
) -> Iterator[Batch | Report] | None:
    """Return an iterator of batches and then exactly one report; None for a connector of another plugin.

    The host publishes a batch durably, stores its checkpoint, and only then asks for the next item.
    `checkpoint` is what was stored last, None at first. Every key of `context` is optional.
    """


def plugin_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows these hooks, and has no plugin yet."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(sys.modules[__name__])
    return manager
