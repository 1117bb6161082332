"""The IAM statements: exact, in IAM's grammar, and for the group that is named."""

from __future__ import annotations

import pytest

from signal_client_oci.errors.policies import (
    DOMAIN_GROUP,
    GROUP_PLACEHOLDER,
    for_group,
    group_subject,
    statements,
)

GROUP_OCID = "ocid1.group.oc1..aaaaaaaareaders"


def test_statements_are_the_least_rights_of_each_service():
    """Each service's statements are exactly those of Oracle's policy references, in the root compartment."""
    assert statements(("audit",), "readers") == ["Allow group readers to read audit-events in tenancy"]
    assert statements(("logging",), "readers") == [
        "Allow group readers to read log-groups in tenancy",
        "Allow group readers to read log-content in tenancy",
    ]
    assert statements(("audit_search",), "readers") == [
        "Allow group readers to read audit-events in tenancy",
        "Allow group readers to read log-groups in tenancy",
        "Allow group readers to read log-content in tenancy",
    ]
    assert statements(("cloud_guard",), "readers") == [
        "Allow group readers to read cloud-guard-problems in tenancy",
        "Allow group readers to read cloud-guard-config in tenancy",
    ]
    assert statements(("identity",), "readers") == [
        "Allow group readers to inspect compartments in tenancy",
        "Allow group readers to inspect tenancies in tenancy",
    ]


def test_what_two_services_need_is_stated_once():
    """Searching Audit and Logging share two statements."""
    lines = statements(("audit_search", "logging"))
    assert len(lines) == len(set(lines)) == 3


def test_statements_of_several_services_follow_each_other():
    """Services are written in the order given, with the placeholder where no group is known."""
    lines = statements(("identity", "audit"))
    assert [line.split()[4] for line in lines] == ["inspect", "inspect", "read"]
    assert all(line.startswith(f"Allow group {GROUP_PLACEHOLDER} to ") for line in lines)


@pytest.mark.parametrize("group", ["readers", f"id {GROUP_OCID}", "'Corp'/'Signal Readers'", DOMAIN_GROUP])
def test_every_form_of_a_group_stands_behind_the_word_group(group):
    """A name, an OCID and a group of an identity domain are all subjects that IAM knows."""
    assert statements(("audit",), group) == [f"Allow group {group} to read audit-events in tenancy"]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("signal-readers", "signal-readers"),
        ("a.b+c_d@e", "a.b+c_d@e"),
        ("Signal Readers", f"id {GROUP_OCID}"),
        ("x' to manage all-resources in tenancy --", f"id {GROUP_OCID}"),
        ("", f"id {GROUP_OCID}"),
        ("é", f"id {GROUP_OCID}"),
    ],
)
def test_group_is_named_by_its_ocid_where_its_name_would_need_quotes(name, subject):
    """What others chose as a name never becomes part of a statement's grammar."""
    assert group_subject(name, GROUP_OCID) == subject


def test_group_that_cannot_be_written_is_not_named():
    """Neither name nor OCID fit: there is no subject."""
    assert group_subject("two words", "ocid1.group.oc1..x y") is None
    assert group_subject("two words", "ocid1.user.oc1..aaaa") is None


def test_only_the_statements_of_a_text_get_the_group():
    """The explanation of the form for identity domains keeps its placeholder."""
    text = f"add `{statements(('audit',))[0]}`, or write `group {DOMAIN_GROUP}` for <group>"
    told = for_group(text, "readers")
    assert "`Allow group readers to read audit-events in tenancy`" in told
    assert f"`group {DOMAIN_GROUP}` for <group>" in told
