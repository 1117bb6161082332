"""The groups of the API user, so that a policy statement in a remedy can name the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.policies import GROUP_PLACEHOLDER, for_group, group_subject
from signal_client_oci.oci_api.operations import Group, get_group, list_user_group_memberships
from signal_client_oci.validation.findings import Finding, join_names
from signal_client_oci.validation.probe_session import ProbeSession

__all__ = ["name_groups"]

_MAX_GROUPS: Final = 5


class _Groups(NamedTuple):
    """How statements name the user's groups, and whether these are all."""

    subjects: list[str]
    complete: bool


def name_groups(session: ProbeSession, findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """Return the findings with the user's group in their remedies, where one needs it and Identity tells it.

    A user who may not look up its own groups gets the placeholder.
    """
    if not any(GROUP_PLACEHOLDER in one.remedy for one in findings.values()):
        return dict(findings)
    groups = session.run_parallel([partial(_groups_of_user, session)])[0]
    if isinstance(groups, Failure):
        return dict(findings)
    return {
        name: replace(one, remedy=_with_groups(one.remedy, groups))
        if GROUP_PLACEHOLDER in one.remedy
        else one
        for name, one in findings.items()
    }


def _groups_of_user(session: ProbeSession) -> _Groups:
    settings = session.settings
    call = partial(
        list_user_group_memberships, tenancy_ocid=settings.tenancy_ocid, user_ocid=settings.user_ocid
    )
    memberships = session.call_main("identity", call).items
    probes = [
        partial(session.call_main, "identity", partial(get_group, group_ocid=one.group_id))
        for one in memberships[:_MAX_GROUPS]
    ]
    found = [one for one in session.run_parallel(probes) if isinstance(one, Group)]
    subjects = [subject for one in found if (subject := group_subject(one.name, one.id))]
    return _Groups(subjects, complete=len(subjects) == len(memberships))


def _with_groups(remedy: str, groups: _Groups) -> str:
    if groups.complete and not groups.subjects:
        return f"{remedy} The user is in no group of the Default domain yet: add it to one first."
    if groups.complete and len(groups.subjects) == 1:
        return for_group(remedy, groups.subjects[0])
    return f"{remedy} The user is in the groups {join_names(groups.subjects)}." if groups.subjects else remedy
