"""Makes what a cluster needs in JetStream, and changes nothing that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError

from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.resource_fit import Fit, compare_with
from signal_client_oci.host.nats.resources import LEAST_VALUE_BYTES, Resource
from signal_client_oci.host.nats.session import CommandSession

__all__ = ["Found", "Initialised", "initialise"]


@dataclass(frozen=True)
class Found:
    """One resource: whether it was there or was made, and how it differs from what is needed."""

    resource: Resource
    was_there: bool
    made: bool = False
    fit: Fit = field(default_factory=Fit)


@dataclass(frozen=True)
class Initialised:
    """Everything that a cluster needs, in the order of the layout."""

    found: tuple[Found, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps a cluster from working; nothing was made then."""
        return tuple(text for one in self.found for text in one.fit.problems)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What takes a promise from a cluster that works."""
        return tuple(text for one in self.found for text in one.fit.warnings)


async def initialise(session: CommandSession, needed: Sequence[Resource]) -> Initialised:
    """Look at everything that is needed, and make what is missing unless something cannot work.

    Raises `ClusterError` for what the server refuses; what was made before that is found again by the next call.
    """
    limit = session.client.max_payload
    if limit < LEAST_VALUE_BYTES:
        raise ClusterError(
            f"the server takes messages of at most {limit:,} bytes, and a checkpoint may need "
            f"{LEAST_VALUE_BYTES:,}; raise max_payload in the server's configuration, 1MB is its default"
        )
    looked = Initialised(tuple([await _look(session, resource) for resource in needed]))
    if looked.problems:
        return looked
    return Initialised(tuple([await _make(session, one) for one in looked.found]))


async def _look(session: CommandSession, resource: Resource) -> Found:
    there = await _config_of(session, resource.stream)
    if there is not None:
        return Found(resource, was_there=True, fit=compare_with(resource, there))
    other = await _owner_of(session, (resource.config.subjects or [""])[0])
    if other is None:
        return Found(resource, was_there=False)
    text = (
        f"{resource.title} needs the subject {(resource.config.subjects or [''])[0]}, which the stream {other} takes "
        f"already; remove it there (nats stream edit {other} --subjects ...), or name another appliance"
    )
    return Found(resource, was_there=False, fit=Fit(problems=(text,)))


async def _make(session: CommandSession, one: Found) -> Found:
    if one.was_there:
        return one
    what = f"making {one.resource.title}"
    try:
        await session.ask(what, session.js.add_stream(one.resource.config))
    except APIError as error:
        raise session.refused(what, error) from None
    return Found(one.resource, was_there=False, made=True)


async def _config_of(session: CommandSession, stream: str) -> StreamConfig | None:
    try:
        return (await session.ask(f"looking for {stream}", session.js.stream_info(stream))).config
    except NotFoundError:
        return None


async def _owner_of(session: CommandSession, subject: str) -> str | None:
    """Return the stream that takes a subject, or a part of it."""
    try:
        return await session.ask(f"looking for {subject}", session.js.find_stream_name_by_subject(subject))
    except NotFoundError:
        return None
