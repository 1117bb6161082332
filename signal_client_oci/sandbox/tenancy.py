"""One simulated tenancy: its user and key, its regions, its compartments, and what the user may not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from signal_client_oci.sandbox.clocks import Clock
from signal_client_oci.sandbox.data.identifiers import Identifiers
from signal_client_oci.sandbox.data.keys import api_key_fingerprint, public_key_of
from signal_client_oci.sandbox.emission import Emission
from signal_client_oci.sandbox.http.signatures import KeyId
from signal_client_oci.sandbox.services.audit import SandboxAudit
from signal_client_oci.sandbox.services.cloud_guard import SandboxCloudGuard
from signal_client_oci.sandbox.services.compartments import SandboxCompartment
from signal_client_oci.sandbox.services.identity import SandboxIdentity
from signal_client_oci.sandbox.services.logging_search import SandboxLogging
from signal_client_oci.sandbox.services.policies import MissingPolicies, PolicyRule

__all__ = ["Latency", "Tenancy"]

Latency = float | Mapping[str, float]
"""Seconds before each response: one number, or service → seconds."""

_AGE = timedelta(days=400)


class Tenancy(Emission):
    """One tenancy: made by `Sandbox.add_tenancy`, filled by its `emit_…` and `add_…` methods.

    `ocid` is the tenancy's OCID, which is also its root compartment's. `audit`, `logging`, `cloud_guard` and
    `identity` are the services with their switches. `latency` (None: the sandbox's) holds for this tenancy
    alone.
    """

    def __init__(
        self, name: str, regions: Sequence[str], clock: Clock, private_key_pem: str, base_url: str
    ) -> None:
        root_ocid = Identifiers(name).ocid("tenancy")
        super().__init__(SandboxCompartment(root_ocid, name, "", clock() - _AGE), clock, regions[0])
        self.name = name
        self.user = self.identifiers.ocid("user")
        self.private_key_pem = private_key_pem
        self.latency: Latency | None = None
        groups = {self.identifiers.ocid("group"): "signal-readers"}
        self.identity = SandboxIdentity(
            self.tree, self.user, f"reader@{name}.example.test", dict.fromkeys(regions, "READY"), groups
        )
        self.missing_policies = MissingPolicies()
        self._base_url = base_url
        self._public_keys: dict[KeyId, RSAPublicKey] = {}
        self.fingerprint = self.register_key(private_key_pem)

    @property
    def services(self) -> dict[str, SandboxAudit | SandboxLogging | SandboxCloudGuard | SandboxIdentity]:
        """The services by the names that `endpoint_template` uses."""
        return {
            "audit": self.audit,
            "logging": self.logging,
            "cloudguard": self.cloud_guard,
            "identity": self.identity,
        }

    @property
    def regions(self) -> tuple[str, ...]:
        """The subscribed regions, the home region first."""
        return tuple(self.identity.regions)

    @property
    def endpoint_template(self) -> str:
        """The value of the setting that sends a connector here."""
        return f"{self._base_url}/{{region}}/{{service}}"

    def settings(self, **overrides: Any) -> dict[str, Any]:
        """Return valid settings for this tenancy and all of its regions; `overrides` replaces single ones."""
        return {
            "tenancy_ocid": self.ocid,
            "user_ocid": self.user,
            "fingerprint": self.fingerprint,
            "private_key": self.private_key_pem,
            "region": self.regions[0],
            "additional_regions": list(self.regions[1:]),
            "endpoint_template": self.endpoint_template,
        } | overrides

    def register_key(self, private_key_pem: str) -> str:
        """Let the user sign with this key too and return its fingerprint."""
        public_key = public_key_of(private_key_pem)
        fingerprint = api_key_fingerprint(public_key)
        self._public_keys[KeyId(self.ocid, self.user, fingerprint)] = public_key
        return fingerprint

    def public_key_of(self, key_id: KeyId) -> RSAPublicKey | None:
        """Return the registered key that exactly this id names."""
        return self._public_keys.get(key_id)

    def add_compartment(self, name: str, parent: str | None = None, created: datetime | None = None) -> str:
        """Add a compartment (below the root unless `parent` is given) and return its OCID."""
        with self.lock:
            ocid = self.identifiers.ocid("compartment")
            self.tree.add(SandboxCompartment(ocid, name, parent or self.ocid, created or self.clock()))
            return ocid

    def delete_compartment(self, ocid: str, *, readable: bool = True, forget: bool = False) -> None:
        """Delete a compartment: it stays listed as DELETED and readable unless said otherwise.

        `forget` removes it from the listing too, as happens after the audit period.
        """
        with self.lock:
            self.tree[ocid].state = "DELETED"
            self.tree[ocid].readable = readable
            if forget:
                self.tree.forget(ocid)

    def deny(self, service: str, compartment: str | None = None, **narrower: str | None) -> None:
        """Take a policy away (audit, logging, cloudguard, identity), if given only of one `region` or `operation`."""
        with self.lock:
            self.missing_policies.add(PolicyRule(service, compartment, **narrower))

    def allow(self, service: str, compartment: str | None = None, **narrower: str | None) -> None:
        """Give every policy back that these values cover."""
        with self.lock:
            self.missing_policies.lift(PolicyRule(service, compartment, **narrower))
