"""Missing policies: what the user of a tenancy may not read."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MissingPolicies", "PolicyRule"]


class PolicyRule(NamedTuple):
    """What one policy would allow; None stands for all. Exactly the compartment named, not those below it."""

    service: str
    compartment: str | None = None
    region: str | None = None
    operation: str | None = None

    def covers(self, other: PolicyRule) -> bool:
        """Return whether everything that `other` names is meant by this rule."""
        return all(mine in (None, theirs) for mine, theirs in zip(self, other, strict=True))


class MissingPolicies(set[PolicyRule]):
    """The rules of what is denied."""

    def lift(self, lifted: PolicyRule) -> None:
        """Remove every rule that `lifted` covers."""
        self.difference_update({rule for rule in self if lifted.covers(rule)})

    def denies(self, call: PolicyRule) -> bool:
        """Return whether a call is denied."""
        return any(rule.covers(call) for rule in self)

    def compartments(self, service: str, region: str, operation: str) -> frozenset[str]:
        """Return the compartments that are denied one by one."""
        return frozenset(
            rule.compartment
            for rule in self
            if rule.compartment and rule.covers(PolicyRule(service, rule.compartment, region, operation))
        )
