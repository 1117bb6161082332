"""Events of identity domains, which say in their details what happened: sign-ins, users, groups, applications."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from signal_client_oci.artifacts.lenient_decode import plain_json
from signal_client_oci.artifacts.sanitize import non_empty
from signal_client_oci.artifacts.vocabulary import Meaning, Row, table

if TYPE_CHECKING:
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["DomainEvent", "domain_event", "is_of_a_domain", "members_of"]

_EVENT_ID: Final = b"eventId"
# the domain's own service, in whose name it writes down what somebody tried
_SERVICES: Final = frozenset({"", "idcssso"})
_KINDS: Final = ("sso.", "admin.", "idbridge.", "notification.")
_OUTCOMES: Final = ("success", "failure")


class DomainEvent(NamedTuple):
    """What an identity domain tells of one of its events in `data.additionalDetails`.

    `event_id` is the domain's own id of what happened, such as `sso.authentication.failure`, `outcome` the last part
    of it where it tells one. `resource` is what was acted on, `member` who was put into it or taken out of it.
    """

    event_id: str
    outcome: str
    actor: str
    address: str
    domain: str
    resource: str
    member: str

    def meaning(self, meaning: Meaning) -> Meaning:
        """Give what the event means where its id is listed, else what its type means."""
        row = _rows().get(self.event_id.removesuffix(f".{self.outcome}"))
        if row is None:
            return meaning
        signs_in = row["messageType"] == "auth_success"
        return meaning._replace(
            message_type=row["messageType"],
            severity=cast("Severity", row["severity"]),
            techniques=[technique for technique in row["techniques"].split(",") if technique],
            done="signed in" if signs_in else meaning.done,
            wanted="sign in" if signs_in else meaning.wanted,
            signs_in=signs_in,
        )

    def who(self, name: str) -> str:
        """Name who acted: the principal, unless that is the domain itself and the details name somebody."""
        return self.actor if self.actor and name.lower() in _SERVICES else name


def is_of_a_domain(details: bytes) -> bool:
    """Tell whether additional details may be those of an identity domain's event."""
    return _EVENT_ID in details


def domain_event(details: bytes) -> DomainEvent | None:
    """Read an event's additional details as an identity domain writes them; None when they are others'."""
    if not is_of_a_domain(details):
        return None
    found = members_of(details)
    texts = {name: non_empty(value) for name, value in found.items() if isinstance(value, str)}
    event_id = texts.get("eventId", "")
    if not event_id.startswith(_KINDS):
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
    )


def members_of(part: bytes) -> dict[str, Any]:
    """Give the members of one of an event's open parts, also where a pipeline wrote it into a string."""
    found = plain_json(part)
    if isinstance(found, str) and found.startswith("{"):
        found = plain_json(found.encode("utf-8", "replace"))
    return found if isinstance(found, dict) else {}


@cache
def _rows() -> dict[str, Row]:
    return {row["event"]: row for row in table("identity_domain_events")}
