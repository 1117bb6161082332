"""What OCI itself answers when it does not give what was asked for."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import COMES_AGAIN, CatalogEntry, Section

__all__ = ["RESPONSES_SECTION"]

_WORDS: Final = "The service's own words are in the message."

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "THROTTLED": CatalogEntry(
        "OCI throttles the requests (429)",
        "Other tools that use the same user share its rate.",
        f"{COMES_AGAIN} If it stays, lower max_concurrency, poll less often, or use a user of its own.",
    ),
    "SERVICE_ERROR": CatalogEntry(
        "OCI has trouble itself (5xx)",
        "See Oracle's status page, ocistatus.oraclecloud.com.",
        f"{COMES_AGAIN} If it stays, report the request id to Oracle.",
    ),
    "INVALID_REQUEST": CatalogEntry(
        "OCI refuses the request (400)",
        _WORDS,
        "Check logging_query first if Logging says so; otherwise report the request id.",
    ),
    "CONFLICT": CatalogEntry(
        "OCI reports a conflict (409)", _WORDS, "Nothing to do: it is tried again by the next poll."
    ),
    "PAGE_TOKEN_REFUSED": CatalogEntry(
        "OCI no longer accepts the page token (400 on a later page)",
        "Tokens expire when a page takes long to be fetched.",
        "Nothing to do: the window is read again from its start by the next poll.",
    ),
    "PAGE_TOKEN_REPEATED": CatalogEntry(
        "OCI gave the same page token twice in a row",
        "The window would go round for ever.",
        "Nothing to do: the window is read again by the next poll. If it stays, report the request id to Oracle.",
    ),
    "PAGES_WITHOUT_END": CatalogEntry(
        "OCI gave a new page token again and again",
        "One slice or list is read up to 2,000 pages. A slice of time is then read again in smaller slices; the "
        "message names what could not be read to its end.",
        "If the problem persists, report the request id to Oracle, or check the gateway that endpoint_template names. "
        "What was read is delivered, and the next poll asks for the rest again.",
    ),
    "UNEXPECTED_STATUS": CatalogEntry(
        "OCI answers with a status that the API does not document",
        "Something between host and OCI may answer in its place.",
        "Check proxy and firewall on the way to OCI.",
    ),
}

RESPONSES_SECTION: Final = Section(
    "Answers of OCI",
    "Every answer of OCI carries a request id (`opc_request_id` in a check); Oracle support finds the request by it.",
    _ENTRIES,
)
