"""Recognises what Unix hosts log of sign-ins: sshd, PAM, su, sudo and locked accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.envelope import set_severity
from signal_client_oci.artifacts.sanitize import set_fields

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata

__all__ = ["add_sign_in"]


class _Line(NamedTuple):
    """A kind of line: what it looks like, and the action that it stands for (its text differs with every attempt)."""

    pattern: re.Pattern[str]
    action: str
    accepted: bool = False


_USER: Final = r"(?P<user>\S{1,256})"
_FROM: Final = r"(?P<ip>[0-9A-Fa-f:.]{2,45})"
_LINES: Final = (
    _Line(re.compile(rf"Accepted \S{{1,32}} for {_USER} from {_FROM}"), "ssh sign-in accepted", accepted=True),
    _Line(re.compile(rf"Failed \S{{1,32}} for (?:invalid user )?{_USER} from {_FROM}"), "ssh sign-in failed"),
    _Line(re.compile(rf"Invalid user {_USER} from {_FROM}"), "ssh sign-in of unknown user"),
    _Line(
        re.compile(rf"(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?{_USER} from {_FROM}"),
        "ssh sign-in attempts exceeded",
    ),
    _Line(
        re.compile(rf"(?:Connection closed by|Disconnected from) authenticating user {_USER} {_FROM}"),
        "ssh sign-in not completed",
    ),
    _Line(
        re.compile(
            r"pam_\w{1,32}\((?P<service>[^:)]{1,64})[^)]{0,64}\): authentication failure;"
            r"(?=(?:.{0,512}?rhost=(?P<ip>[0-9A-Fa-f:.]{2,45}))?)(?=(?:.{0,512}?\buser=(?P<user>\S{1,256}))?)"
        ),
        "sign-in failed",
    ),
    _Line(re.compile(rf"FAILED SU \(to {_USER}\) (?P<actor>\S{{1,256}}) on "), "su failed"),
    _Line(re.compile(rf"{_USER} : (?:\d{{1,4}} incorrect password attempts?|user NOT in sudoers)"), "sudo failed"),
    _Line(
        re.compile(
            rf"pam_faillock\([^)]{{1,64}}\): Consecutive login failures for user {_USER} account .{{0,32}}locked"
        ),
        "account locked",
    ),
)  # fmt: skip
_MAX_TEXT: Final = 2048


def add_sign_in(message: str, metadata: Metadata) -> bool:
    """Add what a line tells of a sign-in: who, from where, and whether it was accepted; return whether it is one."""
    text = message[:_MAX_TEXT].lstrip()
    for line in _LINES:
        found = line.pattern.match(text)
        if found:
            _add(found.groupdict(), line, metadata)
            return True
    return False


def _add(found: dict[str, str | None], line: _Line, metadata: Metadata) -> None:
    if line.accepted:
        set_severity(metadata, "informational", "auth_success", ["T1021"])
    else:
        set_severity(metadata, "medium", "auth_failure", ["T1110"])
    address = one_ip(found.get("ip"))
    if address:
        metadata["clientIP"] = address
    service, actor = found.get("service"), found.get("actor")
    action = " ".join(part for part in (service, line.action, actor and f"by {actor.rstrip(':')}") if part)
    set_fields(metadata, (("userName", (found.get("user") or "").rstrip(":")), ("action", action)))
