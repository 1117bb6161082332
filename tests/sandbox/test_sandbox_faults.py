"""Every fault of the sandbox, as the real SDK and a plain HTTP client see it."""

import http.client
import json
import zlib
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import oci
import pytest
from oci.loggingsearch.models import SearchLogsDetails
from support.faults import FAULT_KINDS, gzip_bomb
from support.redirect_target import RedirectTarget, unvisited_target

from signal_client_oci.sandbox import InjectedFault

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidParameter"),
        (401, "NotAuthenticated"),
        (403, "NotAuthorized"),
        (404, "NotAuthorizedOrNotFound"),
        (409, "IncorrectState"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (502, "BadGateway"),
        (503, "ServiceUnavailable"),
        (504, "GatewayTimeout"),
    ],
)
@pytest.mark.slow
def test_a_status_has_the_services_error_body(events, sandbox, status, code):
    """Code and message, request id and any header that is wanted."""
    sandbox.faults.add(InjectedFault(kind="status", status=status, headers={"Retry-After": "2"}))
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        events()
    error = refused.value
    assert (error.status, error.code, error.headers["retry-after"]) == (status, code, "2")
    assert error.message
    assert error.request_id
    assert sandbox.requests[-1].status == status


@pytest.mark.slow
def test_code_and_message_can_be_chosen(events, sandbox):
    """For the messages that only some situations have."""
    sandbox.faults.add(
        InjectedFault(kind="status", status=409, code="Conflict", message="Somebody else was faster.")
    )
    with pytest.raises(oci.exceptions.ServiceError, match="Somebody else") as refused:
        events()
    assert refused.value.code == "Conflict"


@pytest.mark.slow
def test_a_fault_hits_what_it_names_and_nothing_else(events, sandbox, tenancy):
    """Service, operation, region, tenancy, compartment and page each narrow it down."""
    token = events().next_page
    for which in (
        {"service": "logging"},
        {"operation": "list_problems"},
        {"region": OTHER},
        {"tenancy": "ocid1.tenancy.oc1..other"},
        {"compartment": "ocid1.compartment.oc1..other"},
        {"page": 2},
        {"page": "later"},
        {"probability": 0.0},
        {"times": 0},
    ):
        fault = sandbox.faults.add(InjectedFault(**which))
        assert events().status == 200
        assert fault.hits == 0
        sandbox.faults.remove(fault)
    matching = {"service": "audit", "operation": "list_events", "region": HOME, "tenancy": tenancy.ocid}
    sandbox.faults.add(InjectedFault(**matching, compartment=tenancy.ocid, page="later"))
    assert events().status == 200
    with pytest.raises(oci.exceptions.ServiceError):
        events(page=token)
    sandbox.faults.clear()
    assert events(page=token).status == 200


@pytest.mark.slow
def test_a_fault_ends_after_its_times(events, sandbox):
    """Two hits, then peace; the request log names the kind."""
    fault = sandbox.faults.add(InjectedFault(times=2))
    for _ in range(2):
        with pytest.raises(oci.exceptions.ServiceError):
            events()
    assert events().status == 200
    assert fault.hits == 2
    assert [request.fault for request in sandbox.requests] == ["status", "status", ""]


@pytest.mark.slow
def test_chances_are_those_of_the_seed(events, sandbox):
    """The same seed gives the same hits."""

    def played(seed):
        sandbox.faults.clear()
        sandbox.faults.seed(seed)
        sandbox.faults.add(InjectedFault(kind="null", probability=0.5))
        return [events().data == b"null" for _ in range(12)]

    first = played(1)
    assert played(1) == first
    assert True in first
    assert False in first
    assert played(2) != first


def test_a_search_is_hit_by_any_of_its_compartments(tenancy, connect, sandbox, clock):
    """A fault of one compartment hits the queries that name it."""
    below = tenancy.add_compartment("below")
    sandbox.faults.add(InjectedFault(service="logging", compartment=below))
    for scope, is_hit in ((f'"{tenancy.ocid}"', False), (f'"{tenancy.ocid}", "{below}/_Audit"', True)):
        details = SearchLogsDetails(
            time_start=clock(), time_end=clock() + MINUTE, search_query=f"search {scope}"
        )
        if is_hit:
            with pytest.raises(oci.exceptions.ServiceError):
                connect("logging").search_logs(details)
        else:
            assert connect("logging").search_logs(details).status == 200


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (InjectedFault(kind="empty_body"), b""),
        (InjectedFault(kind="null"), b"null"),
        (InjectedFault(kind="wrong_shape"), b'{"message":"unexpected"}'),
        (InjectedFault(kind="body", body=b"\xf0\x9f"), b"\xf0\x9f"),
    ],
)
@pytest.mark.slow
def test_odd_bodies_come_with_a_200(events, sandbox, fault, expected):
    """The status alone does not tell that anything is wrong."""
    sandbox.faults.add(fault)
    answer = events()
    assert (answer.status, answer.data) == (200, expected)


@pytest.mark.slow
def test_a_web_page_comes_with_a_200(events, sandbox):
    """As from a captive portal."""
    sandbox.faults.add(InjectedFault(kind="html"))
    answer = events()
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.data.startswith(b"<!DOCTYPE html>")


def test_a_list_is_due_where_an_object_comes_and_the_other_way_round(connect, tenancy, sandbox):
    """ListProblems sends an object, so its wrong shape is a list."""
    sandbox.faults.add(InjectedFault(kind="wrong_shape"))
    assert connect("cloudguard").list_problems(tenancy.ocid).data == ["unexpected"]


@pytest.mark.slow
def test_json_can_be_cut_with_the_right_length(events, sandbox):
    """HTTP is in order, the JSON is not."""
    whole = events().data
    sandbox.faults.add(InjectedFault(kind="cut_json"))
    assert events().data == whole[: len(whole) // 2]


@pytest.mark.parametrize("kind", ["broken_utf8", "control_characters"])
@pytest.mark.slow
def test_strange_bytes_are_inside_of_a_string(events, sandbox, kind):
    """One value is spoilt, and with it the page."""
    whole = events().data
    sandbox.faults.add(InjectedFault(kind=kind))
    spoilt = events().data
    assert len(spoilt) == len(whole) + 3
    with pytest.raises(UnicodeDecodeError if kind == "broken_utf8" else json.JSONDecodeError):
        json.loads(spoilt)


@pytest.mark.slow
def test_a_gzip_bomb_unpacks_to_its_size(events, sandbox, tenancy):
    """A thousandth on the wire; the true page, followed by blanks, when unpacked."""
    size = 64 << 20
    whole = events().data
    sandbox.faults.add(InjectedFault(kind="gzip_bomb", size=size))
    answer = events()
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < size // 500
    assert len(answer.data) == len(whole) + size
    assert answer.data.rstrip() == whole
    assert len(json.loads(answer.data)) == tenancy.audit.page_size


@pytest.mark.slow
def test_a_gzip_bomb_of_a_gibibyte_is_made_without_one():
    """Its trailer tells the true length, and making it holds a few megabytes."""
    bomb = gzip_bomb(b"[]", 1 << 30)
    assert len(bomb) < 4 << 20
    assert int.from_bytes(bomb[-4:], "little") == (1 << 30) + 2
    unpacked = zlib.decompressobj(wbits=31).decompress(bomb, 1000)
    assert unpacked == b"[]" + b" " * 998


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.slow
def test_a_redirect_leads_to_its_target(events, sandbox, status):
    """A client that follows is recorded there, with whether the signature came along."""
    with RedirectTarget() as target:
        sandbox.faults.add(
            InjectedFault(kind="redirect", status=status, location=target.url("/elsewhere?a=b"))
        )
        answer = events()
        assert answer.data == b"[]"
        [visit] = target.visits
    assert visit.target == "/elsewhere?a=b"
    assert visit.is_signed is False  # the SDK's requests strips it for another port


def test_a_redirect_without_a_location_leads_to_where_nobody_should_go(sandbox, tenancy):
    """A client that does not follow leaves no trace there."""
    sandbox.faults.add(InjectedFault(kind="redirect"))
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    try:
        connection.request("GET", f"/{HOME}/identity/20160918/tenancies/{tenancy.ocid}")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (302, unvisited_target().url("/redirected"))
    finally:
        connection.close()
    assert unvisited_target().visits == []


@pytest.mark.slow
def test_a_page_token_can_repeat_itself(events, sandbox):
    """From the first page on the next page is the same, also where there is only one."""
    sandbox.faults.add(InjectedFault(kind="repeated_page_token"))
    token = events().next_page
    assert events(page=token).next_page == token
    token = events(compartment=None, region=HOME, page=token).next_page
    sandbox.faults.clear()
    assert events(page=token).next_page is None


def test_a_page_token_can_repeat_itself_where_there_is_only_one_page(connect, tenancy, sandbox):
    """The invented token opens the same page as long as the fault lasts."""
    sandbox.faults.add(InjectedFault(kind="repeated_page_token"))
    client = connect("identity")
    first = client.list_compartments(tenancy.ocid)
    second = client.list_compartments(tenancy.ocid, page=first.next_page)
    assert first.next_page
    assert second.next_page == first.next_page
    sandbox.faults.clear()
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        client.list_compartments(tenancy.ocid, page=first.next_page)
    assert refused.value.status == 400


@pytest.mark.slow
def test_an_empty_page_token_comes_with_the_last_page_only(events, sandbox):
    """The end of the list is then an empty header, and nothing is cut off."""
    sandbox.faults.add(InjectedFault(kind="empty_page_token"))
    first = events()
    assert first.next_page
    assert events(page=first.next_page).next_page == ""


@pytest.mark.slow
def test_an_expired_token_stays_refused_and_a_new_listing_works(events, sandbox):
    """One hit spoils the listing for good; beginning again is the way out."""
    token = events().next_page
    sandbox.faults.add(InjectedFault(kind="expired_page_token", page="later", times=1))
    for _ in range(2):
        with pytest.raises(oci.exceptions.ServiceError) as refused:
            events(page=token)
        assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")
    again = events()
    assert events(page=again.next_page).status == 200


@pytest.mark.slow
def test_clock_skew_is_told_by_the_date_header(events, sandbox):
    """A 401 whose Date is an hour ahead."""
    sandbox.faults.add(InjectedFault(kind="clock_skew", seconds=3600))
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        events()
    error = refused.value
    ahead = parsedate_to_datetime(error.headers["date"]) - datetime.now(timezone.utc)
    assert (error.status, error.code) == (401, "NotAuthenticated")
    assert timedelta(minutes=59) < ahead < timedelta(minutes=61)


def test_an_unknown_kind_or_option_of_a_fault_is_refused(sandbox):
    """The error names the kinds that are registered, or the option that a kind lacks; nothing is put in force."""
    with pytest.raises(ValueError, match="'sleepy'; choose one of status, body, "):
        sandbox.faults.add(InjectedFault(kind="sleepy"))
    with pytest.raises(TypeError, match="'body' has no option seconds, status"):
        sandbox.faults.add(InjectedFault(kind="body", body=b"", status=500, seconds=1))
    assert sandbox.faults.pick(None) is None


def test_every_kind_of_fault_does_something():
    """A kind prepares, alters or delivers; a silent one delivers, as no status is sent otherwise."""
    for name, kind in FAULT_KINDS.items():
        assert kind.prepare or kind.alter or kind.send, name
        assert kind.send or not kind.is_silent, name


def test_page_tokens_can_have_no_end(connect, tenancy, sandbox):
    """Every page has a next one under a token that was never given before."""
    sandbox.faults.add(InjectedFault(kind="endless_page_tokens"))
    client, tokens = connect("identity"), [None]
    for _ in range(5):
        page = {} if tokens[-1] is None else {"page": tokens[-1]}
        tokens.append(client.list_compartments(tenancy.ocid, **page).next_page)
    assert None not in tokens[1:]
    assert len(set(tokens)) == 6
