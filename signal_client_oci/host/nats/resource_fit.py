"""Whether a stream or bucket that exists will do for a cluster.

It is never changed: it may be the host's. What does not fit is a problem (nothing can work with it) or a warning (it
works, with a promise less), each with the command of the NATS CLI that mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from signal_client_oci.host.nats.resources import DAY_SECONDS, DUPLICATE_SECONDS, Resource

__all__ = ["Fit", "compare_with", "covers"]


@dataclass(frozen=True)
class Fit:
    """How something that exists differs from what is needed: whole sentences with the way out."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def compare_with(needed: Resource, there: StreamConfig) -> Fit:
    """Return how a stream that exists differs from the one that is needed."""
    return Fit(
        tuple(f"{needed.title} {text}" for rule in _PROBLEMS for text in rule(needed, there)),
        tuple(f"{needed.title} {text}" for rule in _WARNINGS for text in rule(needed, there)),
    )


def covers(pattern: str, subject: str) -> bool:
    """Return whether every subject of the one pattern of NATS (`*`, `>`) matches the other, wider one."""
    wide, narrow = pattern.split("."), subject.split(".")
    for at, part in enumerate(wide):
        if part == ">":
            return len(narrow) > at
        if at >= len(narrow) or narrow[at] == ">" or part not in {"*", narrow[at]}:
            return False
    return len(wide) == len(narrow)


def _subjects(needed: Resource, there: StreamConfig) -> Iterator[str]:
    has = there.subjects or []
    missing = [one for one in needed.config.subjects or [] if not any(covers(wide, one) for wide in has)]
    if missing:
        subjects = ",".join([*has, *missing])
        yield (
            f"does not take the subject {missing[0]}; "
            f"add it: nats stream edit {needed.stream} --subjects '{subjects}'"
        )


def _storage(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if there.storage == StorageType.MEMORY:
        yield f"is kept in memory and lost when the server ends; delete it (nats stream rm {needed.stream}), then init"


def _copy(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if there.mirror is not None:
        yield f"is a mirror of another stream and cannot be written to; connect to where {there.mirror.name} is"
    if there.sealed:
        yield f"is sealed and cannot be written to; delete it (nats stream rm {needed.stream}), then init"


def _no_ack(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if there.no_ack:
        yield f"does not acknowledge what it stored; change that: nats stream edit {needed.stream} --ack"


def _message_size(needed: Resource, there: StreamConfig) -> Iterator[str]:
    limit = there.max_msg_size or -1
    if 0 < limit < needed.least_message_bytes:
        yield (
            f"takes at most {limit:,} bytes in a message, and {needed.least_message_bytes:,} are needed; "
            f"change that: nats stream edit {needed.stream} --max-msg-size=-1"
        )


def _expiry(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if there.max_age and needed.kind != "stream":
        yield (
            f"forgets an entry after {there.max_age:,.0f} seconds; "
            f"change that: nats stream edit {needed.stream} --max-age=0s"
        )


def _work_queue(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if there.retention == RetentionPolicy.WORK_QUEUE and needed.kind != "stream":
        yield f"is a work queue, which forgets what was read; delete it (nats stream rm {needed.stream}), then init"


def _drops_the_oldest(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if needed.kind != "stream" or there.discard == DiscardPolicy.NEW:
        return
    limits = {
        "max_bytes": there.max_bytes,
        "max_msgs": there.max_msgs,
        "per subject": there.max_msgs_per_subject,
    }
    reached = [name for name, limit in limits.items() if (limit or -1) > 0]
    if reached:
        yield (
            f"drops its oldest messages, read or not, when it is full ({', '.join(reached)}); to have the nodes wait "
            f"instead: nats stream edit {needed.stream} --discard=new"
        )


def _keeps_for_a_time(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if needed.kind == "stream" and there.max_age:
        yield f"forgets its messages, read or not, after {there.max_age / DAY_SECONDS:,.2g} days"


def _forgets_what_was_read(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if needed.kind == "stream" and there.retention not in {None, RetentionPolicy.LIMITS}:
        yield (
            f"forgets what its consumers read (retention {_word(there.retention)}), so a node that takes over more "
            f"than {DUPLICATE_SECONDS:,.0f} seconds later may repeat records; "
            "only a new stream can have another retention"
        )


def _duplicates(needed: Resource, there: StreamConfig) -> Iterator[str]:
    window = there.duplicate_window or 0.0
    if needed.kind == "stream" and window < DUPLICATE_SECONDS:
        yield (
            f"recognises repeats for {window:,.0f} seconds only; "
            f"change that: nats stream edit {needed.stream} --dupe-window={DUPLICATE_SECONDS:.0f}s"
        )


def _replicas(needed: Resource, there: StreamConfig) -> Iterator[str]:
    has, wanted = there.num_replicas or 1, needed.config.num_replicas or 1
    if has < wanted:
        yield (
            f"has {has} of {wanted} replicas; "
            f"change that: nats stream edit {needed.stream} --replicas={wanted}"
        )


def _room(needed: Resource, there: StreamConfig) -> Iterator[str]:
    if needed.kind != "stream" and (there.max_bytes or -1) > 0:
        yield (
            f"is limited to {there.max_bytes:,} bytes; "
            f"when they are used, nodes cannot write: nats stream edit {needed.stream} --max-bytes=-1"
        )


def _word(value: object) -> str:
    return str(getattr(value, "value", value))


_Rule = Callable[[Resource, StreamConfig], Iterator[str]]
_PROBLEMS: Final[tuple[_Rule, ...]] = (
    _subjects,
    _storage,
    _copy,
    _no_ack,
    _message_size,
    _expiry,
    _work_queue,
)
_WARNINGS: Final[tuple[_Rule, ...]] = (
    _drops_the_oldest,
    _keeps_for_a_time,
    _forgets_what_was_read,
    _duplicates,
    _replicas,
    _room,
)
