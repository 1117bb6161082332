"""Events of identity domains mean what their own id says, and name who and what they are about."""

from __future__ import annotations

import copy

import pytest
from support.example_records import example, mapped

FAILED = example("audit_domain_sign_in_failed")["record"]
ADDED = example("audit_domain_member_added")["record"]


def with_details(record, **details):
    """Return the metadata of a domain's event with other details."""
    event = copy.deepcopy(record)
    event["data"]["additionalDetails"] |= details
    return mapped("audit", event).artifact["metadata"]


@pytest.mark.parametrize(
    ("event_id", "message_type", "severity", "techniques"),
    [
        ("sso.authentication.failure", "auth_failure", "medium", ["T1110"]),
        ("sso.session.create.failure", "auth_failure", "medium", ["T1110"]),
        ("sso.session.create.success", "auth_success", "informational", ["T1078.004"]),
        ("sso.auth.factor.initiated", "auth_attempt", "informational", None),
        ("sso.bypasscode.create.success", "credential_access", "high", ["T1556.006"]),
        ("admin.user.create.success", "privilege_escalation", "medium", ["T1136.003"]),
        ("admin.group.add.member.success", "privilege_escalation", "high", ["T1098.003"]),
        ("admin.policy.update.success", "privilege_escalation", "high", ["T1556.009"]),
        ("admin.app.delete.success", "config_change", "medium", None),
    ],
)
def test_the_domains_own_id_decides(event_id, message_type, severity, techniques):
    """One event name stands for several ids; the id says what happened, whatever HTTP status came with it."""
    metadata = with_details(FAILED, eventId=event_id)
    assert (metadata["messageType"], metadata["severityLabel"]) == (message_type, severity)
    assert metadata.get("attackTechniqueIds") == techniques
    if event_id.endswith((".success", ".failure")):
        assert metadata["oci.outcome"] == event_id.rpartition(".")[2]


@pytest.mark.parametrize("event_id", ["admin.something.new.success", "tenant.thing", "", None, 5, ["sso."]])
def test_an_unknown_id_leaves_the_meaning_of_the_type(event_id):
    """What the domain's table does not know is what the event's type says."""
    assert with_details(ADDED, eventId=event_id)["messageType"] == "privilege_escalation"


@pytest.mark.parametrize(
    ("principal", "actor", "name"),
    [
        ("idcssso", "bob@example.com", "bob@example.com"),
        (None, "bob@example.com", "bob@example.com"),
        ("alice@example.com", "bob@example.com", "alice@example.com"),
        ("idcssso", None, "idcssso"),
    ],
)
def test_who_acted_is_not_the_domain_itself(principal, actor, name):
    """Where the domain writes in its own name what somebody did, that somebody is the user."""
    event = copy.deepcopy(FAILED)
    event["data"]["identity"]["principalName"] = principal
    event["data"]["identity"]["principalId"] = None
    assert with_details(event, actorName=actor)["userName"] == name


def test_members_tell_two_changes_of_a_group_apart():
    """Two users put into one group by one administrator are two events to the host, and in words."""
    one, other = (with_details(ADDED, adminRefResourceName=name) for name in ("mallory", "oscar"))
    assert one["senderHost"] != other["senderHost"]
    assert one["message"] == "alice@example.com added user to group Administrators (mallory) in acme: 200"


def test_details_of_other_services_are_left_alone():
    """An `eventId` in the details of another service is not an identity domain's."""
    metadata = with_details(ADDED, eventId="9d1f5f0e-0000-4000-8000-000000000000")
    assert "oci.domainEvent" not in metadata
    assert "oci.memberName" not in metadata


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("tenant: acme, user: nobody-here", "nobody-here"),
        ("user:x", "x"),
        ("free text", None),
        (None, None),
        (5, None),
    ],
)
def test_a_refused_sign_in_names_what_was_typed(typed, name):
    """Guesses at accounts that do not exist differ in the user, so that the host does not take them for one."""
    event = copy.deepcopy(example("audit_console_login_unknown_user")["record"])
    event["data"]["response"]["payload"]["login_input"] = typed
    metadata = mapped("audit", event).artifact["metadata"]
    assert metadata.get("userName") == name
    assert metadata["messageType"] == "auth_failure"
