r"""Makes text written by customers safe to show: no control characters, no bidi marks, a bounded length.

What is unsafe is made visible (`\u202e`), so that nothing disappears without a trace.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signal_client_oci.contract import MetadataValue

__all__ = ["MAX_CHARACTERS", "MAX_ITEMS", "is_clean", "non_empty", "sanitize", "sanitize_list", "set_fields"]

MAX_CHARACTERS: Final = 8192
MAX_ITEMS: Final = 200
MAX_CLEAN_BYTES: Final = 4096  # bytes of a record from which no field can grow beyond the limit

# what pipelines write for a field that has no value
NOTHING: Final = frozenset({"", "None", "null"})
LONGEST: Final = 4
SHORT: Final = 64  # characters of a text that is worth remembering
BACKSLASH, DELETE = ord("\\"), 0x7F
# an escape that stands for neither a quote nor a slash, in a text without escaped backslashes
_ESCAPE: Final = re.compile(rb"\\[^\"/]")
_SUSPECT: Final = re.compile(r"[^\x20-\x7e]")
# joiners shape Persian and Indian words and family emoji, and hide nothing
_JOINERS: Final = "\u200c\u200d"
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ONE_BYTE: Final = 0x100
_TWO_BYTES: Final = 0x10000


def set_fields(
    metadata: dict[str, MetadataValue], fields: Iterable[tuple[str, str | None]], *, clean: bool = False
) -> None:
    """Put fields into metadata as it may carry them, and leave out those without a value.

    `clean` says that no field can need more than that (`is_clean` of the record's text).
    """
    for name, value in fields:
        if not value:
            continue
        if clean and len(value) > LONGEST and value[0] != " ":
            metadata[name] = value
        elif safe := sanitize(value):
            metadata[name] = safe


def is_clean(text: bytes) -> bool:
    """Tell whether no string of a text, if it is JSON, can be long or hold anything but printable ASCII."""
    return (
        len(text) < MAX_CLEAN_BYTES
        and text.isascii()
        and DELETE not in text
        and (BACKSLASH not in text or not _ESCAPE.search(text.replace(rb"\\", b"")))
    )


def non_empty(text: str | None) -> str:
    """Give a text that stands for something as it is, and "" for None, blanks, `None` and `null`."""
    if text and (len(text) > LONGEST or text not in NOTHING) and not text.isspace():
        return text
    return ""


def sanitize(text: str) -> str:
    """Give a text as metadata may carry it; "" for what stands for nothing (blanks, `None`, `null`)."""
    return _remembered(text) if len(text) <= SHORT else _made_safe(text)


def _made_safe(text: str) -> str:
    if not _is_plain(text):
        text = _cut(_SUSPECT.sub(_visible, text[: MAX_CHARACTERS + 1]), len(text))
    return non_empty(text)


# labels, names of rules and regions come again and again
_remembered: Final = lru_cache(maxsize=4096)(_made_safe)


def sanitize_list(texts: Iterable[str]) -> list[str]:
    """Give a list of texts as metadata may carry it: at most 200, and then one that counts them all."""
    every = list(texts)
    safe = [safe for text in every[:MAX_ITEMS] if (safe := sanitize(text))]
    if len(every) > MAX_ITEMS:
        safe.append(f"... [{len(every)} in all]")
    return safe


def _is_plain(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS and text.isprintable()


def _cut(text: str, length: int) -> str:
    """Keep the first characters of a long text and say how many there were at first."""
    if len(text) <= MAX_CHARACTERS:
        return text
    note = f"... [{length} characters in all]"
    return text[: MAX_CHARACTERS - len(note)] + note


def _visible(found: re.Match[str]) -> str:
    """Write an unsafe character as its escape, and leave any other as it is."""
    char = found.group()
    if char in _JOINERS or unicodedata.category(char) not in _UNSAFE:
        return char
    code = ord(char)
    if code < _ONE_BYTE:
        return _SHORT.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < _TWO_BYTES else f"\\U{code:08x}"
