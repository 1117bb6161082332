"""Errors that OCI itself returns."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import PERSISTS, RESUMES, CatalogEntry, Section

__all__ = ["RESPONSES_SECTION"]

_EXPLANATION: Final = "The message contains the service's own explanation."

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "THROTTLED": CatalogEntry(
        "OCI throttled the requests (429)",
        "Other tools that use the same user share its rate limit.",
        f"{RESUMES} {PERSISTS} lower Requests in Flight, poll less often, or use a separate user.",
    ),
    "SERVICE_ERROR": CatalogEntry(
        "OCI returned a server error (5xx)",
        "Check Oracle's status page, ocistatus.oraclecloud.com.",
        f"{RESUMES} {PERSISTS} report the request id to Oracle.",
    ),
    "INVALID_REQUEST": CatalogEntry(
        "OCI rejected the request (400)",
        _EXPLANATION,
        "If Logging returned the error, check Logging Query first. Otherwise report the request id to Oracle.",
    ),
    "CONFLICT": CatalogEntry(
        "OCI reported a conflict (409)", _EXPLANATION, "No action is needed: the next poll tries again."
    ),
    "PAGE_TOKEN_REFUSED": CatalogEntry(
        "OCI no longer accepts the page token (400 on a later page)",
        "Tokens expire if fetching a page takes long.",
        "No action is needed: the next poll reads the window again from its start.",
    ),
    "PAGE_TOKEN_REPEATED": CatalogEntry(
        "OCI returned the same page token twice in a row",
        "Following the token would never end.",
        f"No action is needed: the next poll reads the window again. {PERSISTS} report the request id to Oracle.",
    ),
    "PAGES_WITHOUT_END": CatalogEntry(
        "OCI kept returning new page tokens",
        "At most 2,000 pages are read for one slice or list. A time slice is then read again in smaller slices. The "
        "message names what could not be read completely.",
        f"{PERSISTS} report the request id to Oracle, or check the gateway that Endpoint Template names. "
        "What was read is delivered, and the next poll requests the rest again.",
    ),
    "UNEXPECTED_STATUS": CatalogEntry(
        "OCI returned a status that the API does not document",
        "A proxy or firewall between the host and OCI may have sent the response.",
        "Check the proxy and the firewall between the host and OCI.",
    ),
}

RESPONSES_SECTION: Final = Section(
    "Responses of OCI",
    "Every response of OCI has a request id (`opc_request_id` in a check), by which Oracle support finds the request.",
    _ENTRIES,
)
