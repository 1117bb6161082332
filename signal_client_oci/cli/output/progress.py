"""The progress of a poll: artifacts of each source, as their batches are delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from signal_client_oci.cli.output.poll_report import SOURCE_TITLES
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.host import BatchProgress

__all__ = ["counting"]


@contextmanager
def counting(screen: Screen | None, name: str) -> Iterator[Callable[[BatchProgress], None] | None]:
    """Yield the function that a host calls with each batch; None without a screen."""
    if screen is None:
        yield None
        return
    counted: Counter[str] = Counter()
    with screen.waiting(f"reading {name}") as update:

        def on_progress(progress: BatchProgress) -> None:
            counted[progress.source] += progress.artifacts
            parts = (f"{SOURCE_TITLES[source]} {count:,}" for source, count in counted.items())
            update(f"reading {name}: {', '.join(parts)}")

        yield on_progress
