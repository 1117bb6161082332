"""Asks of several texts of a page at once whether they may hold a secret.

To ask takes longer than to look through a short record. Every question is whether some words stand in a text, and what
stands in one of several texts stands in all of them together. So what is suspicious by itself is suspicious here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from signal_client_oci.artifacts.secrets.hints import may_contain_secret

__all__ = ["HarmlessTexts"]

_MAX_BYTES: Final = 64 * 1024  # of texts that are asked of at once
_OPENING, _CLOSING = ord("{"), ord("}")  # with which an object begins and ends


class HarmlessTexts:
    """Tells of the blocks of a page, in their order, which hold no secret.

    From the first that may hold one, it tells nothing more: where there is one, there are others, and each text is
    looked at by itself. With `are_masked` False nobody needs to know, and nothing is looked at.
    """

    def __init__(self, *, are_masked: bool) -> None:
        self._block: Sequence[bytes] | None = None
        self._is_harmless = are_masked

    def has(self, block: Sequence[bytes]) -> bool:
        """Return whether none of the texts of a block holds a secret for sure; it is looked at once."""
        if block is not self._block:
            self._block = block
            self._is_harmless = self._is_harmless and _are_harmless(block)
        return self._is_harmless


def _are_harmless(texts: Sequence[bytes]) -> bool:
    """Return whether none of some texts may hold a secret.

    Only of objects: some words count where a text begins or ends with them, and with a brace none of them does.
    """
    for text in texts:
        if not text or text[0] != _OPENING or text[-1] != _CLOSING:
            return False
    together = b"\n".join(texts)
    return 0 < len(together) < _MAX_BYTES + len(texts) and not may_contain_secret(together)
