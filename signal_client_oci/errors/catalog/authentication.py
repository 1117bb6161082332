"""Signing in: key, user, tenancy, clock and regions."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section

__all__ = ["AUTHENTICATION_SECTION"]

_MANAGE_REGIONS: Final = "region menu (top right) > Manage regions"

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "NOT_AUTHENTICATED": CatalogEntry(
        "OCI does not accept the signature (401)",
        "OCI does not say which part is wrong. The key fits the fingerprint and the clock is right, or another code "
        "would be shown; so the user does not have this key, the user or the tenancy is another one, or the tenancy "
        "is not subscribed to the region, which answers in the same way. The message says which regions were asked.",
        "In the OCI console sign in to the tenancy and compare: profile menu > Tenancy > OCID with tenancy_ocid; the "
        "API user's page > OCID with user_ocid; its API keys with fingerprint. If the key is not listed there, add "
        f"its public half (Add API key > Paste a public key). Then check the region: {_MANAGE_REGIONS}. A key that "
        "was added a moment ago is accepted after a minute or two. With endpoint_template, the gateway must pass "
        "on host, path and headers unchanged, as they are signed.",
    ),
    "CLOCK_SKEW": CatalogEntry(
        "this machine's clock differs from OCI's by more than five minutes, so signatures are refused (401)",
        "Compare `date -u` with the Date header of any OCI answer; the message says the difference.",
        "Set the clock of the machine that runs the host (for example `timedatectl set-ntp true`), then try again.",
    ),
    "REGION_NOT_SUBSCRIBED": CatalogEntry(
        "the tenancy is not subscribed to the region",
        f"In the OCI console open the {_MANAGE_REGIONS}; a region that is not subscribed answers 401, as a wrong key "
        "does.",
        "Use a region that is subscribed and remove this one from the settings, or have an administrator subscribe to "
        f"it: {_MANAGE_REGIONS} > Subscribe (it takes some minutes and cannot be undone).",
    ),
    "REGION_NOT_READY": CatalogEntry(
        "the subscription to the region is still in progress",
        f"In the OCI console open the {_MANAGE_REGIONS}.",
        "Wait until the console shows the region as subscribed, which takes some minutes, and try again.",
    ),
    "REGION_UNKNOWN": CatalogEntry(
        "the region is not known to the installed OCI SDK",
        "Regions newer than the SDK are unknown to it; `pip show oci` tells its version.",
        "Update the package `oci`, or correct the region.",
    ),
    "FORBIDDEN": CatalogEntry(
        "OCI refuses the operation (403)",
        "Look up the request id in the tenancy's Audit, or with Oracle support.",
        "Check that the user may use the service at all: quotas, network sources and sign-on policies of the "
        "tenancy can forbid what the policies allow.",
    ),
    "SIGN_UP_REQUIRED": CatalogEntry(
        "the tenancy has not signed up for the service (403)",
        "Open the service in the OCI console; it says what is missing.",
        "Open the service in the OCI console (Cloud Guard: Identity & Security > Cloud Guard) and sign up for it; a "
        "free tenancy cannot use Cloud Guard. Or switch the source off (cloud_guard_enabled, logging_enabled or "
        "audit_enabled to false).",
    ),
}

AUTHENTICATION_SECTION: Final = Section(
    "Signing in and regions",
    "The signature of the first request is checked with Identity in the main region. Where it is refused, nothing "
    "else is asked there.",
    _ENTRIES,
)
