"""The whole board in one line: how many instances, how many in trouble, and which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from signal_client_oci.errors.quantities import counted
from signal_client_oci.host.http.board import BoardState
from signal_client_oci.host.http.status import InstanceStatus, Verdict

__all__ = ["board_headline", "cause_of", "duration_in_words", "most_troubled_first"]

_NAMED: Final = 3
_MAX_NAME: Final = 40
_ORDER: Final[tuple[Verdict, ...]] = get_args(Verdict)
_TROUBLED: Final[tuple[Verdict, ...]] = ("failed", "overdue", "degraded")


def most_troubled_first(state: BoardState) -> list[InstanceStatus]:
    """Return the instances, those in trouble first, else in the order in which they were added."""
    return sorted(state.instances, key=lambda one: _ORDER.index(one.verdict(state.monotonic)))


def board_headline(state: BoardState) -> str:
    """Return one line such as `20 instances, 1 failed: acme-17 NOT_AUTHENTICATED; 19 ok`."""
    by_verdict: dict[Verdict, list[InstanceStatus]] = {verdict: [] for verdict in _ORDER}
    for one in state.instances:
        by_verdict[one.verdict(state.monotonic)].append(one)
    total = len(state.instances)
    if not total:
        return "No instances"
    parts = [_named(verdict, by_verdict[verdict]) for verdict in _TROUBLED if by_verdict[verdict]]
    if is_ok := len(by_verdict["ok"]):
        parts.append("all ok" if is_ok == total else f"{is_ok} ok")
    if waiting := len(by_verdict["waiting"]):
        parts.append("none polled yet" if waiting == total else f"{waiting} not polled yet")
    return f"{counted(total, 'instance')}, {'; '.join(parts)}"


def _named(verdict: Verdict, troubled: Sequence[InstanceStatus]) -> str:
    """Return how many instances have this verdict, and which, each with its cause."""
    named = ", ".join(f"{_shortened(one.label)} {cause_of(one, verdict)}" for one in troubled[:_NAMED])
    more = f" and {len(troubled) - _NAMED} more" if len(troubled) > _NAMED else ""
    return f"{len(troubled)} {verdict}: {named}{more}"


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
