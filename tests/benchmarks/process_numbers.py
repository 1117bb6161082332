"""What the operating system says of this process: memory and processor time."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import Final

__all__ = ["forget_peak", "peak_rss", "rss"]

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")


def rss() -> float:
    """Return the resident memory in MiB; where /proc is missing, the peak so far."""
    return _field("VmRSS")


def peak_rss() -> float:
    """Return the largest resident memory in MiB since the start, or since `forget_peak`."""
    return _field("VmHWM")


def forget_peak() -> None:
    """Begin the peak anew at what is resident now, where the system can."""
    if _CLEAR.exists():
        _CLEAR.write_text("5", encoding="ascii")  # proc(5): resets the peak resident set size


def _field(name: str) -> float:
    if _STATUS.exists():
        found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
