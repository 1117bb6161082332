"""What went wrong, grouped by what can be done about it.

`Failure` is the only exception that leaves the clients: it carries what a person needs (code, message, remedy,
request id) and what the poll needs (may the same request succeed later, and whom else it concerns). The text is
written here from the code's entry in `errors.catalog`, never copied from an exception that could quote a signature.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from signal_client_oci.contract import Check, CheckStatus
from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.service_text import MAX_MESSAGE, one_line, request_id

__all__ = ["Failure", "Recovery", "make_check"]


class Recovery(Enum):
    """What a failed request says about the requests after it."""

    RETRY = "the same request may succeed in a moment"
    COMPARTMENT = "what the request names is denied or missing; others may be readable"
    REGION = "nothing in this region will be accepted during this poll"
    REQUEST = "this very request is refused; another window or query may be accepted"


class Failure(Exception):  # noqa: N818  (the field's word for it; it is reported far more often than raised)
    """A request that did not give what was asked for.

    Attributes:
        code: Stable upper-snake code, a key of `errors.catalog.CATALOG`.
        message: One sentence for a person, free of secrets.
        detail: What the message says beyond the code's own meaning, "" for nothing.
        remedy: What to do.
        recovery: What it says about later requests.
        status: HTTP status, None where there was no answer.
        opc_request_id: OCI's id of the request, for a support ticket.
        retry_after: Seconds that the service asked to wait, None where it did not.
        has_begun: True where a part of the answer had arrived.
        date: The service's clock when it answered (header `Date`), in UTC; None where it did not.
    """

    def __init__(  # noqa: PLR0913  (a record; each part is named at the call)
        self,
        code: str,
        *,
        detail: str = "",
        recovery: Recovery = Recovery.REQUEST,
        status: int | None = None,
        opc_request_id: str | None = None,
        retry_after: float | None = None,
        has_begun: bool = False,
        date: datetime | None = None,
    ) -> None:
        entry = CATALOG[code]
        self.code = code
        self.message = f"{entry.summary} ({one_line(detail)})" if detail else entry.summary
        self.detail = one_line(detail) if detail else ""
        self.remedy = entry.remedy
        self.recovery = recovery
        self.status = status
        self.opc_request_id = request_id(opc_request_id)
        self.retry_after = retry_after
        self.has_begun = has_begun
        self.date = date
        super().__init__(f"{code}: {self.message}")

    def check(
        self,
        name: str,
        title: str,
        status: CheckStatus = "failed",
        *,
        message: str = "",
        duration_ms: int = 0,
    ) -> Check:
        """Return the failure as the contract's check; `message` replaces the sentence where more is known."""
        text = message or self.message
        return make_check(name, title, status, self.code, text, self.remedy, self.opc_request_id, duration_ms)


def make_check(  # noqa: PLR0913  (the contract's record, part by part)
    name: str,
    title: str,
    status: CheckStatus,
    code: str,
    message: str,
    remedy: str = "",
    opc_request_id: str | None = None,
    duration_ms: int = 0,
) -> Check:
    """Return a check, fit for a report and a log line; an empty `remedy` takes the one that the catalog has for `code`.

    The only place where a check is made, so that whatever a service said goes through `answer_text`.
    """
    if not remedy and code in CATALOG:
        remedy = CATALOG[code].remedy
    return {
        "name": name,
        "title": title,
        "status": status,
        "code": code,
        "message": one_line(message, MAX_MESSAGE),
        "remedy": remedy,
        "opc_request_id": request_id(opc_request_id),
        "duration_ms": duration_ms,
    }
