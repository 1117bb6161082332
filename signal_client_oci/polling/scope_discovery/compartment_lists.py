"""The lists of compartments that this process has taken, so that not every poll lists a whole tenancy."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from signal_client_oci.oci_api.operations import CompartmentRow
from signal_client_oci.polling.context import PollContext
from signal_client_oci.state.poll_state import PollState

__all__ = ["LIST_MINUTES", "CompartmentList", "list_of_last_poll", "lists"]

LIST_MINUTES: Final = 15
_LISTS_KEPT: Final = 64


class CompartmentList(NamedTuple):
    """A whole list: its rows, the second at which the poll that took it began, and its digest."""

    rows: Sequence[CompartmentRow]
    listed_at: int
    digest: str


class CompartmentLists:
    """The last list of each instance; those that were taken last are kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], CompartmentList] = {}
        self._lock = threading.Lock()

    def last(self, context: PollContext) -> CompartmentList | None:
        """Return the last list that was taken for the instance with its settings, None where there is none."""
        with self._lock:
            return self._kept.get(_key(context))

    def keep(self, context: PollContext, rows: Sequence[CompartmentRow]) -> CompartmentList:
        """Keep a list and return it with its digest."""
        digest = hashlib.blake2b(msgspec.json.encode(rows), digest_size=8).hexdigest()
        listed = CompartmentList(rows, context.polled_at, digest)
        key = _key(context)
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = listed
            while len(self._kept) > _LISTS_KEPT:
                del self._kept[next(iter(self._kept))]
        return listed

    def forget(self, context: PollContext) -> None:
        """Forget a list, so that the next poll takes it again."""
        with self._lock:
            self._kept.pop(_key(context), None)

    def clear(self) -> None:
        """Forget all, as a new process would."""
        with self._lock:
            self._kept.clear()


lists: Final = CompartmentLists()


def list_of_last_poll(context: PollContext, state: PollState) -> CompartmentList | None:
    """Return the kept list if it is the last poll's and young enough."""
    kept = lists.last(context)
    if kept is None or (kept.listed_at, kept.digest) != (state.listed_at, state.tree):
        return None
    return kept if 0 <= context.polled_at - kept.listed_at < LIST_MINUTES * 60 else None


def _key(context: PollContext) -> tuple[str, ...]:
    settings = context.settings
    return (
        context.instance,
        settings.tenancy_ocid,
        settings.user_ocid,
        settings.fingerprint,
        settings.region,
        settings.endpoint_template,
    )
