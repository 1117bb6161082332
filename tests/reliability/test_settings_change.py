"""Promise 11: what an operator or a tenancy changes between two polls neither loses nor mixes anything."""

from datetime import timedelta

import pytest
from support.sandbox_changes import revoke_key, set_region
from support.world import (
    FAR,
    HOME,
    Instance,
    assert_exactly_once,
    assert_nothing_missing,
    codes,
    emit_everywhere,
    statuses,
    window_of,
)

from signal_client_oci.sandbox.data.keys import api_key_fingerprint, public_key_of, shared_private_key_pem

LOOKBACK = 60


def _start_of(world, region, compartment):
    """Return how many minutes before now the last Audit window of a place began."""
    (*_, last) = world.requests("list_events", region=region, compartments=(compartment,))
    return (world.clock().timestamp() * 1_000_000 - window_of(last)[0]) / 60_000_000


def test_another_tenancy_never_continues_the_old_ones_checkpoint(world):
    """The report warns, collection starts at the lookback, and nothing of the old tenancy is asked for."""
    old, new = world.tenancy(compartments=1), world.tenancy(compartments=1)
    instance = Instance(old)
    instance.poll()
    for _ in range(3):
        emit_everywhere(new, problems=1)
        instance.catch_up(polls=1)
    instance.tenancy, instance.settings = new, new.settings(lookback_minutes=LOOKBACK)
    world.sandbox.request_log.clear()
    report = instance.poll()
    assert codes(report) == {"TENANCY_CHANGED"}
    assert {one.tenancy for one in world.sandbox.requests} == {new.ocid}
    instance.catch_up(polls=2)
    assert "TENANCY_CHANGED" not in codes(instance.reports[-1])
    assert_exactly_once(instance)


def test_changing_back_starts_at_the_lookback_too(world):
    """The first tenancy's checkpoint was given up; coming back is a change like the other."""
    first, second = world.tenancy(), world.tenancy()
    instance = Instance(first, cloud_guard_enabled=False)
    instance.poll()
    instance.settings = second.settings()
    instance.catch_up(polls=1)
    instance.settings = first.settings()
    assert codes(instance.catch_up(polls=1)) == {"TENANCY_CHANGED"}


def test_a_region_that_is_added_starts_at_the_lookback(world):
    """Records of the last hour of the new region arrive, and the old region goes on where it was."""
    tenancy = world.tenancy(HOME, FAR, compartments=1)
    instance = Instance(tenancy, additional_regions=[], lookback_minutes=LOOKBACK, cloud_guard_enabled=False)
    instance.catch_up(polls=3)
    for age in (2, 20, 57):
        emit_everywhere(tenancy, time=world.clock() - timedelta(minutes=age))
    far = [one for one in tenancy.ground_truth if one.region == FAR]
    instance.settings["additional_regions"] = [FAR]
    instance.poll()
    assert LOOKBACK <= _start_of(world, FAR, tenancy.ocid) <= LOOKBACK + 2
    assert {one.key for one in far} <= set(instance.keys("audit")) | set(instance.keys("logging"))


def test_a_region_that_comes_back_continues(world):
    """A region that is taken out of the settings for six hours goes on where it stopped, not at the lookback."""
    tenancy = world.tenancy(HOME, FAR, compartments=1)
    instance = Instance(tenancy, lookback_minutes=LOOKBACK, cloud_guard_enabled=False)
    instance.poll()
    instance.settings["additional_regions"] = []
    for _ in range(6):
        emit_everywhere(tenancy)
        instance.catch_up(polls=1, minutes=60)
    instance.settings["additional_regions"] = [FAR]
    instance.catch_up(polls=2)
    assert_exactly_once(instance, "audit", "logging")


def test_a_scope_that_is_widened_starts_at_the_lookback(world):
    """From one team to the whole tenancy: what the others did in the last hour is collected, nothing twice."""
    tenancy = world.tenancy(compartments=2)
    team = tenancy.tree.subtree(tenancy.ocid)[1]
    instance = Instance(tenancy, compartment_ocid=team, lookback_minutes=LOOKBACK)
    instance.poll()
    emit_everywhere(tenancy, problems=1)
    tenancy.add_problem(team)
    instance.catch_up(polls=2)
    assert {one["raw"].count(team) > 0 for one in instance.artifacts("audit")} == {True}
    instance.settings["compartment_ocid"] = ""
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_a_scope_that_was_narrowed_and_comes_back_continues(world):
    """For six hours one team only, then everything again: the six hours of the others arrive, nothing twice."""
    tenancy = world.tenancy(compartments=2)
    instance = Instance(tenancy, lookback_minutes=LOOKBACK)
    opened = [tenancy.add_problem() for _ in range(3)]
    instance.poll()
    instance.settings["compartment_ocid"] = tenancy.tree.subtree(tenancy.ocid)[1]
    for _ in range(6):
        emit_everywhere(tenancy, problems=1)
        instance.catch_up(polls=1, minutes=60)
    tenancy.update_problem(opened[0], lifecycle_detail="RESOLVED")
    instance.settings["compartment_ocid"] = ""
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
@pytest.mark.sampled(3)
def test_a_source_that_was_switched_off_continues(world, source):
    """A source that is off for six hours is `skipped`, costs no request, and then catches up."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy, lookback_minutes=LOOKBACK)
    instance.poll()
    instance.settings[f"{source}_enabled"] = False
    for _ in range(6):
        emit_everywhere(tenancy, problems=1)
        report = instance.catch_up(polls=1, minutes=60)
        assert statuses(report)[source] == "skipped"
        assert report["status"] == "ok"
    instance.settings[f"{source}_enabled"] = True
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_audit_records_change_sides_without_a_repeat(world):
    """Logging shows Audit's records too: they are Audit's while it is on, Logging's while it is off."""
    tenancy = world.tenancy()
    tenancy.logging.includes_audit = True
    instance = Instance(tenancy, audit_enabled=True, cloud_guard_enabled=False)
    instance.poll()
    emit_everywhere(tenancy, 2)
    report = instance.catch_up(polls=1)
    assert report["sources"]["logging"]["counts"]["left_to_audit"] == 2
    assert_exactly_once(instance, "audit", "logging")
    instance.settings["audit_enabled"] = False
    instance.catch_up(polls=5)
    instance.published.clear()
    tenancy.emit_audit_event(HOME, tenancy.ocid)
    instance.catch_up(polls=2)
    assert len(instance.artifacts("logging")) == 1


@pytest.mark.parametrize("age", [3, 40, 600])
@pytest.mark.parametrize("parent", ["root", "team"])
@pytest.mark.sampled(5)
def test_a_compartment_that_is_created_later_is_read_from_its_creation(world, age, parent):
    """However long it takes until the list shows it, its first records arrive."""
    tenancy = world.tenancy(HOME, FAR, compartments=1)
    instance = Instance(tenancy, lookback_minutes=30, cloud_guard_enabled=False)
    instance.poll()
    under = None if parent == "root" else tenancy.tree.subtree(tenancy.ocid)[1]
    created = tenancy.add_compartment("new", under, created=world.clock())
    for _ in range(4):
        world.clock.advance(minutes=age / 4)
        for region in tenancy.regions:
            tenancy.emit_audit_event(region, created)
            tenancy.emit_log_record(region, created)
    instance.catch_up(polls=5)
    assert_exactly_once(instance, "audit", "logging")


def _emit_for_hours(world, tenancy, instance, compartment, *, polls):
    """Four hours of records in a compartment, with polls or without."""
    for _ in range(8):
        world.clock.advance(minutes=30)
        for region in tenancy.regions:
            tenancy.emit_audit_event(region, compartment)
            tenancy.emit_log_record(region, compartment)
        if polls:
            instance.poll()


@pytest.mark.parametrize(
    ("setting", "without", "with_it"),
    [
        ("audit_enabled", False, True),
        ("logging_enabled", False, True),
        ("additional_regions", [], [FAR]),
    ],
)
@pytest.mark.sampled(3)
def test_a_compartment_created_while_something_was_off_is_read_from_its_creation(
    world, setting, without, with_it
):
    """The list was taken again meanwhile, but not for the source or region that was off."""
    regions = (HOME, FAR) if setting == "additional_regions" else (HOME,)
    tenancy = world.tenancy(*regions, compartments=1)
    instance = Instance(tenancy, cloud_guard_enabled=False, **{setting: with_it})
    instance.poll()
    instance.settings[setting] = without
    instance.catch_up(minutes=20, polls=1)
    created = tenancy.add_compartment("new", created=world.clock())
    _emit_for_hours(world, tenancy, instance, created, polls=True)
    instance.settings[setting] = with_it
    instance.catch_up(polls=3)
    assert_exactly_once(instance, "audit", "logging")


def test_a_region_subscribed_during_an_outage_is_read_from_the_outage_on(world):
    """With all regions wanted, nobody adds one: it is there when the host comes back."""
    tenancy = world.tenancy(HOME)
    instance = Instance(tenancy, cloud_guard_enabled=False, additional_regions=["all"])
    instance.poll()
    set_region(tenancy, FAR)
    _emit_for_hours(world, tenancy, instance, tenancy.ocid, polls=False)
    instance.catch_up(polls=3)
    assert_exactly_once(instance, "audit", "logging")


def test_a_compartment_deleted_before_it_could_be_listed_is_read(world):
    """The first polls' lookback is owed to it too."""
    tenancy = world.tenancy(compartments=1)
    doomed = tenancy.tree.subtree(tenancy.ocid)[1]
    instance = Instance(tenancy, cloud_guard_enabled=False)
    fault = world.fault(status=404, service="identity", tenancy=tenancy.ocid)
    instance.poll()
    tenancy.emit_audit_event(HOME, doomed)
    tenancy.emit_log_record(HOME, doomed)
    world.clock.advance(minutes=10)
    tenancy.delete_compartment(doomed)
    world.sandbox.faults.remove(fault)
    instance.catch_up(polls=3)
    assert_exactly_once(instance, "audit", "logging")


@pytest.mark.parametrize("readable", [True, False])
def test_a_deleted_compartment_is_read_until_its_late_events_are_in(world, readable):
    """Its last and its late events arrive, a 404 for it is no failure, and then it costs no request."""
    tenancy = world.tenancy(compartments=2)
    doomed = tenancy.tree.subtree(tenancy.ocid)[1]
    instance = Instance(tenancy, cloud_guard_enabled=False)
    instance.poll()
    tenancy.emit_audit_event(HOME, doomed)
    if readable:
        tenancy.emit_audit_event(HOME, doomed, visible=world.clock() + timedelta(minutes=14))
        tenancy.emit_log_record(HOME, doomed, visible=world.clock() + timedelta(minutes=14))
        tenancy.delete_compartment(doomed)
    else:
        instance.catch_up(polls=1)
        tenancy.delete_compartment(doomed, readable=False)
    for _ in range(20):
        assert instance.catch_up(polls=1)["status"] == "ok"
    assert_exactly_once(instance, "audit", "logging")
    world.sandbox.request_log.clear()
    instance.catch_up(polls=1)
    assert doomed not in {ocid for one in world.sandbox.requests for ocid in one.compartments}


def test_a_forgotten_compartment_is_no_trouble(world):
    """After the audit period the list does not show a deleted compartment any more."""
    tenancy = world.tenancy(compartments=2)
    doomed = tenancy.tree.subtree(tenancy.ocid)[1]
    instance = Instance(tenancy)
    instance.poll()
    tenancy.delete_compartment(doomed, forget=True)
    emit_everywhere(tenancy)
    assert instance.catch_up(polls=4)["status"] == "ok"
    assert_exactly_once(instance)


@pytest.mark.parametrize("overlap", [(15, 60), (60, 5), (0, 30), (30, 0)])
def test_another_overlap_loses_nothing(world, overlap):
    """A smaller overlap repeats nothing; a larger one may repeat, under the same ids, what the old one forgot."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, overlap_minutes=overlap[0], cloud_guard_enabled=False)
    for _ in range(8):
        emit_everywhere(tenancy)
        instance.catch_up(polls=1)
    instance.settings["overlap_minutes"] = overlap[1]
    for _ in range(4):
        emit_everywhere(tenancy)
        instance.catch_up(polls=1)
    instance.catch_up(polls=1)
    compare = assert_nothing_missing if overlap[1] > overlap[0] else assert_exactly_once
    compare(instance, "audit", "logging")


def test_a_key_is_rotated_without_a_gap(world):
    """The old key, both keys, the new one alone: every poll is whole, nothing is missing and nothing comes twice."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy)
    instance.poll()
    for step in _rotation(tenancy, instance):
        step()
        emit_everywhere(tenancy, problems=1)
        report = instance.catch_up(polls=1)
        assert (report["status"], codes(report)) == ("ok", set())
    instance.catch_up(polls=2)
    assert_exactly_once(instance)


def test_a_key_removed_too_early_is_named_and_made_up_for(world):
    """Polls between the removal of the old key and the change fail and say why; afterwards nothing is missing."""
    tenancy = world.tenancy(compartments=1)
    instance = Instance(tenancy)
    instance.poll()
    add, change, remove = _rotation(tenancy, instance)
    add()
    remove()
    emit_everywhere(tenancy, problems=1)
    report = instance.catch_up(polls=2)
    assert (report["status"], codes(report)) == ("failed", {"NOT_AUTHENTICATED"})
    change()
    assert instance.catch_up(polls=2)["status"] == "ok"
    assert_exactly_once(instance)


def _rotation(tenancy, instance):
    """Return the steps: add a second key in OCI, change the instance to it, remove the first key in OCI."""
    pem = shared_private_key_pem(1)
    return (
        lambda: tenancy.register_key(pem),
        lambda: instance.settings.update(
            private_key=pem, fingerprint=api_key_fingerprint(public_key_of(pem))
        ),
        lambda: revoke_key(tenancy),
    )


def test_another_query_loses_nothing_from_then_on(world):
    """A narrower query collects less, the old one again collects all from then on; nothing comes twice."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, audit_enabled=False, cloud_guard_enabled=False)
    instance.poll()
    wanted = []
    for query in ("", "where type = 'wanted'", ""):
        instance.settings["logging_query"] = query
        for kind in ("wanted", "other"):
            one = tenancy.emit_log_record(HOME, tenancy.ocid, log_type=kind)
            wanted += [one.key] if kind == "wanted" or not query else []
        instance.catch_up(polls=4)
    instance.catch_up(polls=2)
    assert set(wanted) <= set(instance.keys("logging"))
    assert len(instance.keys("logging")) == len(set(instance.keys("logging")))
