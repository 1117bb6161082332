"""What a poll leaves behind for the next one: positions and digests; parse, serialise, bound.

The checkpoint is versioned JSON under 900 KB. What is stored grows with what differs: compartments at the same
position share one entry, which names them by their place in one table of short keys; digests take eight bytes a
record. When even that is too much, the oldest digests go first (records come again, with the same id), then
positions fall back to their neighbours' earlier ones. Nothing is ever moved forward to save space.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from signal_client_oci.contract import Checkpoint
from signal_client_oci.delivered_problems import DeliveredProblems, LeftScope
from signal_client_oci.digests import Digests, join_digests, split_digests
from signal_client_oci.positions import (
    LONGEST_OVERLAP,
    FirstRead,
    Leap,
    Position,
    merged,
    read_again_from,
)

__all__ = [
    "MAX_BYTES",
    "VERSION",
    "CheckpointError",
    "Progress",
    "Track",
    "compartment_key",
    "parse",
    "tag_of",
]

VERSION: Final = 1
MAX_BYTES: Final = 915_000
_KEY_CHARACTERS: Final = 8
_BYTES_A_DIGEST: Final = 11  # in base64; the runs' heads come on top
_FOREIGN_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_-]")
_LATEST_MINUTE: Final = 253_402_300_800 // 60


class CheckpointError(ValueError):
    """A stored checkpoint that cannot be continued from; `code` is a key of `troubles.TROUBLES`."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


def compartment_key(ocid: str) -> str:
    """Return the eight characters by which a checkpoint names a compartment (48 bits of a hash)."""
    digest = hashlib.blake2b(ocid.encode(), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")


@lru_cache(maxsize=4096)
def tag_of(key: str) -> bytes:
    """Return the two bytes by which digests name the compartment of `key`."""
    return base64.urlsafe_b64decode(key)[:2]


class Track:
    """One source in one region: the position of each compartment, and the digests of their overlap.

    `overlap` is how many minutes its polls read again at least.
    """

    def __init__(self) -> None:
        self.positions: dict[str, Position] = {}
        self.digests = Digests()
        self.overlap = LONGEST_OVERLAP

    def forget_settled(self) -> int:
        """Drop the digests of records that no later poll reads again; return from which minute on polls read."""
        starts: dict[bytes, int] = {}
        for key, position in self.positions.items():
            start = read_again_from(position, self.overlap)
            tag = tag_of(key)
            starts[tag] = min(start, starts.get(tag, start))
        newest = max(starts.values(), default=0)
        self.digests.forget(lambda tag: starts.get(tag, newest))
        return newest


class Progress:
    """Everything that a checkpoint holds, as a poll works on it.

    Attributes:
        tenancy: OCID of the tenancy it belongs to.
        listed_at: Second at which the compartments were last listed, 0 = never.
        tree: Digest of that list; a list kept in memory is only used if it is this one.
        owed_since: Minute from which on what could not be found yet has to be read once it is, because the first
            poll began there; 0 = nothing is owed.
        tracks: (source, region) → track.
        problems: Cloud Guard's part.
        dropped: (source, region) of digests that had to go because of the size → the latest of their window ends.
        coarsened: Positions had to fall back because of the size.
    """

    def __init__(self, tenancy: str) -> None:
        self.tenancy = tenancy
        self.listed_at = 0
        self.tree = ""
        self.owed_since = 0
        self.tracks: dict[tuple[str, str], Track] = {}
        self.problems = DeliveredProblems()
        self.dropped: dict[tuple[str, str], int] = {}
        self.coarsened = False

    def track(self, source: str, region: str) -> Track:
        """Return the track of a source in a region, a new one where there is none yet."""
        return self.tracks.setdefault((source, region), Track())

    def last_tried(self) -> int:
        """Return the minute of the last poll that tried to read a compartment, by that poll's clock; 0 = none did."""
        positions = (one for track in self.tracks.values() for one in track.positions.values())
        return max((position.tried for position in positions), default=0)

    def to_json(self) -> Checkpoint:
        """Return the checkpoint, made to fit where it would be larger than `MAX_BYTES`."""
        stored = self._stored()
        while (excess := len(msgspec.json.encode(stored)) - MAX_BYTES) > 0:
            if not self._drop_digests(excess) and not self._coarsen():
                break  # only the table of compartments is left, and every one of them has to be known
            stored = self._stored()
        return stored

    def _stored(self) -> Checkpoint:
        keys = sorted({key for track in self.tracks.values() for key in track.positions})
        place = {key: index for index, key in enumerate(keys)}
        sources: dict[str, dict[str, Any]] = {}
        for (source, region), track in self.tracks.items():
            sources.setdefault(source, {})[region] = {
                "positions": _grouped(track.positions, place),
                "digests": track.digests.to_json(),
            }
        return {
            "version": VERSION,
            "tenancy": self.tenancy,
            "listed_at": self.listed_at,
            "tree": self.tree,
            "owed_since": self.owed_since,
            "compartments": "".join(keys),
            "sources": sources,
            "cloud_guard": self.problems.to_json(),
        }

    def _drop_digests(self, excess: int) -> bool:
        """Drop the digests that nobody needs, else the oldest of whichever track has most, until enough are gone."""
        if self._drop_left():
            return True
        wanted = excess // _BYTES_A_DIGEST + 1
        before = sum(track.digests.filed() for track in self.tracks.values())
        for track in self.tracks.values():
            track.forget_settled()
        dropped = before - sum(track.digests.filed() for track in self.tracks.values())
        while dropped < wanted:
            name = max(self.tracks, key=lambda one: self.tracks[one].digests.filed(), default=None)
            if name is None or not self.tracks[name].digests.filed():
                break
            digests = self.tracks[name].digests
            self.dropped[name] = max(digests.oldest_end(), self.dropped.get(name, 0))
            dropped += digests.drop_oldest()
        return bool(dropped) or self._drop_problems()

    def _drop_left(self) -> bool:
        """Drop the versions of the scope that was left; it begins anew where it was left when it comes back."""
        left = self.problems.left
        if left.delivered:
            since = left.since if left.read_at is None else left.read_at // 60
            self.problems.left = LeftScope(left.scope, None, since)
            self.dropped["cloud_guard", ""] = since
        return bool(left.delivered)

    def _drop_problems(self) -> bool:
        """Drop the versions of the listing before, else half of those of the last one."""
        problems = self.problems
        if problems.before:
            problems.before = set()
            return True
        listed = sorted(problems.listed)
        if listed:
            problems.listed = set(listed[: len(listed) // 2])
            self.dropped["cloud_guard", ""] = problems.since
        return bool(listed)

    def _coarsen(self) -> bool:
        """Merge the positions of each track two by two; False if there is nothing left to merge."""
        self.coarsened = True
        merged_some = False
        for track in self.tracks.values():
            kinds = sorted(set(track.positions.values()))
            pairs = [kinds[index : index + 2] for index in range(0, len(kinds), 2)]
            coarse = {kind: merged(pair[0], pair[-1]) for pair in pairs for kind in pair}
            track.positions = {key: coarse[position] for key, position in track.positions.items()}
            merged_some |= len(pairs) < len(kinds)
        return merged_some


class _Group(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A position as stored, and its compartments' places in the table, e.g. `0-41,43`."""

    through: int
    begin: int
    tried: int
    span: int
    deleted: int
    denied: int
    resume: int
    swept_at: int
    unsettled: list[FirstRead]
    leaps: list[Leap]
    members: str


class _StoredTrack(msgspec.Struct):
    positions: list[_Group]
    digests: dict[str, str]


class _StoredLeftScope(msgspec.Struct, frozen=True):
    scope: str = ""
    read_at: int | None = None
    since: int = 0
    delivered: str = ""


class _StoredProblems(msgspec.Struct):
    read_at: int | None
    since: int
    scope: str
    listed: str
    before: str
    left: _StoredLeftScope = _StoredLeftScope()


class _Stored(msgspec.Struct):
    tenancy: str
    listed_at: int
    tree: str
    owed_since: int
    compartments: str
    sources: dict[str, dict[str, _StoredTrack]]
    cloud_guard: _StoredProblems


def parse(checkpoint: object) -> Progress:
    """Read a stored checkpoint.

    Raises:
        CheckpointError: it is damaged (`CHECKPOINT_UNREADABLE`) or of another version (`CHECKPOINT_VERSION`).
    """
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError("CHECKPOINT_UNREADABLE", f"it is a {type(checkpoint).__name__}, not an object")
    version = checkpoint.get("version")
    if version != VERSION or isinstance(version, bool):
        known = isinstance(version, int) and not isinstance(version, bool)
        code = "CHECKPOINT_VERSION" if known else "CHECKPOINT_UNREADABLE"
        raise CheckpointError(code, f"version {version}" if known else "it has no version")
    try:
        msgspec.json.encode(checkpoint)  # half a surrogate pair could not be stored again
        return _progress(msgspec.convert(checkpoint, _Stored))
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise CheckpointError("CHECKPOINT_UNREADABLE", type(error).__name__) from error


def _progress(stored: _Stored) -> Progress:
    progress = Progress(stored.tenancy)
    progress.listed_at, progress.tree = stored.listed_at, stored.tree
    progress.owed_since = stored.owed_since
    keys = _split_keys(stored.compartments)
    for source, regions in stored.sources.items():
        for region, kept in regions.items():
            track = progress.track(source, region)
            track.digests = Digests.from_json(kept.digests)
            for group in kept.positions:
                position = _position(group)
                track.positions.update({keys[index]: position for index in _indexes(group.members)})
    problems, kept_problems = progress.problems, stored.cloud_guard
    problems.read_at, problems.since = kept_problems.read_at, kept_problems.since
    problems.scope = kept_problems.scope
    problems.listed = set(split_digests(join_digests(kept_problems.listed)))
    problems.before = set(split_digests(join_digests(kept_problems.before)))
    left = kept_problems.left
    delivered = frozenset(split_digests(join_digests(left.delivered)))
    problems.left = LeftScope(left.scope, left.read_at, left.since, delivered)
    return progress


def _split_keys(text: str) -> list[str]:
    if len(text) % _KEY_CHARACTERS:
        raise ValueError("the table of compartments is cut off")
    if _FOREIGN_CHARACTER.search(text):
        raise ValueError("the table of compartments is damaged")
    return [text[at : at + _KEY_CHARACTERS] for at in range(0, len(text), _KEY_CHARACTERS)]


def _position(group: _Group) -> Position:
    stretches = [minute for one in (*group.unsettled, *group.leaps) for minute in one[:2]]
    for minute in (
        group.through,
        group.begin,
        group.tried,
        group.span,
        group.deleted,
        group.resume,
        *stretches,
    ):
        if not 0 <= minute <= _LATEST_MINUTE:
            raise ValueError("a position lies outside of time")
    if max(group.begin, group.resume) > group.through:
        raise ValueError("a position would leave out what was not read")
    return Position(
        group.through,
        group.begin,
        group.tried,
        group.span,
        group.deleted,
        group.denied,
        group.resume,
        group.swept_at,
        tuple(group.unsettled),
        tuple(group.leaps),
    )


def _grouped(positions: Mapping[str, Position], place: Mapping[str, int]) -> list[list[Any]]:
    groups: dict[Position, list[int]] = {}
    for key, position in positions.items():
        groups.setdefault(position, []).append(place[key])
    return [
        [
            *position[:8],
            [list(first) for first in position.unsettled],
            [list(leap) for leap in position.leaps],
            _ranges(sorted(members)),
        ]
        for position, members in groups.items()
    ]


def _ranges(indexes: Iterable[int]) -> str:
    """Write sorted indexes as `0-3,5`."""
    spans: list[list[int]] = []
    for index in indexes:
        if spans and spans[-1][1] == index - 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def _indexes(ranges: str) -> Iterable[int]:
    for span in filter(None, ranges.split(",")):
        low, _, high = span.partition("-")
        yield from range(int(low), int(high or low) + 1)
