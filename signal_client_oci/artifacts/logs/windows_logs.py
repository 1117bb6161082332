"""Maps records of Windows event logs, as the agent of Logging writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.envelope import sender_host, set_severity
from signal_client_oci.artifacts.sanitize import set_fields

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["is_windows_event", "windows_event"]


class _Event(NamedTuple):
    """What an event id of the security log means.

    `subject` is the section of the description that names whom it is about; `acts_on` tells that somebody else acted.
    """

    words: str
    message_type: str
    severity: Severity
    techniques: tuple[str, ...]
    subject: str = ""
    acts_on: bool = False


_SECURITY: Final = {
    "1102": _Event("audit log cleared", "defense_evasion", "high", ("T1070.001",)),
    "4624": _Event("logon accepted", "auth_success", "informational", (), "New Logon"),
    "4625": _Event("logon failed", "auth_failure", "medium", ("T1110",), "Account For Which Logon Failed"),
    "4720": _Event("account created", "privilege_escalation", "medium", ("T1136.001",), "New Account", acts_on=True),
    "4723": _Event("password change attempted", "credential_access", "low", ("T1098",), "Target Account", acts_on=True),
    "4724": _Event("password reset", "credential_access", "medium", ("T1098",), "Target Account", acts_on=True),
    "4726": _Event("account deleted", "config_change", "medium", ("T1531",), "Target Account", acts_on=True),
    "4728": _Event("member added to group", "privilege_escalation", "high", ("T1098",), "Member", acts_on=True),
    "4732": _Event("member added to group", "privilege_escalation", "high", ("T1098",), "Member", acts_on=True),
    "4740": _Event("account locked out", "auth_failure", "medium", ("T1110",), "Account That Was Locked Out"),
    "4756": _Event("member added to group", "privilege_escalation", "high", ("T1098",), "Member", acts_on=True),
    "4771": _Event("kerberos pre-authentication failed", "auth_failure", "medium", ("T1110",), "Account Information"),
    "4776": _Event("credential validation", "auth_attempt", "informational", ()),
}  # fmt: skip
_SECTION: Final = re.compile(r"^[ \t]{0,8}([A-Z][A-Za-z ]{2,60}):[ \t]*$", re.MULTILINE)
_VALUE: Final = re.compile(r"^[ \t]*([A-Z][A-Za-z ]{2,60}):[ \t]+(\S[^\r\n]{0,512})", re.MULTILINE)
_NAMES: Final = ("Account Name", "Security ID")
_ADDRESSES: Final = ("Source Network Address", "Client Address")
_MAX_TEXT: Final = 16_384


def is_windows_event(data: Fields) -> bool:
    """Return whether a record is an event of a Windows event log, whatever its log type."""
    values = data.values
    return "EventID" in values and ("Computer" in values or "Channel" in values)


def windows_event(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:  # noqa: ARG001  (as all mappings)
    """Map an event: what its id means, and from its description who, on whom and from where."""
    number, channel, host = data.text("EventID"), data.text("Channel"), data.text("Computer")
    description = (data.text("Description", "Message", "message") or "")[:_MAX_TEXT]
    event = _SECURITY.get(number or "") if (channel or "").lower() in {"security", ""} else None
    sections = _sections(description)
    subject = _name(sections.get(event.subject, {})) if event else ""
    actor = _name(sections.get("Subject", {}))
    address = next(
        (ip for values in sections.values() for key in _ADDRESSES if (ip := one_ip(values.get(key)))), None
    )
    if event:
        set_severity(metadata, event.severity, event.message_type, event.techniques or None)
    if address:
        metadata["clientIP"] = address
    user = actor if event and event.acts_on else subject or actor
    target = _name(sections.get("Group", {})) if event and event.words.startswith("member") else ""
    what = " ".join(part for part in (target, subject if event and event.acts_on else "") if part)
    first_line = description.strip().partition("\n")[0].strip()
    words = event.words if event else first_line or f"event {number}"
    told = " ".join(part for part in (user, words, what) if part)
    set_fields(
        metadata,
        (
            ("action", f"{number} {event.words}" if event else f"event {number}"),
            ("userName", user),
            ("program", data.text("ProviderName")),
            ("senderHost", sender_host(host, what) if what else host),
            ("serverHostname", host),
            ("message", f"{told} on {host}" if host else told),
            ("oci.eventNumber", number),
            ("oci.channel", channel),
        ),
    )


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a description: `Subject:` and the like, each with its `Account Name: ...`."""
    text = text.replace("\r", "")
    heads = list(_SECTION.finditer(text))
    ends = [*(head.start() for head in heads), len(text)]
    sections = {"": dict(_VALUE.findall(text[: ends[0]]))}
    for head, end in zip(heads, ends[1:], strict=True):
        sections[head[1]] = dict(_VALUE.findall(text[head.end() : end]))
    return sections


def _name(section: dict[str, str]) -> str:
    return next((value for key in _NAMES if (value := section.get(key, "").strip()) not in {"", "-"}), "")
