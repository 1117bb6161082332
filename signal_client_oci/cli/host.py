"""The development host, made ready for one command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from signal_client_oci.cli.output.one_line_errors import FAILED, Fault
from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host import (
    CheckpointStore,
    ContractError,
    Host,
    Plugins,
    Sink,
    StateError,
    UnknownConnectorError,
)
from signal_client_oci.host.instances import Instance

__all__ = ["host_for", "told_in_one_line"]


def host_for(instances: Iterable[Instance], checkpoints: CheckpointStore, sink: Sink) -> Host:
    """Return a host with this connector alone, found by its entry point as every host finds it."""
    plugins = Plugins()
    plugins.load(CONNECTOR)
    return Host(plugins, checkpoints, sink, instances)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn what a host raises into a `Fault`."""
    try:
        yield
    except StateError as error:
        raise Fault(str(error)) from None
    except UnknownConnectorError as error:
        raise Fault(f"{error}; install the package signal-client-oci", FAILED) from None
    except ContractError as error:
        raise Fault(f"the connector broke its contract with the host: {error}", FAILED) from error
