"""Compartments: does the scope exist, and may what is below it be listed?

A poll takes the whole tree from the tenancy, because sub-compartments can be listed nowhere else; without that right it
collects from the scope alone. GetCompartment needs the same right, so a 404 of it alone means that there is no such
compartment.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client, rows_of
from signal_client_oci.settings.model import Settings
from signal_client_oci.validation.findings import Finding, bad, good, trouble
from signal_client_oci.validation.probe_session import Enquirer

__all__ = ["Below", "check_compartments"]

_LISTED: Final = 100
_PATIENCE_SECONDS: Final = 4.0
_DENIED: Final = "COMPARTMENTS_NOT_AUTHORIZED"
_GONE: Final = frozenset({"DELETING", "DELETED"})


class _Row(msgspec.Struct, rename="camel"):
    """What is read of a compartment."""

    id: str
    compartment_id: str | None = None
    name: str | None = None
    lifecycle_state: str | None = None


_ROWS: Final = msgspec.json.Decoder(list[_Row])


class _Rows(msgspec.Struct):
    """The first page of the tenancy's compartments."""

    rows: list[_Row]
    more: bool
    opc_request_id: str | None


@dataclass
class Below:
    """The active compartments below the scope, for the checks that want to try some of them.

    They are known when the list has come; until then, and when it does not come, there are none.
    """

    compartments: tuple[str, ...] = ()
    known: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> tuple[str, ...]:
        """Return them as soon as they are known; none if the list is slow."""
        self.known.wait(_PATIENCE_SECONDS)
        return self.compartments


def check_compartments(enquirer: Enquirer, below: Below) -> Finding:
    """Look for the scope and for what is below it."""
    try:
        return _look(enquirer, below)
    finally:
        below.known.set()


def _look(enquirer: Enquirer, below: Below) -> Finding:
    settings = enquirer.settings
    is_root = settings.scope_ocid == settings.tenancy_ocid
    if is_root and not settings.include_subcompartments:
        return good("only the tenancy's root compartment is collected from")
    asks: list[Any] = [partial(_list, settings.tenancy_ocid)]
    if not is_root:
        asks.append(partial(_get, settings.scope_ocid))
    tree, *scope = enquirer.together(
        [partial(enquirer.ask, settings.region, "identity", ask) for ask in asks]
    )
    if isinstance(tree, _Rows) and settings.include_subcompartments:
        below.compartments = tuple(_active_below(settings.scope_ocid, tree.rows))
    return _judged_root(tree) if is_root else _judged_scope(settings, tree, scope[0])


def _list(tenancy: str, client: Client) -> _Rows:
    answer = client.call(
        "list_compartments", tenancy, compartment_id_in_subtree=True, access_level="ANY", limit=_LISTED
    )
    return _Rows(rows_of(answer, _ROWS), answer.next_page is not None, answer.opc_request_id)


def _get(ocid: str, client: Client) -> _Row:
    answer = client.call("get_compartment", ocid)
    try:
        return msgspec.json.decode(answer.body, type=_Row)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Failure("RESPONSE_NOT_JSON", opc_request_id=answer.opc_request_id) from error


def _judged_root(tree: Any) -> Finding:
    if isinstance(tree, Failure):
        return _list_failed(tree, "the tenancy's root compartment")
    count = f"more than {len(tree.rows)}" if tree.more else str(len(tree.rows))
    return good(
        f"the tenancy's root compartment and {count} below it can be collected from", tree.opc_request_id
    )


def _judged_scope(settings: Settings, tree: Any, scope: Any) -> Finding:
    """Judge a scope that is not the root."""
    rows = {row.id: row for row in tree.rows} if isinstance(tree, _Rows) else {}
    found = scope if isinstance(scope, _Row) else rows.get(settings.scope_ocid)
    if isinstance(found, _Row):
        if found.lifecycle_state in _GONE:
            message = f"the compartment {_name(found)} was deleted; nothing new will come from it"
            return trouble("failed", "COMPARTMENT_DELETED", message, getattr(tree, "opc_request_id", None))
        if isinstance(tree, Failure) and settings.include_subcompartments:
            return _list_failed(tree, f"the compartment {_name(found)}")
        what = " and what is below it" if settings.include_subcompartments else ""
        return good(
            f"the compartment {_name(found)}{what} can be collected from",
            getattr(tree, "opc_request_id", None),
        )
    if isinstance(tree, Failure):
        return _list_failed(tree, "the scope's own compartment")
    if isinstance(scope, Failure) and scope.code != _DENIED:
        return bad(scope)
    message = f"the tenancy has no compartment {settings.scope_ocid}"
    return trouble("failed", "COMPARTMENT_UNKNOWN", message, tree.opc_request_id)


def _list_failed(failure: Failure, alone: str) -> Finding:
    message = f"{failure.message}; collecting from {alone} alone"
    if failure.code == _DENIED:
        return trouble("warning", _DENIED, message, failure.opc_request_id)
    return bad(failure, message)


def _name(row: _Row) -> str:
    """Return a compartment's name, which customers choose, in a form that is safe on a screen."""
    return f"{(row.name or row.id)[:100]!a}"


def _active_below(scope: str, rows: list[_Row]) -> list[str]:
    """Return the active ones below the scope, the nearest first."""
    children: dict[str, list[_Row]] = {}
    for row in rows:
        children.setdefault(row.compartment_id or "", []).append(row)
    found: dict[str, None] = {}
    waiting = [scope]
    while waiting:
        for row in children.get(waiting.pop(0), ()):
            if row.id not in found and row.lifecycle_state == "ACTIVE":
                found[row.id] = None
                waiting.append(row.id)
    return list(found)
