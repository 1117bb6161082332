"""Decodes what an identity domain says of its events in their details: sign-ins, users, groups, applications.

One event type of Audit stands for sign-ins that succeeded and for those that were refused; the domain's own event id
tells them apart.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from signal_client_oci.artifacts.lenient_decode import decode_leniently
from signal_client_oci.artifacts.sanitize import non_empty
from signal_client_oci.artifacts.table_rows import Row, table, techniques_of
from signal_client_oci.artifacts.vocabulary import Meaning

if TYPE_CHECKING:
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["DOMAIN_EVENT_MARKER", "DomainEvent", "decode_domain_event", "open_members"]

DOMAIN_EVENT_MARKER: Final = (
    b"eventId"  # details without it are not worth decoding: no identity domain wrote them
)
# the domain's own principal: it records in its own name what somebody else tried
_DOMAIN_PRINCIPALS: Final = frozenset({"", "idcssso"})
_EVENT_ID_PREFIXES: Final = (
    "sso.",
    "admin.",
    "saml.",
    "authentication.",
    "job.",
    "idbridge.",
    "notification.",
)
_OUTCOMES: Final = ("success", "failure")
_SHORTEST_MEMBERS: Final = len('{"":0}')  # most parts are null or an empty object


class DomainEvent(NamedTuple):
    """What an identity domain says of one of its events in `data.additionalDetails`.

    `event_id` is the domain's own id of what happened, such as `sso.authentication.failure`, `outcome` the last part
    of it where that is one. `resource` is what was acted on, `member` who was added to it or removed from it, `comment`
    what the domain says of a sign-in.
    """

    event_id: str
    outcome: str
    actor: str
    address: str
    domain: str
    resource: str
    member: str
    comment: str

    @property
    def is_lock_out(self) -> bool:
        """Whether the domain locked an account; `resource` is the account then."""
        return "locked" in self.event_id and "unlocked" not in self.event_id

    def refine_meaning(self, meaning: Meaning) -> Meaning:
        """Return what the event means by the domain's id; `meaning`, that of its type, when the id is not listed."""
        stem = self.event_id.removesuffix(f".{self.outcome}")
        rows = _rows()
        row = rows.get(self.event_id) or rows.get(stem) or rows.get(stem.partition(".")[0])
        if row is None:
            return meaning
        signs_in = row["messageType"] in {"auth_success", "auth_failure"}
        words = ("was locked out", "be locked out") if self.is_lock_out else ("signed in", "sign in")
        return meaning._replace(
            message_type=row["messageType"],
            severity=cast("Severity", row["severity"]),
            techniques=techniques_of(row),
            past_tense=words[0] if signs_in else meaning.past_tense,
            infinitive=words[1] if signs_in else meaning.infinitive,
            signs_in=signs_in,
        )

    def actor_name(self, name: str) -> str:
        """Return who acted: `name`, the principal's, unless that is the domain itself and the details name somebody."""
        if name.lower() not in _DOMAIN_PRINCIPALS:
            return name
        actor = "" if self.actor.lower() in _DOMAIN_PRINCIPALS else self.actor
        return actor or (self.resource if self.is_lock_out else "") or self.actor or name


def decode_domain_event(details: bytes) -> DomainEvent | None:
    """Decode an event's additional details as an identity domain writes them; None when another service wrote them."""
    if DOMAIN_EVENT_MARKER not in details:
        return None
    found = open_members(details)
    texts = {name: non_empty(value) for name, value in found.items() if isinstance(value, str)}
    event_id = texts.get("eventId", "")
    if not event_id.startswith(_EVENT_ID_PREFIXES):
        return None
    last = event_id.rpartition(".")[2]
    return DomainEvent(
        event_id,
        last if last in _OUTCOMES else "",
        texts.get("actorName", ""),
        texts.get("clientIp", ""),
        texts.get("domainDisplayName", "") or texts.get("domainName", ""),
        texts.get("adminResourceName", ""),
        texts.get("adminRefResourceName", ""),
        texts.get("ssoComments", ""),
    )


def open_members(part: bytes) -> dict[str, Any]:
    """Return the members of a part without a fixed shape, also where a pipeline encoded it as a string."""
    if len(part) < _SHORTEST_MEMBERS:
        return {}
    found = decode_leniently(part)
    if isinstance(found, str) and found.startswith("{"):
        found = decode_leniently(found.encode("utf-8", "replace"))
    return found if isinstance(found, dict) else {}


@cache
def _rows() -> dict[str, Row]:
    return {row["event"]: row for row in table("identity_domain_events")}
