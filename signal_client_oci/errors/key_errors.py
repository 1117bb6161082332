"""What can be wrong with a private key that an operator pasted, and with its passphrase and fingerprint."""

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

# Limits of what is opened, because the interpreter's lock is held meanwhile: each allows about half a second.
MAX_RSA_BITS: Final = 8192
MAX_KDF_ROUNDS: Final = 600_000
MAX_SCRYPT_COST: Final = 1 << 20  # N * r * p: 128 MiB with p = 1


class KeyErrorEntry(NamedTuple):
    """One reason why a key cannot be used.

    Attributes:
        field: The setting to correct.
        message: What is wrong; `{names}` are filled in where the error is raised.
        diagnosis: How to verify it.
        remedy: What to do; with `{names}` as in `message`.
    """

    field: str
    message: str
    diagnosis: str
    remedy: str


_PASTE: Final = (
    "Paste the complete text of the private key file (.pem) that was downloaded when the API key was added, "
    "from the BEGIN line to the END line."
)
_NEW_KEY: Final = (
    "Add a new API key (OCI console: the user's page > API keys > Add API key), "
    "download its private key and paste that."
)
_FIRST_LINE: Final = (
    "Check the first line of the pasted text. For an API key it is `-----BEGIN PRIVATE KEY-----`."
)
_OPENSSL: Final = "`openssl pkey -in key.pem -noout -text` shows the type and size of a key."
_FINGERPRINT: Final = (
    "`openssl rsa -in key.pem -pubout -outform DER | openssl md5 -c` prints the fingerprint of a private key. "
    "The OCI console lists the fingerprints of the uploaded keys on the user's page > API keys."
)

KEY_ERRORS: Final[dict[str, KeyErrorEntry]] = {
    "PRIVATE_KEY_MISSING": KeyErrorEntry(
        "private_key", "The private key is missing.", "Private Key in the form is empty.", _PASTE
    ),
    "PRIVATE_KEY_NOT_PEM": KeyErrorEntry(
        "private_key",
        "The text does not contain a private key: there is no -----BEGIN PRIVATE KEY----- in it.",
        _FIRST_LINE,
        _PASTE,
    ),
    "PRIVATE_KEY_IS_PATH": KeyErrorEntry(
        "private_key",
        "This is the path of a key file, not the key itself.",
        _FIRST_LINE,
        f"Open that file. {_PASTE}",
    ),
    "PRIVATE_KEY_IS_CONFIG": KeyErrorEntry(
        "private_key",
        "This is the configuration file preview of the OCI console, which does not contain the private key.",
        _FIRST_LINE,
        f"Use the preview for the other fields. {_PASTE}",
    ),
    "PRIVATE_KEY_IS_PUBLIC": KeyErrorEntry(
        "private_key",
        "This is the public half of the key, but requests are signed with the private half.",
        _FIRST_LINE,
        _PASTE,
    ),
    "PRIVATE_KEY_IS_CERTIFICATE": KeyErrorEntry(
        "private_key",
        "This is a certificate or a certificate request, but OCI API keys have no certificate.",
        _FIRST_LINE,
        _PASTE,
    ),
    "PRIVATE_KEY_IS_OPENSSH": KeyErrorEntry(
        "private_key",
        "This key is in the OpenSSH format, which OCI does not support.",
        _FIRST_LINE,
        "If it is the RSA key that was uploaded to OCI, convert a copy of its file with "
        "`ssh-keygen -p -m PEM -f copy_of_the_key` and paste the result. An SSH login key is not an API key.",
    ),
    "PRIVATE_KEY_IS_PUTTY": KeyErrorEntry(
        "private_key",
        "This key is in the PuTTY format (.ppk), which OCI does not support.",
        _FIRST_LINE,
        "If it is the RSA key that was uploaded to OCI, convert it with "
        "`puttygen key.ppk -O private-openssh -o key.pem` and paste the new file. "
        "An SSH login key is not an API key.",
    ),
    "PRIVATE_KEY_NOT_RSA": KeyErrorEntry(
        "private_key",
        "This is not an RSA key but an EC, Ed25519 or DSA key; OCI API keys are RSA keys.",
        _OPENSSL,
        _NEW_KEY,
    ),
    "PRIVATE_KEY_TOO_SHORT": KeyErrorEntry(
        "private_key", "This RSA key has {bits} bits; OCI requires at least 2048 bits.", _OPENSSL, _NEW_KEY
    ),
    "PRIVATE_KEY_TOO_LARGE": KeyErrorEntry(
        "private_key",
        f"This key has more than {MAX_RSA_BITS} bits, and opening it would take too long.",
        _OPENSSL,
        _NEW_KEY,
    ),
    "PRIVATE_KEY_INCOMPLETE": KeyErrorEntry(
        "private_key",
        "A part of the private key is missing.",
        "Check that the text ends with the END line, and compare its length with that of the file.",
        f"{_PASTE} If the field accepts a single line only, write \\n in place of each line end.",
    ),
    "PRIVATE_KEY_DAMAGED": KeyErrorEntry(
        "private_key",
        "The private key is damaged: some of its characters were changed, added or lost.",
        "`openssl pkey -in key.pem -noout -check` shows whether the file itself is valid.",
        _PASTE,
    ),
    "PRIVATE_KEY_CIPHER_UNKNOWN": KeyErrorEntry(
        "private_key",
        "The private key is encrypted with an unsupported cipher.",
        "The first lines of the file name the cipher.",
        "Convert it with `openssl pkcs8 -topk8 -v2 aes256 -in key.pem -out new.pem` and paste the new file.",
    ),
    "PRIVATE_KEY_KDF_TOO_SLOW": KeyErrorEntry(
        "private_key",
        f"The private key is encrypted with more than {MAX_KDF_ROUNDS} rounds (for scrypt: N * r * p above "
        f"{MAX_SCRYPT_COST}), and opening it would take too long.",
        "`openssl asn1parse -in key.pem` lists the encryption parameters: the iterations, or N, r and p of scrypt.",
        "Convert it with `openssl pkcs8 -topk8 -v2 aes256 -iter 100000 -in key.pem -out new.pem` "
        "and paste the new file.",
    ),
    "PASSPHRASE_MISSING": KeyErrorEntry(
        "private_key_passphrase",
        "The private key is encrypted, but no passphrase is given.",
        "The first lines of the key contain the word ENCRYPTED.",
        "Fill in Private Key Passphrase, or paste the key without encryption: "
        "`openssl pkey -in key.pem -out plain.pem` removes it.",
    ),
    "PASSPHRASE_WRONG": KeyErrorEntry(
        "private_key_passphrase",
        "The passphrase does not open the private key.",
        "`openssl pkey -in key.pem -noout` asks for the passphrase and reports whether it is correct.",
        "Correct Private Key Passphrase. Verify it with `openssl pkey -in key.pem -noout`; "
        "if it is correct, the pasted key is damaged: paste the file again.",
    ),
    "FINGERPRINT_MALFORMED": KeyErrorEntry(
        "fingerprint",
        "{reason}",
        _FINGERPRINT,
        "The fingerprint of the pasted key is {found}. Compare it with those that the OCI console lists.",
    ),
    "KEY_FINGERPRINT_MISMATCH": KeyErrorEntry(
        "fingerprint",
        "The fingerprint of the private key is {found}, but the form contains {given}.",
        _FINGERPRINT,
        "If the OCI console (the user's page > API keys) lists {found}, enter it in Fingerprint. "
        "Otherwise paste the private key that belongs to {given}.",
    ),
}
"""Code → what is wrong with the key, how to verify it, and what to do."""


class PrivateKeyError(ValueError):
    """A private key that cannot sign requests; the error contains no part of the key or its passphrase.

    Attributes:
        code: A key of `KEY_ERRORS`.
        field: The setting to correct.
        message: What is wrong.
        remedy: What to do.
    """

    def __init__(self, code: str, **details: str) -> None:
        entry = KEY_ERRORS[code]
        self.code = code
        self.field = entry.field
        self.message = entry.message.format_map(details)
        self.remedy = entry.remedy.format_map(details)
        super().__init__(f"{code}: {self.message} {self.remedy}")
