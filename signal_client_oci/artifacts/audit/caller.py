"""Maps who made the call that an audit event records: the principal, its address and its credentials."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from signal_client_oci.artifacts.addresses import first_ip, one_ip
from signal_client_oci.artifacts.sanitize import non_empty, set_fields

if TYPE_CHECKING:
    from signal_client_oci.artifacts.audit.fields import AuditIdentity
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.sanitize import TextFields

__all__ = ["NO_CALLER", "Caller", "Kind", "cached_caller", "caller_kind", "caller_of", "real_name"]

# `<tenancy OCID>/<user OCID>/<fingerprint>`
_API_KEY_ID: Final = re.compile(
    r"ocid1\.tenancy\.[^/\s]{1,200}/ocid1\.[^/\s]{1,200}/((?:[0-9A-Fa-f]{2}:){15}[0-9A-Fa-f]{2})"
)
Kind = Literal["person", "service", "workload"]
# what services write in place of a name that they do not know
_PLACEHOLDERS: Final = frozenset({"unknownprincipal", "unknown", "*", "-", "n/a"})
_OCID_TYPE: Final = re.compile(r"ocid1\.([a-z0-9]{1,64})\.")
_PEOPLE: Final = frozenset({"user", "saml2idp", "tenancy", "federateduser"})
# resources that act by themselves, for the sake of what somebody configured
_AUTOMATONS: Final = frozenset(
    {
        "autoscalingconfiguration",
        "bucket",
        "cluster",
        "clusternetwork",
        "instancepool",
        "nodepool",
        "resourceschedule",
        "serviceconnector",
        "volumebackuppolicy",
        "volumegroup",
    }
)
_SERVICE_AUTH: Final = frozenset({"svc", "service", "serviceprincipal", "s2s"})
_WORKLOAD_AUTH: Final = frozenset({"instance", "instanceprincipal", "resource", "resourceprincipal"})
# names of services as policies have them (`Allow service objectstorage-us-ashburn-1 to ...`), without signs and region
_SERVICE_NAME: Final = re.compile(
    r"(?:oci|oracle)?(?:autoscaling|instancepools?|backuppolic|blockstorage|blockvolume|objectstorage|lifecycle|filestorage"
    r"|computemanagement|compute|containerengine|oke|nodepool|cloudguard|vulnerabilityscanning|resourcescheduler"
    r"|loganalytics|faas|functions|dbaas|database|keymanagement|vaults|certificates|streaming|serviceconnector|osmh|osms)"
    r"[a-z]{0,24}"
)
_REGION: Final = re.compile(r"-[a-z]{2,4}-[a-z]+-[0-9]$")


class Caller(msgspec.Struct, frozen=True, gc=False):
    """What is mapped of who called; whoever uses it copies its metadata, and never changes them.

    `identity` tells callers apart that share a name: ` by ocid1.user... from 203.0.113.9, 10.0.0.7`.
    """

    metadata: Metadata
    identity: str


NO_CALLER: Final = Caller({}, "")


def caller_of(identity: AuditIdentity, *, clean: bool = False) -> Caller:
    """Map who called; `clean` as for `set_fields`."""
    metadata: Metadata = {}
    set_fields(metadata, _caller_fields(identity), clean=clean)
    return Caller(metadata, _caller_identity(identity))


@lru_cache(maxsize=1024)
def cached_caller(identity: AuditIdentity) -> Caller:
    """Map a caller once for all that it does; only of clean records, whose small size bounds the cache."""
    return caller_of(identity, clean=True)


def _caller_fields(identity: AuditIdentity) -> TextFields:
    """Return the fields that tell who called, from where and with which credentials."""
    address = first_ip(identity.ip_address)
    return (
        ("userName", _caller_name(identity)),
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
        ("oci.ipAddress", None if one_ip(identity.ip_address) else identity.ip_address),
    )


def _caller_name(identity: AuditIdentity) -> str:
    """Return the name of the principal, else of the caller, else the readable part of the id of one of them."""
    name = real_name(identity.principal_name) or real_name(identity.caller_name)
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

    The id of an API key is not secret, and its fingerprint says which of a user's keys was used.
    """
    found = _API_KEY_ID.fullmatch(credentials)
    return found[1].lower() if found else ""


def real_name(text: str | None) -> str:
    """Return a name, "" for none and for what services write where they do not know one."""
    name = non_empty(text)
    return "" if name.lower() in _PLACEHOLDERS else name


def _caller_identity(identity: AuditIdentity) -> str:
    principal = real_name(identity.principal_id) or real_name(identity.caller_id)
    address = non_empty(identity.ip_address)
    hidden = "" if not address or one_ip(address) else f" from {address}"
    return f"{f' by {principal}' if principal else ''}{hidden}"


def caller_kind(identity: AuditIdentity | None) -> Kind:
    """Return whether a person called, one of OCI's services, or a workload with an identity of its own.

    Somebody may call a user after a service: who signs with a user's key or has a user's id is a person.
    """
    if identity is None:
        return "person"
    name, auth = non_empty(identity.principal_name), (identity.auth_type or "").lower()
    types = [found[1] for text in (identity.principal_id, name) if text and (found := _OCID_TYPE.match(text))]
    if any(kind in _PEOPLE for kind in types[:1]) and types[0] != "tenancy":
        return "person"
    if auth in _SERVICE_AUTH or any(kind in _AUTOMATONS for kind in types):
        return "service"
    if (types and types[0] not in _PEOPLE) or auth in _WORKLOAD_AUTH:
        return "workload"
    signed_by_user = non_empty(identity.credentials).startswith("ocid1.tenancy.")
    return (
        "service"
        if not signed_by_user and _is_service_name(name or non_empty(identity.caller_name))
        else "person"
    )


def _is_service_name(name: str) -> bool:
    plain = re.sub(r"[^a-z]", "", _REGION.sub("", name.lower())) if "@" not in name else ""
    return _SERVICE_NAME.fullmatch(plain) is not None
