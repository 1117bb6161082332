"""One typed function for each OCI call that the poll and the connection test use.

Each sends one request, checks that the body has the shape that was asked for, and returns typed data. `Failure` is all
that it raises. Records stay bytes (`Page[bytes]`): mapping them is not OCI's business. Who wants the next page calls
again with the page's token; a token that is None ends a list, an empty page does not ("Anytime the opc-next-page header
appears, there are more list items to get", docs: API/Concepts/usingapi.htm).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import Final, Generic, TypeVar

import msgspec

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.client import Answer, Client
from signal_client_oci.oci_api.pages.bounds import ORDINARY_PAGE, Bounds, PageError, PageErrorKind
from signal_client_oci.oci_api.pages.splitting import (
    decoded_object,
    decoded_rows,
    split_list_events,
    split_problems,
    split_search_results,
)
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region

__all__ = [
    "MAX_PAGE_LIMIT",
    "CloudGuardConfiguration",
    "CompartmentRow",
    "Group",
    "GroupMembership",
    "LogGroupRow",
    "Page",
    "RegionSubscription",
    "audit_stream",
    "get_compartment",
    "get_configuration",
    "get_group",
    "get_problem",
    "list_compartments",
    "list_events",
    "list_log_groups",
    "list_problems",
    "list_region_subscriptions",
    "list_user_group_memberships",
    "reporting_region",
    "search_audit",
    "search_logs",
    "search_query",
]

T = TypeVar("T")

MAX_PAGE_LIMIT: Final = 1000
"""The most items a page that SearchLogs gives (oci-cli#443); the other lists are asked for as many."""

_FAILURES: Final[dict[PageErrorKind, tuple[str, Recovery]]] = {
    "unexpected": ("RESPONSE_NOT_JSON", Recovery.RETRY),
    "truncated": ("RESPONSE_CUT_OFF", Recovery.RETRY),
    "too_large": ("RESPONSE_TOO_LARGE", Recovery.REQUEST),
}

_AUDIT_SEARCH_CODES: Final = {
    "LOGGING_NOT_AUTHORIZED": "AUDIT_SEARCH_NOT_AUTHORIZED",
    "INVALID_REQUEST": "AUDIT_SEARCH_REFUSED",
}


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: What is on it: records as the exact bytes that the service sent, other lists as typed rows.
        next_page: The token of the next page, None where this is the last.
        opc_request_id: OCI's id of the request.
        date: The service's clock when it answered (header `Date`), in UTC; None where it did not tell.
    """

    items: Sequence[T]
    next_page: str | None = None
    opc_request_id: str | None = None
    date: datetime | None = None


class CompartmentRow(msgspec.Struct, rename="camel", frozen=True):
    """What is read of a compartment (oci/identity/models/compartment.py)."""

    id: str
    compartment_id: str | None = None
    name: str | None = None
    lifecycle_state: str | None = None
    time_created: str | None = None


class RegionSubscription(msgspec.Struct, rename="camel", frozen=True):
    """A region of the tenancy (oci/identity/models/region_subscription.py); `status` is READY or IN_PROGRESS."""

    region_name: str
    status: str = "READY"
    is_home_region: bool = False

    @property
    def is_ready(self) -> bool:
        """True where requests to the region are accepted."""
        return self.status == "READY"


class GroupMembership(msgspec.Struct, rename="camel", frozen=True):
    """That a user belongs to a group."""

    group_id: str


class Group(msgspec.Struct, frozen=True):
    """A group of the Default identity domain."""

    id: str
    name: str


class LogGroupRow(msgspec.Struct, frozen=True):
    """A log group."""

    id: str = ""


class CloudGuardConfiguration(msgspec.Struct, rename="camel", frozen=True):
    """Whether Cloud Guard is on, and where its problems are (oci/cloud_guard/models/configuration.py)."""

    reporting_region: str | None = None
    status: str | None = None
    opc_request_id: str | None = None


class _AnyObject(msgspec.Struct):
    """A JSON object, of which nothing is kept."""


_COMPARTMENTS: Final = msgspec.json.Decoder(list[CompartmentRow])
_COMPARTMENT: Final = msgspec.json.Decoder(CompartmentRow)
_SUBSCRIPTIONS: Final = msgspec.json.Decoder(list[RegionSubscription])
_MEMBERSHIPS: Final = msgspec.json.Decoder(list[GroupMembership])
_GROUP: Final = msgspec.json.Decoder(Group)
_LOG_GROUPS: Final = msgspec.json.Decoder(list[LogGroupRow])
_CONFIGURATION: Final = msgspec.json.Decoder(CloudGuardConfiguration)
_ANY_OBJECT: Final = msgspec.json.Decoder(_AnyObject)


# --- Identity -----------------------------------------------------------------------------------------------------


def list_compartments(
    client: Client, tenancy_ocid: str, *, limit: int = MAX_PAGE_LIMIT, page: str | None = None
) -> Page[CompartmentRow]:
    """Return one page of all compartments of a tenancy, whatever their state, without its root.

    The whole tree comes only from the tenancy, and only with access level ANY (oci/identity/identity_client.py,
    `list_compartments`). Deleted ones are listed for months.
    """
    answer = client.call(
        "list_compartments",
        tenancy_ocid,
        compartment_id_in_subtree=True,
        access_level="ANY",
        limit=limit,
        page=page,
    )
    return _rows(answer, _COMPARTMENTS)


def get_compartment(client: Client, compartment_ocid: str) -> CompartmentRow:
    """Return one compartment; a 404 means that there is none, or no right to see it."""
    return _object(client.call("get_compartment", compartment_ocid), _COMPARTMENT)


def list_region_subscriptions(client: Client, tenancy_ocid: str) -> Page[RegionSubscription]:
    """Return the regions that a tenancy is subscribed to; the list has one page.

    A client of a region that the tenancy is not subscribed to gets a 401, as for a wrong key.
    """
    return _rows(client.call("list_region_subscriptions", tenancy_ocid), _SUBSCRIPTIONS)


def list_user_group_memberships(client: Client, tenancy_ocid: str, user_ocid: str) -> Page[GroupMembership]:
    """Return the first page of the groups that a user of the Default identity domain is in."""
    return _rows(client.call("list_user_group_memberships", tenancy_ocid, user_id=user_ocid), _MEMBERSHIPS)


def get_group(client: Client, group_ocid: str) -> Group:
    """Return one group."""
    return _object(client.call("get_group", group_ocid), _GROUP)


# --- Audit --------------------------------------------------------------------------------------------------------


def list_events(  # noqa: PLR0913  (what one request consists of)
    client: Client,
    compartment_ocid: str,
    start: datetime,
    end: datetime,
    *,
    page: str | None = None,
    bounds: Bounds = ORDINARY_PAGE,
) -> Page[bytes]:
    """Return one page of the audit events of a compartment that OCI processed in `[start, end)`.

    Both are whole minutes. The compartments below it are not included, and there is no limit for a page
    (oci/audit/audit_client.py, `list_events`).
    """
    answer = client.call("list_events", compartment_ocid, _rfc3339(start), _rfc3339(end), page=page)
    return _records(client, answer, split_list_events, bounds)


# --- Logging ------------------------------------------------------------------------------------------------------


def audit_stream(compartment_ocid: str, *, subtree: bool) -> str:
    """Return the search stream that holds the audit events of a compartment, with `subtree` also of those below it.

    `search_logs` takes it in place of a compartment. That it works for a tenancy is what the CIS benchmark for OCI is
    checked with; a missing right gives fewer records and no error.
    """
    return f"{compartment_ocid}/{'_Audit_Include_Subcompartment' if subtree else '_Audit'}"


def search_query(compartment_ocids: Sequence[str], clause: str) -> str:
    """Return the query for some compartments; `clause` is the operator's part of it, or ""."""
    scope = ", ".join(f'"{ocid}"' for ocid in compartment_ocids)
    return " | ".join(part for part in (f"search {scope}", clause, "sort by datetime asc") if part)


def search_logs(  # noqa: PLR0913  (what one request consists of)
    client: Client,
    compartment_ocids: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    clause: str = "",
    limit: int = MAX_PAGE_LIMIT,
    page: str | None = None,
    bounds: Bounds = ORDINARY_PAGE,
) -> Page[bytes]:
    """Return one page of the log records of some compartments, oldest first, by the records' own time.

    A window is 14 days at most. Records are ordered only because the query says so (docs:
    Logging/Reference/query_language_specification.htm). Whether the bounds are inclusive is not documented. A
    compartment that does not exist gives no records and no error.
    """
    details = {
        "timeStart": _rfc3339(start),
        "timeEnd": _rfc3339(end),
        "searchQuery": search_query(compartment_ocids, clause),
    }
    answer = client.call("search_logs", details, limit=limit, page=page)
    return _records(client, answer, split_search_results, bounds)


def search_audit(  # noqa: PLR0913  (what one request consists of)
    client: Client,
    stream: str,
    start: datetime,
    end: datetime,
    *,
    limit: int = MAX_PAGE_LIMIT,
    page: str | None = None,
    bounds: Bounds = ORDINARY_PAGE,
) -> Page[bytes]:
    """Return one page of the events of an `audit_stream` that happened in the window; otherwise as `search_logs`."""
    try:
        return search_logs(client, [stream], start, end, limit=limit, page=page, bounds=bounds)
    except Failure as failure:
        if failure.code not in _AUDIT_SEARCH_CODES:
            raise
        raise failure.recoded(_AUDIT_SEARCH_CODES[failure.code], failure.detail) from failure


def list_log_groups(
    client: Client, compartment_ocid: str, *, subtree: bool = False, limit: int = MAX_PAGE_LIMIT
) -> Page[LogGroupRow]:
    """Return the first page of the log groups of a compartment; the client's service is `log_groups`.

    With `subtree` those below it are asked for too, which some regions ignore.
    """
    answer = client.call(
        "list_log_groups", compartment_ocid, is_compartment_id_in_subtree=subtree or None, limit=limit
    )
    return _rows(answer, _LOG_GROUPS)


# --- Cloud Guard --------------------------------------------------------------------------------------------------


def get_configuration(client: Client, tenancy_ocid: str) -> CloudGuardConfiguration:
    """Return Cloud Guard's configuration, which every region tells; see `reporting_region`."""
    answer = client.call("get_configuration", tenancy_ocid)
    return msgspec.structs.replace(_object(answer, _CONFIGURATION), opc_request_id=answer.opc_request_id)


def reporting_region(configuration: CloudGuardConfiguration) -> str:
    """Return the region that holds the problems; the others may answer with an empty list.

    Raises:
        Failure: CLOUD_GUARD_DISABLED, or REGION_UNKNOWN for one that the installed SDK does not know.
    """
    if configuration.status == "DISABLED":
        raise Failure("CLOUD_GUARD_DISABLED", opc_request_id=configuration.opc_request_id)
    name = configuration.reporting_region or ""
    try:
        return canonical_region(name)
    except UnknownRegionError as error:
        detail = f"Cloud Guard names {name[:40]!a} as its reporting region"
        raise Failure("REGION_UNKNOWN", detail=detail, opc_request_id=configuration.opc_request_id) from error


def list_problems(  # noqa: PLR0913  (what one request consists of)
    client: Client,
    compartment_ocid: str,
    *,
    subtree: bool,
    lifecycle_state: str | None = None,
    lifecycle_detail: str | None = None,
    detected_from: datetime | None = None,
    detected_until: datetime | None = None,
    limit: int = MAX_PAGE_LIMIT,
    page: str | None = None,
    bounds: Bounds = ORDINARY_PAGE,
) -> Page[bytes]:
    """Return one page of the problems of a compartment and, with `subtree`, of those below it.

    What is not given falls to the service's defaults, which hide records: active problems alone, first *and* last
    detected within 30 days (oci/cloud_guard/cloud_guard_client.py, `list_problems`). So a period is sent for both
    detections. A subtree is refused without an access level; ACCESSIBLE leaves out what may not be read.
    """
    answer = client.call(
        "list_problems",
        compartment_ocid,
        compartment_id_in_subtree=subtree or None,
        access_level="ACCESSIBLE" if subtree else None,
        lifecycle_state=lifecycle_state,
        lifecycle_detail=lifecycle_detail,
        time_first_detected_greater_than_or_equal_to=detected_from,
        time_first_detected_less_than_or_equal_to=detected_until,
        time_last_detected_greater_than_or_equal_to=detected_from,
        time_last_detected_less_than_or_equal_to=detected_until,
        limit=limit,
        page=page,
    )
    return _records(client, answer, split_problems, bounds)


def get_problem(client: Client, problem_ocid: str) -> bytes:
    """Return the text of one problem with its details, which lists leave out."""
    answer = client.call("get_problem", problem_ocid)
    _object(answer, _ANY_OBJECT)
    return answer.body


@lru_cache(maxsize=256)
def _rfc3339(moment: datetime) -> str:
    """Return an aware moment as the SDK writes it; it would do so for every request, and most ask for one window."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


# --- reading a body -----------------------------------------------------------------------------------------------


def _records(
    client: Client, answer: Answer, split: Callable[[bytes, Bounds], list[bytes]], bounds: Bounds
) -> Page[bytes]:
    """Cut a body into its records; this ends early where nobody waits for the client's answers any more."""
    bounds = bounds._replace(check=client.check)
    return _page(answer, _parsed(answer, lambda body: split(body, bounds)))


def _rows(answer: Answer, decoder: msgspec.json.Decoder[list[T]]) -> Page[T]:
    """Decode a list of small objects."""
    return _page(answer, _parsed(answer, lambda body: decoded_rows(body, decoder)))


def _object(answer: Answer, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode one small object."""
    return _parsed(answer, lambda body: decoded_object(body, decoder))


def _page(answer: Answer, items: Sequence[T]) -> Page[T]:
    return Page(items, answer.next_page, answer.opc_request_id, answer.date)


def _parsed(answer: Answer, parse: Callable[[bytes], T]) -> T:
    """Parse an answer's body; one that is not what was requested is a failed request."""
    try:
        return parse(answer.body)
    except PageError as error:
        code, recovery = _FAILURES[error.kind]
        raise Failure(
            code, detail=error.reason, recovery=recovery, opc_request_id=answer.opc_request_id
        ) from error
