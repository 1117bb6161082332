"""Asks of several texts of a page at once whether they may hold a secret.

To ask takes longer than to look through a short record. Every question is whether some words stand in a text, and what
stands in one of several texts stands in all of them together. So what is suspicious by itself is suspicious here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from signal_client_oci.artifacts.secrets.hints import may_contain_secret

__all__ = ["HarmlessTexts"]

_AT_ONCE: Final = 16
_MAX_BYTES: Final = 64 * 1024  # of texts that are asked of at once


class HarmlessTexts:
    """Tells which texts of a page hold no secret; those that are never asked for are not looked at.

    From the first that may hold one, it tells nothing more: where there is one, there are others, and each of them is
    looked at by itself.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts
        self._first = -1
        self._is_harmless = True

    def has(self, number: int) -> bool:
        """Return whether the text of this number holds no secret for sure; to be asked in the order of the page."""
        first = number - number % _AT_ONCE
        if self._is_harmless and first != self._first:
            self._first = first
            self._is_harmless = _are_harmless(self._texts[first : first + _AT_ONCE])
        return self._is_harmless


def _are_harmless(texts: Sequence[bytes]) -> bool:
    """Return whether none of some texts may hold a secret.

    Only of objects: some words count where a text begins or ends with them, and with a brace none of them does.
    """
    if not texts or sum(map(len, texts)) > _MAX_BYTES:
        return False
    for text in texts:
        if text[:1] != b"{" or text[-1:] != b"}":
            return False
    return not may_contain_secret(b"\n".join(texts))
