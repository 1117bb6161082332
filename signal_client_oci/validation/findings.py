"""What one check of the connection found out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signal_client_oci.contract import Check, CheckStatus
from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.failure import Failure, make_check

__all__ = ["TITLES", "Finding", "bad", "detail_of", "good", "listed", "skipped", "trouble"]

TITLES: Final[dict[str, str]] = {
    "settings": "Settings",
    "private_key": "Private Key",
    "authentication": "Authentication",
    "compartments": "Compartments",
    "audit": "Audit Events",
    "logging": "Logging Search",
    "cloud_guard": "Cloud Guard Problems",
}
"""The checks in the contract's order, with their titles."""

_MOST_LISTED: Final = 4
# A throttled service answers, and a poll waits for its turn: data flows, only slower.
_PASSING: Final = frozenset({"THROTTLED"})


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; `seconds` is how long it took, `remedy` is empty where nothing is to be done."""

    status: CheckStatus
    code: str
    message: str
    remedy: str = ""
    opc_request_id: str | None = None
    seconds: float = 0.0

    def check(self, name: str) -> Check:
        """Return it in the contract's shape."""
        check = make_check(
            name,
            TITLES[name],
            self.status,
            self.code,
            _sentence(self.message),
            self.remedy,
            self.opc_request_id,
            round(self.seconds * 1000),
        )
        return {**check, "remedy": self.remedy}  # here an empty one means that nothing is to be done


def good(message: str, opc_request_id: str | None = None) -> Finding:
    """Return the finding of a check that is in order."""
    return Finding("ok", "OK", message, opc_request_id=opc_request_id)


def skipped(code: str) -> Finding:
    """Return the finding of a check that was not made; `code` is SWITCHED_OFF or NOT_CHECKED."""
    return Finding("skipped", code, CATALOG[code].summary)


def trouble(status: CheckStatus, code: str, message: str = "", opc_request_id: str | None = None) -> Finding:
    """Return the finding for a code of the table; `message` replaces its sentence where more is known."""
    return Finding(status, code, message or CATALOG[code].summary, CATALOG[code].remedy, opc_request_id)


def bad(failure: Failure, message: str = "") -> Finding:
    """Return the finding for a request that failed; `message` replaces its sentence where more is known."""
    status: CheckStatus = "warning" if failure.code in _PASSING else "failed"
    return Finding(status, failure.code, message or failure.message, failure.remedy, failure.opc_request_id)


def detail_of(failure: Failure) -> str:
    """Return what a failure says beyond its code's meaning, the service's own words for example; often ""."""
    return failure.message.removeprefix(CATALOG[failure.code].summary).strip(" ()")


def listed(names: Iterable[str]) -> str:
    """Return names as a part of a sentence, "a, b and c"; of many the first few."""
    every = list(names)
    if len(every) > _MOST_LISTED:
        every = [*every[:_MOST_LISTED], f"{len(every) - _MOST_LISTED} more"]
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def _sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
