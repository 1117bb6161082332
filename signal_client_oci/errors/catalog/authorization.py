"""Policies, compartments, and services that have to be switched on."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CatalogEntry, Section, denied, policy_remedy

__all__ = ["AUTHORIZATION_SECTION"]

_CLOUD_GUARD: Final = "In the OCI console open Identity & Security > Cloud Guard"
_ENABLE: Final = f"{_CLOUD_GUARD} and choose Enable Cloud Guard"
_COMPARTMENTS: Final = "In the OCI console open Identity & Security > Compartments"

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "REGIONS_NOT_AUTHORIZED": denied("the list of subscribed regions", "identity"),
    "COMPARTMENTS_NOT_AUTHORIZED": denied("the list of compartments", "identity"),
    "COMPARTMENT_UNKNOWN": CatalogEntry(
        "the compartment is not in the tenancy's list of compartments",
        f"{_COMPARTMENTS} and look for the OCID.",
        "Correct compartment_ocid (it may be one of another tenancy): Identity & Security > Compartments > "
        "(compartment) > OCID > Copy. Or leave it empty to collect from the whole tenancy.",
    ),
    "COMPARTMENT_DELETED": CatalogEntry(
        "the compartment was deleted",
        f"{_COMPARTMENTS} and look at its state.",
        "Choose a compartment that exists (Identity & Security > Compartments > (compartment) > OCID > Copy), or leave "
        "compartment_ocid empty to collect from the whole tenancy.",
    ),
    "AUDIT_NOT_AUTHORIZED": denied("the audit events", "audit"),
    "SUBCOMPARTMENTS_NOT_AUTHORIZED": CatalogEntry(
        "compartments below the scope cannot be read, though the scope itself can",
        "Policies are inherited downwards, so a condition in the policy (`where ...`) is the usual cause.",
        policy_remedy("audit"),
    ),
    "LOGGING_NOT_AUTHORIZED": denied("the log search", "logging"),
    "LOGGING_NO_LOG_GROUPS": CatalogEntry(
        "the log search answers with nothing, and no log group can be seen in the scope",
        "OCI answers a search of a wrong or empty scope with success and no records. In the OCI console open "
        "Observability & Management > Logging > Log Groups and choose the compartment.",
        "If the tenancy writes no logs there, enable some (Logging > Logs > Enable service log), choose another "
        "scope, or set logging_enabled to false. If there are log groups, the right to see them is missing. "
        + policy_remedy("logging"),
    ),
    "LOGGING_QUERY_REFUSED": CatalogEntry(
        "Logging refuses the query (400)",
        "Try it in the OCI console: Observability & Management > Logging > Search > Advanced mode. The service's own "
        "words are in the message.",
        "Correct logging_query (with what works in Observability & Management > Logging > Search > Advanced mode, "
        "without its search part), or leave it empty to collect all records.",
    ),
    "CLOUD_GUARD_NOT_AUTHORIZED": CatalogEntry(
        "OCI answers 404 for Cloud Guard: the policy is missing, or Cloud Guard was never enabled",
        f"{_CLOUD_GUARD}; if it offers to enable Cloud Guard, it never was.",
        policy_remedy("cloud_guard"),
    ),
    "CLOUD_GUARD_NOT_ENABLED": CatalogEntry(
        "Cloud Guard was never enabled in this tenancy",
        f"{_CLOUD_GUARD}.",
        f"{_ENABLE} (a free tenancy cannot), or set cloud_guard_enabled to false.",
    ),
    "CLOUD_GUARD_DISABLED": CatalogEntry(
        "Cloud Guard is switched off in this tenancy",
        f"{_CLOUD_GUARD}; it says so, and offers to enable it.",
        f"{_ENABLE}, or set cloud_guard_enabled to false.",
    ),
    "CLOUD_GUARD_REPORTING_REGION": CatalogEntry(
        "Cloud Guard keeps its problems in a reporting region that does not accept the requests",
        f"{_CLOUD_GUARD} > Settings > Reporting region; problems can be read nowhere else.",
        "Check that the tenancy is still subscribed to the reporting region (region menu > Manage regions) and that "
        "the host can reach its endpoint; otherwise set cloud_guard_enabled to false.",
    ),
    "PROBLEM_DETAILS_MISSING": CatalogEntry(
        "details of a Cloud Guard problem could not be read; its summary was delivered in their place",
        "GetProblem needs `read` on cloud-guard-problems, ListProblems only `inspect`.",
        policy_remedy("cloud_guard"),
    ),
}

AUTHORIZATION_SECTION: Final = Section(
    "Policies, compartments and services",
    "OCI answers 404, never 403, where a policy is missing. Each service needs its own statements, in a policy of the "
    "root compartment.",
    _ENTRIES,
)
