"""Bounds how far looks into a text go in all: a stretch that some looks have read is not read by many more."""

from __future__ import annotations

import sys

__all__ = ["Reach"]


class Reach:
    """How far a look may go from a place: far, unless other looks have read on beyond that place already.

    Any secret begins a look, and each may go far, so a text of nothing but beginnings would be read over and over. In
    what people and programs write, values and commands are nested a few deep.
    """

    def __init__(self, *, most: int, far: int = sys.maxsize, near: int = 0) -> None:
        """Let `most` overlapping looks go `far`, and further ones `near`; a look that goes no further is free."""
        self._far, self._near, self._most = far, near, most
        self._looks = self._until = 0

    def limit(self, place: int) -> int:
        """Return the place up to which a look may go that begins at a place."""
        if place >= self._until:
            self._looks = 0
        return place + (self._far if self._looks < self._most else self._near)

    def went(self, place: int, stop: int) -> None:
        """Note how far a look went."""
        if stop - place > self._near:
            self._looks += 1
            self._until = max(self._until, stop)
