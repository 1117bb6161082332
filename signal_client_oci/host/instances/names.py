"""Which names may be quoted: a file of instances has secrets in it, and they do not always stand where they should.

A pass phrase that was pasted as a key, or a line of the private key as the name of a table, is a name to the parser.
Whether a plain word is a pass phrase cannot be told. What looks like a key is refused as a name, and what no name
looks like (signs, digits amid letters of both cases) is told by its line instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["is_tellable", "listed", "looks_like_key", "place_of", "told", "word_told"]

_MAX_NAME: Final = 100
_KEY_MARKS: Final = re.compile(r"-----|PRIVATE ?KEY|\bMII", re.IGNORECASE)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]{24,}")
_PIECE: Final = re.compile(r"[A-Za-z0-9]+")
_SIGN: Final = re.compile(r"[^\w .,:()@~-]")
_DIGIT_AMID_LETTERS: Final = re.compile(r"[A-Za-z][0-9]+[A-Za-z]|^[0-9]+[A-Za-z]")
_SETTING: Final = re.compile(r"[a-z]{1,20}(?:_[a-z]{1,20}){0,4}")


def looks_like_key(name: str) -> bool:
    """Tell whether a name is a private key, or a line of one."""
    if len(name) > _MAX_NAME or _KEY_MARKS.search(name):
        return True
    return any(_is_mixed(run) and re.search("[0-9]", run) for run in _BASE64.findall(name))


def is_tellable(name: str) -> bool:
    """Tell whether a name is one that an operator gives to an instance or a file, and no secret in its place."""
    if looks_like_key(name) or _SIGN.search(name):
        return False
    return not any(_is_mixed(piece) and _DIGIT_AMID_LETTERS.search(piece) for piece in _PIECE.findall(name))


def told(name: str | None) -> str:
    """Return a name in quotes for a message, or words in its place."""
    return repr(name) if name is not None and is_tellable(name) else "of the name given"


def word_told(name: str) -> str:
    """Return the name of a setting that does not exist, "" if it is not one that a setting could have."""
    return name if _SETTING.fullmatch(name) else ""


def listed(names: Iterable[str]) -> str:
    """Return names for a message, with a count of those that are not shown."""
    every = list(names)
    shown = [name for name in every if is_tellable(name)]
    kept = len(every) - len(shown)
    return ", ".join([*shown, *([f"{kept} more that may be a secret"] if kept else [])])


def place_of(name: str, text: str) -> str:
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
