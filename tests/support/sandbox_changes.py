"""What tests do to a sandbox's tenancy and clock beyond what the sandbox itself is asked for."""

from __future__ import annotations

from datetime import datetime

from signal_client_oci.sandbox import Tenancy, VirtualClock
from signal_client_oci.sandbox.http.signatures import KeyId


def move_to(clock: VirtualClock, moment: datetime) -> None:
    """Move the clock to `moment` (aware)."""
    clock.advance(seconds=(moment - clock()).total_seconds())


def revoke_key(tenancy: Tenancy) -> None:
    """Make the tenancy's own key unknown, as when it is deleted in the console."""
    del tenancy._public_keys[KeyId(tenancy.ocid, tenancy.user, tenancy.fingerprint)]


def set_region(tenancy: Tenancy, region: str, status: str = "READY") -> None:
    """Subscribe a region or change its status (`READY`, `IN_PROGRESS`)."""
    with tenancy.lock:
        tenancy.identity.regions[region] = status
