"""An OCI tenancy on loopback, for the demo, for tests and for trying things out.

Nothing here talks to Oracle. The behaviour follows Oracle's documentation and published responses; each
service's file says which facts it keeps. Example:

    clock = VirtualClock()
    with Sandbox(clock=clock) as sandbox:
        tenancy = sandbox.add_tenancy("acme", regions=("us-ashburn-1", "eu-frankfurt-1"))
        tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid, event_name="CreateUser")
        settings = tenancy.settings(lookback_minutes=30)
"""

from signal_client_oci.sandbox.clocks import VirtualClock, system_clock
from signal_client_oci.sandbox.data.ground_truth import Emitted, GroundTruth
from signal_client_oci.sandbox.faults import InjectedFault
from signal_client_oci.sandbox.http.rate_limit import RateLimit
from signal_client_oci.sandbox.http.request_log import RecordedRequest
from signal_client_oci.sandbox.sandbox import Sandbox
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = [
    "Emitted",
    "GroundTruth",
    "InjectedFault",
    "RateLimit",
    "RecordedRequest",
    "Sandbox",
    "Tenancy",
    "VirtualClock",
    "system_clock",
]
