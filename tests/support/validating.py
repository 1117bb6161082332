"""What the tests of the connection test share: a world to break, and what holds for every answer."""

from __future__ import annotations

import json
import threading
import time

from signal_client_oci import plugin
from signal_client_oci.host.conformance.hook_checks import check_validation
from signal_client_oci.sandbox import InjectedFault, Sandbox
from signal_client_oci.sandbox.services.policies import MissingPolicies

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"
CHECKS = ["settings", "private_key", "authentication", "compartments", "audit", "logging", "cloud_guard"]
MOST_SECONDS = 20.0


def validated(settings):
    """Validate through the hook, and hold the answer to the contract: shape, time, secrets, leftovers."""
    began = time.monotonic()
    answer = plugin.signal_client_validate_connection(connector="oci-cloud", settings=settings)
    assert time.monotonic() - began < MOST_SECONDS
    check_validation(answer)
    assert [check["name"] for check in answer["checks"]] == CHECKS
    text = json.dumps(answer)
    for secret in _secrets(settings):
        assert secret not in text
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("oci-cloud")]
    return answer


def by_name(answer):
    """Return the checks by their names."""
    return {check["name"]: check for check in answer["checks"]}


def statuses(answer):
    """Return each check's status, in order."""
    return [check["status"] for check in answer["checks"]]


def _secrets(settings):
    if not isinstance(settings, dict):
        return []
    lines = str(settings.get("private_key", "")).splitlines()[1:-1]
    return [*lines, "keyId=", *filter(None, [settings.get("private_key_passphrase")])]


class World:
    """A sandbox with a tenancy in two regions and a compartment with a log group, put back in order by `reset`."""

    def __init__(self):
        self.sandbox = Sandbox()
        self.tenancy = self.sandbox.add_tenancy("acme", (HOME, OTHER))
        self.neighbour = self.sandbox.add_tenancy("neighbour", (HOME,))
        self.prod = self.tenancy.add_compartment("prod")
        self.below = self.tenancy.add_compartment("below", self.prod)
        self.gone = self.tenancy.add_compartment("gone")
        self.tenancy.delete_compartment(self.gone)
        self._groups = dict(self.tenancy.identity.groups)

    def reset(self):
        """Undo what a test changed."""
        tenancy = self.tenancy
        self.sandbox.faults.clear()
        self.sandbox.request_log.clear()
        self.sandbox.clock_offset *= 0
        self.sandbox.latency = 0.0
        self.sandbox.rate_limit = None
        tenancy.register_key(tenancy.private_key_pem)
        tenancy.missing_policies = MissingPolicies()
        tenancy.identity.groups = dict(self._groups)
        tenancy.identity.regions = dict.fromkeys((HOME, OTHER), "READY")
        tenancy.cloud_guard.status = "ENABLED"
        tenancy.cloud_guard.reporting_region = HOME
        tenancy.logging.groups.clear()
        tenancy.logging.timelines.clear()
        tenancy.add_log_group(HOME, tenancy.ocid, "logs")

    def fault(self, kind, **which):
        """Put a fault in force."""
        self.sandbox.faults.add(InjectedFault(kind, **which))

    def validated(self, **overrides):
        """Validate the tenancy's settings with some replaced."""
        return validated(self.tenancy.settings(**overrides))

    def asked(self, operation=None):
        """Return the requests that reached the sandbox."""
        return [one for one in self.sandbox.requests if operation in (None, one.operation)]
