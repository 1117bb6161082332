"""What is wrong with the settings themselves; found before anything is sent."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section
from signal_client_oci.errors.key_errors import KEY_ERRORS

__all__ = ["SETTINGS_SECTION"]

# What stands in a key's message where the real one has the value at hand.
_EXAMPLES: Final = {
    "bits": "fewer than 2048",
    "found": "`<fingerprint of the key>`",
    "given": "`<fingerprint of the form>`",
    "reason": "The fingerprint is not one of an API key.",
}

_OPENSSL: Final = "`openssl pkey -in key.pem -noout -text` tells what a key file holds."
_FIRST_LINE: Final = (
    "Look at the first line of what was pasted; an API key's is `-----BEGIN PRIVATE KEY-----`."
)
_FINGERPRINT: Final = (
    "`openssl rsa -in key.pem -pubout -outform DER | openssl md5 -c` prints the fingerprint of a private key; "
    "the console lists the uploaded ones under the user's page > API keys."
)

_FIND_OUT: Final[dict[str, str]] = {
    "PRIVATE_KEY_MISSING": "The form's Private Key is empty.",
    "PRIVATE_KEY_NOT_PEM": _FIRST_LINE,
    "PRIVATE_KEY_IS_PATH": _FIRST_LINE,
    "PRIVATE_KEY_IS_CONFIG": _FIRST_LINE,
    "PRIVATE_KEY_IS_PUBLIC": _FIRST_LINE,
    "PRIVATE_KEY_IS_CERTIFICATE": _FIRST_LINE,
    "PRIVATE_KEY_IS_OPENSSH": _FIRST_LINE,
    "PRIVATE_KEY_IS_PUTTY": _FIRST_LINE,
    "PRIVATE_KEY_NOT_RSA": _OPENSSL,
    "PRIVATE_KEY_TOO_SHORT": _OPENSSL,
    "PRIVATE_KEY_TOO_LARGE": _OPENSSL,
    "PRIVATE_KEY_INCOMPLETE": "Look for the END line, and compare the length with the file's.",
    "PRIVATE_KEY_DAMAGED": "`openssl pkey -in key.pem -noout -check` tells whether the file itself is sound.",
    "PRIVATE_KEY_CIPHER_UNKNOWN": "The file's first lines name the cipher.",
    "PRIVATE_KEY_KDF_TOO_SLOW": (
        "`openssl asn1parse -in key.pem` lists the numbers of the encryption: iterations, or N, r and p of scrypt."
    ),
    "PASSPHRASE_MISSING": "The key's first lines say ENCRYPTED.",
    "PASSPHRASE_WRONG": "`openssl pkey -in key.pem -noout` asks for the passphrase and tells whether it fits.",
    "FINGERPRINT_MALFORMED": _FINGERPRINT,
    "KEY_FINGERPRINT_MISMATCH": _FINGERPRINT,
}

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "SETTINGS_INVALID": CatalogEntry(
        "the settings have errors",
        "Each error is named with its field, and says what is expected there.",
        "Correct the fields that are named and save again.",
    ),
    "REALM_MISMATCH": CatalogEntry(
        "the region and the OCIDs belong to different realms",
        "An OCID's third part is its realm (`ocid1.tenancy.oc1..` is realm oc1, the commercial one); a region belongs "
        "to exactly one realm.",
        "Choose a region of the tenancy's own realm: in the OCI console open the region menu (top right) > Manage "
        "regions. If the region is right, the OCIDs were copied from another tenancy.",
    ),
}

SETTINGS_SECTION: Final = Section(
    "Settings and key",
    "Found without the network: nothing is sent before these are right.",
    _ENTRIES
    | {
        code: CatalogEntry(
            problem.message.format_map(_EXAMPLES).rstrip("."),
            _FIND_OUT[code],
            problem.remedy.format_map(_EXAMPLES),
        )
        for code, problem in KEY_ERRORS.items()
    },
)
