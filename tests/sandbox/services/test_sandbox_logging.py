"""The sandbox's Logging service, read with the real SDK."""

import re
from datetime import timedelta

import oci
import pytest
from oci.loggingsearch.models import SearchLogsDetails

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"
MINUTE = timedelta(minutes=1)
SORTED = "| sort by datetime asc"


@pytest.fixture
def search(connect, pages):
    """Search to the end: `search(query, start, end)` gives logContent of every record."""

    def run(query, start, end, region=HOME, limit=1000):
        details = SearchLogsDetails(time_start=start, time_end=end, search_query=query)
        found = pages(connect("logging", region).search_logs, details, limit=limit)
        return [result["data"]["logContent"] for page in found for result in page["results"]]

    return run


def markers(contents):
    """Return the markers of records, in their order."""
    return [content["data"]["sandboxMarker"] for content in contents]


def test_a_scope_is_a_compartment_a_group_or_a_log(tenancy, search, clock):
    """Each level of the scope narrows the search; compartments below are not included."""
    below = tenancy.add_compartment("below")
    group = tenancy.add_log_group(HOME, tenancy.ocid, "group")
    first, second = tenancy.add_log(group, "first"), tenancy.add_log(group, "second")
    tenancy.emit_log_record(HOME, tenancy.ocid, marker="first", group=group.ocid, log=first)
    tenancy.emit_log_record(HOME, tenancy.ocid, marker="second", group=group.ocid, log=second)
    other_group = tenancy.add_log_group(HOME, tenancy.ocid, "other").ocid
    tenancy.emit_log_record(HOME, tenancy.ocid, marker="other", group=other_group)
    tenancy.emit_log_record(HOME, below, marker="below")
    tenancy.emit_log_record(OTHER, tenancy.ocid, marker="region")
    found = {
        scope: set(markers(search(f'search "{scope}" {SORTED}', clock(), clock() + MINUTE)))
        for scope in (
            tenancy.ocid,
            f"{tenancy.ocid}/{group.ocid}",
            f"{tenancy.ocid}/{group.ocid}/{first}",
            below,
            f'{below}", "{tenancy.ocid}/{other_group}',
        )
    }
    assert list(found.values()) == [
        {"first", "second", "other"},
        {"first", "second"},
        {"first"},
        {"below"},
        {"below", "other"},
    ]


def test_a_wrong_scope_gives_nothing_and_a_denied_one_refuses_the_query(tenancy, search, clock):
    """200 without rows for what does not exist, 404 for the whole query if one compartment is denied."""
    denied = tenancy.add_compartment("denied")
    tenancy.emit_log_record(HOME, tenancy.ocid)
    tenancy.deny("logging", compartment=denied)
    window = (clock(), clock() + MINUTE)
    assert search('search "ocid1.compartment.oc1..none"', *window) == []
    assert search(f'search "{tenancy.ocid}/ocid1.loggroup.oc1..none"', *window) == []
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        search(f'search "{tenancy.ocid}", "{denied}"', *window)
    assert (refused.value.status, refused.value.code) == (404, "NotAuthorizedOrNotFound")


@pytest.mark.parametrize(
    ("bounds", "expected"), [("[)", ["start"]), ("[]", ["start", "end"]), ("(]", ["end"]), ("()", [])]
)
def test_the_bounds_can_be_played_in_every_way(tenancy, search, clock, bounds, expected):
    """Whether start and end belong to a window is not documented."""
    tenancy.logging.bounds = bounds
    start, end = clock(), clock() + MINUTE
    clock.advance(hours=1)
    tenancy.emit_log_record(HOME, tenancy.ocid, time=start, marker="start")
    tenancy.emit_log_record(HOME, tenancy.ocid, time=end, marker="end")
    assert markers(search(f'search "{tenancy.ocid}" {SORTED}', start, end)) == expected


def test_a_late_record_appears_at_its_own_time(tenancy, search, clock):
    """The window is on the record's time, not on its arrival."""
    time = clock()
    tenancy.emit_log_record(HOME, tenancy.ocid, time=time, visible=time + 10 * MINUTE)
    query = f'search "{tenancy.ocid}" {SORTED}'
    assert search(query, time, time + MINUTE) == []
    clock.advance(minutes=10)
    assert len(search(query, time, time + MINUTE)) == 1


@pytest.mark.parametrize("order", ["", "| sort by datetime asc", "| sort by datetime desc"])
@pytest.mark.parametrize("empty_pages", [frozenset(), frozenset({1, 3})])
def test_pages_give_everything_once_in_any_order(tenancy, search, clock, order, empty_pages):
    """Nothing is lost between pages, with one time for all records and several compartments."""
    below = tenancy.add_compartment("below")
    tenancy.logging.empty_pages = empty_pages
    for number in range(25):
        tenancy.emit_log_record(HOME, below if number % 2 else tenancy.ocid, time=clock())
    found = search(f'search "{tenancy.ocid}", "{below}" {order}', clock(), clock() + MINUTE, limit=10)
    assert sorted(markers(found)) == tenancy.ground_truth.keys("logging")


def test_order_exists_only_on_request(tenancy, search, clock):
    """Without `sort by` the order is none."""
    start = clock()
    clock.advance(hours=1)
    for number in range(20):
        tenancy.emit_log_record(
            HOME, tenancy.ocid, time=start + timedelta(seconds=number), marker=str(number)
        )
    window = (start, start + MINUTE)
    expected = [str(number) for number in range(20)]
    assert markers(search(f'search "{tenancy.ocid}" {SORTED}', *window)) == expected
    assert markers(search(f'search "{tenancy.ocid}" | sort by datetime desc', *window)) == expected[::-1]
    assert markers(search(f'search "{tenancy.ocid}"', *window)) not in (expected, expected[::-1])


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("where type = 'a'", ["one"]),
        ("where type != 'a'", ["two"]),
        ("type='a'", ["one"]),
        ("data.flag", ["two"]),
        ("not data.flag", ["one"]),
        ("WHERE NOT (type = 'a' OR data.flag)", []),
        ("where data.count = 2 and type = 'b'", ["two"]),
        ("where data.count = 2 | where type = 'a'", []),
        ("where type = 'a' or type = 'b' and data.count = 1", ["one"]),
        ("where (type = 'a' or type = 'b') and data.count = 2", ["two"]),
        ("where type in ('a', 'c')", ["one"]),
        ("where data.count not in [1, 3]", ["two"]),
        ("where data.count in []", []),
        ("where data.count > 1", ["two"]),
        ("where data.count >= 1 and data.count < 2", ["one"]),
        ("where data.count = +2 or data.count < -1.5e3", ["two"]),
        ("where data.name > 1 or data.name <= 2", []),
        ("where datetime > 1000 and isnull(data.flag)", ["one"]),
        ("where oracle.loggroupid != '_Audit'", ["one", "two"]),
        ("where data.name = 'it\\'s'", ["one"]),
        ('where "data"."name" = \'it\\\'s\'', ["one"]),
        ("where \"data.name\" = 'it\\'s'", []),
        ('where data."a.b" = 1 and data."say ""hi""" = 2', ["one"]),
        ("where data.missing = null", ["one", "two"]),
        ("where data.flag = true", ["two"]),
        ("where data.count = true", []),
        ("where data.text = 'a | b'", ["two"]),
        ("where data.name = '*t*s'", ["one"]),
        ("where data.name = 't*s'", []),
        ("where logContent = '*| b' -- in any field", ["two"]),
        ("where logContent = 'b' /* a whole\n value */", ["two"]),
        ("where contains_ci(data.text, 'A |') and not contains_cs(data.text, 'A |')", ["two"]),
        ("where contains_ci(logContent, 'IT\\'S')", ["one"]),
        ("where concat(upper(type), lower('X')) = 'Ax' and isnotnull(data.name)", ["one"]),
    ],
)
def test_a_clause_filters_records(tenancy, search, clock, clause, expected):
    """The operators bind as specified, names in quotes stand for themselves, and `where` may be left out."""
    one = {"count": 1, "name": "it's", "a.b": 1, 'say "hi"': 2}
    two = {"count": 2, "flag": True, "text": "a | b"}
    tenancy.emit_log_record(HOME, tenancy.ocid, marker="one", log_type="a", payload=one)
    tenancy.emit_log_record(HOME, tenancy.ocid, marker="two", log_type="b", payload=two)
    found = search(f'search "{tenancy.ocid}" | {clause} \n{SORTED}', clock(), clock() + MINUTE)
    assert markers(found) == expected


def test_a_group_and_a_log_can_be_named_by_their_display_names(tenancy, search, clock):
    """Streams may stand without a comma, and overlap without repeating a record."""
    group = tenancy.add_log_group(HOME, tenancy.ocid, "network")
    tenancy.emit_log_record(
        HOME, tenancy.ocid, marker="flow", group=group.ocid, log=tenancy.add_log(group, "flow")
    )
    tenancy.emit_log_record(
        HOME, tenancy.ocid, marker="dns", group=group.ocid, log=tenancy.add_log(group, "dns")
    )
    window, root = (clock(), clock() + MINUTE), tenancy.ocid
    assert markers(search(f'search "{root}/network/flow" {SORTED}', *window)) == ["flow"]
    assert markers(search(f'search "{root}/network/dns" "{root}/network" {SORTED}', *window)) == [
        "flow",
        "dns",
    ]
    assert search(f'search "{root}/other/flow", "{root}/network/none" {SORTED}', *window) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "must begin with: search"),
        ("select x", "must begin with: search"),
        ("search", "its end"),
        ('search "', "not valid near"),
        ('search ""', "not valid near"),
        ('search "a",', "its end"),
        ('search "a/b/c/d"', "not valid near"),
        ('search "a" |', "its end"),
        ('search "a" | | where type = 1', "not valid near"),
        ('search "a" | search "b"', "does not run search"),
        ('search "a" | where', "its end"),
        ('search "a" | where type = \'open', "not valid near: 'open"),
        ("search \"a\" | where type = 'x' and", "its end"),
        ("search \"a\" | where type = 'x' type", "not valid near: type"),
        ('search "a" | where (type = 1', "its end"),
        ('search "a" | where type in 1', "not valid near: 1"),
        ('search "a" | where type in (1 2)', "not valid near: 2"),
        ('search "a" | where type not 1', "not valid near: 1"),
        ('search "a" | where data. = 1', "not valid near: = 1"),
        ('search "a" | where data.opc-request-id = 3h', "not valid near: -request-id = 3h"),
        ('search "a" | where data.count + 1 = 2', "not valid near: + 1 = 2"),
        ('search "a" | where data.n = 3h', "not valid near: 3h"),
        ('search "a" | where $level = 1', "not valid near: $level"),
        ('search "a" | where rounddown(datetime) = 1', "does not run rounddown()"),
        ('search "a" | summarize count()', "does not run summarize"),
        ('search "a" | top 3 by datetime', "does not run top"),
        ('search "a" | sort by type', "not valid near: type"),
        ('search "a" | where ' + "(" * 3000, "nested too deeply"),
        ('search "a" | where ' + " or ".join(["type = 1"] * 3000), "nested too deeply"),
    ],
)
def test_what_is_beyond_the_subset_is_a_400(tenancy, search, clock, query, said):
    """A query that is malformed, or cleverer than the sandbox, is refused and never half understood."""
    tenancy.emit_log_record(HOME, tenancy.ocid)
    with pytest.raises(oci.exceptions.ServiceError, match=re.escape(said)) as refused:
        search(query.replace('"a"', f'"{tenancy.ocid}"'), clock(), clock() + MINUTE)
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


def test_range_limit_and_page_are_checked(tenancy, connect, clock):
    """14 days, 1,000 records, and no empty page token."""
    query = f'search "{tenancy.ocid}"'
    client = connect("logging")

    def details(days):
        return SearchLogsDetails(
            time_start=clock() - timedelta(days=days), time_end=clock(), search_query=query
        )

    assert client.search_logs(details(14), limit=1000).data["summary"]["resultCount"] == 0
    for days, options in ((14.01, {}), (-1, {}), (1, {"limit": 1001}), (1, {"page": ""})):
        with pytest.raises(oci.exceptions.ServiceError) as refused:
            client.search_logs(details(days), **options)
        assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


def test_audit_events_are_searchable(tenancy, search, clock):
    """`_Audit` names those of a compartment, or of all below it; a plain search has them if configured."""
    below = tenancy.add_compartment("below")
    event = tenancy.emit_audit_event(HOME, below, event_time=clock(), processed=clock())
    tenancy.emit_log_record(HOME, below, marker="log")
    window = (clock(), clock() + MINUTE)
    [audit] = search(f'search "{below}/_Audit" {SORTED}', *window)
    assert (audit["id"], audit["oracle"]["loggroupid"]) == (event.key, "_Audit")
    assert "logid" not in audit["oracle"]
    assert search(f'search "{tenancy.ocid}/_Audit_Include_Subcompartment" {SORTED}', *window) == [audit]
    assert search(f'search "{tenancy.ocid}/_Audit" {SORTED}', *window) == []
    for configured in (False, True):
        tenancy.logging.includes_audit = configured
        assert len(search(f'search "{below}" {SORTED}', *window)) == 1 + configured
    assert tenancy.ground_truth.keys("logging") == ["log"]


def test_audit_events_are_late_or_left_out_on_demand(tenancy, search, clock):
    """A copy may come later than the event, and without the right there are fewer rows and no error."""
    below = tenancy.add_compartment("below")
    moment = clock()
    late = moment + 5 * MINUTE
    keys = [
        tenancy.emit_audit_event(HOME, one, event_time=moment, searchable=late).key
        for one in (tenancy.ocid, below)
    ]
    query = f'search "{tenancy.ocid}/_Audit_Include_Subcompartment" {SORTED}'
    assert search(query, moment, moment + MINUTE) == []
    clock.advance(minutes=5)
    assert {one["id"] for one in search(query, moment, moment + MINUTE)} == set(keys)
    tenancy.logging.unreadable_audit.add(below)
    assert [one["id"] for one in search(query, moment, moment + MINUTE)] == keys[:1]


def test_a_record_has_the_recorded_shape(tenancy, connect, clock):
    """The datetime is in milliseconds, ids under `oracle`, and a summary that counts the page."""
    tenancy.emit_log_record(HOME, tenancy.ocid, payload={"action": "ACCEPT"}, record_id="75d72a74")
    details = SearchLogsDetails(
        time_start=clock(), time_end=clock() + MINUTE, search_query=f'search "{tenancy.ocid}"'
    )
    answer = connect("logging", skip_deserialization=False).search_logs(details).data
    [result] = answer.results
    assert result.data["datetime"] == int(clock().timestamp() * 1000)
    content = result.data["logContent"]
    assert (content["id"], content["data"]["action"]) == ("75d72a74", "ACCEPT")
    assert set(content["oracle"]) == {"compartmentid", "ingestedtime", "loggroupid", "logid", "tenantid"}
    assert answer.summary.result_count == 1


def test_log_groups_are_listed_by_region_and_compartment(tenancy, connect):
    """A connection check can tell a scope without log groups."""
    tenancy.add_log_group(HOME, tenancy.ocid, "network")
    client = connect("groups")
    assert [group["displayName"] for group in client.list_log_groups(tenancy.ocid).data] == ["network"]
    assert connect("groups", OTHER).list_log_groups(tenancy.ocid).data == []
    tenancy.deny("logging", operation="list_log_groups")
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        client.list_log_groups(tenancy.ocid)
    assert refused.value.status == 404


def test_records_without_a_marker_can_be_equal_in_every_byte(tenancy, search, clock):
    """Such records count as one, so the ground truth has one key for them."""
    same = [tenancy.emit_log_record(HOME, tenancy.ocid, marker=None, payload={"n": 1}) for _ in range(2)]
    assert same[0].raw == same[1].raw
    assert len(set(tenancy.ground_truth.keys("logging"))) == 1
    assert len(search(f'search "{tenancy.ocid}"', clock(), clock() + MINUTE)) == 2
