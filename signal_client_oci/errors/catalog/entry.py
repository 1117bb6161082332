"""The entries of the troubleshooting catalog, and the sentences that several of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from signal_client_oci.errors.policies import DOMAIN_GROUP, Service, statements

__all__ = ["CURL", "PERSISTS", "RESUMES", "CatalogEntry", "Section", "missing_policy", "policy_remedy"]


class CatalogEntry(NamedTuple):
    """The explanation of one code.

    Attributes:
        summary: What happened; a clause that a message can begin with.
        diagnosis: How to find the cause, in whole sentences.
        remedy: What to do, in whole sentences. A check shows it without the diagnosis.
    """

    summary: str
    diagnosis: str
    remedy: str


class Section(NamedTuple):
    """The entries of one subject, in the order in which the documentation shows them."""

    title: str
    introduction: str
    entries: Mapping[str, CatalogEntry]


RESUMES: Final = "No records are lost: the next poll resumes there."
PERSISTS: Final = "If the problem persists,"
CURL: Final = "Run `curl -v https://<endpoint>` on the machine that runs the host."


def policy_remedy(*services: Service) -> str:
    """Return what to do where a policy is missing, with the exact statements."""
    lines = "; ".join(f"`{line}`" for line in statements(services))
    return (
        "In the OCI console, open Identity & Security > Policies, choose the root compartment, create a policy and "
        f"add: {lines}. For a group of an identity domain other than Default, write `group {DOMAIN_GROUP}`. "
        "A new policy takes effect within a few minutes. If the policy exists, check that the user is in that group, "
        "and check the compartment OCID and the region."
    )


def missing_policy(what: str, *services: Service) -> CatalogEntry:
    """Return the entry for a 404 of a service whose policy is missing."""
    return CatalogEntry(
        f"OCI returned 404 for {what}: the policy is missing, or the compartment or region is wrong",
        "OCI reports missing permissions as 404 NotAuthorizedOrNotFound, not as 403. Compare the policies of the root "
        "compartment with the statements below, and the groups of the user with the group in the statements.",
        policy_remedy(*services),
    )
