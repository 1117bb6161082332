"""Instances as files describe them: `[instances.NAME]` tables of a TOML file, or an OCI profile.

Neither file has to hold the private key: it is read from `private_key_file` or from an environment variable. Every
fault is one `InstancesError` of one line that names the file, the key and the way out, and never quotes a value
that could be a secret. The settings themselves are checked by the connector.
"""

from __future__ import annotations

from signal_client_oci.host.instances.instance import (
    Instance,
    InstancesError,
    InstanceSet,
    SeveralInstancesError,
)
from signal_client_oci.host.instances.oci_profile import from_oci_profile
from signal_client_oci.host.instances.toml_file import read_instances

__all__ = [
    "Instance",
    "InstanceSet",
    "InstancesError",
    "SeveralInstancesError",
    "from_oci_profile",
    "read_instances",
]
