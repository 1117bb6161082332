"""What an entry of the troubleshooting table consists of, and the sentences that several entries share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from signal_client_oci.errors.policies import DOMAIN_GROUP, Service, statements

__all__ = ["COMES_AGAIN", "CURL", "CatalogEntry", "Section", "denied", "policy_remedy"]


class CatalogEntry(NamedTuple):
    """One entry: what it means, how to make sure, and the way out.

    `summary` is a clause that a message can begin with; the others are whole sentences.
    """

    summary: str
    diagnosis: str
    remedy: str


class Section(NamedTuple):
    """The entries of one subject, in the order in which the page shows them."""

    title: str
    introduction: str
    entries: Mapping[str, CatalogEntry]


COMES_AGAIN: Final = "Nothing is lost: reading goes on there with the next poll."
CURL: Final = "Try `curl -v https://<endpoint>` from the machine that runs the host."


def policy_remedy(*services: Service) -> str:
    """Return the way out where a policy is missing, with the exact statements."""
    lines = "; ".join(f"`{line}`" for line in statements(services))
    return (
        "In the OCI console open Identity & Security > Policies, choose the root compartment, create a policy and "
        f"add: {lines}. For a group of an identity domain other than Default write `group {DOMAIN_GROUP}`. "
        "A new policy takes effect within a few minutes. If it is there, check that the user is in that group, "
        "and check the compartment OCID and the region."
    )


def denied(what: str, *services: Service) -> CatalogEntry:
    """Return the entry for a 404 of a service whose policy is missing."""
    return CatalogEntry(
        f"OCI answers 404 for {what}: the policy is missing, or the compartment or region is wrong",
        "OCI hides missing rights behind 404 NotAuthorizedOrNotFound, so there is no 403. Compare the policies of the "
        "root compartment with the statements below, and the user's groups with the group that they name.",
        policy_remedy(*services),
    )
