"""Each row of the matrix: one thing is wrong in a tenancy on loopback, and the check that finds it says what to do."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from support.redirect_target import unvisited_target
from support.sandbox_changes import revoke_key, set_region
from support.validating import HOME, OTHER, World, by_name

from signal_client_oci import plugin
from signal_client_oci.sandbox import InjectedFault, Sandbox

POLICY = "Allow group signal-readers to"


class Row(NamedTuple):
    """What is broken (`setup` changes the world and returns settings to replace), and what has to be said."""

    setup: object
    check: str
    code: str
    status: str
    verdict: str
    says: tuple[str, ...] = ()
    remedy: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def shared():
    """One sandbox for all rows."""
    made = World()
    with made.sandbox:
        yield made


@pytest.fixture
def world(shared):
    """The sandbox in order."""
    shared.reset()
    return shared


def _wrong_user(world):
    return {"user_ocid": world.tenancy.user.replace("user.oc1..", "user.oc1..zz")}


def _wrong_tenancy(world):
    return {"tenancy_ocid": world.neighbour.ocid}


def _unknown_key(world):
    revoke_key(world.tenancy)


def _not_uploaded(world):
    return {"private_key": world.neighbour.private_key_pem, "fingerprint": world.neighbour.fingerprint}


def _alone(world):
    revoke_key(world.tenancy)
    return {"additional_regions": []}


def _clock(minutes):
    def setup(world):
        world.sandbox.clock_offset = timedelta(minutes=minutes)

    return setup


def _region(region, status):
    def setup(world):
        set_region(world.tenancy, region, status)

    return setup


def _settings(**overrides):
    return lambda _world: overrides


def _main_region_missing(_world):
    return {"region": "uk-london-1", "additional_regions": [OTHER]}


def _main_region_missing_and_list_denied(world):
    world.tenancy.deny("identity", operation="list_region_subscriptions")
    return {"region": "uk-london-1", "additional_regions": [OTHER]}


def _main_region_in_progress(world):
    set_region(world.tenancy, "uk-london-1", "IN_PROGRESS")
    return {"region": "uk-london-1", "additional_regions": [HOME]}


def _main_region_replicating(world):
    world.fault("status", region=HOME, status=401, code="NotAuthenticated")
    return {"additional_regions": [OTHER]}


def _further_region_replicating(world):
    world.fault("status", region=OTHER, status=401, code="NotAuthenticated")
    world.tenancy.deny("audit")


def _new_region(world):
    set_region(world.tenancy, "xx-newtown-1")
    return {"additional_regions": ["all"]}


def _denied(*services, **which):
    def setup(world):
        for service in services:
            world.tenancy.deny(service, **which)

    return setup


def _all_regions_denied(world):
    world.tenancy.deny("identity", operation="list_region_subscriptions")
    return {"additional_regions": ["all"]}


def _scope_without_list(world):
    world.tenancy.deny("identity", operation="list_compartments")
    return {"compartment_ocid": world.prod}


def _scope_unseen(world):
    world.tenancy.deny("identity", operation="list_compartments")
    world.tenancy.deny("identity", operation="get_compartment")
    return {"compartment_ocid": world.prod}


def _below_denied(world):
    world.tenancy.deny("audit", compartment=world.below)
    return {"compartment_ocid": world.prod}


def _deleted_scope(world):
    return {"compartment_ocid": world.gone}


def _lookup_in_trouble(world):
    world.fault("status", operation="get_compartment", status=503)
    return {"compartment_ocid": "ocid1.compartment.oc1..aaaaaaaanowhere"}


def _further_region_missing_and_list_denied(world):
    world.tenancy.deny("identity", operation="list_region_subscriptions")
    return {"additional_regions": ["uk-london-1"]}


def _foreign_scope(world):
    return {"compartment_ocid": world.neighbour.add_compartment("theirs")}


def _cloud_guard(**state):
    def setup(world):
        for name, value in state.items():
            setattr(world.tenancy.cloud_guard, name, value)

    return setup


def _reporting_region_lost(world):
    world.tenancy.cloud_guard.reporting_region = "uk-london-1"


def _fault(kind="status", **which):
    def setup(world):
        world.fault(kind, **which)

    return setup


def _no_groups(world):
    world.tenancy.logging.groups.clear()


def _groups_denied(world):
    world.tenancy.deny("logging", operation="list_log_groups")


def _realm(_world):
    return {"region": "us-langley-1", "additional_regions": []}


FREE = {"status": 403, "code": "SignUpRequired", "message": "Please sign up for Cloud Guard."}

ROWS = {
    "wrong user": Row(
        _wrong_user,
        "authentication",
        "NOT_AUTHENTICATED",
        "failed",
        "failed",
        (f"{HOME} and {OTHER} answer 401", "private key fits the fingerprint and the clock is right"),
        ("User OCID", "Tenancy > OCID", "API keys"),
    ),
    "wrong tenancy": Row(_wrong_tenancy, "authentication", "NOT_AUTHENTICATED", "failed", "failed"),
    "key deleted in the console": Row(
        _unknown_key, "authentication", "NOT_AUTHENTICATED", "failed", "failed"
    ),
    "key never uploaded": Row(_not_uploaded, "authentication", "NOT_AUTHENTICATED", "failed", "failed"),
    "one region only": Row(
        _alone, "authentication", "NOT_AUTHENTICATED", "failed", "failed", (f"{HOME} answers 401",)
    ),
    "clock behind": Row(
        _clock(17),
        "authentication",
        "CLOCK_SKEW",
        "failed",
        "failed",
        ("machine is behind",),
        ("timedatectl",),
    ),
    "clock ahead": Row(
        _clock(-30), "authentication", "CLOCK_SKEW", "failed", "failed", ("machine is ahead",)
    ),
    "main region not subscribed": Row(
        _main_region_missing,
        "authentication",
        "REGION_NOT_SUBSCRIBED",
        "failed",
        "failed",
        ("not subscribed to uk-london-1", f"subscribed are {HOME} and {OTHER}"),
        ("Manage regions",),
    ),
    "main region not subscribed, list denied": Row(
        _main_region_missing_and_list_denied,
        "authentication",
        "REGION_REFUSES_KEY",
        "failed",
        "failed",
        (f"accepted in {OTHER} and not in uk-london-1",),
    ),
    "main region in progress": Row(
        _main_region_in_progress, "authentication", "REGION_NOT_READY", "failed", "failed", ("uk-london-1",)
    ),
    "further region not subscribed": Row(
        _settings(additional_regions=[OTHER, "uk-london-1"]),
        "authentication",
        "REGION_NOT_SUBSCRIBED",
        "warning",
        "degraded",
        ("not subscribed to uk-london-1",),
    ),
    "further region not subscribed, list denied": Row(
        _further_region_missing_and_list_denied,
        "audit",
        "REGION_REFUSES_KEY",
        "warning",
        "degraded",
        (f"can be read in {HOME}, but not in uk-london-1",),
    ),
    "main region ready, but still replicating": Row(
        _main_region_replicating,
        "authentication",
        "REGION_REFUSES_KEY",
        "failed",
        "failed",
        (f"accepted in {OTHER} and not in {HOME}, although the tenancy is subscribed",),
        ("replication",),
    ),
    "further region replicating, Audit denied in the main one": Row(
        _further_region_replicating,
        "audit",
        "AUDIT_NOT_AUTHORIZED",
        "failed",
        "degraded",
        (f"in {OTHER}: the region rejects the key (401)",),
    ),
    "further region in progress": Row(
        _region(OTHER, "IN_PROGRESS"), "authentication", "REGION_NOT_READY", "warning", "degraded", (OTHER,)
    ),
    "region newer than the SDK": Row(
        _new_region, "authentication", "REGION_UNKNOWN", "warning", "degraded", ("xx-newtown-1",), ("`oci`",)
    ),
    "regions may not be listed": Row(
        _denied("identity", operation="list_region_subscriptions"),
        "authentication",
        "REGIONS_NOT_AUTHORIZED",
        "warning",
        "degraded",
        ("key is accepted",),
        (f"{POLICY} inspect tenancies in tenancy",),
    ),
    "all regions, but they may not be listed": Row(
        _all_regions_denied,
        "authentication",
        "REGIONS_NOT_AUTHORIZED",
        "warning",
        "degraded",
        (f"collecting from {HOME} alone",),
    ),
    "compartments may not be listed": Row(
        _denied("identity", operation="list_compartments"),
        "compartments",
        "COMPARTMENTS_NOT_AUTHORIZED",
        "warning",
        "degraded",
        ("404", "root compartment alone"),
        (f"{POLICY} inspect compartments in tenancy", "'<domain>'/'<group>'"),
    ),
    "scope without its sub-compartments": Row(
        _scope_without_list,
        "compartments",
        "COMPARTMENTS_NOT_AUTHORIZED",
        "warning",
        "degraded",
        ("compartment 'prod' alone",),
    ),
    "scope that may not be looked at": Row(
        _scope_unseen,
        "compartments",
        "COMPARTMENTS_NOT_AUTHORIZED",
        "warning",
        "degraded",
        ("scope's own compartment alone",),
    ),
    "compartment that does not exist": Row(
        _settings(compartment_ocid="ocid1.compartment.oc1..aaaaaaaanowhere"),
        "compartments",
        "COMPARTMENT_UNKNOWN",
        "failed",
        "failed",
        ("no compartment ocid1.compartment.oc1..aaaaaaaanowhere",),
        ("Correct Compartment OCID",),
    ),
    "compartment of another tenancy": Row(
        _foreign_scope, "compartments", "COMPARTMENT_UNKNOWN", "failed", "failed"
    ),
    "compartment that cannot be looked up": Row(
        _lookup_in_trouble, "compartments", "SERVICE_ERROR", "failed", "degraded"
    ),
    "deleted compartment": Row(
        _deleted_scope, "compartments", "COMPARTMENT_DELETED", "failed", "degraded", ("'gone' was deleted",)
    ),
    "policy for Audit missing": Row(
        _denied("audit"),
        "audit",
        "AUDIT_NOT_AUTHORIZED",
        "failed",
        "degraded",
        (f"in {HOME} and {OTHER}", "404"),
        (f"{POLICY} read audit-events in tenancy", "root compartment"),
    ),
    "policy for Audit in one region only": Row(
        _denied("audit", region=OTHER),
        "audit",
        "AUDIT_NOT_AUTHORIZED",
        "warning",
        "degraded",
        (f"can be read in {HOME}, but not in {OTHER}",),
    ),
    "sub-compartments denied": Row(
        _below_denied,
        "audit",
        "SUBCOMPARTMENTS_NOT_AUTHORIZED",
        "warning",
        "degraded",
        ("1 of 1 compartment tried below it answers 404",),
        (f"{POLICY} read audit-events in tenancy",),
    ),
    "policy for Logging missing": Row(
        _denied("logging"),
        "logging",
        "LOGGING_NOT_AUTHORIZED",
        "failed",
        "degraded",
        ("404",),
        (f"{POLICY} read log-content in tenancy", f"{POLICY} read log-groups in tenancy"),
    ),
    "no log groups": Row(
        _no_groups,
        "logging",
        "LOGGING_NO_LOG_GROUPS",
        "warning",
        "degraded",
        ("found no record", "no log group in the 3 compartments checked"),
        ("Enable service log",),
    ),
    "log groups may not be listed": Row(
        _groups_denied,
        "logging",
        "LOGGING_NO_LOG_GROUPS",
        "warning",
        "degraded",
        ("may not be listed (404)",),
        (f"{POLICY} read log-groups in tenancy",),
    ),
    "query that Logging refuses": Row(
        _settings(logging_query="where size(data) > 3"),
        "logging",
        "LOGGING_QUERY_REFUSED",
        "failed",
        "degraded",
        ("InvalidParameter: The search query is not valid",),
        ("Logging Query",),
    ),
    "policy for Cloud Guard missing": Row(
        _denied("cloudguard"),
        "cloud_guard",
        "CLOUD_GUARD_NOT_AUTHORIZED",
        "failed",
        "degraded",
        ("policy is missing, or Cloud Guard was never enabled",),
        (f"{POLICY} read cloud-guard-config in tenancy",),
    ),
    "policy for problems missing": Row(
        _denied("cloudguard", operation="list_problems"),
        "cloud_guard",
        "CLOUD_GUARD_NOT_AUTHORIZED",
        "failed",
        "degraded",
        (f"is enabled, but its problems may not be listed in {HOME}",),
        (f"{POLICY} read cloud-guard-problems in tenancy",),
    ),
    "Cloud Guard never enabled": Row(
        _cloud_guard(status="NEVER_ENABLED"),
        "cloud_guard",
        "CLOUD_GUARD_NOT_ENABLED",
        "failed",
        "degraded",
        ("never enabled",),
        ("choose Enable Cloud Guard (a free tenancy cannot)",),
    ),
    "Cloud Guard switched off": Row(
        _cloud_guard(status="DISABLED"),
        "cloud_guard",
        "CLOUD_GUARD_DISABLED",
        "failed",
        "degraded",
        ("switched off",),
        ("Collect Cloud Guard Problems",),
    ),
    "free tenancy": Row(
        _fault(service="cloudguard", **FREE),
        "cloud_guard",
        "SIGN_UP_REQUIRED",
        "failed",
        "degraded",
        ("sign up",),
        ("free tenancy",),
    ),
    "other reporting region": Row(
        _cloud_guard(reporting_region=OTHER), "cloud_guard", "OK", "ok", "ok", (f"reporting region {OTHER}",)
    ),
    "reporting region not subscribed": Row(
        _reporting_region_lost,
        "cloud_guard",
        "CLOUD_GUARD_REPORTING_REGION",
        "failed",
        "degraded",
        ("keeps its problems in uk-london-1",),
        ("Manage regions",),
    ),
    "reporting region unknown": Row(
        _cloud_guard(reporting_region="xx-newtown-1"),
        "cloud_guard",
        "REGION_UNKNOWN",
        "failed",
        "degraded",
        ("xx-newtown-1",),
    ),
    "throttled": Row(
        _fault(service="audit", status=429),
        "audit",
        "THROTTLED",
        "warning",
        "degraded",
        ("429",),
        ("Requests in Flight",),
    ),
    "trouble at Oracle": Row(
        _fault(service="logging", status=503),
        "logging",
        "SERVICE_ERROR",
        "failed",
        "degraded",
        (),
        ("request id",),
    ),
    "identity throttled": Row(
        _fault(operation="list_region_subscriptions", status=429),
        "authentication",
        "THROTTLED",
        "warning",
        "degraded",
    ),
    "identity in trouble": Row(
        _fault(service="identity", status=500),
        "authentication",
        "SERVICE_ERROR",
        "warning",
        "degraded",
        ("other services accept the key",),
    ),
    "forbidden": Row(_fault(service="audit", status=403), "audit", "FORBIDDEN", "failed", "degraded"),
    "portal in front of a service": Row(
        _fault("html", service="audit"), "audit", "RESPONSE_NOT_JSON", "failed", "degraded", (), ("proxy",)
    ),
    "portal in front of Identity": Row(
        _fault("html", service="identity"), "authentication", "RESPONSE_NOT_JSON", "warning", "degraded"
    ),
    "odd search answer": Row(
        _fault("wrong_shape", service="logging"), "logging", "RESPONSE_NOT_JSON", "failed", "degraded"
    ),
    "odd problems": Row(
        _fault("wrong_shape", operation="list_problems"),
        "cloud_guard",
        "RESPONSE_NOT_JSON",
        "failed",
        "degraded",
    ),
    "odd compartments": Row(
        _fault("wrong_shape", operation="list_compartments"),
        "compartments",
        "RESPONSE_NOT_JSON",
        "failed",
        "degraded",
    ),
    "redirected": Row(
        _fault("redirect", service="audit"), "audit", "REDIRECTED", "failed", "degraded", (), ("HTTPS_PROXY",)
    ),
    "realms that do not fit": Row(
        _realm, "settings", "REALM_MISMATCH", "failed", "failed", ("realm oc1", "realm oc2"), ("own realm",)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_row(world, name):
    """The check has its code and status, the sentence the facts, the remedy the exact way out."""
    row = ROWS[name]
    answer = world.validated(**(row.setup(world) or {}))
    check = by_name(answer)[row.check]
    assert (check["code"], check["status"], answer["status"]) == (row.code, row.status, row.verdict)
    for words in row.says:
        assert words.lower() in check["message"].lower()
    for words in row.remedy:
        assert words in check["remedy"]
    assert check["opc_request_id"] or row.check == "settings" or row.code == "REDIRECTED"


@pytest.mark.parametrize(
    "name", [name for name, row in ROWS.items() if row.check == "authentication" and row.verdict == "failed"]
)
def test_nothing_but_identity_is_asked_when_the_key_is_refused(world, name):
    """A refused signature is tried in no other service, and in each region only once."""
    world.validated(**(ROWS[name].setup(world) or {}))
    asked = [(one.operation, one.region) for one in world.asked()]
    assert {operation for operation, _ in asked} == {"list_region_subscriptions"}
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("main region not subscribed", "region"),
        ("main region in progress", "region"),
        ("compartment that does not exist", "compartment_ocid"),
    ],
)
def test_fault_of_one_setting_is_shown_at_its_field(world, name, field):
    """Where one setting is to blame, the form can mark it."""
    answer = world.validated(**(ROWS[name].setup(world) or {}))
    assert list(answer["field_errors"]) == [field]
    assert answer["field_errors"][field]


def test_redirect_leads_nowhere(world):
    """No signed request reaches the place that a redirect names."""
    world.fault("redirect")
    world.validated()
    assert unvisited_target().visits == []


@pytest.mark.slow
def test_log_groups_are_looked_for_below_the_scope_and_in_every_region(world):
    """One log group in some compartment of some region is enough for silence to be no fault."""
    world.tenancy.logging.groups.clear()
    world.tenancy.add_log_group(OTHER, world.below, "deep")
    check = by_name(world.validated())["logging"]
    assert (check["status"], check["code"]) == ("ok", "OK")
    assert "no record" in check["message"]


@pytest.mark.slow
def test_an_empty_page_with_more_behind_it_is_not_taken_for_no_log_groups(world):
    """A list that begins with an empty page may hold log groups further on, so their lack is not reported."""
    world.tenancy.logging.groups.clear()
    assert by_name(world.validated())["logging"]["code"] == "LOGGING_NO_LOG_GROUPS"
    world.fault("endless_page_tokens", operation="list_log_groups")
    assert by_name(world.validated())["logging"]["code"] == "OK"


def test_records_spare_the_search_for_log_groups(world):
    """Where the search finds something, nothing else is asked."""
    world.tenancy.logging.groups.clear()
    a_minute_ago = datetime.now(timezone.utc) - timedelta(minutes=1)
    world.tenancy.emit_log_record(OTHER, world.tenancy.ocid, time=a_minute_ago)
    assert by_name(world.validated())["logging"]["code"] == "OK"
    assert world.asked("list_log_groups") == []


@pytest.mark.parametrize(("kind", "code"), [("status", "SERVICE_ERROR"), ("html", "RESPONSE_NOT_JSON")])
@pytest.mark.slow
def test_log_groups_that_cannot_be_looked_for_are_no_fault(world, kind, code):
    """When ListLogGroups is in trouble itself, the search that works is what counts."""
    world.fault(kind, operation="list_log_groups")
    check = by_name(world.validated())["logging"]
    assert check["status"] == "ok"
    assert code in check["message"]


@pytest.mark.slow
def test_remedy_names_the_groups_of_the_user(world):
    """One group stands in the statements, several are named behind them, none is said to be missing."""
    world.tenancy.deny("audit")
    groups = world.tenancy.identity.groups
    groups["ocid1.group.oc1..second"] = "auditors"
    remedy = by_name(world.validated())["audit"]["remedy"]
    assert "Allow group <group> to read audit-events in tenancy" in remedy
    assert "in the groups signal-readers and auditors" in remedy
    groups.clear()
    assert "The user is in no group" in by_name(world.validated())["audit"]["remedy"]


@pytest.mark.slow
def test_remedy_names_a_group_by_its_ocid_where_its_name_is_odd(world):
    """A name with quotes or spaces never gets into a statement."""
    world.tenancy.deny("audit")
    ocid = next(iter(world.tenancy.identity.groups))
    world.tenancy.identity.groups[ocid] = "x' to manage all-resources in tenancy"
    remedy = by_name(world.validated())["audit"]["remedy"]
    assert f"Allow group id {ocid} to read audit-events in tenancy" in remedy
    assert "all-resources" not in remedy


@pytest.mark.slow
def test_remedy_does_not_take_the_first_groups_for_all(world):
    """Where the list of groups goes on, the one that is known is named as one of them and put into no statement."""
    world.tenancy.deny("audit")
    world.fault("endless_page_tokens", operation="list_user_group_memberships")
    remedy = by_name(world.validated())["audit"]["remedy"]
    assert "Allow group <group> to read audit-events in tenancy" in remedy
    assert "in the groups signal-readers" in remedy


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 404}, {"kind": "html"}])
@pytest.mark.parametrize("operation", ["list_user_group_memberships", "get_group"])
@pytest.mark.slow
def test_remedy_keeps_the_placeholder_where_groups_cannot_be_looked_up(world, operation, fault):
    """A user whose groups are not known is told to put the name in."""
    world.tenancy.deny("audit")
    world.fault(**fault, operation=operation)
    remedy = by_name(world.validated())["audit"]["remedy"]
    assert "Allow group <group> to read audit-events in tenancy" in remedy


@pytest.mark.slow
def test_groups_are_not_looked_up_without_need(world):
    """A connection that works costs no request for groups."""
    world.validated()
    assert world.asked("list_user_group_memberships") == []


@pytest.mark.slow
def test_a_subscribed_region_that_refuses_the_key_is_told_apart():
    """A region that is listed as ready and answers 401 is waited for; neither key nor subscription is blamed."""
    with Sandbox() as sandbox:
        tenancy = sandbox.add_tenancy("replicating", (HOME, OTHER))
        sandbox.faults.add(InjectedFault("status", region=OTHER, status=401, code="NotAuthenticated"))
        settings = {**tenancy.settings(), "additional_regions": ["all"]}
        checks = {
            one["name"]: one
            for one in plugin.signal_client_validate_connection("oci-cloud", settings)["checks"]
        }
        assert checks["audit"]["code"] == "REGION_REFUSES_KEY"
        assert "not subscribed to" not in checks["audit"]["message"]
        *_, report = plugin.signal_client_poll("oci-cloud", "replicating", settings, None, {})
    for source in ("audit", "logging"):
        error = report["sources"][source]["error"]
        assert error["code"] == "REGION_REFUSES_KEY"
        assert OTHER in error["message"]
        assert "fingerprint" not in error["remedy"]
