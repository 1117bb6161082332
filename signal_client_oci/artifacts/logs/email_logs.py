"""Maps the logs of Email Delivery: which mail from whom to whom was taken, passed on or refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.addresses import first_ip
from signal_client_oci.artifacts.envelope import sender_host, set_severity
from signal_client_oci.artifacts.logs.fields import ADDRESS_MEMBERS
from signal_client_oci.artifacts.sanitize import set_fields

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle

__all__ = ["email"]

_NOT_AUTHENTICATED: Final = re.compile(r"authenticat|credential|\b53[05]\b", re.IGNORECASE)
_REFUSED: Final = re.compile(r"^[45]|fail|reject|bounce|denied|refused|error|suppress", re.IGNORECASE)


def email(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a mail; who sent it to whom tells mails apart, a refused sign-in is one."""
    sender, subject = (
        data.text("sender", "from", "mailFrom", "envelopeFrom", "headerFrom"),
        data.text("subject"),
    )
    recipient = data.first("recipient") or data.first("recipients") or data.first("to") or data.text("rcptTo")
    status, error = data.text("smtpStatus", "status", "statusCode"), data.text("errorType", "bounceCategory")
    said, action = data.text("message", "errorMessage", "bounceReason"), data.text("action", "event")
    ended = " ".join(part for part in (error, status) if part)
    is_refused = any(_REFUSED.search(text) for text in (error, status, action) if text)
    user = data.text("smtpUser", "userName", "user", "principalName", "principalId", "senderId")
    if is_refused and _NOT_AUTHENTICATED.search(f"{ended} {said or ''}"):
        set_severity(metadata, "medium", "auth_failure", ["T1110"])
        user = user or sender
    address = first_ip(data.text(*ADDRESS_MEMBERS))
    if address:
        metadata["clientIP"] = address
    route = " to ".join(part for part in (sender, recipient) if part)
    host = sender_host(
        route, oracle.resourceid or oracle.resource_id or data.text("domainId", "senderId") or oracle.logid
    )
    about = f" '{subject}'" if subject else ""
    set_fields(
        metadata,
        (
            ("action", action),
            ("userName", user),
            ("emailFrom", sender),
            ("emailTo", recipient),
            ("emailSubject", subject),
            ("senderHost", f"{host}{about}: {ended}" if is_refused and ended else f"{host}{about}"),
            (
                "message",
                f"mail{about} {f'from {route}' if route else ''} {action or ''}: {ended or said or '?'}".replace(
                    "  ", " "
                ),
            ),
            ("oci.status", status),
            ("oci.errorType", error),
            ("oci.messageId", data.text("messageId")),
            ("oci.outcome", "failure" if is_refused else "success" if action or status else None),
        ),
    )
