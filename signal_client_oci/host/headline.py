"""All instances in one line: how many, how many in trouble, and which; the status page and the terminal show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, get_args

from signal_client_oci.errors.quantities import counted

__all__ = ["VERDICTS", "Standing", "Verdict", "headline_parts"]

Verdict = Literal["failed", "overdue", "degraded", "waiting", "ok"]
"""How an instance fares, worst first; `overdue`: no poll ended with a report for three intervals."""
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
_TROUBLED: Final[tuple[Verdict, ...]] = ("failed", "overdue", "degraded")
_NAMED: Final = 3
_MAX_NAME: Final = 40


class Standing(NamedTuple):
    """How one instance fares; `cause` says in a word what is wrong, "" where nothing is."""

    name: str
    verdict: Verdict
    cause: str


def headline_parts(standings: Iterable[Standing]) -> list[tuple[str, Verdict | None]]:
    """Return a line such as `20 instances, 1 failed: acme-17 NOT_AUTHENTICATED; 19 ok` in parts to join.

    Returns:
        Each part's text, and the verdict that it tells of, None for what separates them.
    """
    by_verdict: dict[Verdict, list[Standing]] = {verdict: [] for verdict in VERDICTS}
    for one in standings:
        by_verdict[one.verdict].append(one)
    total = sum(map(len, by_verdict.values()))
    if not total:
        return [("No instances", None)]
    told = [(_troubled(by_verdict[verdict]), verdict) for verdict in _TROUBLED if by_verdict[verdict]]
    if is_ok := len(by_verdict["ok"]):
        told.append(("all ok" if is_ok == total else f"{is_ok} ok", "ok"))
    if waiting := len(by_verdict["waiting"]):
        told.append(("none polled yet" if waiting == total else f"{waiting} not polled yet", "waiting"))
    parts: list[tuple[str, Verdict | None]] = [(f"{counted(total, 'instance')}, ", None)]
    for number, part in enumerate(told):
        parts += [("; ", None), part] if number else [part]
    return parts


def _troubled(standings: Sequence[Standing]) -> str:
    """Return how many instances share a verdict, and which, each with its cause."""
    named = ", ".join(f"{_shortened(one.name)} {one.cause}".rstrip() for one in standings[:_NAMED])
    more = f" and {len(standings) - _NAMED} more" if len(standings) > _NAMED else ""
    return f"{len(standings)} {standings[0].verdict}: {named}{more}"


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 3]}..."
