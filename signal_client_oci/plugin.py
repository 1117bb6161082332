"""The four hooks of the contract and nothing else. Each imports what it needs when the host calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pluggy

from signal_client_oci import __version__
from signal_client_oci.contract import CONNECTOR, SOURCES, Batch, ConnectorInfo, Report, Validation

__all__ = [
    "signal_client_poll",
    "signal_client_register_connectors",
    "signal_client_settings_schema",
    "signal_client_validate_connection",
]

hookimpl: Final = pluggy.HookimplMarker("signal_client")


@hookimpl
def signal_client_register_connectors() -> list[ConnectorInfo]:
    """Describe the connector for the host's list of integrations."""
    return [
        {
            "name": CONNECTOR,
            "full_name": f"signal-client.{CONNECTOR}",
            "title": "Oracle Cloud (OCI)",
            "description": "Audit events, log records and Cloud Guard problems of an Oracle Cloud tenancy.",
            "category": "Cloud Security",
            "auth_method": "API Key (RSA Signing)",
            "multi_instance": True,
            "default_poll_interval_minutes": 5,
            "vendor_docs_url": "https://docs.oracle.com/en-us/iaas/Content/home.htm",
            "version": __version__,
            "sources": [source.copy() for source in SOURCES.values()],
        }
    ]


@hookimpl
def signal_client_settings_schema(connector: str) -> dict[str, Any] | None:
    """Return the settings form as JSON Schema; None for another connector."""
    if connector != CONNECTOR:
        return None
    from signal_client_oci.settings.schema import settings_schema  # noqa: PLC0415

    return settings_schema()


@hookimpl
def signal_client_validate_connection(connector: str, settings: dict[str, Any]) -> Validation | None:
    """Check the settings, the key and every enabled service; None for another connector."""
    if connector != CONNECTOR:
        return None
    from signal_client_oci.settings.parsing import concealed  # noqa: PLC0415
    from signal_client_oci.validation.connection_test import validate_connection  # noqa: PLC0415

    given, settings = concealed(settings), {}  # crash reporters show local variables: none may hold a secret
    return validate_connection(given)


@hookimpl
def signal_client_poll(
    connector: str,
    instance: str,
    settings: dict[str, Any],
    checkpoint: dict[str, Any] | None,
    context: dict[str, Any],
) -> Iterator[Batch | Report] | None:
    """Yield new records in batches, then one report; None for another connector."""
    if connector != CONNECTOR:
        return None
    from signal_client_oci.polling.poll import poll  # noqa: PLC0415
    from signal_client_oci.settings.parsing import concealed  # noqa: PLC0415

    given, settings = concealed(settings), {}  # as above
    return poll(instance, given, checkpoint, context)
