"""What went wrong with a request, and what that means for the requests after it.

`Failure` is the only exception that `oci_api` raises. It has what an operator needs (code, message, remedy, request id)
and what a poll needs (whether the same request may succeed later, and which other requests are affected). Its text
comes from the code's entry in `errors.catalog`, never from an exception, which could quote a signature.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from signal_client_oci.contract import Check, CheckStatus
from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.service_text import MAX_MESSAGE, one_line, request_id

__all__ = ["Failure", "Recovery", "make_check"]


class Recovery(Enum):
    """What a failed request means for the requests after it."""

    RETRY = "the same request may succeed in a moment"
    COMPARTMENT = "the compartment of the request is denied or missing; others may be readable"
    REGION = "this region will not accept any request during this poll"
    REQUEST = "this request is rejected; one with another window or query may be accepted"


class Failure(Exception):  # noqa: N818  (it is reported far more often than it is raised)
    """A request that did not return what was requested.

    Attributes:
        code: Stable upper-snake code, a key of `errors.catalog.CATALOG`.
        message: What happened, without secrets.
        detail: What the message adds to the summary of the code, "" for nothing.
        remedy: What to do.
        recovery: What it means for later requests.
        status: HTTP status, None if there was no response.
        opc_request_id: OCI's id of the request, None if there was none.
        retry_after: Seconds that the service asked to wait, None if it did not.
        has_begun: Whether a part of the response had arrived.
        date: The service's clock when it answered (header `Date`), in UTC; None where it did not.
    """

    def __init__(  # noqa: PLR0913  (a record with named fields)
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

    def recoded(self, code: str, detail: str = "") -> Failure:
        """Return the same failure under the code that more knowledge gives it; `detail` replaces its own."""
        return Failure(
            code,
            detail=detail,
            recovery=self.recovery,
            status=self.status,
            opc_request_id=self.opc_request_id,
            retry_after=self.retry_after,
            has_begun=self.has_begun,
            date=self.date,
        )

    def without_frames(self) -> Failure:
        """Return the failure itself, without the frames that raised it, which keep answers and connections alive."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)

    def check(
        self,
        name: str,
        title: str,
        status: CheckStatus = "failed",
        *,
        message: str = "",
        duration_ms: int = 0,
    ) -> Check:
        """Return the failure as a check of the contract; `message` replaces its own message."""
        text = message or self.message
        return make_check(name, title, status, self.code, text, self.remedy, self.opc_request_id, duration_ms)


def make_check(  # noqa: PLR0913  (the fields of the contract's record)
    name: str,
    title: str,
    status: CheckStatus,
    code: str,
    message: str,
    remedy: str = "",
    opc_request_id: str | None = None,
    duration_ms: int = 0,
) -> Check:
    """Return a check of the contract; if `remedy` is empty, it has the remedy that the catalog has for `code`.

    Every check is built here, so that text from a service always passes through `service_text`.
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
