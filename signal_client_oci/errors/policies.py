"""The IAM policy statements that the connector needs, for remedies, documentation and command line.

Sources: Oracle's policy references for Audit, Logging, Cloud Guard and IAM (docs.oracle.com/iaas, Identity/Reference).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

__all__ = [
    "DOMAIN_GROUP",
    "GROUP_PLACEHOLDER",
    "Service",
    "for_group",
    "group_subject",
    "statements",
]

Service = Literal["audit", "audit_search", "logging", "cloud_guard", "identity"]

GROUP_PLACEHOLDER: Final = "<group>"
"""The placeholder for the name of the group."""

DOMAIN_GROUP: Final = "'<domain>'/'<group>'"
"""How a statement names a group of an identity domain other than Default (docs: Identity/policysyntax)."""

_GRANTS: Final[dict[Service, tuple[str, ...]]] = {
    "audit": ("read audit-events",),
    "audit_search": ("read audit-events", "read log-groups", "read log-content"),
    "logging": ("read log-groups", "read log-content"),
    "cloud_guard": ("read cloud-guard-problems", "read cloud-guard-config"),
    "identity": ("inspect compartments", "inspect tenancies"),
}

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.+@-]{1,100}")
_GROUP_OCID: Final = re.compile(r"ocid1\.group\.[A-Za-z0-9_.-]{1,230}")


def statements(services: Iterable[Service], group: str = GROUP_PLACEHOLDER) -> list[str]:
    """Return the policy statements for `services`, for a policy in the root compartment.

    `group` is the group's name, `id <OCID>`, or `'Domain'/'Group'` in a tenancy with identity domains. IAM has no
    "Allow user" form (docs: Identity/Concepts/policysyntax.htm).
    """
    grants = dict.fromkeys(grant for service in services for grant in _GRANTS[service])
    return [f"Allow group {group} to {grant} in tenancy" for grant in grants]


def group_subject(name: str, ocid: str) -> str | None:
    """Return how a statement names a group; None if neither its name nor its OCID can be used there.

    Both come from Identity. A name with characters that would need quotes is replaced by the OCID, so that a name
    never changes the meaning of a statement.
    """
    if _PLAIN_NAME.fullmatch(name):
        return name
    return f"id {ocid}" if _GROUP_OCID.fullmatch(ocid) else None


def for_group(text: str, subject: str) -> str:
    """Return a text with the placeholder in its statements replaced by a group (see `group_subject`)."""
    return text.replace(f"Allow group {GROUP_PLACEHOLDER} ", f"Allow group {subject} ")
