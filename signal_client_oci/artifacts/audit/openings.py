"""Finds what an audit event opened to the world: ports, buckets, objects, addresses.

Only what the record itself tells counts; where it has no rules or no access type, nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.audit.identity_domains import open_members
from signal_client_oci.artifacts.lenient_decode import decode_leniently

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signal_client_oci.artifacts.audit.fields import AuditChange
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["Opening", "may_open", "members_of", "openings_of", "public_access"]

_RULE_EVENTS: Final = frozenset(
    {
        "createsecuritylist",
        "updatesecuritylist",
        "createnetworksecuritygroup",
        "updatenetworksecuritygroup",
        "addnetworksecuritygroupsecurityrules",
        "updatenetworksecuritygroupsecurityrules",
    }
)
_BUCKET_EVENTS: Final = frozenset({"createbucket", "updatebucket"})
_SHARING_EVENTS: Final = frozenset({"createpreauthenticatedrequest"})
_ADDRESS_EVENTS: Final = frozenset({"createpublicip", "updatepublicip", "attachvnic", "launchinstance"})
_EVENTS: Final = _RULE_EVENTS | _BUCKET_EVENTS | _SHARING_EVENTS | _ADDRESS_EVENTS
_WORLD: Final = frozenset({"0.0.0.0/0", "::/0"})
_PROTOCOLS: Final = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "all"}
# shells, desktops, file shares, directories, container engines, databases: nobody offers these to the world on purpose
_SENSITIVE_PORTS: Final = (
    *(21, 22, 23, 111, 135, 139, 389, 445, 636, 873, 1433, 1521, 1522, 2049, 2375, 2376, 2379, 3306, 3389),
    *(5432, 5900, 5985, 5986, 6379, 6443, 9200, 10250, 11211, 27017),
)
_MAX_RULES: Final = 1000


class Opening(NamedTuple):
    """Something that was opened, in the words of `oci.opens`, and how much that matters."""

    text: str
    severity: Severity


def may_open(event: str) -> bool:
    """Return whether events of this name can open something to the world."""
    return event.lower() in _EVENTS


def openings_of(event: str, change: AuditChange | None, details: bytes, payload: bytes) -> list[Opening]:
    """Return what an event opened that was not open before, as far as its parts tell."""
    event = event.lower()
    previous = members_of(change.previous) if change else {}
    told = [members_of(change.current) if change else {}, open_members(payload), open_members(details)]
    if event in _RULE_EVENTS:
        found = next((rules for part in told if (rules := list(_rules(part)))), [])
        before = set(_rules(previous))
        return list(dict.fromkeys(opening for opening in found if opening not in before))
    if event in _BUCKET_EVENTS:
        access = public_access(change, details)
        return [Opening(f"bucket {access}", "high")] if access not in {"", "NoPublicAccess"} else []
    if event in _SHARING_EVENTS:
        access = _first_text(told, "accessType")
        any_object = access.lower().startswith("any")
        return [Opening(f"pre-authenticated {access}", "high" if any_object else "medium")] if access else []
    address = one_ip(
        _first_text(told, "publicIp") or (_first_text(told, "ipAddress") if "publicip" in event else "")
    )
    return [Opening(f"public IP {address}", "medium")] if address else []


def public_access(change: AuditChange | None, details: bytes) -> str:
    """Return who may read a bucket, as its event tells, "" when it does not."""
    return _first_text(
        [open_members(details), members_of(change.current) if change else {}], "publicAccessType"
    )


def members_of(state: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    """Return the members of a part that is an object, or an object written as text."""
    if isinstance(state, str):
        return open_members(state.encode("utf-8", "replace")) if state.startswith("{") else {}
    return state or {}


def _rules(part: Mapping[str, Any]) -> Iterator[Opening]:
    """Yield what the ingress rules of a part open to the world."""
    for name in ("ingressSecurityRules", "securityRules"):
        rules = part.get(name)
        if isinstance(rules, str):
            rules = decode_leniently(rules.encode("utf-8", "replace"))
        for rule in rules[:_MAX_RULES] if isinstance(rules, list) else ():
            source = rule.get("source") if isinstance(rule, dict) else None
            if isinstance(source, str) and source in _WORLD and rule.get("direction") != "EGRESS":
                yield _opened_by(rule)


def _opened_by(rule: dict[str, Any]) -> Opening:
    """Return what one rule opens: `0.0.0.0/0 tcp/22`."""
    number = str(rule.get("protocol", "all")).lower()
    protocol = _PROTOCOLS.get(number, f"protocol {number}"[:40])
    if protocol == "all":
        return Opening(f"{rule['source']} all", "high")
    options = rule.get(f"{protocol}Options")
    ports = options.get("destinationPortRange") if isinstance(options, dict) else None
    first, last = (ports.get("min"), ports.get("max")) if isinstance(ports, dict) else (None, None)
    if protocol not in {"tcp", "udp"}:
        return Opening(f"{rule['source']} {protocol}", "medium")
    if not isinstance(first, int) or not isinstance(last, int):
        return Opening(f"{rule['source']} {protocol}/all", "high")
    is_sensitive = any(first <= port <= last for port in _SENSITIVE_PORTS)
    port_range = f"{first}" if first == last else f"{first}-{last}"
    return Opening(f"{rule['source']} {protocol}/{port_range}", "high" if is_sensitive else "medium")


def _first_text(parts: list[Mapping[str, Any]], name: str) -> str:
    """Return a text member of the first part that has it, "" when none does."""
    return next((value for part in parts if isinstance(value := part.get(name), str) and value), "")
