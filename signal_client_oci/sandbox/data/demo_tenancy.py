"""The invented company's tenancy: two regions, three levels of compartments, log groups and logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["DemoCompany", "build_company"]


@dataclass(frozen=True)
class DemoCompany:
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
    logs: dict[str, tuple[str, str, str, str]]


def build_company(tenancy: Tenancy, created: datetime) -> DemoCompany:
    """Build the compartments and logs; with one region, that one is both `home` and `other`."""
    home, other = tenancy.regions[0], tenancy.regions[-1]
    production = tenancy.add_compartment("production", created=created)
    web = tenancy.add_compartment("web", production, created)
    data = tenancy.add_compartment("data", production, created)
    archive = tenancy.add_compartment("archive", data, created)
    tenancy.add_compartment("development", created=created)
    tenancy.delete_compartment(tenancy.add_compartment("retired-2019", created=created))
    logs = {}
    for region, compartment, group_name, names in (
        (home, production, "network", ["vcn-flow"]),
        (other, production, "network", ["vcn-flow-standby"]),
        (home, web, "web", ["load-balancer-access", "shop-application"]),
        (other, data, "storage", ["exports-read"]),
    ):
        group = tenancy.add_log_group(region, compartment, group_name)
        for name in names:
            logs[name] = (region, compartment, group.ocid, tenancy.add_log(group, name))
    return DemoCompany(home, other, tenancy.ocid, production, web, data, archive, logs)
