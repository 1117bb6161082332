"""The invented company's tenancy: two regions, three levels of compartments, log groups and logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["Landscape", "build"]


@dataclass(frozen=True)
class Landscape:
    """OCIDs of the compartments (`web` and `data` below `production`, `archive` below `data`), and the regions.

    `logs` are name → (region, compartment, log group, log).
    """

    home: str
    other: str
    root: str
    production: str
    web: str
    data: str
    archive: str
    development: str
    logs: dict[str, tuple[str, str, str, str]]


def build(tenancy: Tenancy, created: datetime) -> Landscape:
    """Build the compartments and logs; with one region, that one is both `home` and `other`."""
    home, other = tenancy.regions[0], tenancy.regions[-1]
    production = tenancy.add_compartment("production", created=created)
    web = tenancy.add_compartment("web", production, created)
    data = tenancy.add_compartment("data", production, created)
    archive = tenancy.add_compartment("archive", data, created)
    development = tenancy.add_compartment("development", created=created)
    retired = tenancy.add_compartment("retired-2019", created=created)
    tenancy.delete_compartment(retired)
    logs = {
        name: _log(tenancy, region, compartment, (group, name))
        for name, region, compartment, group in (
            ("vcn-flow", home, production, "network"),
            ("vcn-flow-standby", other, production, "network"),
            ("load-balancer-access", home, web, "web"),
            ("shop-application", home, web, "web"),
            ("exports-read", other, data, "storage"),
        )
    }
    return Landscape(home, other, tenancy.ocid, production, web, data, archive, development, logs)


def _log(
    tenancy: Tenancy, region: str, compartment: str, names: tuple[str, str]
) -> tuple[str, str, str, str]:
    groups = tenancy.logging.groups.values()
    here = (
        one for one in groups if (one.region, one.compartment, one.name) == (region, compartment, names[0])
    )
    group = next(here, None) or tenancy.add_log_group(region, compartment, names[0])
    return region, compartment, group.ocid, tenancy.add_log(group, names[1])
