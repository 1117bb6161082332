"""The host that comes with the connector, set up for one command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from signal_client_oci.cli.output.one_line_errors import FAILED, CommandError
from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host import (
    CheckpointStore,
    ContractError,
    DeliveryError,
    Host,
    Plugins,
    Sink,
    StateError,
    UnknownConnectorError,
)
from signal_client_oci.host.instances import Instance

__all__ = ["host_for", "one_line_errors"]


def host_for(instances: Iterable[Instance], checkpoints: CheckpointStore, sink: Sink) -> Host:
    """Return a host with only this connector, found by its entry point as any host finds it."""
    plugins = Plugins()
    plugins.load(CONNECTOR)
    return Host(plugins, checkpoints, sink, instances)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the errors of a host into a `CommandError`."""
    try:
        yield
    except StateError as error:
        raise CommandError(str(error)) from None
    except DeliveryError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__ from None  # `poll | head`: the reader has what it wanted
        raise CommandError(str(error), FAILED) from None
    except UnknownConnectorError as error:
        raise CommandError(f"{error}; install the package signal-client-oci", FAILED) from None
    except ContractError as error:
        raise CommandError(f"the connector broke the host contract: {error}", FAILED) from error
