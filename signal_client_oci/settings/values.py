"""Readers for the plain values of a form: text, secrets, switches, whole numbers, choices and lists of names.

Forms send empty strings for omitted fields, and strings for numbers and switches. A value with a single possible
meaning is accepted; anything else raises a `ValueError` whose text is shown to the operator and never quotes the value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from signal_client_oci.settings.secrecy import HiddenText, SecretValue, hidden

__all__ = [
    "is_blank",
    "read_choice",
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
# Nine digits hold every bound of the form, and `int` takes quadratic time for long runs of digits.
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,9}")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def is_blank(value: object) -> bool:
    """Return whether a field was left empty: None, or a text or secret of nothing but white space."""
    if isinstance(value, SecretValue):
        value = hidden(value)
    return value is None or (isinstance(value, str) and not value.strip(_OUTER))


def read_text(value: object) -> str:
    """Return a text without surrounding white space and zero-width characters.

    Raises:
        ValueError: the value is not text, or cannot be encoded.
    """
    if not isinstance(value, str):
        raise ValueError(f"This must be text in quotes, not {_kind(value)}.")  # noqa: TRY004 - a fault of input
    if _SURROGATE.search(value):
        raise ValueError(
            "The text contains broken characters (half of a surrogate pair). Copy or type it again."
        )
    return value.strip(_OUTER)


def read_secret(value: object) -> HiddenText:
    """Return a secret unchanged except for surrounding line ends: a passphrase may begin or end with a space.

    Raises:
        ValueError: the value is not text.
    """
    if isinstance(value, str | SecretValue):
        value = hidden(value)
    read_text(value)
    return HiddenText(str(value).strip("\r\n"))


def read_switch(value: object) -> bool:
    """Return a boolean, or the boolean that the words "true" and "false" stand for.

    Raises:
        ValueError: the value is neither.
    """
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    raise ValueError("This must be true or false, without quotes.")


def read_whole_number(value: object, least: int, most: int) -> int:
    """Return a whole number within inclusive bounds; its decimal digits as text are accepted too.

    Raises:
        ValueError: the value is not a whole number, or is out of bounds.
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


def read_choice(text: str, choices: Sequence[str]) -> str:
    """Return one of the words of `choices`, given in any case.

    Raises:
        ValueError: the text is none of them.
    """
    found = {choice.lower(): choice for choice in choices}.get(text.lower())
    if found is None:
        raise ValueError(f"This must be one of {', '.join(choices)}.")
    return found


def read_names(value: object, most: int, longest: int) -> list[str]:
    """Return the non-blank names of a list, or of one text that separates them by commas, semicolons or line ends.

    Args:
        value: What was given.
        most: How many entries are accepted.
        longest: How many characters of each entry are accepted.

    Raises:
        ValueError: the value is not such a list, or exceeds a limit.
    """
    if isinstance(value, str):
        value = [name.strip(_OUTER) for name in re.split(r"[,;\n\r]", value)]
    if isinstance(value, list | tuple) and len(value) > most:
        raise ValueError(f"The list has {len(value)} entries; the limit is {most}.")
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise ValueError(
            'This must be a list of names in quotes, for example ["eu-frankfurt-1", "uk-london-1"].'
        )
    if any(len(entry) > longest for entry in value):
        raise ValueError(
            f"One entry has more than {longest} characters. Enter one name, such as eu-frankfurt-1, per entry."
        )
    return [name for name in map(read_text, value) if name]


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list | tuple) else "an object"
