"""Audit by Logging Search: what its searches are refused for, and what they do not find."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import PERSISTS, RESUMES, CatalogEntry, Section, policy_remedy

__all__ = ["AUDIT_SEARCH_SECTION"]

_NO_FALLBACK: Final = (
    "The connector does not fall back by itself: with Audit Mode events, every compartment of every region is one "
    "request in each poll."
)
_CHANGE_MODE: Final = (
    "Or set Audit Mode to events: reading resumes where the search ended, and no event is lost or repeated."
)

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "AUDIT_SEARCH_NOT_AUTHORIZED": CatalogEntry(
        "OCI returned 404 for the search of audit events: a policy is missing, or the compartment or region is wrong",
        "With Audit Mode search, audit events are read with Logging Search, which needs three statements.",
        f"{policy_remedy('audit_search')} {_CHANGE_MODE}",
    ),
    "AUDIT_SEARCH_REFUSED": CatalogEntry(
        "Logging rejected the search of audit events (400)",
        "The message contains the service's own explanation. Try the query in the OCI console: Observability & "
        'Management > Logging > Search > Advanced mode, `search "<OCID>/_Audit_Include_Subcompartment"`.',
        f"Set Audit Mode to events, or report the request id to Oracle. {_NO_FALLBACK}",
    ),
    "AUDIT_SEARCH_STALLED": CatalogEntry(
        "audit events could not be searched for more than an hour",
        "The error of the source in the same report says why the search fails.",
        f"{RESUMES} {_NO_FALLBACK} {PERSISTS} remove the cause that the error names: for 429, poll less often, lower "
        f"Requests in Flight or use a separate user. {_CHANGE_MODE}",
    ),
    "AUDIT_SEARCH_INCOMPLETE": CatalogEntry(
        "the search of audit events lacks events that ListEvents has",
        "A search answers a missing right with success and fewer events. About once an hour, one compartment is read "
        "both ways; the message names it, with the number of events that only ListEvents has.",
        f"The events that were found to be missing are delivered, those of other compartments and times are not. "
        f"{policy_remedy('audit_search')} {PERSISTS} set Audit Mode to events: it reads every compartment by itself.",
    ),
    "AUDIT_SEARCH_NOT_COMPARED": CatalogEntry(
        "the search of audit events could not be compared with ListEvents",
        "About once an hour, one compartment is read both ways, because a search answers a missing right with success "
        "and fewer events. The message names the compartment and says why it could not be read.",
        f"The search itself goes on. For a 404: {policy_remedy('audit')} For any other reason no action is needed: the "
        "next comparison is made within about an hour.",
    ),
    "AUDIT_SEARCH_OVERLAP": CatalogEntry(
        "audit events are read again for longer than Overlap (minutes)",
        "A search finds an event by its own time only, so one that arrives late is found by reading again. With a "
        "shorter overlap before, the first search may deliver events of the last 15 minutes again, with the same ids.",
        "No action is needed. Set Overlap (minutes) to 15 or more to choose the overlap yourself.",
    ),
}

AUDIT_SEARCH_SECTION: Final = Section(
    "Audit by search",
    "These concern Audit Mode search alone.",
    _ENTRIES,
)
