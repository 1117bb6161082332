"""The connection test of audit_mode search: what it asks, and what it finds where fewer rows come back."""

from datetime import datetime, timedelta, timezone

import pytest
from support.validating import HOME, OTHER, World, by_name, validated


@pytest.fixture(scope="module")
def kept():
    """One world for all tests of this file."""
    world = World()
    with world.sandbox:
        yield world


@pytest.fixture
def world(kept):
    """The world as it was, with events that are old enough to be compared."""
    kept.reset()
    kept.tenancy.logging.unreadable_audit.clear()
    kept.tenancy.audit.timelines.clear()
    return kept


def emitted(world, *compartments):
    """Events of half an hour ago."""
    moment = datetime.now(timezone.utc) - timedelta(minutes=30)
    for ocid in compartments:
        for _ in range(3):
            world.tenancy.emit_audit_event(HOME, ocid, event_time=moment)


def audit(world, **settings):
    """The audit check of the connection test."""
    return by_name(validated(world.tenancy.settings(audit_mode="search", **settings)))["audit"]


@pytest.mark.slow
def test_a_complete_search_passes(world):
    """Every region is searched; what ListEvents has of a few compartments is all found."""
    emitted(world, world.tenancy.ocid, world.prod)
    world.sandbox.request_log.clear()
    check = audit(world, logging_enabled=False)
    assert (check["status"], check["code"]) == ("ok", "OK")
    assert "were found" in check["message"]
    searched = [one for one in world.sandbox.requests if one.operation == "search_logs"]
    assert {one.region for one in searched} == {HOME, OTHER}
    query = f'search "{world.tenancy.ocid}/_Audit_Include_Subcompartment" | sort by datetime asc'
    assert {one.body["searchQuery"] for one in searched} == {query}


@pytest.mark.slow
def test_fewer_rows_are_noticed_and_explained(world):
    """A missing right hides a compartment: a warning with count, compartment and policies."""
    emitted(world, world.tenancy.ocid, world.prod)
    world.tenancy.logging.unreadable_audit.add(world.prod)
    check = audit(world)
    assert (check["status"], check["code"]) == ("warning", "AUDIT_SEARCH_INCOMPLETE")
    assert world.prod in check["message"]
    assert world.tenancy.ocid not in check["message"]
    assert "read log-content in tenancy" in check["remedy"]


@pytest.mark.slow
def test_a_scope_without_events_is_not_called_complete(world):
    """Where there is nothing to compare, the check says so."""
    quiet = world.tenancy.add_compartment("quiet")
    check = audit(world, compartment_ocid=quiet)
    assert check["status"] == "ok"
    assert "no events to compare" in check["message"]


@pytest.mark.slow
def test_what_cannot_be_listed_is_told_apart(world):
    """ListEvents is refused, the search works: a warning of its own, with the statement for ListEvents."""
    emitted(world, world.tenancy.ocid)
    world.tenancy.deny("audit")
    check = audit(world)
    assert (check["status"], check["code"]) == ("warning", "AUDIT_SEARCH_NOT_COMPARED")
    assert "404" in check["message"]


@pytest.mark.parametrize("regions", [(HOME, OTHER), (OTHER,)])
@pytest.mark.slow
def test_a_refused_search_names_the_three_statements(world, regions):
    """A 404 of the search is not Logging's to explain: the statements are those that searching Audit needs."""
    for region in regions:
        world.tenancy.deny("logging", region=region)
    check = audit(world, logging_enabled=False)
    assert check["code"] == "AUDIT_SEARCH_NOT_AUTHORIZED"
    assert check["status"] == ("failed" if HOME in regions else "warning")
    for grant in ("read audit-events", "read log-groups", "read log-content"):
        assert f"{grant} in tenancy" in check["remedy"]
