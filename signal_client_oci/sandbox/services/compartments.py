"""The compartment tree of a tenancy; the tenancy itself is the root compartment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["CompartmentTree", "SandboxCompartment"]


@dataclass
class SandboxCompartment:
    """One compartment; `state` is its lifecycleState, `readable` whether its records can be read."""

    ocid: str
    name: str
    parent: str
    created: datetime
    state: str = "ACTIVE"
    readable: bool = True


class CompartmentTree:
    """All compartments of one tenancy, the deleted ones included."""

    def __init__(self, root: SandboxCompartment) -> None:
        self.root = root
        self._by_ocid = {root.ocid: root}

    def __getitem__(self, ocid: str) -> SandboxCompartment:
        return self._by_ocid[ocid]

    def __contains__(self, ocid: object) -> bool:
        return ocid in self._by_ocid

    def add(self, compartment: SandboxCompartment) -> None:
        """Add a compartment below one that exists; raises `KeyError` if its parent does not."""
        self._by_ocid[compartment.parent]
        self._by_ocid[compartment.ocid] = compartment

    def forget(self, ocid: str) -> None:
        """Remove a compartment from every listing, as happens some time after a deletion."""
        del self._by_ocid[ocid]

    def below_root(self) -> list[SandboxCompartment]:
        """Return all but the root, in the order in which they were added."""
        return [one for one in self._by_ocid.values() if one is not self.root]

    def children(self, parent: str) -> list[SandboxCompartment]:
        """Return the compartments directly below `parent`."""
        return [one for one in self.below_root() if one.parent == parent]

    def subtree(self, top: str) -> list[str]:
        """Return `top` and the OCIDs of everything below it."""
        found = [top]
        for ocid in found:
            found.extend(one.ocid for one in self.children(ocid))
        return found

    def is_readable(self, ocid: str) -> bool:
        """Return whether a service answers for this compartment at all."""
        return ocid in self and self[ocid].readable
