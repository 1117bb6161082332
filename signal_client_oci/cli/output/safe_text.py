"""Text of others on a terminal: names in events and answers of services must not steer it."""

from __future__ import annotations

__all__ = ["shortened", "shown"]


def shown(text: object) -> str:
    r"""Return the text on one line, with nothing in it that a terminal acts on.

    Line ends, tabs and odd blanks become a blank; control characters, direction marks, zero-width characters
    and broken ones are written as escapes such as `\x1b` and `\u202e`.
    """
    return "".join(map(_shown_character, str(text)))


def shortened(text: object, most: int) -> str:
    """Return `shown` text of at most `most` characters, with three dots where its end was left out."""
    whole = shown(text)
    return whole if len(whole) <= most else whole[: most - 3].rstrip() + "..."


def _shown_character(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")
