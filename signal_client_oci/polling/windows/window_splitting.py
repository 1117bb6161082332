"""How a long window is split into slices: pure arithmetic on whole minutes since 1970-01-01T00:00Z."""

from __future__ import annotations

from typing import Final

__all__ = ["next_slice_minutes", "slice_end", "spare_minutes"]

_WHOLE_WINDOW: Final = 180
_FIRST_SLICE: Final = 60
_PAGES_AIMED_AT: Final = 8
_SPARE_PARTS: Final = 12
_SHORTEST_SPARE: Final = 5


def slice_end(start: int, end: int, slice_minutes: int, tail: int) -> int:
    """Return where the slice that begins at `start` ends, so that the slices tile `[start, end)`.

    Args:
        start: Where the slice begins.
        end: Where the whole window ends.
        slice_minutes: Minutes that a slice should have; 0 = not known yet.
        tail: Minutes before `end` that get slices of their own in a long window, because only their records have
            to be remembered for the next poll's overlap.
    """
    length = end - start
    if not slice_minutes:
        if length <= _WHOLE_WINDOW:
            return end
        slice_minutes = _FIRST_SLICE
    cut = end - tail
    limit = cut if length > _WHOLE_WINDOW and start < cut else end
    return limit if limit - start <= slice_minutes else start + slice_minutes


def spare_minutes(start: int, end: int) -> int:
    """Return how many minutes a slice may have that is made for a place that would stay empty.

    A twelfth of what is left of the window, so that the last slices are short and end together.
    """
    return max(_SHORTEST_SPARE, (end - start) // _SPARE_PARTS)


def next_slice_minutes(slice_minutes: int, pages: int, longest: int) -> int:
    """Return the minutes for the slices after one of so many that had `pages` pages.

    A quiet night becomes one request, a busy minute its own; never less than a minute nor more than `longest`.
    """
    if pages <= 1:
        return min(longest, slice_minutes * 4)
    return max(1, min(longest, slice_minutes * _PAGES_AIMED_AT // max(pages, _PAGES_AIMED_AT)))
