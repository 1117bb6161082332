"""The sandbox's Cloud Guard service, read with the real SDK."""

from datetime import timedelta

import oci
import pytest

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"
DAY = timedelta(days=1)


@pytest.fixture
def listed(connect, pages, tenancy):
    """List to the end: `listed(options…)` gives the items."""

    def run(compartment=None, region=HOME, **options):
        found = pages(connect("cloudguard", region).list_problems, compartment or tenancy.ocid, **options)
        return [item for page in found for item in page["items"]]

    return run


def everything(clock):
    """Return the bounds that hide nothing."""
    return {
        f"time_{which}_detected_{bound}": moment
        for which in ("first", "last")
        for bound, moment in (
            ("greater_than_or_equal_to", clock() - 400 * DAY),
            ("less_than_or_equal_to", clock() + DAY),
        )
    }


def ids(items):
    """Return the problems' OCIDs."""
    return {item["id"] for item in items}


@pytest.mark.slow
def test_by_default_only_recent_open_problems_of_the_compartment_are_listed(tenancy, listed, clock):
    """Closed ones, old ones and those of compartments below need to be asked for."""
    below = tenancy.add_compartment("below")
    open_one = tenancy.add_problem()
    closed = tenancy.add_problem(lifecycle_detail="RESOLVED")
    old = tenancy.add_problem(first_detected=clock() - 31 * DAY, last_detected=clock())
    deep = tenancy.add_problem(below)
    bounds = everything(clock)
    subtree = {"compartment_id_in_subtree": True, "access_level": "ACCESSIBLE"}
    assert ids(listed()) == {open_one}
    assert ids(listed(**bounds)) == {open_one, old}
    assert ids(listed(lifecycle_state="INACTIVE", **bounds)) == {closed}
    assert ids(listed(**bounds, **subtree)) == {open_one, old, deep}
    assert ids(listed(below)) == {deep}


def test_the_bounds_are_inclusive(tenancy, listed, clock):
    """Both ends of a range of detection belong to it."""
    moment = clock() - DAY
    problem = tenancy.add_problem(last_detected=moment)
    assert ids(
        listed(
            time_last_detected_greater_than_or_equal_to=moment,
            time_last_detected_less_than_or_equal_to=moment,
        )
    ) == {problem}


def test_a_subtree_needs_an_access_level(tenancy, listed):
    """ACCESSIBLE leaves denied compartments out, RESTRICTED refuses all for one of them."""
    denied = tenancy.add_compartment("denied")
    tenancy.add_problem(denied)
    mine = tenancy.add_problem()
    tenancy.deny("cloudguard", compartment=denied)
    assert ids(listed(compartment_id_in_subtree=True, access_level="ACCESSIBLE")) == {mine}
    with pytest.raises(oci.exceptions.ServiceError):
        listed(denied)
    for options, status in (({}, 400), ({"access_level": "RESTRICTED"}, 404)):
        with pytest.raises(oci.exceptions.ServiceError) as refused:
            listed(compartment_id_in_subtree=True, **options)
        assert refused.value.status == status


@pytest.mark.slow
def test_only_the_reporting_region_knows_problems(tenancy, listed, connect):
    """Another region answers with an empty list, and with the configuration that names the right one."""
    problem = tenancy.add_problem()
    assert listed(region=OTHER) == []
    assert connect("cloudguard", OTHER).get_configuration(tenancy.ocid).data["reportingRegion"] == HOME
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        connect("cloudguard", OTHER).get_problem(problem)
    assert refused.value.status == 404


@pytest.mark.slow
def test_disabled_and_never_enabled_differ(tenancy, connect, listed):
    """Disabled: a status and an empty list. Never enabled: a 404 that says so."""
    tenancy.add_problem()
    client = connect("cloudguard")
    tenancy.cloud_guard.status = "DISABLED"
    assert client.get_configuration(tenancy.ocid).data["status"] == "DISABLED"
    assert listed() == []
    tenancy.cloud_guard.status = "NEVER_ENABLED"
    for read in (client.get_configuration, client.list_problems):
        with pytest.raises(oci.exceptions.ServiceError, match="Cloudguard subscription") as refused:
            read(tenancy.ocid)
        assert (refused.value.status, refused.value.code) == (404, "NotAuthorizedOrNotFound")


def test_a_change_shows_from_its_visible_time_on(tenancy, listed, connect, clock):
    """List and details change together, the ground truth keeps both versions."""
    problem = tenancy.add_problem(risk_level="LOW")
    tenancy.update_problem(problem, risk_level="CRITICAL", visible=clock() + DAY, last_detected=clock() + DAY)
    assert [item["riskLevel"] for item in listed()] == ["LOW"]
    clock.advance(days=1)
    assert [item["riskLevel"] for item in listed()] == ["CRITICAL"]
    details = connect("cloudguard", skip_deserialization=False).get_problem(problem).data
    assert (details.risk_level, details.time_last_detected) == ("CRITICAL", clock())
    keys = tenancy.ground_truth.keys("cloudguard")
    assert keys == [
        f"{problem} OPEN CRITICAL 2026-03-03T09:00:00.000Z",
        f"{problem} OPEN LOW 2026-03-02T09:00:00.000Z",
    ]


def test_resolving_and_opening_again_keep_the_ocid(tenancy, listed):
    """A resolved problem moves to the inactive ones and comes back."""
    problem = tenancy.add_problem()
    tenancy.update_problem(problem, lifecycle_detail="RESOLVED")
    assert listed() == []
    assert ids(listed(lifecycle_state="INACTIVE", lifecycle_detail="RESOLVED")) == {problem}
    assert listed(lifecycle_state="INACTIVE", lifecycle_detail="DISMISSED") == []
    tenancy.update_problem(problem, lifecycle_detail="OPEN")
    assert ids(listed()) == {problem}


def test_inactive_means_every_closed_problem(tenancy, listed):
    """Without a detail all three are listed, with one it alone; a detail of the other state has none."""
    for detail in ("RESOLVED", "DISMISSED", "DELETED"):
        tenancy.add_problem(lifecycle_detail=detail)
    assert len(listed(lifecycle_state="INACTIVE")) == 3
    assert len(listed(lifecycle_state="INACTIVE", lifecycle_detail="DELETED")) == 1
    assert listed(lifecycle_detail="DELETED") == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"risk_level": "LOW"}, {"key"}),
        ({"resource_type": "User"}, {"key", "user"}),
        ({"resource_id": "acme/exports"}, {"bucket"}),
        ({"target_id": "target"}, {"user"}),
        ({"label": "IAM"}, {"key"}),
        ({"region": OTHER}, {"user"}),
        ({"detector_type": "IAAS_ACTIVITY_DETECTOR"}, {"key"}),
        ({"detector_rule_id_list": ["NEW_KEY", "OLD_PASSWORD"]}, {"key", "user"}),
        ({"resource_type": "User", "label": "Network"}, set()),
        ({"city": "Berlin"}, set()),
        ({"problem_category": "SECURITY_ZONE"}, set()),
    ],
)
def test_each_filter_narrows_the_list(tenancy, connect, options, expected):
    """A problem is listed if it meets every filter; none is ignored."""
    tenancy.add_problem(resource_name="bucket")
    tenancy.add_problem(
        resource_name="key",
        resource_id="k",
        resource_type="User",
        labels=["IAM", "Key"],
        risk_level="LOW",
        detector_id="IAAS_ACTIVITY_DETECTOR",
        detector_rule_id="NEW_KEY",
    )
    tenancy.add_problem(
        resource_name="user",
        resource_id="u",
        resource_type="User",
        target_id="target",
        regions=[HOME, OTHER],
        detector_rule_id="OLD_PASSWORD",
    )
    found = connect("cloudguard").list_problems(tenancy.ocid, **options).data["items"]
    assert {item["resourceName"] for item in found} == expected


def test_details_hold_description_and_recommendation(tenancy, connect, listed):
    """The list lacks them; it has the locks without which the official command line crashes."""
    problem = tenancy.add_problem(
        description="open", recommendation="close", additional_details={"port": "22"}
    )
    [item] = listed()
    assert not {"description", "recommendation", "additionalDetails"} & set(item)
    assert item["locks"] == connect("cloudguard").list_problems(tenancy.ocid).data["locks"] == []
    details = connect("cloudguard").get_problem(problem).data
    assert (details["description"], details["recommendation"]) == ("open", "close")
    assert details["additionalDetails"] == {"port": "22"}


@pytest.mark.parametrize("empty_pages", [frozenset(), frozenset({1, 2})])
def test_pages_are_one_listing_even_if_problems_change_meanwhile(tenancy, connect, empty_pages):
    """What the first page was made from is what the later ones show."""
    tenancy.cloud_guard.empty_pages = empty_pages
    expected = {tenancy.add_problem() for _ in range(25)}
    client, token, found = connect("cloudguard"), None, []
    while True:
        answer = client.list_problems(tenancy.ocid, limit=10, **({"page": token} if token else {}))
        found += [item["id"] for item in answer.data["items"]]
        for problem in expected:
            tenancy.update_problem(problem, lifecycle_detail="RESOLVED")
        token = answer.next_page
        if not token:
            break
    assert len(found) == len(expected)
    assert set(found) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["b", "c", "a"]),
        ({"sort_order": "ASC"}, ["a", "c", "b"]),
        ({"sort_by": "riskLevel"}, ["c", "a", "b"]),
        ({"sort_by": "resourceName"}, ["a", "b", "c"]),
    ],
)
def test_sorting(tenancy, listed, clock, options, expected):
    """Newest first unless asked otherwise."""
    for name, age, risk in (("a", 3, "LOW"), ("b", 1, "MINOR"), ("c", 2, "CRITICAL")):
        tenancy.add_problem(resource_name=name, risk_level=risk, last_detected=clock() - age * DAY)
    assert [item["resourceName"] for item in listed(**options)] == expected


@pytest.mark.parametrize("options", [{"risk_level": "AWFUL"}, {"limit": 1001}, {"page": "garbage"}])
def test_odd_parameters_are_refused(tenancy, listed, options):
    """Each is a 400, as everywhere."""
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        listed(tenancy.ocid, **options)
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


def test_each_operation_can_be_denied_alone(tenancy, connect):
    """A policy may allow to list problems and not to read one."""
    problem = tenancy.add_problem()
    tenancy.deny("cloudguard", operation="get_problem")
    client = connect("cloudguard")
    assert ids(client.list_problems(tenancy.ocid).data["items"]) == {problem}
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        client.get_problem(problem)
    assert refused.value.status == 404


@pytest.mark.slow
def test_a_raw_problem_is_sent_byte_for_byte(tenancy, connect):
    """An odd problem is the same odd text in the list and in its details."""
    raw = b'{"id":17,"riskScore":1.50}'
    problem = tenancy.add_problem(raw=raw)
    client = connect("cloudguard")
    client.base_client.deserialize_response_data = lambda data, *_rest: data
    assert client.list_problems(tenancy.ocid).data == b'{"items":[' + raw + b'],"locks":[]}'
    assert client.get_problem(problem).data == raw
