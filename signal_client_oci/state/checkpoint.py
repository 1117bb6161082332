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
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from signal_client_oci.contract import SOURCES, Checkpoint
from signal_client_oci.state.cursor import (
    LONGEST_OVERLAP,
    FirstRead,
    Leap,
    Position,
    fold_unsettled,
    merged,
    read_again_from,
)
from signal_client_oci.state.seen_problems import DeliveredProblems, LeftScope
from signal_client_oci.state.seen_records import Digests, join_digests, split_digests
from signal_client_oci.state.windows import LATEST_MINUTE

__all__ = [
    "LARGEST_READ",
    "MAX_BYTES",
    "VERSION",
    "CheckpointError",
    "Progress",
    "Track",
    "compartment_key",
    "is_too_large",
    "may_be_stored",
    "parse",
    "tag_of",
]

VERSION: Final = 1
MAX_BYTES: Final = 915_000
LARGEST_READ: Final = 921_600  # the contract's limit, in bytes of compact JSON
_KEY_CHARACTERS: Final = 8
_BYTES_A_DIGEST: Final = 11  # in base64; the runs' heads come on top
_FOREIGN_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_-]")
_PLACES: Final = re.compile(r"(0|[1-9][0-9]{0,6})(?:-([1-9][0-9]{0,6}))?")
_REGION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TREE: Final = re.compile(r"[0-9a-f]{0,16}")
_LONGEST_REGION: Final = 64
_LONGEST_OCID: Final = 255
_LONGEST_SCOPE: Final = _LONGEST_OCID + len(" False")
_MOST_REGIONS: Final = 256
_MOST_LEAPS: Final = 16  # four times what is ever kept
_MOST_POSITIONS: Final = 500_000  # 5,000 compartments in 50 regions, of two sources
_GREATEST_VERSION: Final = 1_000_000
_LATEST_SECOND: Final = LATEST_MINUTE * 60
_LATEST_MILLISECOND: Final = _LATEST_SECOND * 1000


class CheckpointError(ValueError):
    """A stored checkpoint that cannot be continued from; `code` is a key of `errors.catalog.CATALOG`."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class _DamageError(ValueError):
    """What is wrong with a stored checkpoint; the text quotes nothing of it."""


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
        again = {
            known: read_again_from(position, self.overlap)
            for known, position in _by_identity(self.positions.values()).items()
        }
        for key, position in self.positions.items():
            start = again[id(position)]
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
            known = _by_identity(track.positions.values())
            kinds = sorted(set(known.values()))
            pairs = [kinds[index : index + 2] for index in range(0, len(kinds), 2)]
            coarse = {kind: merged(pair[0], pair[-1]) for pair in pairs for kind in pair}
            new = {identity: coarse[position] for identity, position in known.items()}
            track.positions = {key: new[id(position)] for key, position in track.positions.items()}
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


def is_too_large(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint is larger than the contract allows.

    Raises:
        ValueError: it holds what JSON text in UTF-8 cannot carry, half a surrogate pair for example.
        TypeError: it holds what JSON does not have.
        OverflowError: it holds a number that JSON writers refuse.
        RecursionError: it is nested too deeply.
    """
    return len(msgspec.json.encode(checkpoint)) > LARGEST_READ


def may_be_stored(checkpoint: Mapping[str, Any]) -> bool:
    """Return whether a host can store it: it is JSON, and not larger than the contract allows."""
    try:
        return not is_too_large(checkpoint)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return False


def parse(checkpoint: object) -> Progress:
    """Read a stored checkpoint; the work is bounded by its size, whatever it holds.

    Raises:
        CheckpointError: it is damaged (`CHECKPOINT_UNREADABLE`) or of another version (`CHECKPOINT_VERSION`).
    """
    if not isinstance(checkpoint, Mapping):
        raise CheckpointError("CHECKPOINT_UNREADABLE", f"it is a {type(checkpoint).__name__}, not an object")
    try:
        return _read(checkpoint)
    except CheckpointError:
        raise
    except _DamageError as error:
        raise CheckpointError("CHECKPOINT_UNREADABLE", str(error)) from None
    except RecursionError:
        raise CheckpointError("CHECKPOINT_UNREADABLE", "it is nested too deeply") from None
    except msgspec.ValidationError:
        detail = "a part is missing or has the wrong type"
        raise CheckpointError("CHECKPOINT_UNREADABLE", detail) from None
    except (ValueError, TypeError, OverflowError):
        # The libraries' own texts may quote what they could not read.
        raise CheckpointError("CHECKPOINT_UNREADABLE", "it holds a value that JSON cannot carry") from None


def _read(checkpoint: Mapping[str, Any]) -> Progress:
    if is_too_large(checkpoint):
        raise _DamageError(f"it is larger than {LARGEST_READ:,} bytes")
    _require_version(checkpoint.get("version"))
    return _progress(msgspec.convert(checkpoint, _Stored))


def _require_version(version: object) -> None:
    if type(version) is not int or abs(version) > _GREATEST_VERSION:
        raise _DamageError("it has no version")
    if version != VERSION:
        raise CheckpointError("CHECKPOINT_VERSION", f"version {version}")


def _progress(stored: _Stored) -> Progress:
    progress = Progress(_short(stored.tenancy, _LONGEST_OCID))
    progress.listed_at = _bounded(stored.listed_at, _LATEST_SECOND)
    progress.owed_since = _bounded(stored.owed_since, LATEST_MINUTE)
    if not _TREE.fullmatch(stored.tree):
        raise _DamageError("the digest of the compartments' list is damaged")
    progress.tree = stored.tree
    keys = _split_keys(stored.compartments)
    room = _MOST_POSITIONS
    for source, region, kept in _stored_tracks(stored.sources):
        track = progress.track(source, region)
        track.digests = _read_digests(kept.digests)
        track.positions = _positions(kept.positions, keys, room)
        room -= len(track.positions)
    _take_problems(progress.problems, stored.cloud_guard)
    return progress


def _stored_tracks(
    sources: Mapping[str, Mapping[str, _StoredTrack]],
) -> Iterator[tuple[str, str, _StoredTrack]]:
    for source, regions in sources.items():
        if source not in SOURCES:
            raise _DamageError("it has a source that does not exist")
        if len(regions) > _MOST_REGIONS:
            raise _DamageError(f"a source has more than {_MOST_REGIONS} regions")
        for region, kept in regions.items():
            if len(region) > _LONGEST_REGION or not _REGION.fullmatch(region):
                raise _DamageError("a region's name is none")
            yield source, region, kept


def _take_problems(problems: DeliveredProblems, stored: _StoredProblems) -> None:
    problems.read_at = _second_or_none(stored.read_at)
    problems.since = _bounded(stored.since, LATEST_MINUTE)
    problems.scope = _short(stored.scope, _LONGEST_SCOPE)
    problems.listed = _versions(stored.listed)
    problems.before = _versions(stored.before)
    left = stored.left
    problems.left = LeftScope(
        _short(left.scope, _LONGEST_SCOPE),
        _second_or_none(left.read_at),
        _bounded(left.since, LATEST_MINUTE),
        frozenset(_versions(left.delivered)),
    )


def _versions(text: str) -> set[bytes]:
    try:
        return set(split_digests(join_digests(text)))
    except ValueError as error:
        raise _DamageError("the versions of problems are damaged") from error


def _read_digests(stored: Mapping[str, str]) -> Digests:
    try:
        return Digests.from_json(stored)
    except ValueError as error:
        raise _DamageError("the digests of records are damaged") from error


def _bounded(number: int, greatest: int) -> int:
    if not 0 <= number <= greatest:
        raise _DamageError("a number is out of its bounds")
    return number


def _second_or_none(second: int | None) -> int | None:
    return None if second is None else _bounded(second, _LATEST_SECOND)


def _short(text: str, longest: int) -> str:
    if len(text) > longest:
        raise _DamageError("a text is too long")
    return text


def _split_keys(text: str) -> list[str]:
    if len(text) % _KEY_CHARACTERS:
        raise _DamageError("the table of compartments is cut off")
    if _FOREIGN_CHARACTER.search(text):
        raise _DamageError("the table of compartments is damaged")
    keys = [text[at : at + _KEY_CHARACTERS] for at in range(0, len(text), _KEY_CHARACTERS)]
    if len(set(keys)) != len(keys):
        raise _DamageError("the table of compartments names one twice")
    return keys


def _positions(groups: Iterable[_Group], keys: list[str], room: int) -> dict[str, Position]:
    """Return compartment → position of one track, each named once and `room` of them at most.

    Everything is counted before anything is expanded: a range of few characters names the whole table.
    """
    placed = [(_position(group), _spans(group.members, len(keys))) for group in groups]
    count = sum(high - low + 1 for _, spans in placed for low, high in spans)
    if count > room:
        raise _DamageError(f"it has more than {_MOST_POSITIONS:,} positions")
    if count > len(keys):
        raise _DamageError("a compartment is named twice")
    positions: dict[str, Position] = {}
    for position, spans in placed:
        for low, high in spans:
            positions.update(dict.fromkeys(keys[low : high + 1], position))
    if len(positions) != count:
        raise _DamageError("a compartment is named twice")
    return positions


def _spans(members: str, size: int) -> list[tuple[int, int]]:
    """Read `0-41,43`: places in a table of `size`, first and last of each run, in ascending order."""
    spans: list[tuple[int, int]] = []
    for text in members.split(","):
        match = _PLACES.fullmatch(text)
        if match is None:
            raise _DamageError("the compartments of a position are damaged")
        low, high = int(match[1]), int(match[2] or match[1])
        if high < low or high >= size or (spans and low <= spans[-1][1]):
            raise _DamageError("a position names compartments out of order or outside of the table")
        spans.append((low, high))
    return spans


def _position(group: _Group) -> Position:
    for minute in (group.through, group.begin, group.tried, group.span, group.deleted, group.resume):
        _bounded(minute, LATEST_MINUTE)
    _bounded(group.denied, 1)
    _bounded(group.swept_at, _LATEST_MILLISECOND)
    for start, end, millisecond in (*group.unsettled, *group.leaps):
        _bounded(end, LATEST_MINUTE)
        _bounded(start, end)
        _bounded(millisecond, _LATEST_MILLISECOND)
    if len(group.leaps) > _MOST_LEAPS:
        raise _DamageError("a position has too many leaps")
    if max(group.begin, group.resume) > group.through:
        raise _DamageError("a position would leave out what was not read")
    return Position(
        group.through,
        group.begin,
        group.tried,
        group.span,
        group.deleted,
        group.denied,
        group.resume,
        group.swept_at,
        fold_unsettled(group.unsettled),
        tuple(group.leaps),
    )


def _by_identity(positions: Iterable[Position]) -> dict[int, Position]:
    """Return each object once, by its `id`: one is shared by many compartments, and costly to hash."""
    return {id(position): position for position in positions}


def _grouped(positions: Mapping[str, Position], place: Mapping[str, int]) -> list[list[Any]]:
    shared: dict[int, list[int]] = {}
    for key, position in positions.items():
        shared.setdefault(id(position), []).append(place[key])
    groups: dict[Position, list[int]] = {}
    for identity, position in _by_identity(positions.values()).items():
        groups.setdefault(position, []).extend(shared[identity])
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
