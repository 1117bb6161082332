"""The whole board in one line, and its instances in the order in which they need attention."""

from __future__ import annotations

from signal_client_oci.host.headline import VERDICTS, Standing, Verdict, headline_parts
from signal_client_oci.host.http.board import BoardState
from signal_client_oci.host.http.status import InstanceStatus

__all__ = ["board_headline", "cause_of", "duration_in_words", "most_troubled_first"]


def most_troubled_first(state: BoardState) -> list[InstanceStatus]:
    """Return the instances, those in trouble first, else in the order in which they were added."""
    return sorted(state.instances, key=lambda one: VERDICTS.index(one.verdict(state.monotonic)))


def board_headline(state: BoardState) -> str:
    """Return one line such as `20 instances, 1 failed: acme-17 NOT_AUTHENTICATED; 19 ok`."""
    standings = [_standing(one, one.verdict(state.monotonic)) for one in state.instances]
    return "".join(text for text, _ in headline_parts(standings))


def _standing(one: InstanceStatus, verdict: Verdict) -> Standing:
    return Standing(one.label, verdict, cause_of(one, verdict))


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


def duration_in_words(seconds: float) -> str:
    """Return a duration as a person says it, such as `40 seconds`, `17 minutes` or `3.5 hours`."""
    if seconds < 90:  # noqa: PLR2004  short enough to count
        return f"{seconds:.0f} seconds"
    if seconds < 5400:  # noqa: PLR2004  an hour and a half
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
