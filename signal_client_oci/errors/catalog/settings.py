"""Errors in the settings themselves, which are found before any request is sent."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section
from signal_client_oci.errors.key_errors import KEY_ERRORS

__all__ = ["SETTINGS_SECTION"]

# What the catalog shows in place of the values that a real error contains.
_PLACEHOLDERS: Final = {
    "bits": "fewer than 2048",
    "found": "`<fingerprint of the key>`",
    "given": "`<fingerprint of the form>`",
    "reason": "The fingerprint is not that of an API key.",
}

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "SETTINGS_INVALID": CatalogEntry(
        "the settings contain errors",
        "Each error names its field and says what is expected there.",
        "Correct the named fields and save again.",
    ),
    "REALM_MISMATCH": CatalogEntry(
        "the region and the OCIDs belong to different realms",
        "The third part of an OCID is its realm: `ocid1.tenancy.oc1..` is in realm oc1, the commercial one. A region "
        "belongs to exactly one realm.",
        "Choose a region of the tenancy's own realm: in the OCI console, open the region menu (top right) > Manage "
        "regions. If the region is correct, the OCIDs were copied from another tenancy.",
    ),
}

SETTINGS_SECTION: Final = Section(
    "Settings and key",
    "These errors are found without the network. No request is sent until they are corrected.",
    _ENTRIES
    | {
        code: CatalogEntry(
            entry.message.format_map(_PLACEHOLDERS).rstrip("."),
            entry.diagnosis,
            entry.remedy.format_map(_PLACEHOLDERS),
        )
        for code, entry in KEY_ERRORS.items()
    },
)
