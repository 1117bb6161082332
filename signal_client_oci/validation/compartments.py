"""Compartments: does the scope exist, and may what is below it be listed?

A poll takes the whole tree from the tenancy, because sub-compartments can be listed nowhere else; without that right it
collects from the scope alone. GetCompartment needs the same right, so a 404 of it alone means that there is no such
compartment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import CompartmentRow, Page, get_compartment, list_compartments
from signal_client_oci.settings.model import Settings
from signal_client_oci.validation.findings import Finding
from signal_client_oci.validation.probe_session import ProbeSession

__all__ = ["ChildCompartments", "check_compartments"]

_PAGE_LIMIT: Final = 100
_WAIT_SECONDS: Final = 4.0
_DENIED: Final = "COMPARTMENTS_NOT_AUTHORIZED"
_GONE: Final = frozenset({"DELETING", "DELETED"})

_Tree = Page[CompartmentRow] | Failure


@dataclass
class ChildCompartments:
    """The active compartments below the scope, for the checks that want to try some of them.

    They are known when the list has come; until then, and when it does not come, there are none.
    """

    ocids: tuple[str, ...] = ()
    known: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> tuple[str, ...]:
        """Return their OCIDs as soon as they are known; none if the list is slow."""
        self.known.wait(_WAIT_SECONDS)
        return self.ocids


def check_compartments(session: ProbeSession, children: ChildCompartments) -> Finding:
    """Look up the scope and list what is below it; fill `children`."""
    try:
        return _check(session, children)
    finally:
        children.known.set()


def _check(session: ProbeSession, children: ChildCompartments) -> Finding:
    settings = session.settings
    is_root = settings.scope_ocid == settings.tenancy_ocid
    if is_root and not settings.include_subcompartments:
        return Finding.ok("only the tenancy's root compartment is collected from")
    calls: list[Callable[[Client], Any]] = [
        partial(list_compartments, tenancy_ocid=settings.tenancy_ocid, limit=_PAGE_LIMIT),
        partial(get_compartment, compartment_ocid=settings.scope_ocid),
    ]
    probes = [partial(session.call_main, "identity", call) for call in calls[: 1 if is_root else 2]]
    tree, *scope = session.run_parallel(probes)
    if isinstance(tree, Page) and settings.include_subcompartments:
        children.ocids = tuple(_active_below(settings.scope_ocid, tree.items))
    return _root_finding(tree) if is_root else _scope_finding(settings, tree, scope[0])


def _root_finding(tree: _Tree) -> Finding:
    if isinstance(tree, Failure):
        return _list_failed(tree, "the tenancy's root compartment")
    count = f"{len(tree.items)}" if tree.next_page is None else f"more than {len(tree.items)}"
    return Finding.ok(
        f"the tenancy's root compartment and {count} below it can be collected from", tree.opc_request_id
    )


def _scope_finding(settings: Settings, tree: _Tree, scope: CompartmentRow | Failure) -> Finding:
    """Return the finding for a scope that is not the root."""
    found = scope if isinstance(scope, CompartmentRow) else _row_of(settings.scope_ocid, tree)
    if found is not None:
        return _found_scope(settings, tree, found)
    if isinstance(tree, Failure):
        return _list_failed(tree, "the scope's own compartment")
    if isinstance(scope, Failure) and scope.code != _DENIED:
        return Finding.from_failure(scope)
    message = f"the tenancy has no compartment {settings.scope_ocid}"
    return Finding.from_code("failed", "COMPARTMENT_UNKNOWN", message, tree.opc_request_id)


def _row_of(ocid: str, tree: _Tree) -> CompartmentRow | None:
    rows = () if isinstance(tree, Failure) else tree.items
    return next((row for row in rows if row.id == ocid), None)


def _found_scope(settings: Settings, tree: _Tree, found: CompartmentRow) -> Finding:
    if found.lifecycle_state in _GONE:
        message = f"the compartment {_name(found)} was deleted; nothing new will come from it"
        return Finding.from_code("failed", "COMPARTMENT_DELETED", message, tree.opc_request_id)
    if isinstance(tree, Failure) and settings.include_subcompartments:
        return _list_failed(tree, f"the compartment {_name(found)}")
    what = " and what is below it" if settings.include_subcompartments else ""
    return Finding.ok(f"the compartment {_name(found)}{what} can be collected from", tree.opc_request_id)


def _list_failed(failure: Failure, rest: str) -> Finding:
    message = f"{failure.message}; collecting from {rest} alone"
    if failure.code == _DENIED:
        return Finding.from_code("warning", _DENIED, message, failure.opc_request_id)
    return Finding.from_failure(failure, message)


def _name(row: CompartmentRow) -> str:
    """Return a compartment's name, which customers choose, in a form that is safe on a screen."""
    return f"{(row.name or row.id)[:100]!a}"


def _active_below(scope: str, rows: Sequence[CompartmentRow]) -> list[str]:
    """Return the OCIDs of the active ones below the scope, the nearest first."""
    children: dict[str, list[CompartmentRow]] = {}
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
