"""Authentication: key, user, tenancy, clock and regions."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section

__all__ = ["AUTHENTICATION_SECTION"]

_MANAGE_REGIONS: Final = "region menu (top right) > Manage regions"

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "NOT_AUTHENTICATED": CatalogEntry(
        "OCI rejected the signature (401)",
        "OCI does not say which part is wrong. The key matches the fingerprint and the clock is correct, otherwise the "
        "check would show another code. So the user does not have this key, the OCID of the user or the tenancy is "
        "wrong, or the tenancy is not subscribed to the region, for which OCI returns 401 too. The message says which "
        "regions were tried.",
        "In the OCI console, sign in to the tenancy and compare: profile menu > Tenancy > OCID with Tenancy OCID; the "
        "API user's page > OCID with User OCID; its API keys with Fingerprint. If the key is not listed there, add "
        f"its public half (Add API key > Paste a public key). Then check the region: {_MANAGE_REGIONS}. A new key can "
        "take one or two minutes to be accepted. With an Endpoint Template, the gateway must forward host, path and "
        "headers unchanged, because they are signed.",
    ),
    "CLOCK_SKEW": CatalogEntry(
        "the clock of this machine differs from OCI's by more than five minutes, so OCI rejects signatures (401)",
        "Compare `date -u` with the Date header of any OCI response. The message contains the difference.",
        "Set the clock of the machine that runs the host (for example `timedatectl set-ntp true`), then try again.",
    ),
    "REGION_NOT_SUBSCRIBED": CatalogEntry(
        "the tenancy is not subscribed to the region",
        f"In the OCI console, open the {_MANAGE_REGIONS}. OCI returns 401 for a region that is not subscribed, as for "
        "a wrong key.",
        "Use a subscribed region and remove this one from the settings, or ask an administrator to subscribe to "
        f"it: {_MANAGE_REGIONS} > Subscribe (this takes some minutes and cannot be undone).",
    ),
    "REGION_NOT_READY": CatalogEntry(
        "the subscription to the region is still in progress",
        f"In the OCI console, open the {_MANAGE_REGIONS}.",
        "Wait until the OCI console shows the region as subscribed, which takes some minutes, and try again.",
    ),
    "REGION_REFUSES_KEY": CatalogEntry(
        "the region rejects the key (401), although other regions accept it",
        f"In the OCI console, open the {_MANAGE_REGIONS}. A newly subscribed region rejects keys until users "
        "and keys are replicated to it; a region that is not subscribed rejects them too.",
        "If the region is subscribed, wait until the replication is complete, which can take some hours; the key is "
        "right, and reading resumes by itself. Otherwise subscribe to the region or remove it from the settings.",
    ),
    "REGION_UNKNOWN": CatalogEntry(
        "the installed OCI SDK does not know the region",
        "The SDK does not know regions that are newer than itself. `pip show oci` shows its version.",
        "Update the package `oci`, or correct the region.",
    ),
    "FORBIDDEN": CatalogEntry(
        "OCI denied the operation (403)",
        "Look up the request id in the Audit events of the tenancy, or ask Oracle support.",
        "Check that the user may use the service at all: quotas, network sources and sign-on policies of the "
        "tenancy can forbid what the policies allow.",
    ),
    "SIGN_UP_REQUIRED": CatalogEntry(
        "the tenancy has not signed up for the service (403)",
        "Open the service in the OCI console, which shows what is missing.",
        "Open the service in the OCI console (Cloud Guard: Identity & Security > Cloud Guard) and sign up for it; a "
        "free tenancy cannot use Cloud Guard. Or switch the source off (Collect Cloud Guard Problems, Collect "
        "Logging Records or Collect Audit Events).",
    ),
}

AUTHENTICATION_SECTION: Final = Section(
    "Authentication and regions",
    "Identity in the main region checks the signature of the first request. If it rejects the signature, no other "
    "request is sent to that region.",
    _ENTRIES,
)
