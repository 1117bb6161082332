"""What a poll learns, as data: each change is true once everything before it was handed to the host.

Sources name changes and never make them; `PollState.apply` alone does, when the batch that contains everything
before them is handed out. That is the whole of "a batch carries the checkpoint that it makes true".
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, NamedTuple

from signal_client_oci.contract import Artifact
from signal_client_oci.state.cursor import Cursor
from signal_client_oci.state.stream_state import StreamKey

__all__ = [
    "PROBLEMS",
    "AdvanceCursor",
    "BoundByClock",
    "Change",
    "Delivery",
    "DropCursors",
    "EnterProblems",
    "ExpireSeen",
    "FinishProblems",
    "MarkSeen",
    "OpenStream",
    "PlaceCursor",
    "RecordsKey",
    "RememberProblems",
    "SetBackfill",
    "SetCompartmentList",
    "SettleCursor",
    "remember",
]


class RecordsKey(NamedTuple):
    """Where digests of records are remembered: stream, compartment's tag, end of the window (minute)."""

    stream: StreamKey
    tag: bytes
    end: int


PROBLEMS: Final = "problems"
"""Where digests of problems are remembered."""

SeenKey = RecordsKey | str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Artifacts on their way to the host, in order.

    Attributes:
        artifacts: Those of one page or one turn of it; none, where all of a turn was known.
        digests: One for each.
        key: Where they are remembered once they are handed out: a `RecordsKey` or `PROBLEMS`.
    """

    artifacts: list[Artifact]
    digests: list[bytes]
    key: SeenKey


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A stream is read, and re-reads `overlap` minutes."""

    stream: StreamKey
    overlap: int


@dataclass(frozen=True, slots=True)
class PlaceCursor:
    """Reading of a compartment stands here, found out before anything of it was asked for."""

    stream: StreamKey
    compartment: str
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class DropCursors:
    """These compartments are not read any more."""

    stream: StreamKey
    compartments: Sequence[str]


@dataclass(frozen=True, slots=True)
class AdvanceCursor:
    """`[start, end)` of these compartments was read to the last page; see `cursor.advance`."""

    stream: StreamKey
    compartments: Sequence[str]
    start: int
    end: int
    polled_at: int
    read_at: int
    whole: bool


@dataclass(frozen=True, slots=True)
class SettleCursor:
    """The poll of `minute` is done with these compartments; see `cursor.settled`."""

    stream: StreamKey
    compartments: Sequence[str]
    minute: int
    slice_minutes: int = 0
    denied: bool = False


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """These records were handed out."""

    key: RecordsKey
    digests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ExpireSeen:
    """Digests of a stream that no later poll can need may go."""

    stream: StreamKey


@dataclass(frozen=True, slots=True)
class RememberProblems:
    """These versions of problems were handed out, or are left out for good."""

    digests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class EnterProblems:
    """Problems of this scope are read from now on, closed ones from minute `begin` on."""

    scope: str
    begin: int


@dataclass(frozen=True, slots=True)
class FinishProblems:
    """All problems were listed at second `read_at`; see `SeenProblems.finish_listing`."""

    listed: AbstractSet[bytes]
    read_at: int
    forget_after: int


@dataclass(frozen=True, slots=True)
class SetCompartmentList:
    """The compartments were listed at second `listed_at`; `tree` is the list's digest."""

    listed_at: int
    tree: str


@dataclass(frozen=True, slots=True)
class SetBackfill:
    """What is found for the first time is read from this minute on; 0 = from the lookback on."""

    minute: int


@dataclass(frozen=True, slots=True)
class BoundByClock:
    """A service's clock showed `minute`: nothing begins later than `lookback` before it, or was read beyond it."""

    minute: int
    lookback: int


Change = (
    OpenStream
    | PlaceCursor
    | DropCursors
    | AdvanceCursor
    | SettleCursor
    | MarkSeen
    | ExpireSeen
    | RememberProblems
    | EnterProblems
    | FinishProblems
    | SetCompartmentList
    | SetBackfill
    | BoundByClock
)


def remember(key: SeenKey, digests: Sequence[bytes]) -> Change:
    """Return the change that remembers what was handed out of a delivery."""
    return MarkSeen(key, digests) if isinstance(key, RecordsKey) else RememberProblems(digests)
