"""What the discovery of the scope has to say: what could not be found out, and whether the scope exists at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import Failure, make_check
from signal_client_oci.oci_api.operations import CompartmentRow
from signal_client_oci.polling.protocol import Hindsight
from signal_client_oci.settings.model import Settings

__all__ = ["GONE", "ScopeFindings"]

GONE: Final = frozenset({"DELETED", "DELETING"})
"""The states of a compartment that nothing new comes from."""


class _Unknown(NamedTuple):
    """Something that could not be found out, why, and what the poll does without it."""

    title: str
    failure: Failure
    instead: str


class ScopeFindings:
    """The findings of one poll.

    Attributes:
        whole: A whole list of the tenancy's compartments, None while there is none.
    """

    def __init__(self, settings: Settings) -> None:
        self.whole: Sequence[CompartmentRow] | None = None
        self._settings = settings
        self._unknown: list[_Unknown] = []

    def note(self, title: str, failure: Failure, instead: str) -> None:
        """Note what could not be found out; `instead` is what the poll does without it."""
        self._unknown.append(_Unknown(title, failure, instead))

    @property
    def has_any(self) -> bool:
        """Whether anything could not be found out or is wrong with the scope."""
        return bool(self._unknown or self.scope_error)

    @property
    def scope_error(self) -> str:
        """COMPARTMENT_UNKNOWN or COMPARTMENT_DELETED where a whole list says so of the scope, "" otherwise."""
        if self.whole is None or self._settings.scope_ocid == self._settings.tenancy_ocid:
            return ""
        row = self._scope_row()
        if row is None:
            return "COMPARTMENT_UNKNOWN"
        return "COMPARTMENT_DELETED" if row.lifecycle_state in GONE else ""

    def warnings(self, hindsight: Hindsight) -> list[Check]:
        """Return the findings as checks, with what is known of their causes in the end."""
        region = self._settings.region
        found: list[Check] = []
        for title, failure, instead in self._unknown:
            explained = hindsight.explain(failure, region, names_scope=False)
            message = f"{explained.message}; {instead}"
            found.append(explained.check("compartments", title, "warning", message=message))
        if code := self.scope_error:
            found.append(make_check("compartments", "Compartments", "warning", code, self._scope_message()))
        return found

    def _scope_message(self) -> str:
        row = self._scope_row()
        if row is None:
            return f"the tenancy has no compartment {self._settings.scope_ocid}"
        return f"the compartment {(row.name or row.id)[:100]!a} was deleted; nothing new will come from it"

    def _scope_row(self) -> CompartmentRow | None:
        return next((row for row in self.whole or () if row.id == self._settings.scope_ocid), None)
