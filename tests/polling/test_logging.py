"""The Logging source at the HTTP seam: what is asked, and what is made of the answers."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from support import seam
from support.collecting import COMPARTMENT, Answer, Host, at, denied
from support.sandbox_changes import move_to

from signal_client_oci.sandbox import VirtualClock

SEARCH = "/20190909/search"


def record(marker, *, group="ocid1.loggroup.oc1.iad.a", compartment=seam.TENANCY):
    """One item of `results`."""
    content = {
        "id": "159f15e5",
        "time": "2026-03-02T08:30:00.000Z",
        "type": "com.oraclecloud.vcn.flowlogs.DataEvent",
        "data": {"sandboxMarker": marker},
        "oracle": {"compartmentid": compartment, "loggroupid": group},
    }
    return {"data": {"datetime": 1_772_440_200_000, "logContent": content}}


def found(*records, token=None):
    """One page of SearchLogs."""
    return Answer({"results": list(records), "summary": {"resultCount": len(records)}}, token=token)


def rows(count):
    """Compartments below the root, as ListCompartments gives them."""
    return [
        {
            "id": f"{COMPARTMENT}{n:03}",
            "compartmentId": seam.TENANCY,
            "name": f"c{n}",
            "lifecycleState": "ACTIVE",
        }
        for n in range(count)
    ]


def scopes(asked):
    """The compartments that a query names."""
    query = asked.body["searchQuery"]
    return [text.strip().strip('"') for text in query.removeprefix("search ").split(" | ")[0].split(",")]


def test_the_request(oci, instance, clock):
    """SearchLogs: one POST with 1,000 a page, the window on whole minutes, the scope, and an order by time."""
    oci.logging(found(record("a")))
    move_to(clock, at("09:00:59"))
    host = instance("logging")
    assert host.poll()["status"] == "ok"
    (asked,) = oci.asked
    assert (asked.method, asked.path, asked.query) == ("POST", SEARCH, {"limit": "1000"})
    assert asked.body == {
        "timeStart": "2026-03-02T07:59:00Z",
        "timeEnd": "2026-03-02T08:59:00Z",
        "searchQuery": f'search "{seam.TENANCY}" | sort by datetime asc',
    }
    assert asked.headers["content-type"] == "application/json"
    assert host.keys("logging") == ["a"]


def test_the_operators_clause_stands_between_scope_and_sort(oci, instance):
    """The clause is one stage after the scope; the plugin's own sort follows it."""
    oci.logging(found())
    instance("logging", logging_query="  | where type = 'x' and data.action = 'a | b'  ").poll()
    assert oci.asked[0].body["searchQuery"] == (
        f"search \"{seam.TENANCY}\" | where type = 'x' and data.action = 'a | b' | sort by datetime asc"
    )


def test_several_compartments_are_one_query(oci, instance):
    """All compartments at the same position are searched together."""
    oci.compartments(Answer(rows(3)))
    oci.logging(found())
    instance("logging", include_subcompartments=True, logging_query="where id = '1'").poll()
    (asked,) = oci.paths(SEARCH)
    names = ", ".join(f'"{ocid}"' for ocid in scopes(asked))
    assert asked.body["searchQuery"] == f"search {names} | where id = '1' | sort by datetime asc"
    assert sorted(scopes(asked)) == sorted([seam.TENANCY, *(row["id"] for row in rows(3))])


def test_many_compartments_are_as_few_queries_as_possible(oci, instance):
    """120 compartments are searched in groups of at most fifty, each compartment once."""
    oci.compartments(Answer(rows(119)))
    oci.logging(found())
    instance("logging", include_subcompartments=True).poll()
    groups = [scopes(asked) for asked in oci.paths(SEARCH)]
    assert sorted(map(len, groups)) == [20, 50, 50]
    assert len({ocid for group in groups for ocid in group}) == 120


def test_pages_keep_the_query_and_its_bounds(oci, instance):
    """The token is the parameter `page`; body and limit stay the same, and an empty page is not the end."""
    oci.logging(found(record("a"), token="A"), found(token="B"), found(record("b"), token=""))
    host = instance("logging")
    host.poll()
    assert [one.query for one in oci.asked] == [
        {"limit": "1000"},
        {"limit": "1000", "page": "A"},
        {"limit": "1000", "page": "B"},
    ]
    assert oci.asked[0].body == oci.asked[1].body == oci.asked[2].body
    assert host.keys("logging") == ["a", "b"]


def test_the_same_token_twice_is_an_error(oci, instance):
    """The window fails and stays, and what it held is delivered once."""
    oci.logging(found(record("a"), token="A"), found(record("b"), token="A"), found(record("a"), record("b")))
    host = instance("logging")
    assert host.poll()["sources"]["logging"]["error"]["code"] == "PAGE_TOKEN_REPEATED"
    assert host.source("logging")["covered_until"] == "2026-03-02T07:59:00Z"
    assert host.poll()["status"] == "ok"
    assert host.keys("logging") == ["a", "b"]


@pytest.mark.slow
def test_no_query_is_longer_than_two_weeks(oci, instance, clock):
    """After 20 days all is asked for, in windows that share a minute with their neighbours, none over 14 days."""
    oci.logging(found())
    move_to(clock, at("09:00:00"))
    host = instance("logging", lookback_minutes=60)
    host.poll()
    oci.asked.clear()
    clock.advance(days=20)
    report = host.poll()
    windows = sorted((_moment(one.body["timeStart"]), _moment(one.body["timeEnd"])) for one in oci.asked)
    assert windows[0][0] <= at("08:59:00")
    assert windows[-1][1] == at("08:59:00") + timedelta(days=20)
    assert {end - start for (_, end), (start, _) in pairwise(windows)} == {timedelta(minutes=1)}
    assert max(end - start for start, end in windows) <= timedelta(days=14)
    assert report["status"] == "ok"


def _moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_what_audit_collects_is_left_out_and_counted(oci, instance):
    """Records of the group `_Audit` are not delivered twice: not by Logging while Audit is on."""
    oci.audit(Answer([]))
    oci.logging(
        found(record("a", group="_Audit"), record("b"), record("c", group="_Audit_Include_Subcompartment"))
    )
    host = instance("audit", "logging")
    host.poll()
    assert host.keys("logging") == ["b"]
    assert host.source("logging")["counts"]["left_to_audit"] == 2
    assert host.source("logging")["fetched"] == 1


def test_without_audit_its_records_come_through_logging(oci, instance):
    """With Audit switched off, the records of `_Audit` are log records like others."""
    oci.logging(found(record("a", group="_Audit"), record("b")))
    host = instance("logging")
    host.poll()
    assert host.keys("logging") == ["a", "b"]
    assert "left_to_audit" not in host.source("logging")["counts"]


def test_records_with_one_id_are_as_many_as_they_are(oci, instance):
    """The id of a record is not unique: records that differ are all delivered, equal ones are one."""
    oci.logging(found(record("a"), record("b"), record("b"), record("c")))
    host = instance("logging")
    host.poll()
    assert host.keys("logging") == ["a", "b", "c"]
    assert len({artifact["id"] for artifact in host.artifacts("logging")}) == 3


def test_a_denied_compartment_is_found_among_many(oci, instance, clock):
    """A query that is refused is halved until the refused compartment stands alone; the others are read.

    The next poll asks for it alone from the beginning.
    """
    sick = rows(8)[5]["id"]
    oci.compartments(Answer(rows(8)))
    oci.logging(lambda asked: denied() if sick in scopes(asked) else found(*map(record, scopes(asked))))
    host = instance("logging", include_subcompartments=True)
    report = host.poll()
    error = report["sources"]["logging"]["error"]
    assert error["code"] == "LOGGING_NOT_AUTHORIZED"
    assert sick in error["message"]
    assert "read log-content in tenancy" in error["remedy"]
    assert report["sources"]["logging"]["counts"] == {"read": 8, "denied": 1}
    assert host.keys("logging") == sorted(
        [seam.TENANCY, *(row["id"] for row in rows(8) if row["id"] != sick)]
    )
    count = len(oci.paths(SEARCH))
    assert count <= 9
    clock.advance(minutes=5)
    host.poll()
    assert len(oci.paths(SEARCH)) - count == 2


@pytest.mark.slow
def test_a_page_that_never_comes_is_read_compartment_by_compartment(oci, instance):
    """Where a query of several fails for ever, each is asked for alone, so that one cannot hold up the others."""
    sick = rows(3)[1]["id"]
    failing = Answer({"code": "InternalServerError", "message": "x"}, status=500)
    oci.compartments(Answer(rows(3)))
    oci.logging(lambda asked: failing if sick in scopes(asked) else found(*map(record, scopes(asked))))
    host = instance("logging", include_subcompartments=True)
    report = host.poll()
    assert report["sources"]["logging"]["status"] == "partial"
    assert report["sources"]["logging"]["error"]["code"] == "SERVICE_ERROR"
    assert report["sources"]["logging"]["counts"] == {"read": 3, "failed": 1}
    assert host.keys("logging") == sorted([seam.TENANCY, rows(3)[0]["id"], rows(3)[2]["id"]])


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"results": null}', b'{"items": []}', b"", b'{"results": [{']
)
def test_an_answer_without_results_is_a_failure(oci, instance, body):
    """A 200 with something else is never taken for "no records"."""
    oci.logging(Answer(body))
    report = instance("logging").poll()
    assert report["sources"]["logging"]["error"]["code"] in {"RESPONSE_NOT_JSON", "RESPONSE_CUT_OFF"}
    assert report["sources"]["logging"]["covered_until"] == "2026-03-02T07:59:00Z"


@pytest.mark.slow
@pytest.mark.parametrize("bounds", ["[)", "[]", "(]", "()"])
@pytest.mark.parametrize("overlap", [0, 15])
def test_whatever_the_bounds_are_each_record_comes_once(cloud, bounds, overlap):
    """Whether a window's ends belong to it is not documented: records on whole minutes come once in each case."""
    tenancy = cloud.add_tenancy(regions=("us-ashburn-1",))
    tenancy.logging.bounds = bounds
    clock = VirtualClock(at("09:00:00"))
    tenancy.clock = clock
    host = Host(
        tenancy.settings(
            overlap_minutes=overlap,
            audit_enabled=False,
            cloud_guard_enabled=False,
            include_subcompartments=False,
        ),
        clock,
    )
    for minute in range(26):
        tenancy.emit_log_record("us-ashburn-1", tenancy.ocid, time=at("08:45:00") + timedelta(minutes=minute))
    for _ in range(10):
        host.poll()
        clock.advance(minutes=5)
    assert host.keys("logging") == tenancy.ground_truth.keys("logging")
