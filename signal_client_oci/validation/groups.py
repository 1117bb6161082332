"""The groups of the API user, so that a policy statement in a remedy can name the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import msgspec

from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.policies import GROUP_PLACEHOLDER, for_group, group_subject
from signal_client_oci.oci_api.client import Client, rows_of
from signal_client_oci.validation.findings import Finding, listed
from signal_client_oci.validation.probe_session import Enquirer

__all__ = ["with_groups"]

_MOST_GROUPS: Final = 5
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError)


class _Membership(msgspec.Struct, rename="camel"):
    group_id: str


_MEMBERSHIPS: Final = msgspec.json.Decoder(list[_Membership])


class _Group(msgspec.Struct):
    id: str
    name: str


class _Groups(NamedTuple):
    """How statements name the user's groups, and whether there are others."""

    subjects: list[str]
    complete: bool


def with_groups(enquirer: Enquirer, findings: Mapping[str, Finding]) -> dict[str, Finding]:
    """Return the findings with the user's group in their remedies, where one needs it and Identity tells it.

    A user who may not look up its own groups gets the placeholder.
    """
    if not any(GROUP_PLACEHOLDER in one.remedy for one in findings.values()):
        return dict(findings)
    groups = enquirer.together([partial(_groups_of_user, enquirer)])[0]
    if isinstance(groups, Failure):
        return dict(findings)
    return {
        name: replace(one, remedy=_told(one.remedy, groups)) if GROUP_PLACEHOLDER in one.remedy else one
        for name, one in findings.items()
    }


def _groups_of_user(enquirer: Enquirer) -> _Groups:
    region, settings = enquirer.settings.region, enquirer.settings
    ask = partial(_memberships, settings.tenancy_ocid, settings.user_ocid)
    ocids = enquirer.ask(region, "identity", ask)
    asks = [partial(enquirer.ask, region, "identity", partial(_group, ocid)) for ocid in ocids[:_MOST_GROUPS]]
    found = [one for one in enquirer.together(asks) if isinstance(one, _Group)]
    subjects = [subject for one in found if (subject := group_subject(one.name, one.id))]
    return _Groups(subjects, complete=len(subjects) == len(ocids))


def _memberships(tenancy: str, user: str, client: Client) -> list[str]:
    answer = client.call("list_user_group_memberships", tenancy, user_id=user)
    return [row.group_id for row in rows_of(answer, _MEMBERSHIPS)]


def _group(ocid: str, client: Client) -> _Group:
    answer = client.call("get_group", ocid)
    try:
        return msgspec.json.decode(answer.body, type=_Group)
    except _UNREADABLE as error:
        raise Failure("RESPONSE_NOT_JSON", opc_request_id=answer.opc_request_id) from error


def _told(remedy: str, groups: _Groups) -> str:
    if groups.complete and not groups.subjects:
        return f"{remedy} The user is in no group of the Default domain yet: add it to one first."
    if groups.complete and len(groups.subjects) == 1:
        return for_group(remedy, groups.subjects[0])
    return f"{remedy} The user is in the groups {listed(groups.subjects)}." if groups.subjects else remedy
