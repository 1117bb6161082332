"""Reads the plain values of a form: text, secrets, switches, whole numbers, lists of names.

Forms send empty strings for what was left out and strings for numbers and switches; whatever has one meaning
only is taken, all else is a `ValueError` whose text is for the operator. No such text quotes the value.
"""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

from pydantic import SecretStr
from typing_extensions import Self

from signal_client_oci.settings.limits import MAX_REGIONS
from signal_client_oci.settings.secrecy import hidden

__all__ = [
    "SecretText",
    "is_blank",
    "read_names",
    "read_secret",
    "read_switch",
    "read_text",
    "read_whole_number",
]

# All white space that Python knows (`str.isspace`), and the zero-width characters.
_OUTER: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff"
)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,9}")
_BROKEN: Final = re.compile(r"[\ud800-\udfff]")


class SecretText(SecretStr):
    """A `SecretStr` that is not pickled either; a copy is the secret itself."""

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("SecretText holds a secret and cannot be pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


def is_blank(value: object) -> bool:
    """Tell whether a field was left empty: None, or a text of nothing but white space."""
    if isinstance(value, SecretStr):
        value = hidden(value)
    return value is None or (isinstance(value, str) and not value.strip(_OUTER))


def read_text(value: object) -> str:
    """Return a text without the white space and zero-width characters around it.

    Raises:
        ValueError: it is no text, or not one that can be encoded.
    """
    if not isinstance(value, str):
        raise ValueError(f"This must be text in quotes, not {_kind(value)}.")  # noqa: TRY004 - a fault of input
    if _BROKEN.search(value):
        raise ValueError("This holds broken characters (half of a surrogate pair): type or copy it again.")
    return value.strip(_OUTER)


def read_secret(value: object) -> SecretText:
    """Return a secret as it stands, but for line ends around it: a passphrase may begin or end with a space.

    Raises:
        ValueError: it is no text.
    """
    if isinstance(value, str | SecretStr):
        value = hidden(value)
    read_text(value)
    return SecretText(str(value).strip("\r\n"))


def read_switch(value: object) -> bool:
    """Return true or false, also from the words "true" and "false".

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise ValueError("This must be true or false, without quotes.")


def read_whole_number(value: object, least: int, most: int) -> int:
    """Return a whole number between two bounds (inclusive), also from its decimal digits in a text.

    Raises:
        ValueError: it is no whole number, or out of bounds.
    """
    if isinstance(value, str) and _WHOLE.fullmatch(read_text(value)):
        value = int(read_text(value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"This must be a whole number from {least} to {most}.")  # noqa: TRY004 - a fault of input
    if not least <= value <= most:
        raise ValueError(f"This must be at least {least} and at most {most}.")
    return value


def read_names(value: object) -> list[str]:
    """Return a list of texts without blanks, also from one text with commas or line ends between.

    Raises:
        ValueError: it is no such list, or a very long one.
    """
    if isinstance(value, str):
        value = re.split(r"[,;\n\r]", value)
    if isinstance(value, list | tuple) and len(value) > MAX_REGIONS:
        raise ValueError(f"This has {len(value)} entries, and {MAX_REGIONS} are the most.")
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise ValueError('This must be a list of names in quotes, like ["eu-frankfurt-1", "uk-london-1"].')
    return [name for name in map(read_text, value) if name]


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list | tuple) else "an object"
