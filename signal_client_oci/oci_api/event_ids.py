"""By which ListEvents' and Logging Search's records of the same audit event are recognised as one."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.lenient_decode import DECODE_ERRORS
from signal_client_oci.artifacts.times import utc_moment

__all__ = ["ListedEvent", "listed_event", "searched_event_id"]


class ListedEvent(NamedTuple):
    """The id that Audit gave an event, and when it happened."""

    event_id: str
    moment: datetime


class _Listed(msgspec.Struct, rename="camel", gc=False):
    event_id: str = ""
    event_time: str = ""


class _Content(msgspec.Struct, frozen=True, gc=False):
    id: str = ""


class _Searched(msgspec.Struct, rename="camel", gc=False):
    log_content: _Content = _Content()


_LISTED: Final = msgspec.json.Decoder(_Listed)
_SEARCHED: Final = msgspec.json.Decoder(_Searched)


def listed_event(text: bytes) -> ListedEvent | None:
    """Return what identifies an item of ListEvents, None where it has no id or no time that can be read."""
    try:
        event = _LISTED.decode(text)
    except DECODE_ERRORS:
        return None
    moment = utc_moment(event.event_time)
    return ListedEvent(event.event_id, moment) if event.event_id and moment else None


def searched_event_id(text: bytes) -> str:
    """Return the id of the event that a record of a search holds, "" where it has none."""
    try:
        return _SEARCHED.decode(text).log_content.id
    except DECODE_ERRORS:
        return ""
