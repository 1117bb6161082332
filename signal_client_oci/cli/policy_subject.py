"""The subject of a policy: a group by name, domain or OCID, or a single user."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.errors.policies import GROUP_PLACEHOLDER, Service, statements

__all__ = ["Subject"]

_SIMPLE_NAME: Final = re.compile(r"[A-Za-z0-9_.+@-]+")
_DOMAIN_GROUP: Final = re.compile(r"'?([^'/]+)'?/'?([^'/]+)'?")
_OCID: Final = re.compile(r"ocid1\.(\w+)\.[A-Za-z0-9-]+\.[A-Za-z0-9-]*\.[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Subject:
    """The subject that the options of `policy` name; raises `CommandError` for a contradiction or an unusable name."""

    group: str | None = None
    domain: str | None = None
    group_ocid: str | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        if sum(map(bool, (self.group, self.group_ocid, self.user))) > 1:
            raise CommandError("--group, --group-ocid and --user cannot be combined; use one of them")
        if self.domain and not self.group:
            raise CommandError("--domain needs the --group in that domain")
        if self.group and "ocid1." in self.group:
            raise CommandError("--group: this is an OCID, not a name; use --group-ocid")
        _require_ocid("--group-ocid", self.group_ocid, "group")
        _require_ocid("--user", self.user, "user")

    @property
    def is_open(self) -> bool:
        """Whether no group or user is named, so that the statements contain the placeholder."""
        return not (self.group or self.group_ocid or self.user)

    def statements(self, services: Iterable[Service]) -> list[str]:
        """Return the policy statements; IAM has no `Allow user`, so a condition selects a single user."""
        if not self.user:
            return statements(services, self._group_name())
        beginning = f"Allow group {GROUP_PLACEHOLDER} "
        return [
            f"Allow any-user {line.removeprefix(beginning)} where request.user.id = '{self.user}'"
            for line in statements(services)
        ]

    def _group_name(self) -> str:
        if self.group_ocid:
            return f"id {self.group_ocid}"
        if not self.group:
            return GROUP_PLACEHOLDER
        if self.domain:
            return f"{_quoted(self.domain)}/{_quoted(self.group)}"
        if both := _DOMAIN_GROUP.fullmatch(self.group):
            return f"{_quoted(both[1])}/{_quoted(both[2])}"
        return self.group if _SIMPLE_NAME.fullmatch(self.group) else _quoted(self.group)


def _quoted(name: str) -> str:
    if "'" in name or not name.isprintable() or not name.strip():
        raise CommandError(
            "a name with quotes or control characters cannot be used in a statement; use --group-ocid"
        )
    return f"'{name}'"


def _require_ocid(option: str, ocid: str | None, kind: str) -> None:
    if ocid and not ((match := _OCID.fullmatch(ocid)) and match[1] == kind):
        raise CommandError(f"{option}: not the OCID of a {kind}; it begins with ocid1.{kind}.")
