"""The *configuration file preview* of the OCI console, pasted whole into a field that needs one line of it.

The console shows this text with every API key, in the format of `~/.oci/config` (docs: API/Concepts/sdkconfig.htm). A
field of one line joins the lines by blanks or by nothing, so they are told apart by their names there.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_PREVIEW", "PREVIEW_NAMES", "is_preview", "line_of_preview"]

MAX_PREVIEW: Final = 4000
"""How many characters a pasted preview may have: the console's has 350, a file of ten profiles 4,000."""

PREVIEW_NAMES: Final = (
    "user",
    "fingerprint",
    "tenancy",
    "region",
    "key_file",
    "key_content",
    "pass_phrase",
    "security_token_file",
)

_SECRETS: Final = {"pass_phrase": "Private Key Passphrase", "key_content": "Private Key"}
_ASSIGNED: Final = rf"(?:{'|'.join(PREVIEW_NAMES)})\s*="
_BEGINNING: Final = re.compile(rf"[\s\u200b-\u200d\u2060\ufeff]*(?:[#;\[]|{_ASSIGNED})")
_JOINED: Final = re.compile(rf"\[[^\[\]]*\]|{_ASSIGNED}|(?<=\s)\w+\s*=")
_NAMED: Final = re.compile(_ASSIGNED)
_HEADER: Final = re.compile(r"\[([^\[\]]*)\]")
_ESCAPED_END: Final = re.compile(r"\\r\\n|\\[rn]")
_PRIVATE_KEY: Final = "PRIVATE KEY-----"
_QUOTES: Final = "\"'"


def is_preview(text: str) -> bool:
    """Return whether a text is a configuration file or lines of one, rather than a single value."""
    return _BEGINNING.match(text) is not None and _NAMED.search(text) is not None


def line_of_preview(text: str, name: str) -> str:
    """Return what a pasted configuration file says of `name`, one of `PREVIEW_NAMES`.

    Which of several profiles was meant is not guessed, not even DEFAULT: a wrong guess collects from a wrong tenancy.

    Raises:
        ValueError: it has several profiles, does not name it, or contains a secret that belongs elsewhere.
    """
    if _PRIVATE_KEY in text:
        raise ValueError(
            "The text contains a private key. Paste the configuration file preview without it, and enter the key in "
            "Private Key."
        )
    profiles: set[str] = set()
    values: set[str] = set()
    for line in _lines(text):
        header = _HEADER.match(line)
        if header:
            profiles.add(header[1].strip())
            continue
        key, _, value = (part.strip() for part in line.partition("="))
        if key in _SECRETS:
            raise ValueError(
                f"The configuration file contains the secret {key}. Paste it without that line, and enter the "
                f"secret in {_SECRETS[key]}."
            )
        if key == name:
            values.add(re.split("[#;]", value, maxsplit=1)[0].strip().strip(_QUOTES).strip())
    if len(profiles) > 1 or len(values) > 1:
        raise ValueError(
            f"The configuration file has more than one profile, or more than one line {name}=. Paste the lines of a "
            "single profile, or only the value."
        )
    if not values:
        raise ValueError(
            f"The configuration file has no line that begins with {name}=. Paste the whole preview, or only the value."
        )
    return values.pop()


def _lines(text: str) -> list[str]:
    """Return the lines of a configuration file without comments, also of one whose line ends were lost."""
    lines = _ESCAPED_END.sub("\n", text).strip().splitlines()
    if len(lines) == 1:
        lines = _JOINED.sub(lambda part: f"\n{part[0]}", lines[0]).splitlines()
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and line[0] not in "#;"]
