"""Which names a message may quote: an instances file holds secrets, and not always in their place.

A passphrase that was pasted as a key, or a line of the private key as the name of a table, is a name to the
parser. A plain word cannot be recognised as a passphrase. What looks like a key is refused as a name; what does
not look like a name (signs, digits amid letters of both cases) is given by its line number instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["is_safe_to_show", "line_of", "looks_like_key", "shown_name", "shown_names", "shown_setting"]

_MAX_NAME: Final = 100
_KEY_MARKS: Final = re.compile(r"-----|PRIVATE ?KEY|\bMII", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]{24,}")
_PIECE: Final = re.compile(r"[A-Za-z0-9]+")
_SIGN: Final = re.compile(r"[^\w .,:()@~-]")
_DIGIT_AMID_LETTERS: Final = re.compile(r"[A-Za-z][0-9]+[A-Za-z]|^[0-9]+[A-Za-z]")
_SETTING: Final = re.compile(r"[a-z]{1,20}(?:_[a-z]{1,20}){0,4}")


def looks_like_key(name: str) -> bool:
    """Return whether a name is a private key, or a line of one."""
    if len(name) > _MAX_NAME or _KEY_MARKS.search(name):
        return True
    return any(_is_mixed(run) and re.search("[0-9]", run) for run in _BASE64.findall(name))


def is_safe_to_show(name: str) -> bool:
    """Return whether a text looks like the name of an instance or a file, and not like a secret in its place."""
    if looks_like_key(name) or _SIGN.search(name):
        return False
    return not any(_is_mixed(piece) and _DIGIT_AMID_LETTERS.search(piece) for piece in _PIECE.findall(name))


def shown_name(name: str | None) -> str:
    """Return a name in quotes for a message, or words instead of it."""
    return repr(name) if name is not None and is_safe_to_show(name) else "of the name given"


def shown_setting(name: str) -> str:
    """Return the name of a setting that does not exist, "" if no setting could have that name."""
    return name if _SETTING.fullmatch(name) else ""


def shown_names(names: Iterable[str]) -> str:
    """Return names for a message, and how many are hidden."""
    all_names = list(names)
    shown = [name for name in all_names if is_safe_to_show(name)]
    hidden = len(all_names) - len(shown)
    return ", ".join([*shown, *([f"{hidden} more that may be a secret"] if hidden else [])])


def line_of(name: str, text: str) -> str:
    """Return the first line of a file that begins with a name, as `at line 7`; "" if none does."""
    begins = tuple(
        f"{opening}{quote}{name}"
        for opening in ("", "[instances.", "instances.", "[")
        for quote in ("", '"', "'")
    )
    lines = text.splitlines()
    return next((f"at line {at}" for at, line in enumerate(lines, 1) if line.strip().startswith(begins)), "")


def _is_mixed(piece: str) -> bool:
    return piece != piece.lower() and piece != piece.upper()
