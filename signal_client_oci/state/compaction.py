"""Makes a checkpoint fit: the oldest digests go first, then cursors fall back to their neighbours' earlier ones.

What is dropped comes again, with the same id. Nothing is ever moved forward to save space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from signal_client_oci.contract import Checkpoint
from signal_client_oci.state.cursor import merged
from signal_client_oci.state.seen_problems import SeenProblems
from signal_client_oci.state.stream_state import StreamKey, StreamState, by_identity

__all__ = ["Dropped", "compact"]

_BYTES_A_DIGEST: Final = 11  # in base64; the runs' heads come on top

Streams = dict[StreamKey, StreamState]


@dataclass
class Dropped:
    """What had to go because of the size.

    Attributes:
        records: Stream of digests that had to go → the latest of their window ends.
        problems: Versions of problems had to go.
        cursors: Cursors had to fall back.
    """

    records: dict[StreamKey, int] = field(default_factory=dict)
    problems: bool = False
    cursors: bool = False

    def add(self, other: Dropped) -> None:
        """Add what had to go later."""
        for stream, end in other.records.items():
            self.records[stream] = max(end, self.records.get(stream, 0))
        self.problems |= other.problems
        self.cursors |= other.cursors

    def __bool__(self) -> bool:
        return bool(self.records) or self.problems or self.cursors


def compact(
    streams: Streams, problems: SeenProblems, checkpoint: Callable[[], Checkpoint], max_bytes: int
) -> Dropped:
    """Drop until the checkpoint has at most `max_bytes`, or nothing more can go; return what went."""
    dropped = Dropped()
    while (excess := len(msgspec.json.encode(checkpoint())) - max_bytes) > 0:
        if not (
            _drop_left(problems, dropped)
            or _drop_records(streams, excess, dropped)
            or _drop_problems(problems, dropped)
            or _coarsen(streams, dropped)
        ):
            break  # only the table of compartments is left, and every one of them has to be known
    return dropped


def _drop_left(problems: SeenProblems, dropped: Dropped) -> bool:
    """Drop what nobody reads: the versions of the scope that was left."""
    has_dropped = problems.drop_left()
    dropped.problems |= has_dropped
    return has_dropped


def _drop_records(streams: Streams, excess: int, dropped: Dropped) -> bool:
    """Drop the digests that nobody needs, else the oldest of whichever stream has most, until enough are gone."""
    wanted = excess // _BYTES_A_DIGEST + 1
    before = sum(stream.seen.committed() for stream in streams.values())
    for stream in streams.values():
        stream.expire_settled()
    gone = before - sum(stream.seen.committed() for stream in streams.values())
    while gone < wanted:
        key = max(streams, key=lambda one: streams[one].seen.committed(), default=None)
        if key is None or not streams[key].seen.committed():
            break
        seen = streams[key].seen
        dropped.records[key] = max(seen.oldest_end(), dropped.records.get(key, 0))
        gone += seen.drop_oldest()
    return bool(gone)


def _drop_problems(problems: SeenProblems, dropped: Dropped) -> bool:
    """Drop the versions of the listing before, else half of those of the last one."""
    if problems.before:
        problems.before = set()
        return True
    has_dropped = problems.drop_some()
    dropped.problems |= has_dropped
    return has_dropped


def _coarsen(streams: Streams, dropped: Dropped) -> bool:
    """Merge the cursors of each stream two by two; False if there is nothing left to merge."""
    dropped.cursors = True
    merged_some = False
    for stream in streams.values():
        known = by_identity(stream.cursors.values())
        kinds = sorted(set(known.values()))
        pairs = [kinds[index : index + 2] for index in range(0, len(kinds), 2)]
        coarse = {kind: merged(pair[0], pair[-1]) for pair in pairs for kind in pair}
        new = {identity: coarse[cursor] for identity, cursor in known.items()}
        stream.cursors = {key: new[id(cursor)] for key, cursor in stream.cursors.items()}
        merged_some |= len(pairs) < len(kinds)
    return merged_some
