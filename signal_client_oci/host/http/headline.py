"""The whole board in one line: how many instances, how many in trouble, and which."""

from __future__ import annotations

from collections import Counter
from typing import Final, get_args

from signal_client_oci.host.http.board import BoardState
from signal_client_oci.host.http.status import InstanceStatus, Verdict

__all__ = ["cause_of", "duration_in_words", "headline", "most_troubled_first"]

_NAMED: Final = 3
_MAX_NAME: Final = 40
_WORDS: Final[dict[Verdict, str]] = {
    "failed": "failed",
    "overdue": "overdue",
    "degraded": "degraded",
    "waiting": "not polled yet",
}
_ORDER: Final[tuple[Verdict, ...]] = get_args(Verdict)


def most_troubled_first(state: BoardState) -> list[InstanceStatus]:
    """Return the instances, those in trouble first, else in the order in which they were added."""
    return sorted(state.instances, key=lambda one: _ORDER.index(one.verdict(state.monotonic)))


def headline(state: BoardState) -> str:
    """Return one line such as `20 instances, 1 failed: acme-17 NOT_AUTHENTICATED`."""
    verdicts = [(one, one.verdict(state.monotonic)) for one in most_troubled_first(state)]
    if not verdicts:
        return "No instances"
    total = "1 instance" if len(verdicts) == 1 else f"{len(verdicts)} instances"
    counts = Counter(verdict for _, verdict in verdicts if verdict != "ok")
    if not counts:
        return f"{total}, ok" if len(verdicts) == 1 else f"{total}, all ok"
    told = ", ".join([total, *(f"{count} {_WORDS[verdict]}" for verdict, count in counts.items())])
    named = [
        f"{_shortened(one.label)} {cause_of(one, verdict)}"
        for one, verdict in verdicts
        if verdict in _ORDER[:3]
    ]
    if not named:
        return told
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{told}: {', '.join(named[:_NAMED])}{more}"


def cause_of(one: InstanceStatus, verdict: Verdict) -> str:
    """Return in a word or two what is wrong with an instance: a code, or since when it is not polled."""
    if verdict == "overdue":
        return "NOT_POLLED"
    if one.result == "aborted":
        return "ABORTED"
    failed = [source for source in one.sources if source.error is not None]
    failed.sort(key=lambda source: source.status != "failed")
    codes = [source.error["code"] for source in failed if source.error] + [
        warning["code"] for warning in one.warnings
    ]
    return codes[0] if codes else verdict.upper()


def _shortened(label: str) -> str:
    return label if len(label) <= _MAX_NAME else f"{label[: _MAX_NAME - 3]}..."


def duration_in_words(seconds: float) -> str:
    """Return a duration as a person says it, such as `40 seconds`, `17 minutes` or `3.5 hours`."""
    if seconds < 90:  # noqa: PLR2004  short enough to count
        return f"{seconds:.0f} seconds"
    if seconds < 5400:  # noqa: PLR2004  an hour and a half
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
