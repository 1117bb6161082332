"""The Audit source at the HTTP seam: what is asked, and what is made of the answers."""

import json

import pytest
from support import seam
from support.collecting import COMPARTMENT, Answer, at, denied
from support.sandbox_changes import move_to

from signal_client_oci import __version__

EVENTS = "/20190901/auditEvents"


def event(number, moment="08:30:00", **fields):
    """One event."""
    return {
        "eventId": f"event-{number}",
        "eventTime": f"2026-03-02T{moment}.000Z",
        "eventType": "com.oraclecloud.ComputeApi.GetInstance",
        "source": "ComputeApi",
        "data": {"compartmentId": seam.TENANCY, "eventName": "GetInstance"},
    } | fields


def ids(host):
    """The events that were delivered, in order."""
    return [json.loads(artifact["raw"])["eventId"] for artifact in host.artifacts("audit")]


def test_the_request(oci, instance, clock):
    """ListEvents: one GET with compartment, start and end on whole minutes, signed, and nothing else."""
    oci.audit(Answer([event(1)]))
    move_to(clock, at("09:00:59"))
    host = instance("audit")
    assert host.poll()["status"] == "ok"
    (asked,) = oci.asked
    assert (asked.method, asked.path, asked.body) == ("GET", EVENTS, None)
    assert asked.query == {
        "compartmentId": seam.TENANCY,
        "startTime": "2026-03-02T07:59:00Z",
        "endTime": "2026-03-02T08:59:00Z",
    }
    assert asked.headers["authorization"].startswith("Signature ")
    assert f"signal-client-oci/{__version__}" in asked.headers["user-agent"]
    assert ids(host) == ["event-1"]


@pytest.mark.slow
def test_the_next_window_goes_on_from_the_last(oci, instance, clock):
    """The second poll starts the overlap before the first one's end, and ends a minute before its own now."""
    oci.audit(Answer([]))
    move_to(clock, at("09:00:00"))
    host = instance("audit", lookback_minutes=10, overlap_minutes=3)
    host.poll()
    move_to(clock, at("09:15:00"))
    host.poll()
    move_to(clock, at("09:20:30"))
    host.poll()
    windows = [(one.query["startTime"][11:16], one.query["endTime"][11:16]) for one in oci.asked]
    assert windows == [("08:49", "08:59"), ("08:49", "09:14"), ("08:59", "09:19")]
    assert host.source("audit")["covered_until"] == "2026-03-02T09:19:00Z"


def test_pages_are_followed_by_their_token(oci, instance):
    """The token goes back as `page` with the same window; an empty page is not the end, a missing token is."""
    oci.audit(Answer([event(1)], token="A"), Answer([], token="B"), Answer([], token="C"), Answer([event(2)]))
    host = instance("audit")
    report = host.poll()
    assert [one.query.get("page") for one in oci.asked] == [None, "A", "B", "C"]
    assert len({(one.query["startTime"], one.query["endTime"]) for one in oci.asked}) == 1
    assert ids(host) == ["event-1", "event-2"]
    assert report["sources"]["audit"]["requests"] == 4


def test_an_empty_token_is_the_end(oci, instance):
    """`opc-next-page:` without a value is no page to ask for."""
    oci.audit(Answer([event(1)], token=""))
    host = instance("audit")
    assert host.poll()["status"] == "ok"
    assert len(oci.asked) == 1


def test_a_token_with_odd_characters_arrives_as_it_came(oci, instance):
    """Plus, slash, equals and percent in a token survive the way through the query string."""
    token = "a+b/c==&d%20é"
    oci.audit(Answer([], token=token.encode().decode("latin-1")), Answer([event(1)]))
    host = instance("audit")
    host.poll()
    assert len(oci.asked) == 2
    assert oci.asked[1].query["page"] in {token, token.encode().decode("latin-1")}


@pytest.mark.slow
def test_the_same_token_twice_is_an_error(oci, instance, clock):
    """The window fails and stays; what its pages held is delivered, once, also when it is read again."""
    oci.audit(
        Answer([event(1)], token="A"), Answer([event(2)], token="A"), Answer([event(1), event(2), event(3)])
    )
    host = instance("audit")
    report = host.poll()
    assert len(oci.asked) == 2
    assert report["status"] == "failed"
    assert report["sources"]["audit"]["error"]["code"] == "PAGE_TOKEN_REPEATED"
    assert report["sources"]["audit"]["error"]["opc_request_id"] == "RID"
    clock.advance(minutes=5)
    assert host.poll()["status"] == "ok"
    assert oci.asked[2].query["startTime"] == oci.asked[0].query["startTime"]
    assert ids(host) == ["event-1", "event-2", "event-3"]


def test_an_expired_token_starts_the_window_again(oci, instance):
    """A 400 for a later page reads the window once more from its first page, in the same poll."""
    refused = Answer({"code": "InvalidParameter", "message": "page"}, status=400)
    oci.audit(Answer([event(1)], token="A"), refused, Answer([event(1)], token="B"), Answer([event(2)]))
    host = instance("audit")
    report = host.poll()
    assert [one.query.get("page") for one in oci.asked] == [None, "A", None, "B"]
    assert report["status"] == "ok"
    assert ids(host) == ["event-1", "event-2"]
    assert report["sources"]["audit"]["counts"]["duplicates"] == 1


def test_each_compartment_is_asked_for_alone(oci, instance):
    """ListEvents has no subtree flag: one request for each compartment and region, the root too."""
    row = {"id": COMPARTMENT, "compartmentId": seam.TENANCY, "name": "prod", "lifecycleState": "ACTIVE"}
    oci.compartments(Answer([row]))
    oci.audit(Answer([]))
    oci.audit(Answer([]), region="eu-frankfurt-1")
    host = instance("audit", include_subcompartments=True, additional_regions=["eu-frankfurt-1"])
    host.poll()
    assert sorted((one.region, one.query["compartmentId"]) for one in oci.paths(EVENTS)) == [
        ("eu-frankfurt-1", COMPARTMENT),
        ("eu-frankfurt-1", seam.TENANCY),
        ("us-ashburn-1", COMPARTMENT),
        ("us-ashburn-1", seam.TENANCY),
    ]
    assert host.source("audit")["counts"]["read"] == 4


@pytest.mark.slow
def test_a_long_lookback_is_read_in_pieces(oci, instance, clock):
    """Two weeks are asked for in windows that touch, none longer than a week, each with seconds of zero."""
    move_to(clock, at("09:00:00"))
    oci.audit(Answer([]))
    instance("audit", lookback_minutes=20160).poll()
    windows = sorted((one.query["startTime"], one.query["endTime"]) for one in oci.asked)
    assert windows[0][0] == "2026-02-16T08:59:00Z"
    assert windows[-1][1] == "2026-03-02T08:59:00Z"
    assert [start for start, _ in windows[1:]] == [end for _, end in windows[:-1]]
    assert 2 <= len(windows) <= 100
    assert all(moment.endswith(":00Z") for window in windows for moment in window)


def test_what_is_read_twice_is_delivered_once(oci, instance, clock):
    """An event in the overlap, or twice on a page, is counted as a duplicate and not delivered again."""
    oci.audit(Answer([event(1), event(1)]))
    host = instance("audit")
    host.poll()
    assert host.source("audit")["counts"]["duplicates"] == 1
    clock.advance(minutes=5)
    host.poll()
    assert host.source("audit")["counts"]["duplicates"] == 2
    assert ids(host) == ["event-1"]


def test_the_same_event_of_two_regions_is_two(oci, instance):
    """An event id counts in its region only."""
    oci.audit(Answer([event(1)]))
    oci.audit(Answer([event(1)]), region="eu-frankfurt-1")
    host = instance("audit", additional_regions=["eu-frankfurt-1"])
    host.poll()
    assert len({artifact["id"] for artifact in host.artifacts("audit")}) == 2


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"", b"null", b'{"items": []}', b'"text"', b'[{"eventId": "']
)
def test_an_answer_that_is_no_list_is_a_failure(oci, instance, body):
    """A 200 with something else is tried again, then reported; it is never taken for "no events"."""
    oci.audit(Answer(body))
    host = instance("audit")
    report = host.poll()
    assert report["sources"]["audit"]["error"]["code"] in {"RESPONSE_NOT_JSON", "RESPONSE_CUT_OFF"}
    assert report["sources"]["audit"]["retries"] == 3
    assert report["sources"]["audit"]["covered_until"] == "2026-03-02T07:59:00Z"
    assert report["status"] == "failed"


def test_a_denial_names_the_policy(oci, instance):
    """A 404 is reported with the compartment, the statement that is missing, and OCI's request id."""
    oci.audit(denied())
    report = instance("audit").poll()
    error = report["sources"]["audit"]["error"]
    assert error["code"] == "AUDIT_NOT_AUTHORIZED"
    assert "read audit-events in tenancy" in error["remedy"]
    assert seam.TENANCY in error["message"]
    assert error["opc_request_id"] == "RID"
    assert report["sources"]["audit"]["counts"] == {"read": 0, "denied": 1}


def test_raw_is_the_text_that_came(oci, instance):
    """Spaces, key order, digits and unknown fields of an event arrive as the service sent them."""
    text = '{ "eventId":"event-1" , "z": 1.0e2, "eventTime":"2026-03-02T08:30:00.000Z", "omega":12345678901234567890 }'
    oci.audit(Answer(f"[{text}]".encode()))
    host = instance("audit")
    host.poll()
    assert [artifact["raw"] for artifact in host.artifacts("audit")] == [text]
