r"""Makes text that somebody else wrote safe to show: no control characters, no bidirectional marks, a bounded length.

Unsafe characters are written as escapes (`\u202e`), so that nothing disappears without a trace.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

if TYPE_CHECKING:
    from signal_client_oci.contract import MetadataValue

__all__ = [
    "MAX_CHARACTERS",
    "MAX_ITEMS",
    "TextFields",
    "Told",
    "is_clean",
    "non_empty",
    "sanitize",
    "sanitize_list",
    "sanitize_name",
    "set_fields",
]

MAX_CHARACTERS: Final = 8192
MAX_ITEMS: Final = 200
MAX_CLEAN_BYTES: Final = (
    4096  # of a record: no field of it, and no sentence about it, can exceed MAX_CHARACTERS
)

# what pipelines write for a field without a value
EMPTY: Final = frozenset({"", "None", "null"})
_LONGEST_EMPTY: Final = 4
Told = Annotated[str, msgspec.Meta(min_length=_LONGEST_EMPTY + 1)]
"""A text that stands for a value unless it is blank, because what stands for none is shorter."""
UNNAMED: Final = "unnamed"
SHORT: Final = 64  # characters of a text that is worth remembering
TextFields = Iterable[tuple[str, str | None]]
BACKSLASH, DELETE = ord("\\"), 0x7F
_PLAIN_ESCAPES: Final = b'"/\\'
_SUSPECT: Final = re.compile(r"[^\x20-\x7e]")
# joiners shape Persian and Indian words and family emoji, and hide nothing
_JOINERS: Final = "\u200c\u200d"
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ONE_BYTE: Final = 0x100
_TWO_BYTES: Final = 0x10000


def set_fields(metadata: dict[str, MetadataValue], fields: TextFields, *, clean: bool = False) -> None:
    """Set metadata fields to sanitized texts, and leave out those without a value.

    `clean` says that no text needs to be sanitized, because `is_clean` is true of the whole record.
    """
    for name, value in fields:
        if not value:
            continue
        # of the clean texts, only these and those of nothing but spaces stand for no value
        if clean and value[0] != " " and (len(value) > _LONGEST_EMPTY or value not in EMPTY):
            metadata[name] = value
        elif safe := sanitize(value):
            metadata[name] = safe


def is_clean(text: bytes) -> bool:
    """Return whether no string of a text, if it is JSON, can be long or hold anything but printable ASCII.

    One look at the whole record spares a look at each of its fields.
    """
    return (
        len(text) < MAX_CLEAN_BYTES
        and text.isascii()
        and DELETE not in text
        and (BACKSLASH not in text or _escapes_are_plain(text))
    )


def _escapes_are_plain(text: bytes) -> bool:
    """Return whether every escape of a text stands for a quote, a slash or a backslash."""
    at, last = text.find(BACKSLASH), len(text) - 1
    while 0 <= at < last:
        if text[at + 1] not in _PLAIN_ESCAPES:
            return False
        at = text.find(BACKSLASH, at + 2)
    return True


def non_empty(text: str | None) -> str:
    """Return a text as it is, and "" for what stands for no value: None, blanks, `None` and `null`."""
    if text and (len(text) > _LONGEST_EMPTY or text not in EMPTY) and not text.isspace():
        return text
    return ""


def sanitize(text: str) -> str:
    """Return a text that is safe to show; "" for what stands for no value (blanks, `None`, `null`)."""
    return _remembered(text) if len(text) <= SHORT else _sanitize(text)


def sanitize_name(name: object) -> str:
    """Return a name that somebody chose, safe to show and never empty: `null` is a name too, and blanks are none."""
    try:
        text = str(name)
    except Exception:  # noqa: BLE001  an object of somebody's that has no text
        return UNNAMED
    return sanitize(text) or text.strip() or UNNAMED


def _sanitize(text: str) -> str:
    if not _is_plain(text):
        text = _truncate(_SUSPECT.sub(_escape_unsafe, text[: MAX_CHARACTERS + 1]), len(text))
    return non_empty(text)


# short texts, such as labels, names of rules and regions, recur in many records
_remembered: Final = lru_cache(maxsize=4096)(_sanitize)


def sanitize_list(texts: Iterable[str]) -> list[str]:
    """Return a list of texts that are safe to show: at most 200, and then one that says how many there were."""
    every = list(texts)
    safe = [safe for text in every[:MAX_ITEMS] if (safe := sanitize(text))]
    if len(every) > MAX_ITEMS:
        safe.append(f"... [{len(every)} in all]")
    return safe


def _is_plain(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS and text.isprintable()


def _truncate(text: str, length: int) -> str:
    """Return the first characters of a long text, and a note of how many there were."""
    if len(text) <= MAX_CHARACTERS:
        return text
    note = f"... [{length} characters in all]"
    return text[: MAX_CHARACTERS - len(note)] + note


def _escape_unsafe(found: re.Match[str]) -> str:
    """Return an unsafe character as its escape, any other as it is."""
    char = found.group()
    if char in _JOINERS or unicodedata.category(char) not in _UNSAFE:
        return char
    code = ord(char)
    if code < _ONE_BYTE:
        return _SHORT.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < _TWO_BYTES else f"\\U{code:08x}"
