"""Maps the unified audit trail of Oracle databases, as pipelines put it into Logging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.addresses import first_ip
from signal_client_oci.artifacts.envelope import sender_host, set_severity
from signal_client_oci.artifacts.logs.fields import ADDRESS_MEMBERS
from signal_client_oci.artifacts.sanitize import set_fields

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["database_audit", "is_database_audit"]


class _Operation(NamedTuple):
    message_type: str
    severity: Severity
    techniques: tuple[str, ...] = ()


_OPERATIONS: Final = {
    "LOGON": _Operation("auth_success", "informational"),
    "GRANT": _Operation("privilege_escalation", "medium", ("T1098",)),
    "CREATE USER": _Operation("privilege_escalation", "medium", ("T1136.001",)),
    "ALTER USER": _Operation("credential_access", "medium", ("T1098",)),
    "DROP USER": _Operation("config_change", "medium", ("T1531",)),
    "NOAUDIT": _Operation("defense_evasion", "high", ("T1562.008",)),
    "DROP TABLE": _Operation("data_destruction", "medium", ("T1485",)),
    "TRUNCATE TABLE": _Operation("data_destruction", "medium", ("T1485",)),
    "DROP TABLESPACE": _Operation("data_destruction", "high", ("T1485",)),
}
_USERS: Final = ("dbUserName", "dbUsername", "DBUSERNAME", "dbusername")
_REFUSED: Final = _Operation("auth_failure", "medium", ("T1110",))
_SUCCEEDED: Final = frozenset({"SUCCESS", "SUCCEEDED"})


def is_database_audit(data: Fields) -> bool:
    """Return whether a record is one of a database's unified audit trail, whatever its log type."""
    return any(name in data.values for name in _USERS)


def database_audit(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map what somebody did in a database: who, from where, with which statement on what, and how that ended."""
    operation = (data.text("operation", "eventName", "actionName", "ACTION_NAME") or "").upper()
    user, database = (
        data.text(*_USERS),
        data.text("targetName", "databaseUniqueName", "databaseName", "dbName"),
    )
    code, status = (
        data.text("errorCode", "returnCode", "RETURN_CODE"),
        (data.text("operationStatus") or "").upper(),
    )
    is_failed = status not in _SUCCEEDED if status else code not in {None, "0"}
    meaning = _REFUSED if is_failed and operation == "LOGON" else _OPERATIONS.get(operation)
    if meaning:
        set_severity(metadata, meaning.severity, meaning.message_type, meaning.techniques or None)
    address = first_ip(data.text(*ADDRESS_MEMBERS, "CLIENT_IP", "clientAddress"))
    if address:
        metadata["clientIP"] = address
    names = (data.text("objectOwner", "objectSchema"), data.text("objectName", "object"))
    target = ".".join(part for part in names if part)
    host = sender_host(database, oracle.resourceid or data.text("targetId", "databaseId") or oracle.logid)
    outcome = "failure" if is_failed else "success"
    os_user = data.text("osUserName", "osUsername")
    by = f" by {os_user}" if os_user else ""
    sender = f"{host} {target}".rstrip() + by + (f": {outcome} {code or ''}".rstrip() if is_failed else "")
    statement = f"{operation.lower() or 'statement'} {target}".rstrip()
    told = f"{user or 'somebody'} {statement} on {database or '?'}"
    reason = data.text("errorMessage")
    set_fields(
        metadata,
        (
            ("action", operation),
            ("userName", user),
            ("clientHostname", data.text("clientHostname", "userHost")),
            ("program", data.text("clientProgram", "clientProgramName")),
            ("senderHost", sender),
            ("message", f"{told}: {outcome}{f' ({reason})' if reason and is_failed else ''}"),
            ("oci.databaseName", database),
            ("oci.osUser", os_user),
            ("oci.outcome", outcome),
            ("oci.status", code),
        ),
    )
