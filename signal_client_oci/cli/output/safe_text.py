"""Untrusted text on a terminal: names in events and messages of services must not control it."""

from __future__ import annotations

__all__ = ["printable", "shortened"]


def printable(text: object) -> str:
    r"""Return the text on one line, without anything that a terminal acts on.

    Line ends, tabs and unusual blanks become a blank; control characters, direction marks, zero-width characters and
    broken ones become escapes such as `\x1b` and `\u202e`.
    """
    return "".join(map(_printable_character, str(text)))


def shortened(text: object, limit: int) -> str:
    """Return `printable` text of at most `limit` characters; three dots replace the end that was cut."""
    whole = printable(text)
    return whole if len(whole) <= limit else whole[: limit - 3].rstrip() + "..."


def _printable_character(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")
