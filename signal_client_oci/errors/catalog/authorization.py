"""Authorization: policies, compartments, and services that must be enabled."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section, missing_policy, policy_remedy

__all__ = ["AUTHORIZATION_SECTION"]

_CLOUD_GUARD: Final = "In the OCI console, open Identity & Security > Cloud Guard"
_ENABLE: Final = f"{_CLOUD_GUARD} and choose Enable Cloud Guard"
_COMPARTMENTS: Final = "In the OCI console, open Identity & Security > Compartments"

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "REGIONS_NOT_AUTHORIZED": missing_policy("the list of subscribed regions", "identity"),
    "COMPARTMENTS_NOT_AUTHORIZED": missing_policy("the list of compartments", "identity"),
    "COMPARTMENT_UNKNOWN": CatalogEntry(
        "the compartment is not in the tenancy's list of compartments",
        f"{_COMPARTMENTS} and look for the OCID.",
        "Correct Compartment OCID, which may belong to another tenancy: Identity & Security > Compartments > "
        "(compartment) > OCID > Copy. Or leave it empty to collect from the whole tenancy.",
    ),
    "COMPARTMENT_DELETED": CatalogEntry(
        "the compartment was deleted",
        f"{_COMPARTMENTS} and check its state.",
        "Choose an existing compartment (Identity & Security > Compartments > (compartment) > OCID > Copy), or leave "
        "Compartment OCID empty to collect from the whole tenancy.",
    ),
    "AUDIT_NOT_AUTHORIZED": missing_policy("the audit events", "audit"),
    "SUBCOMPARTMENTS_NOT_AUTHORIZED": CatalogEntry(
        "compartments below the scope cannot be read, although the scope itself can",
        "Compartments inherit policies, so the usual cause is a condition (`where ...`) in the policy.",
        policy_remedy("audit"),
    ),
    "LOGGING_NOT_AUTHORIZED": missing_policy("the log search", "logging"),
    "LOGGING_NO_LOG_GROUPS": CatalogEntry(
        "the log search returned nothing, and no log group is visible in the scope",
        "For a wrong or empty scope, OCI returns success and no records. In the OCI console, open "
        "Observability & Management > Logging > Log Groups and choose the compartment.",
        "If the tenancy writes no logs there, enable some (Logging > Logs > Enable service log), choose another "
        "scope, or switch off Collect Logging Records. If log groups exist, the permission to see them is missing. "
        + policy_remedy("logging"),
    ),
    "LOGGING_QUERY_REFUSED": CatalogEntry(
        "Logging rejected the query (400)",
        "Try the query in the OCI console: Observability & Management > Logging > Search > Advanced mode. The message "
        "contains the service's own explanation.",
        "Correct Logging Query: test the query in Observability & Management > Logging > Search > Advanced mode and "
        "enter it without its search part. Or leave it empty to collect all records.",
    ),
    "CLOUD_GUARD_NOT_AUTHORIZED": CatalogEntry(
        "OCI returned 404 for Cloud Guard: the policy is missing, or Cloud Guard was never enabled",
        f"{_CLOUD_GUARD}. If the page offers to enable Cloud Guard, it was never enabled.",
        policy_remedy("cloud_guard"),
    ),
    "CLOUD_GUARD_NOT_ENABLED": CatalogEntry(
        "Cloud Guard was never enabled in this tenancy",
        f"{_CLOUD_GUARD}.",
        f"{_ENABLE} (a free tenancy cannot), or switch off Collect Cloud Guard Problems.",
    ),
    "CLOUD_GUARD_DISABLED": CatalogEntry(
        "Cloud Guard is switched off in this tenancy",
        f"{_CLOUD_GUARD}. The page shows that it is disabled, and offers to enable it.",
        f"{_ENABLE}, or switch off Collect Cloud Guard Problems.",
    ),
    "CLOUD_GUARD_REPORTING_REGION": CatalogEntry(
        "the reporting region of Cloud Guard, which stores its problems, does not accept the requests",
        f"{_CLOUD_GUARD} > Settings > Reporting region. Problems can be read in that region only.",
        "Check that the tenancy is still subscribed to the reporting region (region menu > Manage regions) and that "
        "the host can reach its endpoint. Otherwise switch off Collect Cloud Guard Problems.",
    ),
    "PROBLEM_DETAILS_MISSING": CatalogEntry(
        "details of a Cloud Guard problem could not be read; its summary was delivered instead",
        "GetProblem requires `read` on cloud-guard-problems, ListProblems only `inspect`.",
        policy_remedy("cloud_guard"),
    ),
}

AUTHORIZATION_SECTION: Final = Section(
    "Policies, compartments and services",
    "OCI returns 404, never 403, if a policy is missing. Each service needs its own statements, in a policy of the "
    "root compartment.",
    _ENTRIES,
)
