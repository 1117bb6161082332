"""Runs the connector on several machines: leases, checkpoints, configuration and delivery on NATS JetStream.

Every node is equal. JetStream keeps all state: `layout` has the names and shapes of what is stored there. Only this
package imports `nats` (extra `cluster`).
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("nats") is None:
    raise ImportError(
        "running on NATS needs the extra `cluster`: pip install 'signal-client-oci[cluster]'", name="nats"
    )
