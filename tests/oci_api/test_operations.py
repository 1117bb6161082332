"""The operations: the request that each sends, the typed data that comes back, and what is no answer to it."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial

import pytest
import responses
from responses import matchers
from support import seam
from support.loopback_servers import LoopbackServer, http_answer

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api import operations
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.oci_api.operations import (
    CloudGuardConfiguration,
    CompartmentRow,
    Group,
    GroupMembership,
    LogGroupRow,
    Page,
    RegionSubscription,
)
from signal_client_oci.oci_api.pages.bounds import Bounds

START, END = datetime(2026, 3, 4, 9, 0, tzinfo=timezone.utc), datetime(2026, 3, 4, 9, 2, tzinfo=timezone.utc)
START_TEXT, END_TEXT = "2026-03-04T09:00:00Z", "2026-03-04T09:02:00Z"
DATE = datetime(2026, 3, 4, 9, 15, 27, tzinfo=timezone.utc)
HEADERS = {"opc-request-id": "R", "opc-next-page": "N", "date": "Wed, 04 Mar 2026 09:15:27 GMT"}

AUDIT = "https://audit.us-ashburn-1.oraclecloud.com/20190901"
LOGGING = "https://logging.us-ashburn-1.oci.oraclecloud.com"
GUARD = "https://cloudguard-cp-api.us-ashburn-1.oci.oraclecloud.com/20200131"
IDENTITY = "https://identity.us-ashburn-1.oci.oraclecloud.com/20160918"
BELOW = "ocid1.compartment.oc1..aaaabelow"
PROBLEM = "ocid1.cloudguardproblem.oc1.iad.aaaa"
GROUP = "ocid1.group.oc1..aaaa"


def send(service, call, **options):
    """Call an operation with a client that is borrowed for it."""
    with borrow(seam.settings(), seam.api_key(), seam.REGION, service, None) as client:
        return call(client, **options)


def at(name, *args, **options):
    """Name an operation and its arguments."""
    return lambda client, **more: getattr(operations, name)(client, *args, **options, **more)


# operation: service, call, url, query parameters, JSON body, the answer's body, what is made of it
OPERATIONS = {
    "list_events": (
        "audit",
        at("list_events", BELOW, START, END, page="P"),
        f"{AUDIT}/auditEvents",
        {"compartmentId": BELOW, "startTime": START_TEXT, "endTime": END_TEXT, "page": "P"},
        None,
        b'[{"eventId": "1"}, {"eventId": 2}]',
        [b'{"eventId": "1"}', b'{"eventId": 2}'],
    ),
    "search_logs": (
        "logging",
        at("search_logs", ["a", "b"], START, END, clause="where type = 'x'", page="P"),
        f"{LOGGING}/20190909/search",
        {"limit": "1000", "page": "P"},
        {
            "timeStart": START_TEXT,
            "timeEnd": END_TEXT,
            "searchQuery": """search "a", "b" | where type = 'x' | sort by datetime asc""",
        },
        b'{"results": [{"data": {"datetime": 1}}], "summary": {}}',
        [b'{"datetime": 1}'],
    ),
    "list_log_groups": (
        "log_groups",
        at("list_log_groups", BELOW, limit=1),
        f"{LOGGING}/20200531/logGroups",
        {"compartmentId": BELOW, "limit": "1"},
        None,
        b'[{"id": "G", "displayName": "x"}]',
        [LogGroupRow("G")],
    ),
    "list_log_groups below": (
        "log_groups",
        at("list_log_groups", BELOW, subtree=True),
        f"{LOGGING}/20200531/logGroups",
        {"compartmentId": BELOW, "limit": "1000", "isCompartmentIdInSubtree": "true"},
        None,
        b"[]",
        [],
    ),
    "get_configuration": (
        "cloudguard",
        at("get_configuration", seam.TENANCY),
        f"{GUARD}/configuration",
        {"compartmentId": seam.TENANCY},
        None,
        b'{"reportingRegion": "us-phoenix-1", "status": "ENABLED", "selfManageResources": true}',
        CloudGuardConfiguration("us-phoenix-1", "ENABLED", "R"),
    ),
    "list_problems": (
        "cloudguard",
        at(
            "list_problems",
            BELOW,
            subtree=True,
            lifecycle_state="INACTIVE",
            lifecycle_detail="RESOLVED",
            detected_from=START,
            detected_until=END,
            page="P",
        ),
        f"{GUARD}/problems",
        {
            "compartmentId": BELOW,
            "compartmentIdInSubtree": "true",
            "accessLevel": "ACCESSIBLE",
            "lifecycleState": "INACTIVE",
            "lifecycleDetail": "RESOLVED",
            "timeFirstDetectedGreaterThanOrEqualTo": START_TEXT,
            "timeFirstDetectedLessThanOrEqualTo": END_TEXT,
            "timeLastDetectedGreaterThanOrEqualTo": START_TEXT,
            "timeLastDetectedLessThanOrEqualTo": END_TEXT,
            "limit": "1000",
            "page": "P",
        },
        None,
        b'{"items": [{"id": "1"}], "locks": []}',
        [b'{"id": "1"}'],
    ),
    "list_problems of one compartment": (
        "cloudguard",
        at("list_problems", BELOW, subtree=False, limit=1),
        f"{GUARD}/problems",
        {"compartmentId": BELOW, "limit": "1"},
        None,
        b'{"items": []}',
        [],
    ),
    "get_problem": (
        "cloudguard",
        at("get_problem", PROBLEM),
        f"{GUARD}/problems/{PROBLEM}",
        {},
        None,
        b'{"id": "1", "new": 1.10}',
        b'{"id": "1", "new": 1.10}',
    ),
    "list_compartments": (
        "identity",
        at("list_compartments", seam.TENANCY, limit=100, page="P"),
        f"{IDENTITY}/compartments",
        {
            "compartmentId": seam.TENANCY,
            "compartmentIdInSubtree": "true",
            "accessLevel": "ANY",
            "limit": "100",
            "page": "P",
        },
        None,
        b'[{"id": "c", "compartmentId": "t", "name": "n", "lifecycleState": "ACTIVE", "timeCreated": "x", "new": 1}]',
        [CompartmentRow("c", "t", "n", "ACTIVE", "x")],
    ),
    "get_compartment": (
        "identity",
        at("get_compartment", BELOW),
        f"{IDENTITY}/compartments/{BELOW}",
        {},
        None,
        b'{"id": "c", "name": null}',
        CompartmentRow("c"),
    ),
    "list_region_subscriptions": (
        "identity",
        at("list_region_subscriptions", seam.TENANCY),
        f"{IDENTITY}/tenancies/{seam.TENANCY}/regionSubscriptions",
        {},
        None,
        b'[{"regionName": "us-ashburn-1", "regionKey": "IAD", "status": "IN_PROGRESS", "isHomeRegion": true}]',
        [RegionSubscription("us-ashburn-1", "IN_PROGRESS", is_home_region=True)],
    ),
    "list_user_group_memberships": (
        "identity",
        at("list_user_group_memberships", seam.TENANCY, seam.USER),
        f"{IDENTITY}/userGroupMemberships",
        {"compartmentId": seam.TENANCY, "userId": seam.USER},
        None,
        b'[{"groupId": "g", "userId": "u"}]',
        [GroupMembership("g")],
    ),
    "get_group": (
        "identity",
        at("get_group", GROUP),
        f"{IDENTITY}/groups/{GROUP}",
        {},
        None,
        b'{"id": "g", "name": "Auditors", "description": "x"}',
        Group("g", "Auditors"),
    ),
}
OPERATION = pytest.mark.parametrize("case", OPERATIONS)


def answered(case, body, headers=None, **options):
    """Return what an operation makes of a body, and look at the request that it sent."""
    service, call, url, params, sent, *_ = OPERATIONS[case]
    match = [matchers.query_param_matcher(params)]
    if sent is not None:
        match.append(matchers.json_params_matcher(sent))
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        mocked.add("GET" if sent is None else "POST", url, body=body, headers=headers or HEADERS, match=match)
        return send(service, call, **options)


@OPERATION
def test_each_operation_sends_its_request_and_returns_typed_data(case):
    """Path, query and body are those of the API; what is not given is not sent; unknown fields are passed over."""
    *_, body, expected = OPERATIONS[case]
    result = answered(case, body)
    assert result == (Page(expected, "N", "R", DATE) if isinstance(result, Page) else expected)


BODIES = [
    b"",
    b"<html></html>",
    b"null",
    b'"x"',
    b"17",
    b"\xff\xfe",
    b"[1",
    b'[{"id": ',
    b"[" * 5000,
    b'{"id"',
]


@pytest.mark.slow
@OPERATION
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_of_another_shape_is_a_failure(case, body):
    """An answer with success that is something else is never taken for an empty one, and may be asked for again."""
    with pytest.raises(Failure) as caught:
        answered(case, body)
    failure = caught.value
    assert failure.code in ("RESPONSE_NOT_JSON", "RESPONSE_CUT_OFF")
    assert (failure.recovery, failure.opc_request_id) == (Recovery.RETRY, "R")


@pytest.mark.parametrize("case", ["list_events", "search_logs", "list_problems"])
def test_a_page_that_ends_too_early_is_cut_off(case):
    """A page of records without its end is told apart from one that is no page."""
    with pytest.raises(Failure, match="RESPONSE_CUT_OFF"):
        answered(case, OPERATIONS[case][5][:-1])


@pytest.mark.parametrize("case", ["list_events", "search_logs", "list_problems"])
def test_a_page_beyond_its_bounds_is_too_large(case):
    """The caller's bounds count, and the failure says that the same request is not worth repeating."""
    body = OPERATIONS[case][5]
    bounds = Bounds(2, len(body))
    assert answered(case, body, bounds=bounds).items == OPERATIONS[case][6]
    with pytest.raises(Failure) as caught:
        answered(case, body, bounds=bounds._replace(size=len(body) - 1))
    assert (caught.value.code, caught.value.recovery) == ("RESPONSE_TOO_LARGE", Recovery.REQUEST)


def test_a_list_of_too_many_rows_is_too_large():
    """What a list of small objects would take is bounded too."""
    with pytest.raises(Failure, match="RESPONSE_TOO_LARGE"):
        answered("list_compartments", b"[" + b",".join([b'{"id":"c"}'] * 20_001) + b"]")


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Wed, 04 Mar 2026 09:15:27 GMT", DATE),
        ("Wed, 04 Mar 2026 10:15:27 +0100", DATE),
        ("", None),
        ("yesterday", None),
        ("Wed, 99 Mar 2026 09:15:27 GMT", None),
        ("Wed, 04 Mar 99999 09:15:27 GMT", None),
    ],
)
def test_a_page_tells_the_services_clock(date, moment):
    """The header Date comes with the page in UTC, and one that cannot be read as none."""
    assert answered("list_events", b"[]", {"date": date}).date == moment


def test_an_answer_over_a_socket_comes_with_its_clock_and_token():
    """What a real connection brings is the same as what is read at the seam, and without a Date there is none."""
    for header, date in ((("Date: Wed, 04 Mar 2026 09:15:27 GMT",), DATE), ((), None)):
        with LoopbackServer(http_answer("200 OK", b"[{}]", "opc-next-page: N", *header)) as server:
            of = seam.settings(endpoint_template=f"http://127.0.0.1:{server.port}/{{region}}/{{service}}")
            with borrow(of, seam.api_key(), seam.REGION, "audit", None) as client:
                page = operations.list_events(client, BELOW, START, END)
        assert page == Page([b"{}"], "N", None, date)


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (CloudGuardConfiguration("us-phoenix-1", "ENABLED"), "us-phoenix-1"),
        (CloudGuardConfiguration("PHX", None), "us-phoenix-1"),
        (CloudGuardConfiguration("us-phoenix-1", "DISABLED"), "CLOUD_GUARD_DISABLED"),
        (CloudGuardConfiguration("xx-nowhere-9", "ENABLED"), "REGION_UNKNOWN"),
        (CloudGuardConfiguration(None, "ENABLED"), "REGION_UNKNOWN"),
    ],
)
def test_the_reporting_region_is_known_and_enabled(configuration, expected):
    """A region that the SDK does not know is no host to send to, and a disabled Cloud Guard holds no problems."""
    try:
        found = operations.reporting_region(configuration)
    except Failure as failure:
        found = failure.code
    assert found == expected


def test_cutting_a_page_ends_with_its_client(monkeypatch):
    """A page that takes long to cut is given up when the client's requests are aborted."""
    with (
        responses.RequestsMock(target=seam.TARGET) as mocked,
        borrow(seam.settings(), seam.api_key(), seam.REGION, "audit", None) as client,
    ):
        abort_then_check = partial(_abort_then_check, client.transport, client.transport.check)
        monkeypatch.setattr(client.transport, "check", abort_then_check)
        mocked.get(f"{AUDIT}/auditEvents", body=b"[" + b"[" * 1_000_000)
        with pytest.raises(Failure, match="STOPPED"):
            operations.list_events(client, BELOW, START, END)


def _abort_then_check(transport, check):
    transport.abort()
    check()
