"""What one check of the connection found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from typing_extensions import Self

from signal_client_oci.contract import SOURCES, Check, CheckStatus
from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.failure import Failure, make_check

__all__ = ["TITLES", "Finding", "join_names"]

TITLES: Final[dict[str, str]] = {
    "settings": "Settings",
    "private_key": "Private Key",
    "authentication": "Authentication",
    "compartments": "Compartments",
    **{name: source["title"] for name, source in SOURCES.items()},
}
"""The checks in the contract's order, with their titles."""

_MAX_NAMES: Final = 4
# A throttled service still answers, and a poll waits for its turn: data flows, only slower.
_WARNINGS: Final = frozenset({"THROTTLED"})


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        status: ok, warning, failed or skipped.
        code: "OK", or a code of the catalog.
        message: One sentence.
        remedy: What to do, "" where nothing is to be done.
        opc_request_id: OCI's id of the request that the finding rests on.
        seconds: How long the check took.
        is_of_scope: Whether what was asked for is in the scope, so that a wrong scope explains a 404.
    """

    status: CheckStatus
    code: str
    message: str
    remedy: str = ""
    opc_request_id: str | None = None
    seconds: float = 0.0
    is_of_scope: bool = True

    @classmethod
    def ok(cls, message: str, opc_request_id: str | None = None) -> Self:
        """Return the finding of a check that passed."""
        return cls("ok", "OK", message, opc_request_id=opc_request_id)

    @classmethod
    def skipped(cls, code: str) -> Self:
        """Return the finding of a check that was not made; `code` is SWITCHED_OFF or NOT_CHECKED."""
        return cls("skipped", code, CATALOG[code].summary)

    @classmethod
    def from_code(
        cls, status: CheckStatus, code: str, message: str = "", opc_request_id: str | None = None
    ) -> Self:
        """Return the finding for a code of the catalog; `message` replaces its summary where more is known."""
        return cls(status, code, message or CATALOG[code].summary, CATALOG[code].remedy, opc_request_id)

    @classmethod
    def from_failure(cls, failure: Failure, message: str = "") -> Self:
        """Return the finding for a request that failed; `message` replaces its sentence where more is known."""
        status: CheckStatus = "warning" if failure.code in _WARNINGS else "failed"
        return cls(status, failure.code, message or failure.message, failure.remedy, failure.opc_request_id)

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
        # `make_check` fills an empty remedy from the catalog; here it means that nothing is to be done
        return {**check, "remedy": self.remedy}


def join_names(names: Iterable[str]) -> str:
    """Return names as a part of a sentence, "a, b and c"; of many the first few."""
    every = list(names)
    if len(every) > _MAX_NAMES:
        every = [*every[:_MAX_NAMES], f"{len(every) - _MAX_NAMES} more"]
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def _sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
