"""The Identity service: compartments, the tenancy, its regions, its user and the user's groups.

Facts: ListCompartments never returns the root and goes below the first level only for the tenancy; deleted
compartments stay listed for a while (package `oci`, docstring of `list_compartments`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from signal_client_oci.sandbox.data.identifiers import region_key
from signal_client_oci.sandbox.http.api_errors import invalid_parameter, not_found
from signal_client_oci.sandbox.http.clocks import format_time
from signal_client_oci.sandbox.http.http_connection import Answer, json_answer
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.http.paging import list_page

if TYPE_CHECKING:
    from signal_client_oci.sandbox.services.calls import Call
    from signal_client_oci.sandbox.services.compartments import Compartment, CompartmentTree

__all__ = ["IdentityService"]


@dataclass
class IdentityService:
    """Identity of one tenancy; the first of `regions` (name → status) is home, `groups` are OCID → name."""

    tree: CompartmentTree
    user: str
    user_name: str
    regions: dict[str, str]
    groups: dict[str, str] = field(default_factory=dict)
    listings: Listings = field(default_factory=Listings)

    def list_compartments(self, call: Call, denied: frozenset[str]) -> Answer:
        """Answer one page of ListCompartments; `denied` are left out when only accessible ones are wanted."""
        subtree = call.params.get("compartmentIdInSubtree", "false").lower() == "true"
        if call.compartment not in self.tree:
            raise not_found()
        if subtree and call.compartment != self.tree.root.ocid:
            raise invalid_parameter("compartmentIdInSubtree can only be set for the tenancy.")
        found = self.tree.below_root() if subtree else self.tree.children(call.compartment)
        accessible = call.params.get("accessLevel") == "ACCESSIBLE"
        items = [
            _compartment(one, is_accessible=True if accessible else None)
            for one in found
            if not (accessible and one.ocid in denied) and _is_wanted(one, call)
        ]
        return list_page(call, self.listings, items, as_items=False)

    def get_compartment(self, call: Call) -> Answer:
        """Answer GetCompartment, also for the root; raises the 404 `RefusalError`."""
        if call.path_ids[0] not in self.tree:
            raise not_found()
        return json_answer(_compartment(self.tree[call.path_ids[0]], is_accessible=True))

    def get_tenancy(self, call: Call) -> Answer:
        """Answer GetTenancy for the caller's own tenancy; raises the 404 `RefusalError` for any other."""
        self._require_own(call)
        root = self.tree.root
        return json_answer(
            {
                "id": root.ocid,
                "name": root.name,
                "description": f"The tenancy {root.name}",
                "homeRegionKey": region_key(next(iter(self.regions))).upper(),
                "freeformTags": {},
                "definedTags": {},
            }
        )

    def list_region_subscriptions(self, call: Call) -> Answer:
        """Answer ListRegionSubscriptions, which has no pages."""
        self._require_own(call)
        home = next(iter(self.regions))
        return json_answer(
            [
                {
                    "regionKey": region_key(name).upper(),
                    "regionName": name,
                    "status": status,
                    "isHomeRegion": name == home,
                }
                for name, status in self.regions.items()
            ]
        )

    def get_user(self, call: Call) -> Answer:
        """Answer GetUser for the tenancy's user; raises the 404 `RefusalError` for any other."""
        if call.path_ids[0] != self.user:
            raise not_found()
        return json_answer(
            {
                "id": self.user,
                "compartmentId": self.tree.root.ocid,
                "name": self.user_name,
                "description": "Reads security data",
                "timeCreated": format_time(self.tree.root.created),
                "lifecycleState": "ACTIVE",
                "isMfaActivated": False,
                "freeformTags": {},
                "definedTags": {},
            }
        )

    def list_user_group_memberships(self, call: Call) -> Answer:
        """Answer ListUserGroupMemberships of the user asked for."""
        groups = self.groups if call.params.get("userId", self.user) == self.user else {}
        items = [
            {
                "id": f"{group}.membership",
                "compartmentId": self.tree.root.ocid,
                "groupId": group,
                "userId": self.user,
                "timeCreated": format_time(self.tree.root.created),
                "lifecycleState": "ACTIVE",
            }
            for group in groups
        ]
        return list_page(call, self.listings, items, as_items=False)

    def get_group(self, call: Call) -> Answer:
        """Answer GetGroup; raises the 404 `RefusalError` for a group that the user is not in."""
        group = call.path_ids[0]
        if group not in self.groups:
            raise not_found()
        return json_answer(
            {
                "id": group,
                "compartmentId": self.tree.root.ocid,
                "name": self.groups[group],
                "description": "Readers of security data",
                "timeCreated": format_time(self.tree.root.created),
                "lifecycleState": "ACTIVE",
            }
        )

    def _require_own(self, call: Call) -> None:
        if call.path_ids[0] != self.tree.root.ocid:
            raise not_found()


def _is_wanted(compartment: Compartment, call: Call) -> bool:
    state = call.params.get("lifecycleState", compartment.state)
    return compartment.state == state.upper() and compartment.name == call.params.get(
        "name", compartment.name
    )


def _compartment(compartment: Compartment, *, is_accessible: bool | None) -> dict[str, Any]:
    return {
        "id": compartment.ocid,
        "compartmentId": compartment.parent or None,
        "name": compartment.name,
        "description": f"Compartment {compartment.name}",
        "timeCreated": format_time(compartment.created),
        "lifecycleState": compartment.state,
        "inactiveStatus": None,
        "isAccessible": is_accessible,
        "freeformTags": {},
        "definedTags": {},
    }
