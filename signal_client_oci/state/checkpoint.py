"""Reads a stored checkpoint, and refuses what cannot be one.

The checkpoint is versioned JSON under 900 KB. What is stored grows with what differs: compartments at the same
cursor share one entry, which names them by their place in one table of short keys; digests take eight bytes a
record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from signal_client_oci.contract import SOURCES
from signal_client_oci.state.cursor import Cursor, FirstRead, fold_rereads
from signal_client_oci.state.poll_state import VERSION, PollState
from signal_client_oci.state.seen_problems import LeftScope, SeenProblems
from signal_client_oci.state.seen_records import SeenRecords, join_digests, split_digests
from signal_client_oci.state.windows import LATEST_MINUTE

__all__ = [
    "LARGEST_READ",
    "MAX_BYTES",
    "CheckpointError",
    "is_larger",
    "is_too_large",
    "may_be_stored",
    "parse",
]

MAX_BYTES: Final = 915_000
LARGEST_READ: Final = 921_600  # the contract's limit, in bytes of compact JSON
_KEY_CHARACTERS: Final = 8
_FOREIGN_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_-]")
_PLACES: Final = re.compile(r"(0|[1-9][0-9]{0,6})(?:-([1-9][0-9]{0,6}))?")
_REGION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TREE: Final = re.compile(r"[0-9a-f]{0,16}")
_MAX_REGION: Final = 64
_LONGEST_OCID: Final = 255
_LONGEST_SCOPE: Final = _LONGEST_OCID + len(" False")
_MOST_REGIONS: Final = 256
_MOST_LEAPS: Final = 16  # four times what is ever kept
_MOST_POSITIONS: Final = 500_000  # 5,000 compartments in 50 regions, of two sources
_GREATEST_VERSION: Final = 1_000_000
_LATEST_SECOND: Final = LATEST_MINUTE * 60
_LATEST_MILLISECOND: Final = _LATEST_SECOND * 1000


class CheckpointError(ValueError):
    """A stored checkpoint that cannot be continued from; `code` is a key of `errors.catalog`."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


class _DamageError(ValueError):
    """What is wrong with a stored checkpoint; the text quotes nothing of it."""


class _Leap(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What older versions noted of a clock that went ahead; it is read, and not needed any more."""

    start: int
    end: int
    polled_at: int


class _Group(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A cursor as stored, and its compartments' places in the table, e.g. `0-41,43`."""

    read_until: int
    begin: int
    last_attempt: int
    slice_minutes: int
    deleted: int
    denied: int
    resume: int
    swept_at: int
    pending_rereads: list[FirstRead]
    leaps: list[_Leap]
    members: str


class _StoredStream(msgspec.Struct):
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
    sources: dict[str, dict[str, _StoredStream]]
    cloud_guard: _StoredProblems


_PREPARED: Final = msgspec.json.Decoder(_Stored)
"""Keeps what msgspec knows of the type: two threads that find it out at once, in `convert`, crash Python (0.22)."""


def is_larger(checkpoint: Mapping[str, Any], max_bytes: int) -> bool:
    """Return whether a checkpoint of ours has more than `max_bytes` as compact JSON."""
    # base64 is as long in JSON as it is: the longest texts need not be encoded to be measured
    problems, sources, texts = checkpoint["cloud_guard"], {}, [checkpoint["cloud_guard"]["listed"]]
    for source, regions in checkpoint["sources"].items():
        sources[source] = {
            name: {**one, "digests": dict.fromkeys(one["digests"], "")} for name, one in regions.items()
        }
        texts += [text for one in regions.values() for text in one["digests"].values()]
    others = {**checkpoint, "sources": sources, "cloud_guard": {**problems, "listed": ""}}
    return len(msgspec.json.encode(others)) + sum(map(len, texts)) > max_bytes


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


def parse(checkpoint: object) -> PollState:
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


def _read(checkpoint: Mapping[str, Any]) -> PollState:
    if is_too_large(checkpoint):
        raise _DamageError(f"it is larger than {LARGEST_READ:,} bytes")
    _require_version(checkpoint.get("version"))
    return _state(msgspec.convert(checkpoint, _Stored))


def _require_version(version: object) -> None:
    if type(version) is not int or abs(version) > _GREATEST_VERSION:
        raise _DamageError("it has no version")
    if version != VERSION:
        raise CheckpointError("CHECKPOINT_VERSION", f"version {version}")


def _state(stored: _Stored) -> PollState:
    state = PollState(_short(stored.tenancy, _LONGEST_OCID))
    state.listed_at = _bounded(stored.listed_at, _LATEST_SECOND)
    state.backfill_from = _bounded(stored.owed_since, LATEST_MINUTE)
    if not _TREE.fullmatch(stored.tree):
        raise _DamageError("the digest of the compartments' list is damaged")
    state.tree = stored.tree
    keys = _split_keys(stored.compartments)
    room = _MOST_POSITIONS
    for source, region, kept in _stored_streams(stored.sources):
        stream = state.stream(source, region)
        stream.seen = _read_digests(kept.digests)
        stream.cursors = _cursors(kept.positions, keys, room)
        room -= len(stream.cursors)
    _take_problems(state.problems, stored.cloud_guard)
    return state


def _stored_streams(
    sources: Mapping[str, Mapping[str, _StoredStream]],
) -> Iterator[tuple[str, str, _StoredStream]]:
    for source, regions in sources.items():
        if source not in SOURCES:
            raise _DamageError("it has a source that does not exist")
        if len(regions) > _MOST_REGIONS:
            raise _DamageError(f"a source has more than {_MOST_REGIONS} regions")
        for region, kept in regions.items():
            if len(region) > _MAX_REGION or not _REGION.fullmatch(region):
                raise _DamageError("a region's name is not one")
            yield source, region, kept


def _take_problems(problems: SeenProblems, stored: _StoredProblems) -> None:
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


def _read_digests(stored: Mapping[str, str]) -> SeenRecords:
    try:
        return SeenRecords.from_json(stored)
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
        raise _DamageError("the table of compartments is truncated")
    if _FOREIGN_CHARACTER.search(text):
        raise _DamageError("the table of compartments is damaged")
    keys = [text[at : at + _KEY_CHARACTERS] for at in range(0, len(text), _KEY_CHARACTERS)]
    if len(set(keys)) != len(keys):
        raise _DamageError("the table of compartments names one twice")
    return keys


def _cursors(groups: Iterable[_Group], keys: list[str], room: int) -> dict[str, Cursor]:
    """Return compartment → cursor of one stream, each named once and `room` of them at most.

    Everything is counted before anything is expanded: a range of few characters names the whole table.
    """
    placed = [(_cursor(group), _spans(group.members, len(keys))) for group in groups]
    count = sum(high - low + 1 for _, spans in placed for low, high in spans)
    if count > room:
        raise _DamageError(f"it has more than {_MOST_POSITIONS:,} positions")
    if count > len(keys):
        raise _DamageError("a compartment is named twice")
    cursors: dict[str, Cursor] = {}
    for cursor, spans in placed:
        for low, high in spans:
            cursors.update(dict.fromkeys(keys[low : high + 1], cursor))
    if len(cursors) != count:
        raise _DamageError("a compartment is named twice")
    return cursors


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


def _cursor(group: _Group) -> Cursor:
    for minute in (
        group.read_until,
        group.begin,
        group.last_attempt,
        group.slice_minutes,
        group.deleted,
        group.resume,
    ):
        _bounded(minute, LATEST_MINUTE)
    _bounded(group.denied, 1)
    _bounded(group.swept_at, _LATEST_MILLISECOND)
    leaps = ((leap.start, leap.end, leap.polled_at) for leap in group.leaps)
    for start, end, millisecond in (*group.pending_rereads, *leaps):
        _bounded(end, LATEST_MINUTE)
        _bounded(start, end)
        _bounded(millisecond, _LATEST_MILLISECOND)
    if len(group.leaps) > _MOST_LEAPS:
        raise _DamageError("a position has too many leaps")
    if max(group.begin, group.resume) > group.read_until:
        raise _DamageError("a position would leave out what was not read")
    return Cursor(
        group.read_until,
        group.begin,
        group.last_attempt,
        group.slice_minutes,
        group.deleted,
        group.denied,
        group.resume,
        group.swept_at,
        fold_rereads(group.pending_rereads),
    )
