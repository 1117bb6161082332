"""Sums up what a windowed source could not read, and what it did not reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.errors.quantities import counted
from signal_client_oci.polling.protocol import Hindsight, SourceOutcome
from signal_client_oci.polling.scope import Compartment
from signal_client_oci.polling.windows.windowed_api import WindowedApi
from signal_client_oci.state.changes import Change

__all__ = ["ReadFailures"]

_MAX_REGIONS: Final = 3


class _Failed(NamedTuple):
    region: str
    compartment: Compartment
    failure: Failure


class ReadFailures:
    """The compartments that could not be read.

    Attributes:
        has_denials: A compartment was refused.
        has_new_denials: A compartment that could be read in the poll before was refused.
        deleted: How many were refused because they were deleted.
    """

    def __init__(self) -> None:
        self.has_denials = self.has_new_denials = False
        self.deleted = 0
        self._failed: list[_Failed] = []

    @property
    def regions(self) -> set[str]:
        """The regions of what could not be read."""
        return {one.region for one in self._failed}

    def add(self, region: str, compartment: Compartment, failure: Failure, *, was_denied: bool) -> None:
        """Note that a compartment could not be read; `was_denied` says that the poll before was refused too."""
        is_refused = failure.recovery is Recovery.COMPARTMENT
        if compartment.deleted and is_refused:
            self.deleted += 1
        else:
            self._failed.append(_Failed(region, compartment, failure))
            self.has_denials |= is_refused
            self.has_new_denials |= is_refused and not was_denied

    def forgive_deleted(self, deleted: set[str]) -> None:
        """Count refusals of compartments that turned out to be deleted as that, and no longer as failures."""
        kept = [one for one in self._failed if one.compartment.ocid not in deleted]
        self.deleted += len(self._failed) - len(kept)
        self._failed = kept

    def outcome(  # noqa: PLR0913  (each is a fact, given by name)
        self,
        api: WindowedApi,
        hindsight: Hindsight,
        *,
        asked_for: Mapping[str, int],
        unfinished: int,
        counts: Mapping[str, int],
        covered_until: str | None,
        changes: Sequence[Change],
    ) -> SourceOutcome:
        """Return the source's outcome; `asked_for` counts compartments by region, `unfinished` were not reached."""
        failed = len(self._failed)
        denied = sum(one.failure.recovery is Recovery.COMPARTMENT for one in self._failed)
        read = max(0, sum(asked_for.values()) - failed - unfinished - self.deleted)
        numbers = {"deleted": self.deleted, **counts}
        always = {api.read_count: read}
        shown = {name: count for name, count in sorted(numbers.items()) if count} | always
        rest = {"denied": denied, "failed": failed - denied, "unfinished": unfinished}
        shown |= {name: count for name, count in rest.items() if count}
        error = self._error(api, hindsight, asked_for) if failed else None
        if error is None and unfinished:
            error = Failure("STOPPED").check(api.source, api.title)
        if error is None:
            return SourceOutcome("ok", None, covered_until, shown, changes)
        is_failed = failed > 0 and not read and not unfinished
        return SourceOutcome("failed" if is_failed else "partial", error, covered_until, shown, changes)

    def _error(self, api: WindowedApi, hindsight: Hindsight, asked_for: Mapping[str, int]) -> Check:
        region, compartment, failure = min(self._failed, key=_place)  # whichever answered first
        failure = hindsight.explain(failure, region)
        if not api.unit_name:
            regions = _regions_in_words(sorted(self.regions))
            message = f"{regions} could not be searched: {failure.message}"
            return failure.check(api.source, api.title, message=message)
        name = "".join(character for character in compartment.name if character.isprintable())[:60]
        where = f"{compartment.ocid} ({name})" if name else compartment.ocid
        parts = [] if failure.recovery is Recovery.REGION else [f"{where} in {region}"]
        if sum(asked_for.values()) > 1:
            failed = Counter(sorted(one.region for one in self._failed))
            parts.insert(0, f"{_shares(failed, asked_for, api.unit_name)} could not be read")
        message = ": ".join([", among them ".join(parts), failure.message] if parts else [failure.message])
        return failure.check(api.source, api.title, message=message)


def _place(one: _Failed) -> tuple[str, str]:
    return one.region, one.compartment.ocid


def _shares(failed: Mapping[str, int], asked_for: Mapping[str, int], unit: str) -> str:
    """Return how many of their compartments failed in which regions, such as `7 of 7 compartments in us-ashburn-1`."""
    regions: dict[str, list[str]] = {}
    for region, count in failed.items():
        share = f"{count:,} of {counted(asked_for[region], unit)}"
        regions.setdefault(share, []).append(region)
    return _joined(f"{share} in {_named(names)}" for share, names in regions.items())


def _named(regions: Sequence[str]) -> str:
    if len(regions) == 1:
        return regions[0]
    return f"each of {_regions_in_words(regions)}"


def _regions_in_words(regions: Sequence[str]) -> str:
    return _joined(regions) if len(regions) <= _MAX_REGIONS else f"{len(regions)} regions"


def _joined(parts: Iterable[str]) -> str:
    every = list(parts)
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
