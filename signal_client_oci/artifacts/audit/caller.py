"""Maps who made the call that an audit event records: the principal, its address and its credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import one_ip
from signal_client_oci.artifacts.sanitize import non_empty

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditIdentity
    from signal_client_oci.artifacts.sanitize import TextFields

__all__ = ["caller_fields", "caller_name"]

# `<tenancy OCID>/<user OCID>/<fingerprint>`
_API_KEY_ID: Final = re.compile(
    r"ocid1\.tenancy\.[^/\s]{1,200}/ocid1\.[^/\s]{1,200}/((?:[0-9A-Fa-f]{2}:){15}[0-9A-Fa-f]{2})"
)


def caller_fields(identity: AuditIdentity) -> TextFields:
    """Return the fields that tell who called, from where and with which credentials."""
    address = one_ip(identity.ip_address)
    return (
        ("userName", caller_name(identity)),
        ("clientIP", address),
        ("application", identity.user_agent),
        ("oci.principalId", identity.principal_id),
        ("oci.principalTenancyId", identity.tenant_id),
        ("oci.authType", identity.auth_type),
        ("oci.callerName", identity.caller_name),
        ("oci.callerId", identity.caller_id),
        ("oci.credentialKind", identity.credentials and _credential_kind(non_empty(identity.credentials))),
        ("oci.keyFingerprint", identity.credentials and _key_fingerprint(identity.credentials)),
        ("oci.consoleSessionId", identity.console_session_id),
        # a list of proxies, or something else: kept where it cannot be taken for an address
        ("oci.ipAddress", None if address else identity.ip_address),
    )


def caller_name(identity: AuditIdentity) -> str:
    """Return the name of the principal, else of the caller, else the readable part of the id of one of them."""
    name = non_empty(identity.principal_name) or non_empty(identity.caller_name)
    ocid = "" if name else non_empty(identity.principal_id) or non_empty(identity.caller_id)
    return name or ocid.rpartition("/")[2] or ocid


def _credential_kind(credentials: str) -> str:
    """Return what kind of credential signed a call, never its value."""
    if not credentials:
        return ""
    if credentials.startswith("ST$"):
        return "session-token"
    return "api-key" if credentials.startswith("ocid1.tenancy.") else "credentials"


def _key_fingerprint(credentials: str) -> str:
    """Return the fingerprint of the API key that signed a call, "" for other credentials.

    The id of an API key is no secret, and the fingerprint says which of a user's keys was used.
    """
    found = _API_KEY_ID.fullmatch(credentials)
    return found[1].lower() if found else ""
