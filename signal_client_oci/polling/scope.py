"""What a poll covers: regions and compartments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from signal_client_oci.settings.model import Settings
from signal_client_oci.state.changes import Change

__all__ = ["Compartment", "Scope"]


class Compartment(NamedTuple):
    """A compartment of the scope; `created` is a minute since 1970, 0 where it is not known."""

    ocid: str
    name: str
    created: int
    deleted: bool


@dataclass(frozen=True)
class Scope:
    """What a poll covers.

    Attributes:
        regions: Region identifiers, the home region first.
        compartments: The scope and what is below it.
        listed_before: Second of the list before this one, 0 = there was none: what was created since is new.
        backfill_from: Minute from which on what is found for the first time has to be read, 0 = from the lookback.
        changes: What the discovery found out, for the state.
        is_complete: Everything that there is to read was found.
    """

    regions: Sequence[str]
    compartments: Sequence[Compartment]
    listed_before: int = 0
    backfill_from: int = 0
    changes: Sequence[Change] = ()
    is_complete: bool = True

    @classmethod
    def undiscovered(cls, settings: Settings) -> Scope:
        """Return what is known of it from the settings alone."""
        return cls((settings.region,), (Compartment(settings.scope_ocid, "", 0, deleted=False),))
