"""The host's published detection rules, read from `tests/data`, and what they find in artifacts."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DATA = Path(__file__).parents[1] / "data"
LOUD = frozenset({"high", "critical"})
# the fields of the host's filter: artifacts that agree in all of them are repeats
REPEAT_FIELDS = (
    "senderHost",
    "clientIP",
    "serverIP",
    "serverPort",
    "protocol",
    "userName",
    "fileName",
    "streamName",
    "messageType",
    "action",
    "severityLabel",
)

Metadata = dict[str, Any]


class Condition(NamedTuple):
    """What one field must be like: `field`, a word for the comparison and values of which one is enough."""

    field: str
    word: str
    values: tuple[str, ...]
    holds: bool

    def is_met(self, metadata: Metadata, *, fold: bool) -> bool:
        """Tell whether metadata meet the condition; a field that is absent meets none."""
        found = metadata.get(self.field)
        texts = found if isinstance(found, list) else [] if found is None else [found]
        compare = _COMPARISONS[self.word]
        any_met = any(compare(str(text), value, fold) for text in texts for value in self.values)
        return any_met is self.holds


class Rule(NamedTuple):
    """A rule; `alternatives` are conjunctions of which one is enough. The host's filters have the level "-"."""

    id: str
    level: str
    title: str
    alternatives: tuple[tuple[Condition, ...], ...]

    def fires(self, metadata: Metadata, *, fold: bool = False) -> bool:
        """Tell whether the rule takes an artifact; with `fold` it compares without case, as many engines do."""
        return any(
            all(condition.is_met(metadata, fold=fold) for condition in every) for every in self.alternatives
        )


@dataclass(frozen=True)
class Correlation:
    """What several artifacts mean together that rules have taken."""

    id: str
    level: str
    title: str
    kind: str
    rules: tuple[str, ...]
    by: tuple[str, ...]
    span: timedelta
    least: int
    field: str

    def fires(self, artifacts: Sequence[dict[str, Any]]) -> bool:
        """Tell whether the artifacts, in the order of their times, make the correlation true for one group."""
        rules = {rule.id: rule for rule in read_rules()}
        groups: dict[tuple[Any, ...], list[tuple[datetime, str, Metadata]]] = defaultdict(list)
        for artifact in sorted(artifacts, key=lambda one: str(one["timestamp"])):
            metadata = artifact["metadata"]
            group = tuple(metadata.get(name) for name in self.by)
            if None in group:
                continue
            at = datetime.fromisoformat(artifact["timestamp"])
            groups[group] += [(at, name, metadata) for name in self.rules if rules[name].fires(metadata)]
        return any(self._holds(hits) for hits in groups.values())

    def _holds(self, hits: list[tuple[datetime, str, Metadata]]) -> bool:
        for index, (first, rule, _) in enumerate(hits):
            near = [hit for hit in hits[index:] if hit[0] - first <= self.span]
            if self.kind == "order":
                if rule == self.rules[0] and any(name == self.rules[1] for _, name, _ in near):
                    return True
            elif self.kind == "values":
                if len({hit[2].get(self.field) for hit in near} - {None}) >= self.least:
                    return True
            elif len(near) >= self.least:
                return True
        return False


def read_rules() -> tuple[Rule, ...]:
    """Read the rules and the filters."""
    return tuple(
        Rule(row["rule"], row["level"], row["title"], tuple(_alternatives(row["when"])))
        for row in _rows("host_rules")
    )


def read_correlations() -> dict[str, Correlation]:
    """Read the correlations by their ids."""
    return {
        row["correlation"]: Correlation(
            row["correlation"],
            row["level"],
            row["title"],
            row["kind"],
            tuple(row["rules"].split(", ")),
            tuple(row["by"].split(", ")),
            timedelta(minutes=int(row["minutes"])),
            0 if row["least"] == "-" else int(row["least"]),
            row["field"],
        )
        for row in _rows("host_correlations")
    }


def fired(metadata: Metadata, *, fold: bool = False) -> list[Rule]:
    """Give the rules that take an artifact, without the host's filters."""
    return [rule for rule in read_rules() if rule.level != "-" and rule.fires(metadata, fold=fold)]


def repeat_key(metadata: Metadata) -> tuple[Any, ...]:
    """Give what the host's filter compares of an artifact."""
    return tuple(metadata.get(field) for field in REPEAT_FIELDS)


def _rows(name: str) -> Iterator[dict[str, str]]:
    lines = _LINES.get(name)
    if lines is None:
        text = (DATA / f"{name}.tsv").read_text("utf-8")
        lines = _LINES[name] = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = lines[0].split("\t")
    return (dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:])


_LINES: dict[str, list[str]] = {}


def _alternatives(when: str) -> Iterable[tuple[Condition, ...]]:
    for alternative in when.split(" OR "):
        yield tuple(_condition(text) for text in alternative.split(" AND "))


def _condition(text: str) -> Condition:
    holds = not text.startswith("NOT ")
    field, word, values = text.removeprefix("NOT ").split(" ", 2)
    assert word in _COMPARISONS, text
    return Condition(field, word, tuple(values.split(", ")), holds)


def _folded(text: str, fold: bool) -> str:  # noqa: FBT001  (as all comparisons)
    return text.casefold() if fold else text


def _within(text: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(network)
    except ValueError:
        return False


def _at_least(text: str, least: str) -> bool:
    return text.lstrip("-").isdigit() and int(text) >= int(least)


_COMPARISONS = {
    "is": lambda text, value, fold: _folded(text, fold) == _folded(value, fold),
    "has": lambda text, value, fold: _folded(value, fold) in _folded(text, fold),
    "ends_with": lambda text, value, fold: _folded(text, fold).endswith(_folded(value, fold)),
    "matches": lambda text, value, _fold: re.search(value, text) is not None,
    "at_least": lambda text, value, _fold: _at_least(text, value),
    "within": lambda text, value, _fold: _within(text, value),
}
