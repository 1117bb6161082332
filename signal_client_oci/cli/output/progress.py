"""How far a poll is: the artifacts of each source, as their batches are delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from signal_client_oci.cli.output.poll_report import SOURCE_TITLES
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host import Progress

__all__ = ["counting"]


@contextmanager
def counting(screen: Screen | None, name: str) -> Iterator[Callable[[Progress], None] | None]:
    """Give what a host calls with each batch; None without a screen."""
    if screen is None:
        yield None
        return
    counted: Counter[str] = Counter()
    with screen.waiting(f"reading {name}") as say:

        def on_progress(progress: Progress) -> None:
            counted[progress.source] += progress.artifacts
            parts = (f"{SOURCE_TITLES[source]} {count:,}" for source, count in counted.items())
            say(f"reading {name}: {', '.join(parts)}")

        yield on_progress
