"""Refines what an audit event means by what only the event itself tells: a sign-in's result, a bucket's access."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.audit.identity_domains import may_be_domain_event, open_members
from signal_client_oci.artifacts.envelope import set_severity
from signal_client_oci.artifacts.sanitize import sanitize

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.vocabulary import Meaning

__all__ = ["NO_PARTS", "OpenParts", "needs_open_parts", "refine", "typed_user_name"]

_UNAUTHENTICATED: Final = "401"
# words in a `login_result` such as PASSWORD_INVALID or ACCOUNT_LOCKED
_REFUSALS: Final = ("invalid", "fail", "denied", "locked", "expired", "disabled", "blocked")
# a failed sign-in's `login_input`: "tenant: acme, user: mallory"
_TYPED_USER: Final = re.compile(r"\buser: ?([^\s,]{1,256})")
_PRIVATE: Final = "NoPublicAccess"
_BUCKET_EVENTS: Final = frozenset(
    {"CreateBucket", "UpdateBucket", "createbucket", "updatebucket", "createBucket", "updateBucket"}
)


class OpenParts(NamedTuple):
    """The parts of an event without a fixed shape, as JSON: `data.additionalDetails` and `data.response.payload`."""

    details: bytes = b""
    payload: bytes = b""


NO_PARTS: Final = OpenParts()


def needs_open_parts(meaning: Meaning, details: bytes) -> bool:
    """Return whether an event's open parts are worth decoding: of most events they tell nothing that is mapped."""
    return meaning.signs_in or meaning.event in _BUCKET_EVENTS or may_be_domain_event(details)


def refine(
    metadata: Metadata, meaning: Meaning, status: str, outcome: str, parts: OpenParts
) -> Sequence[str]:
    """Set type and severity by what the event itself tells, and return its techniques."""
    if meaning.signs_in:
        refused = _sign_in_was_refused(metadata, parts.payload, outcome)
        if refused:
            set_severity(metadata, "medium", "auth_failure")
            return ("T1110",)
        if refused is None:
            metadata["messageType"] = "auth_attempt"
    elif status == _UNAUTHENTICATED:
        # nobody was let in, so the techniques of the call itself do not apply
        set_severity(metadata, "medium", "auth_failure")
        return ()
    elif meaning.event in _BUCKET_EVENTS:
        access = _text_member(parts.details, "publicAccessType")
        if access:
            metadata["oci.publicAccessType"] = sanitize(access)
            if access != _PRIVATE:
                set_severity(metadata, "high", "config_change")
                return ("T1530",)
    return meaning.techniques


def typed_user_name(payload: bytes) -> str:
    """Return the name that somebody typed who could not sign in; the event names nobody else then."""
    typed = _TYPED_USER.search(_text_member(payload, "login_input"))
    return typed[1] if typed else ""


def _sign_in_was_refused(metadata: Metadata, payload: bytes, outcome: str) -> bool | None:
    """Return whether a sign-in was refused; None when the event does not say."""
    result = _text_member(payload, "login_result")
    if result:
        metadata["oci.loginResult"] = sanitize(result)
    if outcome:
        return outcome != "success"
    return any(word in result.lower() for word in _REFUSALS) if result else None


def _text_member(part: bytes, name: str) -> str:
    """Return a text member of one of the event's open parts, "" when it has none."""
    value = open_members(part).get(name)
    return value if isinstance(value, str) else ""
