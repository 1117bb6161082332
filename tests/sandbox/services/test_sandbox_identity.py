"""The sandbox's Identity service, read with the real SDK."""

import oci
import pytest
from support.sandbox_changes import set_region

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"


@pytest.fixture
def tree(tenancy):
    """Three levels: prod > web > shop, and dev."""
    prod = tenancy.add_compartment("prod")
    web = tenancy.add_compartment("web", prod)
    shop = tenancy.add_compartment("shop", web)
    return {"prod": prod, "web": web, "shop": shop, "dev": tenancy.add_compartment("dev")}


def names(pages, client, *arguments, **options):
    """Return the names of the compartments of a listing, read to its end."""
    found = pages(client.list_compartments, *arguments, **options)
    return [compartment["name"] for page in found for compartment in page]


def test_the_subtree_of_the_tenancy_is_everything_but_the_root(tenancy, tree, connect, pages):
    """The root itself is never listed; without the subtree only the first level is."""
    client = connect("identity")
    assert set(names(pages, client, tenancy.ocid, compartment_id_in_subtree=True)) == set(tree)
    assert names(pages, client, tenancy.ocid) == ["prod", "dev"]
    assert names(pages, client, tree["prod"]) == ["web"]


def test_a_subtree_below_the_tenancy_is_refused(tree, connect):
    """`compartmentIdInSubtree` goes with the tenancy's OCID alone."""
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        connect("identity").list_compartments(tree["prod"], compartment_id_in_subtree=True)
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


@pytest.mark.slow
def test_pages_follow_the_limit(tenancy, tree, connect, pages):
    """Seven compartments at three a page are three pages."""
    for number in range(3):
        tenancy.add_compartment(f"more-{number}")
    found = pages(
        connect("identity").list_compartments, tenancy.ocid, compartment_id_in_subtree=True, limit=3
    )
    assert [len(page) for page in found] == [3, 3, len(tree) - 3]


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_limit_out_of_range_is_refused(tenancy, connect, limit):
    """A page has between 1 and 1,000 items."""
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        connect("identity").list_compartments(tenancy.ocid, limit=limit)
    assert refused.value.status == 400


def test_deleted_compartments_stay_listed_until_they_are_forgotten(tenancy, tree, connect, pages):
    """Deletion changes the state; only later does the compartment vanish."""
    client = connect("identity")
    tenancy.delete_compartment(tree["dev"])
    assert client.get_compartment(tree["dev"]).data["lifecycleState"] == "DELETED"
    assert names(pages, client, tenancy.ocid, lifecycle_state="DELETED") == ["dev"]
    assert names(pages, client, tenancy.ocid, lifecycle_state="ACTIVE") == ["prod"]
    tenancy.delete_compartment(tree["dev"], forget=True)
    assert names(pages, client, tenancy.ocid) == ["prod"]


def test_accessible_leaves_denied_compartments_out(tenancy, tree, connect, pages):
    """`ANY` shows the whole tree, `ACCESSIBLE` what a policy covers."""
    tenancy.deny("identity", compartment=tree["web"])
    client = connect("identity")
    every = {"compartment_id_in_subtree": True}
    assert "web" in names(pages, client, tenancy.ocid, access_level="ANY", **every)
    assert "web" not in names(pages, client, tenancy.ocid, access_level="ACCESSIBLE", **every)


def test_one_operation_can_be_denied_alone(tenancy, connect):
    """A listing without a policy is 404 while the tenancy itself can be read."""
    tenancy.deny("identity", operation="list_compartments")
    client = connect("identity")
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        client.list_compartments(tenancy.ocid)
    assert (refused.value.status, refused.value.code) == (404, "NotAuthorizedOrNotFound")
    assert client.get_tenancy(tenancy.ocid).data["homeRegionKey"] == "IAD"


def test_region_subscriptions_have_a_home_and_a_status(tenancy, connect):
    """A region that is being subscribed is listed and does not answer yet."""
    set_region(tenancy, OTHER, "IN_PROGRESS")
    regions = connect("identity").list_region_subscriptions(tenancy.ocid).data
    assert [(one["regionName"], one["status"], one["isHomeRegion"]) for one in regions] == [
        (HOME, "READY", True),
        (OTHER, "IN_PROGRESS", False),
    ]
    with pytest.raises(oci.exceptions.ServiceError) as refused:
        connect("identity", OTHER).get_tenancy(tenancy.ocid)
    assert refused.value.status == 401


def test_user_and_groups_can_be_looked_up(tenancy, connect):
    """A connection check can learn the name of the operator's own group."""
    client = connect("identity", skip_deserialization=False)
    assert client.get_user(tenancy.user).data.lifecycle_state == "ACTIVE"
    [membership] = client.list_user_group_memberships(tenancy.ocid, user_id=tenancy.user).data
    assert client.get_group(membership.group_id).data.name == "signal-readers"


@pytest.mark.slow
def test_other_tenancies_compartments_and_users_are_404(sandbox, connect):
    """What belongs to somebody else does not exist."""
    stranger = sandbox.add_tenancy("stranger")
    client = connect("identity")
    for read, ocid in (
        (client.get_tenancy, stranger.ocid),
        (client.list_region_subscriptions, stranger.ocid),
        (client.get_compartment, stranger.add_compartment("theirs")),
        (client.get_user, stranger.user),
        (client.get_group, "ocid1.group.oc1..unknown"),
        (client.list_compartments, stranger.ocid),
    ):
        with pytest.raises(oci.exceptions.ServiceError) as refused:
            read(ocid)
        assert refused.value.status == 404


@pytest.mark.slow
def test_two_tenancies_have_nothing_in_common(sandbox, tenancy, connect, pages):
    """Keys, OCIDs, compartments and records are each tenancy's own."""
    other = sandbox.add_tenancy("other")
    tenancy.add_compartment("mine")
    other.add_compartment("theirs")
    assert (tenancy.ocid, tenancy.user, tenancy.fingerprint) != (other.ocid, other.user, other.fingerprint)
    assert names(pages, connect("identity"), tenancy.ocid) == ["mine"]
    assert names(pages, connect("identity", of=other), other.ocid) == ["theirs"]
    with pytest.raises(ValueError, match="already"):
        sandbox.add_tenancy("other")
