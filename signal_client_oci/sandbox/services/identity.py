"""The Identity service: compartments, the tenancy, its regions, its user and the user's groups.

Facts: ListCompartments never returns the root and goes below the first level only for the tenancy; deleted
compartments stay listed for a while (package `oci`, docstring of `list_compartments`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from signal_client_oci.sandbox.clocks import format_time
from signal_client_oci.sandbox.data.identifiers import region_key
from signal_client_oci.sandbox.http.api_errors import invalid_parameter, not_found
from signal_client_oci.sandbox.http.http_connection import HttpResponse, json_response
from signal_client_oci.sandbox.http.page_tokens import Listings
from signal_client_oci.sandbox.services.calls import ApiCall, SortKeys
from signal_client_oci.sandbox.services.compartments import CompartmentTree, SandboxCompartment

__all__ = ["SandboxIdentity"]

_NO_TAGS: dict[str, Any] = {"freeformTags": {}, "definedTags": {}}
_NOT_KNOWN = ("capabilities", "dbUserName", "externalIdentifier", "identityProviderId")
_NEVER = ("lastSuccessfulLoginTime", "previousSuccessfulLoginTime")
_COMPARTMENT_STATES = ("CREATING", "ACTIVE", "INACTIVE", "DELETING", "DELETED")
_SORT_KEYS: SortKeys[SandboxCompartment] = {
    "TIMECREATED": (lambda one: one.created, "DESC"),
    "NAME": (lambda one: one.name, "ASC"),
}


@dataclass
class SandboxIdentity:
    """Identity of one tenancy; the first of `regions` (name → status) is home, `groups` are OCID → name."""

    tree: CompartmentTree
    user: str
    user_name: str
    regions: dict[str, str]
    groups: dict[str, str]
    listings: Listings = field(default_factory=Listings)

    def list_compartments(self, call: ApiCall) -> HttpResponse:
        """Answer one page of ListCompartments; raises `ApiError`."""
        if call.compartment not in self.tree:
            raise not_found()
        if call.is_subtree and call.compartment != self.tree.root.ocid:
            raise invalid_parameter("compartmentIdInSubtree can only be set for the tenancy.")
        found = self.tree.below_root() if call.is_subtree else self.tree.children(call.compartment)
        accessible_only = call.params.get("accessLevel") == "ACCESSIBLE"
        state = call.params.get("lifecycleState", "ACTIVE").upper()  # documented as case-insensitive
        if state not in _COMPARTMENT_STATES:
            raise invalid_parameter(f"lifecycleState must be one of {', '.join(_COMPARTMENT_STATES)}.")
        items = [
            _compartment(one, is_accessible=True if accessible_only else None)
            for one in call.in_order(found, _SORT_KEYS)
            if not (accessible_only and one.ocid in call.denied) and _is_wanted(one, call)
        ]
        return call.list_page(self.listings, items)

    def get_compartment(self, call: ApiCall) -> HttpResponse:
        """Answer GetCompartment, also for the root; raises the 404 `ApiError`."""
        if call.path_ids[0] not in self.tree:
            raise not_found()
        return json_response(_compartment(self.tree[call.path_ids[0]], is_accessible=True))

    def get_tenancy(self, call: ApiCall) -> HttpResponse:
        """Answer GetTenancy for the caller's own tenancy; raises the 404 `ApiError` for any other."""
        root = self.tree.root
        _require_own(call, root.ocid)
        home_key = region_key(next(iter(self.regions))).upper()
        tenancy = {"id": root.ocid, "name": root.name, "description": f"The tenancy {root.name}"}
        return json_response(
            tenancy | {"homeRegionKey": home_key, "upiIdcsCompatibilityLayerEndpoint": None} | _NO_TAGS
        )

    def list_region_subscriptions(self, call: ApiCall) -> HttpResponse:
        """Answer ListRegionSubscriptions, which has no pages."""
        _require_own(call, self.tree.root.ocid)
        home = next(iter(self.regions))
        subscriptions = [
            {
                "regionKey": region_key(name).upper(),
                "regionName": name,
                "status": status,
                "isHomeRegion": name == home,
            }
            for name, status in self.regions.items()
        ]
        return json_response(subscriptions)

    def get_user(self, call: ApiCall) -> HttpResponse:
        """Answer GetUser for the tenancy's user; raises the 404 `ApiError` for any other."""
        _require_own(call, self.user)
        user = {"id": self.user, "name": self.user_name, "description": "Reads security data"}
        state = {"email": self.user_name, "emailVerified": True, "isMfaActivated": False}
        return json_response(dict.fromkeys(_NOT_KNOWN + _NEVER) | user | state | self._active() | _NO_TAGS)

    def list_user_group_memberships(self, call: ApiCall) -> HttpResponse:
        """Answer ListUserGroupMemberships of the user or group asked for."""
        groups = [one for one in self.groups if call.params.get("groupId", one) == one]
        if call.params.get("userId", self.user) != self.user:
            groups = []
        items = [
            {"id": f"{group}.membership", "groupId": group, "userId": self.user} | self._active()
            for group in groups
        ]
        return call.list_page(self.listings, items)

    def get_group(self, call: ApiCall) -> HttpResponse:
        """Answer GetGroup; raises the 404 `ApiError` for a group that the user is not in."""
        group = call.path_ids[0]
        if group not in self.groups:
            raise not_found()
        description = "Readers of security data"
        return json_response(
            {"id": group, "name": self.groups[group], "description": description} | self._active() | _NO_TAGS
        )

    def _active(self) -> dict[str, Any]:
        """Return what users, groups and memberships have in common."""
        root = self.tree.root
        return {
            "compartmentId": root.ocid,
            "timeCreated": format_time(root.created),
            "lifecycleState": "ACTIVE",
            "inactiveStatus": None,
        }


def _require_own(call: ApiCall, own: str) -> None:
    if call.path_ids[0] != own:
        raise not_found()


def _is_wanted(compartment: SandboxCompartment, call: ApiCall) -> bool:
    state = call.params.get("lifecycleState", compartment.state)
    name = call.params.get("name", compartment.name)
    return (compartment.state, compartment.name) == (state.upper(), name)


def _compartment(compartment: SandboxCompartment, *, is_accessible: bool | None) -> dict[str, Any]:
    return {
        "id": compartment.ocid,
        "compartmentId": compartment.parent or None,
        "name": compartment.name,
        "description": f"Compartment {compartment.name}",
        "timeCreated": format_time(compartment.created),
        "lifecycleState": compartment.state,
        "inactiveStatus": None,
        "isAccessible": is_accessible,
    } | _NO_TAGS
