"""Declares the fields that are read of a log record (`results[].data` of SearchLogs, Logging Search API 20190909)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from signal_client_oci.artifacts.audit.fields import AuditData
from signal_client_oci.artifacts.lenient_decode import ParseError, decode_leniently

__all__ = [
    "ADDRESS_MEMBERS",
    "AUDIT_GROUPS",
    "AuditLog",
    "Count",
    "Fields",
    "Flow",
    "KnownFlow",
    "Log",
    "LogContent",
    "LogOracle",
    "Text",
]

_TOO_LARGE: Final = 2**62  # no counter, port or time of a record gets there
Text = str | None
Count = Annotated[int, msgspec.Meta(gt=-_TOO_LARGE, lt=_TOO_LARGE)]
Number = Count | None
# the log groups that hold audit events
AUDIT_GROUPS: Final = frozenset({"_Audit", "_Audit_Include_Subcompartment"})
_MAX_DIGITS: Final = 18
# where records of whatever origin name the address of a client
ADDRESS_MEMBERS: Final = (
    *(
        "clientIp",
        "clientIP",
        "client_ip",
        "clientIpAddress",
        "clientAddr",
        "sourceAddress",
        "sourceIp",
        "sourceIPAddress",
    ),
    *("source_ip", "remoteAddr", "remote_addr", "remoteIp", "originatingIp", "ipAddress", "ip"),
)


class LogOracle(msgspec.Struct, gc=False):
    """Where Logging keeps the record (`logContent.oracle`)."""

    compartmentid: Text = None
    loggroupid: Text = None
    logid: Text = None
    ingestedtime: Text = None
    resourceid: Text = None
    resource_id: Text = msgspec.field(default=None, name="resourceId")
    vnicocid: Text = None
    vnicsubnetocid: Text = None


class LogContent(msgspec.Struct, gc=False):
    """The CloudEvents envelope around the record (`logContent`)."""

    id: Text = None
    time: Text = None
    type: Text = None
    source: Text = None
    subject: Text = None
    oracle: LogOracle | None = None
    data: msgspec.Raw = msgspec.Raw()


class Log(msgspec.Struct, rename="camel", gc=False):
    """One record; without `logContent` when the query selects or summarizes."""

    datetime: int | str | float | None = None
    log_content: LogContent | None = None


class Flow(msgspec.Struct, rename="camel", gc=False):
    """The data of a VCN flow record."""

    action: Text = None
    bytes_out: Number = None
    destination_address: Text = None
    destination_port: Number = None
    end_time: Number = None
    flowid: Text = None
    packets: Number = None
    protocol: Number = None
    protocol_name: Text = None
    source_address: Text = None
    source_port: Number = None
    start_time: Number = None
    status: Text = None


class KnownFlow(Flow, rename="camel", gc=False, forbid_unknown_fields=True):
    """The data of a VCN flow record that has no other members, so that decoding it reads all of it."""

    version: str | int | None = None


class _AuditContent(msgspec.Struct, gc=False):
    """The envelope of a record of the log group `_Audit`, whose data is an audit event's."""

    id: Text = None
    time: Text = None
    type: Text = None
    source: Text = None
    oracle: LogOracle | None = None
    data: AuditData | None = None


class AuditLog(msgspec.Struct, rename="camel", gc=False):
    """One record of the log group `_Audit`."""

    datetime: int | str | float | None = None
    log_content: _AuditContent | None = None


class Fields:
    """The data of a record without a fixed shape, read by name.

    A value of an unusable type is left out and added to `parse_errors`.
    """

    __slots__ = ("parse_errors", "path", "values")

    def __init__(self, values: Any, path: str, parse_errors: list[ParseError]) -> None:
        self.values: dict[str, Any] = values if isinstance(values, dict) else {}
        self.path, self.parse_errors = path, parse_errors

    def text(self, *names: str) -> str | None:
        """Return the first of some members that has a value, as text; `-` stands for no value."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, bool):
                return "true" if value else "false"
            if isinstance(value, (int, float)):
                return str(value)
            if isinstance(value, str):
                if value and value != "-":
                    return value
            elif value is not None:
                self._reject(name, "neither text nor a number")
        return None

    def number(self, *names: str) -> int | None:
        """Return the first of some members that has a value, as a whole number, also when it is written as text."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
                return int(value)
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
                return int(value)
            if value not in (None, "", "-"):
                self._reject(name, "not a number")
        return None

    def part(self, name: str) -> Fields:
        """Return a member that is an object; an empty one when it is missing."""
        value = self.values.get(name)
        if isinstance(value, str) and value.startswith("{"):
            value = decode_leniently(value.encode("utf-8", "replace"))
        if value is not None and not isinstance(value, dict):
            self._reject(name, "not an object")
        return Fields(value, f"{self.path}.{name}", self.parse_errors)

    def first(self, name: str) -> str | None:
        """Return the first text of a member that is a list of texts, or the text that stands in its place."""
        value = self.values.get(name)
        if isinstance(value, list):
            return next((item for item in value if isinstance(item, str) and item), None)
        return self.text(name)

    def _reject(self, name: str, detail: str) -> None:
        self.parse_errors.append(ParseError(f"{self.path}.{name}", detail))
