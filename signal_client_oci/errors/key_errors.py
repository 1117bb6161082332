"""What can be wrong with a private key that an operator pasted: one table, one exception."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "KEY_ERRORS",
    "MAX_KDF_ROUNDS",
    "MAX_RSA_BITS",
    "MAX_SCRYPT_COST",
    "KeyErrorEntry",
    "PrivateKeyError",
]

# what a key may be, and how long opening it may take
MAX_RSA_BITS: Final = 8192
MAX_KDF_ROUNDS: Final = (
    600_000  # each opening of the key takes them, with the interpreter's lock held: half a second
)
MAX_SCRYPT_COST: Final = 1 << 20  # N * r * p: 128 MiB with p = 1


class KeyErrorEntry(NamedTuple):
    """One way in which a key cannot be used; `field` is the setting to correct."""

    field: str
    message: str
    remedy: str


_PASTE: Final = (
    "Paste the whole text of the private key file (.pem) that was downloaded when the API key was added, "
    "from the BEGIN line to the END line."
)
_NEW_KEY: Final = (
    "Add a new API key (OCI console: the user's page > API keys > Add API key), "
    "download its private key and paste that."
)

KEY_ERRORS: Final[dict[str, KeyErrorEntry]] = {
    "PRIVATE_KEY_MISSING": KeyErrorEntry("private_key", "The private key is missing.", _PASTE),
    "PRIVATE_KEY_NOT_PEM": KeyErrorEntry(
        "private_key",
        "This text holds no private key (there is no -----BEGIN PRIVATE KEY----- in it).",
        _PASTE,
    ),
    "PRIVATE_KEY_IS_PATH": KeyErrorEntry(
        "private_key",
        "This is the path of a key file, and the key itself is needed.",
        f"Open that file. {_PASTE}",
    ),
    "PRIVATE_KEY_IS_CONFIG": KeyErrorEntry(
        "private_key",
        "This is the configuration file preview of the OCI console, and the private key is not in it.",
        f"Use the preview for the other fields. {_PASTE}",
    ),
    "PRIVATE_KEY_IS_PUBLIC": KeyErrorEntry(
        "private_key",
        "This is the public half of the key; requests are signed with the private half.",
        _PASTE,
    ),
    "PRIVATE_KEY_IS_CERTIFICATE": KeyErrorEntry(
        "private_key", "This is a certificate (or a request for one), and OCI API keys have none.", _PASTE
    ),
    "PRIVATE_KEY_IS_OPENSSH": KeyErrorEntry(
        "private_key",
        "This key is in the format of OpenSSH, which OCI does not use.",
        "If it is the RSA key that was uploaded to OCI, convert a copy of its file with "
        "`ssh-keygen -p -m PEM -f copy_of_the_key` and paste the result; an SSH login key is not an API key.",
    ),
    "PRIVATE_KEY_IS_PUTTY": KeyErrorEntry(
        "private_key",
        "This key is in the format of PuTTY (.ppk), which OCI does not use.",
        "If it is the RSA key that was uploaded to OCI, convert it with "
        "`puttygen key.ppk -O private-openssh -o key.pem` and paste the new file; "
        "an SSH login key is not an API key.",
    ),
    "PRIVATE_KEY_NOT_RSA": KeyErrorEntry(
        "private_key", "This is not an RSA key (but EC, Ed25519 or DSA); OCI API keys are RSA.", _NEW_KEY
    ),
    "PRIVATE_KEY_TOO_SHORT": KeyErrorEntry(
        "private_key", "This RSA key has {bits} bits; OCI takes keys of 2048 bits and more.", _NEW_KEY
    ),
    "PRIVATE_KEY_TOO_LARGE": KeyErrorEntry(
        "private_key",
        f"This key has more than {MAX_RSA_BITS} bits, and opening it would take too long.",
        _NEW_KEY,
    ),
    "PRIVATE_KEY_INCOMPLETE": KeyErrorEntry(
        "private_key",
        "A part of the private key is missing.",
        f"{_PASTE} If the field keeps a single line only, put \\n where the lines end.",
    ),
    "PRIVATE_KEY_DAMAGED": KeyErrorEntry(
        "private_key", "The private key is damaged: characters of it were changed, added or lost.", _PASTE
    ),
    "PRIVATE_KEY_CIPHER_UNKNOWN": KeyErrorEntry(
        "private_key",
        "The private key is encrypted in a way that cannot be opened here.",
        "Convert it with `openssl pkcs8 -topk8 -v2 aes256 -in key.pem -out new.pem` and paste the new file.",
    ),
    "PRIVATE_KEY_KDF_TOO_SLOW": KeyErrorEntry(
        "private_key",
        f"The private key is encrypted with more than {MAX_KDF_ROUNDS} rounds (for scrypt: N * r * p above "
        f"{MAX_SCRYPT_COST}), and opening it would take too long.",
        "Convert it with `openssl pkcs8 -topk8 -v2 aes256 -iter 100000 -in key.pem -out new.pem` "
        "and paste the new file.",
    ),
    "PASSPHRASE_MISSING": KeyErrorEntry(
        "private_key_passphrase",
        "The private key is encrypted and no passphrase is given.",
        "Fill in Private Key Passphrase, or paste the key without encryption "
        "(`openssl pkey -in key.pem -out plain.pem` writes it so).",
    ),
    "PASSPHRASE_WRONG": KeyErrorEntry(
        "private_key_passphrase",
        "The passphrase does not open the private key.",
        "Correct Private Key Passphrase; `openssl pkey -in key.pem -noout` tells whether it fits. "
        "If it does, the pasted key is damaged: paste the file again.",
    ),
    "FINGERPRINT_MALFORMED": KeyErrorEntry(
        "fingerprint",
        "{reason}",
        "The fingerprint of the pasted key is {found}: compare it with the console's list.",
    ),
    "KEY_FINGERPRINT_MISMATCH": KeyErrorEntry(
        "fingerprint",
        "The private key's fingerprint is {found}, but the form says {given}.",
        "If the OCI console (the user's page > API keys) lists {found}, put that into Fingerprint; "
        "otherwise paste the private key that belongs to {given}.",
    ),
}
"""Code → the setting to correct, what is wrong, what to do; braces are filled in where it is raised."""


class PrivateKeyError(ValueError):
    """A private key that cannot be used to sign; holds no part of the key or its passphrase.

    Attributes:
        code: a key of `KEY_ERRORS`.
        field: the setting to correct.
        message: what is wrong, for a person.
        remedy: what to do about it.
    """

    def __init__(self, code: str, **details: str) -> None:
        problem = KEY_ERRORS[code]
        self.code = code
        self.field = problem.field
        self.message = problem.message.format_map(details)
        self.remedy = problem.remedy.format_map(details)
        super().__init__(f"{code}: {self.message} {self.remedy}")
