"""The scope of a poll: which compartments and regions are read, and what is said where that cannot be known."""

from datetime import timedelta

import pytest
from support import seam
from support.collecting import COMPARTMENT, Answer, Host, denied

from signal_client_oci.polling import paging
from signal_client_oci.polling.scope_discovery import discovery
from signal_client_oci.polling.scope_discovery.compartment_lists import lists
from signal_client_oci.sandbox import InjectedFault

EVENTS, COMPARTMENTS = "/auditEvents", "/compartments"


def row(ocid, parent=seam.TENANCY, name="", state="ACTIVE", created="2024-01-01T00:00:00.000Z"):
    """A compartment as ListCompartments gives it."""
    return {
        "id": ocid,
        "compartmentId": parent,
        "name": name,
        "lifecycleState": state,
        "timeCreated": created,
    }


A, B, C, D = (f"{COMPARTMENT}{letter}" for letter in "abcd")
TREE = [row(C, B), row(B, A), row(D), row(A)]
"""a over b over c, and d beside a; not in the order of the tree."""


def read(oci):
    """The compartments that Audit was asked for."""
    return sorted(one.query["compartmentId"] for one in oci.paths(EVENTS))


@pytest.fixture
def whole(oci, instance):
    """An instance of the whole tree at the seam, where Audit is empty."""
    oci.audit(Answer([]))

    def make(**settings):
        return instance("audit", include_subcompartments=True, **settings)

    return make


# --- the tree -----------------------------------------------------------------------------------------------------


def test_the_root_and_all_below_are_read(oci, whole):
    """The list never names the root; it is read all the same, and every level below it, each once."""
    oci.compartments(Answer(TREE))
    whole().poll()
    assert read(oci) == sorted([seam.TENANCY, A, B, C, D])


def test_the_list_is_asked_for_in_the_tenancy(oci, whole):
    """The subtree is only listable from the tenancy: one request with subtree, ANY and 1,000 a page."""
    oci.compartments(Answer(TREE))
    whole(compartment_ocid=A).poll()
    (asked,) = oci.paths(COMPARTMENTS)
    assert asked.query | {"compartmentIdInSubtree": "x"} == {
        "compartmentId": seam.TENANCY,
        "compartmentIdInSubtree": "x",
        "accessLevel": "ANY",
        "limit": "1000",
    }
    assert asked.query["compartmentIdInSubtree"].lower() == "true"


def test_a_scope_below_the_root_is_walked_down(oci, whole):
    """Only the scope and what is below it is read, though the list holds all."""
    oci.compartments(Answer(TREE))
    whole(compartment_ocid=B).poll()
    assert read(oci) == [B, C]


def test_the_scope_alone_needs_no_list(oci, instance):
    """Without sub-compartments, Identity is not asked at all."""
    oci.audit(Answer([]))
    report = instance("audit", compartment_ocid=A).poll()
    assert read(oci) == [A]
    assert {one.service for one in oci.asked} == {"audit"}
    assert report["status"] == "ok"


def test_all_pages_of_the_list_are_read(oci, whole):
    """An empty page is not the end, an empty token is."""
    oci.compartments(
        Answer(TREE[:2], token="A"),
        Answer([], token="B"),
        Answer(TREE[2:3], token="C"),
        Answer(TREE[3:], token=""),
    )
    report = whole().poll()
    assert [one.query.get("page") for one in oci.paths(COMPARTMENTS)] == [None, "A", "B", "C"]
    assert read(oci) == sorted([seam.TENANCY, A, B, C, D])
    assert report["status"] == "ok"


def test_a_tree_that_bites_its_tail_is_walked_once(oci, whole):
    """Rows that repeat, name each other as parents, or have none, do not make the walk go round."""
    oci.compartments(Answer([row(A), row(A), row(B, C), row(C, B), row(D, None)]))
    whole().poll()
    assert read(oci) == sorted([seam.TENANCY, A])


def test_a_scope_that_is_not_in_the_list_is_read_and_told(oci, whole):
    """A compartment that the tenancy does not know is most likely a slip of the pen."""
    oci.compartments(Answer([row(A)]))
    host = whole(compartment_ocid=B)
    assert host.poll()["status"] == "degraded"
    assert host.warned() == {"COMPARTMENT_UNKNOWN"}
    assert read(oci) == [B]


def test_a_name_is_said_with_its_ocid(oci, whole):
    """A report names a compartment as the operator knows it."""
    oci.forget()
    oci.compartments(Answer([row(A, name="Network")]))
    oci.audit(lambda asked: denied() if asked.query["compartmentId"] == A else Answer([]))
    report = whole().poll()
    assert f"{A} (Network)" in report["sources"]["audit"]["error"]["message"]


# --- a list that cannot be had ------------------------------------------------------------------------------------


def test_a_denied_list_leaves_the_scope_alone(oci, whole):
    """Collected is what can be: the scope itself; the report is degraded and names the missing statement."""
    oci.compartments(denied())
    host = whole()
    report = host.poll()
    assert report["status"] == "degraded"
    assert report["sources"]["audit"]["status"] == "ok"
    (warning,) = report["warnings"]
    assert warning["code"] == "COMPARTMENTS_NOT_AUTHORIZED"
    assert "inspect compartments in tenancy" in warning["remedy"]
    assert "alone" in warning["message"]
    assert warning["opc_request_id"] == "RID"
    assert read(oci) == [seam.TENANCY]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([Answer(b"<html>")], "RESPONSE_NOT_JSON"),
        ([Answer({"items": []})], "RESPONSE_NOT_JSON"),
        ([Answer([{"name": "no id"}])], "RESPONSE_NOT_JSON"),
        ([Answer(TREE, token="A"), Answer([], token="A")], "PAGE_TOKEN_REPEATED"),
        ([Answer(TREE, token="A"), Answer({"code": "x", "message": "y"}, status=500)], "SERVICE_ERROR"),
    ],
    ids=["HTML", "object", "no id", "token", "second page"],
)
def test_half_a_list_is_no_list(oci, whole, answers, code):
    """What cannot be read to its end is not taken for the tree."""
    oci.compartments(*answers)
    host = whole()
    assert host.poll()["status"] == "degraded"
    assert host.warned() == {code}
    assert read(oci) == [seam.TENANCY]


@pytest.mark.slow
def test_what_a_first_poll_could_not_find_is_read_from_its_beginning(oci, whole, clock):
    """A list that is denied for days loses nothing: its compartments begin where the first poll began."""
    oci.compartments(denied())
    host = whole(lookback_minutes=60)
    host.poll()
    first = oci.paths(EVENTS)[0].query["startTime"]
    clock.advance(days=2)
    host.poll()
    oci.forget()
    oci.audit(Answer([]))
    oci.compartments(Answer([row(A)]))
    oci.asked.clear()
    clock.advance(days=1)
    assert host.poll()["status"] == "ok"
    assert (
        min(one.query["startTime"] for one in oci.paths(EVENTS) if one.query["compartmentId"] == A) == first
    )


def test_a_list_that_fails_later_is_made_up_for_by_the_last_one(oci, whole, clock):
    """In the same process, the compartments of the last list go on being read, and the report says so."""
    oci.compartments(Answer([row(A)]), denied())
    host = whole()
    host.poll()
    clock.advance(minutes=20)
    oci.asked.clear()
    report = host.poll()
    assert report["status"] == "degraded"
    assert "last list" in report["warnings"][0]["message"]
    assert read(oci) == sorted([seam.TENANCY, A])


@pytest.mark.slow
def test_what_could_not_be_listed_goes_on_from_its_position(oci, whole, clock, monkeypatch):
    """A new process that cannot list reads the scope alone; when it can again, nothing of the others is missing."""
    oci.compartments(Answer([row(A)]), denied(), Answer([row(A)]))
    host = whole()
    host.poll()
    covered = host.source("audit")["covered_until"]
    monkeypatch.setattr(lists, "_kept", {})
    clock.advance(hours=3)
    oci.asked.clear()
    host.poll()
    assert set(read(oci)) == {seam.TENANCY}
    clock.advance(hours=3)
    oci.asked.clear()
    host.poll()
    first = min(one.query["startTime"] for one in oci.paths(EVENTS) if one.query["compartmentId"] == A)
    assert first <= covered


# --- how often the list is taken ----------------------------------------------------------------------------------


def listings(oci, host, clock, minutes):
    """For each poll, `minutes` apart, whether the list was asked for."""
    asked = []
    for _ in range(8):
        before = len(oci.paths(COMPARTMENTS))
        host.poll()
        asked.append(len(oci.paths(COMPARTMENTS)) > before)
        clock.advance(minutes=minutes)
    return asked


@pytest.mark.slow
def test_the_list_is_taken_every_quarter_of_an_hour(oci, whole, clock):
    """Between two polls five minutes apart it is kept in memory, for 15 minutes."""
    oci.compartments(Answer(TREE))
    assert listings(oci, whole(), clock, 5) == [True, False, False, True, False, False, True, False]
    assert len(set(read(oci))) == 5


@pytest.mark.slow
def test_another_process_takes_its_own_list(oci, whole, clock, monkeypatch):
    """What is kept in memory is no part of the checkpoint."""
    oci.compartments(Answer(TREE))
    host = whole()
    host.poll()
    monkeypatch.setattr(lists, "_kept", {})
    clock.advance(minutes=5)
    host.poll()
    assert len(oci.paths(COMPARTMENTS)) == 2


@pytest.mark.slow
def test_a_kept_list_is_not_used_with_another_checkpoint(oci, whole, clock):
    """A checkpoint of an earlier poll, or of none, asks for the list again: it decides what counts as new."""
    oci.compartments(Answer(TREE), Answer(TREE), Answer([*TREE, row(f"{COMPARTMENT}e")]))
    host = whole()
    host.poll()
    first = host.stored
    clock.advance(minutes=20)
    host.poll()
    clock.advance(minutes=5)
    host.stored = first
    host.poll()
    assert len(oci.paths(COMPARTMENTS)) == 3
    host.stored = b"null"
    host.poll()
    assert len(oci.paths(COMPARTMENTS)) == 4


@pytest.mark.slow
def test_instances_keep_lists_of_their_own(oci, whole, clock):
    """A second instance of the same tenancy does not use the first one's list."""
    oci.compartments(Answer(TREE))
    one, other = whole(), whole()
    other.name = "other"
    one.poll()
    other.poll()
    clock.advance(minutes=5)
    one.poll()
    other.poll()
    assert len(oci.paths(COMPARTMENTS)) == 2


def test_the_checkpoint_holds_no_list(oci, whole):
    """Neither OCIDs nor names of compartments are stored."""
    oci.compartments(Answer([row(A, name="a-very-special-name")]))
    host = whole()
    host.poll()
    assert A.encode() not in host.stored
    assert b"special" not in host.stored


# --- regions ------------------------------------------------------------------------------------------------------


def subscriptions(**statuses):
    """An answer of ListRegionSubscriptions."""
    return Answer(
        [{"regionName": name.replace("_", "-"), "status": status} for name, status in statuses.items()]
    )


def ask_regions(oci, answer):
    """Answer ListRegionSubscriptions."""
    oci.answer("identity", f"/tenancies/{seam.TENANCY}/regionSubscriptions", answer)


def test_all_regions_are_those_that_are_ready(oci, instance):
    """`["all"]` reads the subscribed regions that are READY, and the home region once."""
    for region in ("us-ashburn-1", "eu-frankfurt-1"):
        oci.audit(Answer([]), region=region)
    ask_regions(oci, subscriptions(us_ashburn_1="READY", eu_frankfurt_1="READY", uk_london_1="IN_PROGRESS"))
    report = instance("audit", additional_regions=["all"]).poll()
    assert sorted(one.region for one in oci.paths(EVENTS)) == ["eu-frankfurt-1", "us-ashburn-1"]
    assert report["status"] == "ok"


def test_denied_subscriptions_leave_the_home_region(oci, instance):
    """Collected is what can be; the report is degraded and names the missing statement."""
    oci.audit(Answer([]))
    ask_regions(oci, denied())
    report = instance("audit", additional_regions=["all"]).poll()
    assert report["status"] == "degraded"
    (warning,) = report["warnings"]
    assert warning["code"] == "REGIONS_NOT_AUTHORIZED"
    assert "inspect tenancies in tenancy" in warning["remedy"]
    assert warning["message"].startswith("OCI returned 404 for the list of subscribed regions: ")
    assert "list of compartments" not in warning["message"]
    assert [one.region for one in oci.paths(EVENTS)] == ["us-ashburn-1"]


@pytest.mark.parametrize("name", ["mars-1", "evil.example.com", "", "../audit", "US East"])
def test_a_region_that_nobody_knows_is_no_host(oci, instance, name):
    """A name from Identity is checked like one from the form before a request goes there."""
    oci.audit(Answer([]))
    ask_regions(oci, Answer([{"regionName": name, "status": "READY"}]))
    host = instance("audit", additional_regions=["all"])
    assert host.poll()["status"] == "degraded"
    assert host.warned() == {"REGION_UNKNOWN"}
    assert {one.region for one in oci.paths(EVENTS)} == {"us-ashburn-1"}


def test_named_regions_need_no_list(oci, instance):
    """Regions of the settings are read without asking Identity; the home region among them counts once."""
    for region in ("us-ashburn-1", "eu-frankfurt-1"):
        oci.audit(Answer([]), region=region)
    instance("audit", additional_regions=["fra", "us-ashburn-1", "eu-frankfurt-1"]).poll()
    assert sorted(one.region for one in oci.asked) == ["eu-frankfurt-1", "us-ashburn-1"]


# --- over sockets: a tree that changes ----------------------------------------------------------------------------


@pytest.fixture
def tenancy(cloud, clock):
    """A tenancy of three levels, a year old, in one region."""
    tenancy = cloud.add_tenancy(regions=("us-ashburn-1",))
    old = clock() - timedelta(days=365)
    tenancy.first = tenancy.add_compartment("first", created=old)
    tenancy.second = tenancy.add_compartment("second", tenancy.first, created=old)
    tenancy.third = tenancy.add_compartment("third", tenancy.second, created=old)
    return tenancy


@pytest.fixture
def host(tenancy, clock):
    """An instance that reads Audit of all of it."""
    return Host(tenancy.settings(logging_enabled=False, cloud_guard_enabled=False), clock)


def asked_for(cloud, ocid):
    """How often Audit was asked for a compartment."""
    return sum(one.operation == "list_events" and one.compartment == ocid for one in cloud.requests)


@pytest.mark.slow
def test_a_compartment_that_is_created_later_is_read_from_its_creation(tenancy, host, clock):
    """Also if the host was away for longer than the lookback when it was created."""
    host.poll()
    clock.advance(minutes=7)
    ocid = tenancy.add_compartment("new", tenancy.second)
    tenancy.emit_audit_event("us-ashburn-1", ocid)
    clock.advance(hours=9)
    tenancy.emit_audit_event("us-ashburn-1", ocid)
    clock.advance(minutes=5)
    host.poll()
    assert host.keys("audit") == tenancy.ground_truth.keys("audit")


@pytest.mark.slow
def test_a_deleted_compartment_is_read_until_its_late_events_are_in(cloud, tenancy, host, clock):
    """Events that show up after the deletion still come; afterwards it costs no request."""
    host.poll()
    clock.advance(minutes=5)
    for late in (1, 8, 14):
        tenancy.emit_audit_event("us-ashburn-1", tenancy.third, visible=clock() + timedelta(minutes=late))
    tenancy.delete_compartment(tenancy.third)
    counts = []
    for _ in range(20):
        assert host.poll()["status"] == "ok"
        counts.append(asked_for(cloud, tenancy.third))
        clock.advance(minutes=5)
    assert host.keys("audit") == tenancy.ground_truth.keys("audit")
    assert counts[-1] == counts[-4]


@pytest.mark.slow
def test_a_404_of_a_deleted_compartment_is_no_failure(cloud, tenancy, host, clock):
    """Also before the list is due again, every report stays ok, and in the end it is given up."""
    host.poll()
    clock.advance(minutes=5)
    host.poll()
    tenancy.delete_compartment(tenancy.third, readable=False)
    counts, statuses = [], []
    for _ in range(20):
        clock.advance(minutes=5)
        statuses.append(host.poll()["status"])
        counts.append(asked_for(cloud, tenancy.third))
    assert statuses == ["ok"] * 20
    assert counts[-1] == counts[-4]


@pytest.mark.slow
def test_a_denied_compartment_is_told_and_taken_up_again(tenancy, host, clock):
    """One that is not deleted but denied is named by the report, and read from its position once it is allowed."""
    host.poll()
    tenancy.deny("audit", tenancy.second)
    clock.advance(minutes=5)
    tenancy.emit_audit_event("us-ashburn-1", tenancy.second)
    clock.advance(hours=8)
    report = host.poll()
    assert report["status"] == "degraded"
    assert tenancy.second in report["sources"]["audit"]["error"]["message"]
    tenancy.allow("audit", tenancy.second)
    clock.advance(minutes=5)
    assert host.poll()["status"] == "ok"
    assert host.keys("audit") == tenancy.ground_truth.keys("audit")


@pytest.mark.slow
def test_a_list_that_hangs_does_not_stop_the_collection(cloud, tenancy, host, clock):
    """Identity that does not answer costs part of the poll's time; the scope itself is read within it."""
    tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid)
    cloud.faults.add(InjectedFault("hang", service="identity"))
    clock.advance(minutes=5)
    report = host.poll(deadline_seconds=1.5)
    assert report["status"] == "degraded"
    assert host.keys("audit") == tenancy.ground_truth.keys("audit")
    assert "TIMEOUT" in host.warned()


# --- how much is listed -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(oci, whole):
    """A page of more rows than any has begins the list again with fewer compartments a page."""
    large = Answer([row(f"{COMPARTMENT}{number}") for number in range(20_001)])
    oci.compartments(large, Answer([row(A)], token="2"), Answer([row(B)]))
    assert whole().poll()["status"] == "ok"
    assert [one.query["limit"] for one in oci.paths(COMPARTMENTS)] == ["1000", "100", "100"]
    assert read(oci) == sorted([seam.TENANCY, A, B])


@pytest.mark.parametrize(("module", "limit"), [(paging, "PAGES_A_SLICE"), (discovery, "MAX_COMPARTMENTS")])
def test_a_list_without_an_end_ends(oci, whole, monkeypatch, module, limit):
    """After so many pages or rows the compartments listed so far are read, with a warning; the rest stays owed."""
    monkeypatch.setattr(module, limit, 3)
    pages = [Answer([row(f"{COMPARTMENT}{number}")], token=str(number)) for number in range(9)]
    oci.compartments(*pages)
    host = whole()
    report = host.poll()
    (warning,) = report["warnings"]
    assert warning["code"] == "PAGES_WITHOUT_END"
    assert "the first 3 compartments" in warning["message"]
    assert report["status"] == "degraded"
    assert read(oci) == sorted([seam.TENANCY, *(f"{COMPARTMENT}{number}" for number in range(3))])
    assert report["checkpoint"]["owed_since"]
