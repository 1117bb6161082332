"""What the poll hands to the dispatcher: tasks, which say what to call and where, and nothing of who wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from signal_client_oci.oci_api.client import Client

__all__ = ["LaneHealth", "LaneKey", "Request", "RequestCounts", "Task"]


class LaneKey(NamedTuple):
    """Where requests go: they share one limit, and one client."""

    region: str
    service: str


class LaneHealth(NamedTuple):
    """What a source needs to know of a lane when a request of its failed.

    `is_healthy` is False where nothing but failures came out of it: then it is the service, not what was asked for.
    """

    is_healthy: bool


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """One call that a source wants made; two are never the same.

    Attributes:
        source: The source's name, under which its requests are counted.
        lane: Where it goes.
        call: Makes it with the lane's client; called in a worker's thread, touches nothing else.
        tag: What the source needs to know again which task this is.
    """

    source: str
    lane: LaneKey
    call: Callable[[Client], Any]
    tag: Any = None


@dataclass(eq=False, slots=True)
class Request:
    """A task on its way; `attempt` is 1 for the first sending."""

    task: Task
    attempt: int = 1


@dataclass(eq=False)
class RequestCounts:
    """How many requests there were, by source.

    Attributes:
        sent: Requests sent.
        retries: Those that were not the first attempt.
        throttled: Those that were answered 429.
    """

    sent: dict[str, int] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)
    throttled: dict[str, int] = field(default_factory=dict)
