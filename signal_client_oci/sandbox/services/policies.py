"""Missing policies: what the user of a tenancy may not read."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Denials"]

_Rule = tuple[str, str | None, str | None, str | None]


@dataclass
class Denials:
    """Rules (service, compartment, region, operation); None stands for all of them."""

    rules: set[_Rule] = field(default_factory=set)

    def add(self, service: str, compartment: str | None, region: str | None, operation: str | None) -> None:
        """Deny; the rule covers exactly the compartment named, not those below it."""
        self.rules.add((service, compartment, region, operation))

    def remove(
        self, service: str, compartment: str | None, region: str | None, operation: str | None
    ) -> None:
        """Lift every rule that these values cover; None covers all."""
        lifted = (service, compartment, region, operation)
        self.rules = {
            rule
            for rule in self.rules
            if not all(by in (None, of) for by, of in zip(lifted, rule, strict=True))
        }

    def covers(self, service: str, compartment: str, region: str, operation: str) -> bool:
        """Whether a call is denied."""
        asked = (service, compartment, region, operation)
        return any(all(of in (None, by) for of, by in zip(rule, asked, strict=True)) for rule in self.rules)

    def compartments(self, service: str, region: str, operation: str) -> frozenset[str]:
        """Return the compartments that are denied one by one."""
        asked = (service, region, operation)
        return frozenset(
            compartment
            for of_service, compartment, of_region, of_operation in self.rules
            if compartment is not None
            and all(
                of in (None, by) for of, by in zip((of_service, of_region, of_operation), asked, strict=True)
            )
        )
