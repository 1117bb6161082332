"""Faults on demand: which requests they hit, how often, and what becomes of the answer."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from signal_client_oci.sandbox.http.request_log import RecordedRequest

__all__ = ["Fault", "FaultKind", "Faults"]

FaultKind = Literal[
    "status",
    "html",
    "body",
    "empty_body",
    "null",
    "wrong_shape",
    "cut_json",
    "broken_utf8",
    "control_characters",
    "gzip_bomb",
    "redirect",
    "repeated_page_token",
    "endless_page_tokens",
    "empty_page_token",
    "expired_page_token",
    "clock_skew",
    "truncated",
    "reset",
    "reset_mid_body",
    "hang",
    "hang_mid_body",
    "slow_drip",
]
"""`fault_answers` and `fault_wires` say what each of them does."""


@dataclass(slots=True)
class Fault:
    """One way of going wrong, and the requests that it hits; None (or empty) matches everything.

    Which: `service` (audit, logging, cloudguard, identity), `operation` (`list_events`, …), `region`,
    `tenancy` (OCID), `compartment` (one of those that a request names), `page` (a number, or `"later"` for
    all but the first). How often: `times` (None: until removed), `probability` of each hit. `hits` counts.

    What, by kind: `status`, `code`, `message` and `headers` of an error or redirect; `body` and
    `content_type` of kind `body`; `seconds` between the bytes of a slow drip, or by which the service's clock
    is off; `size` of a gzip bomb in bytes; `location` of a redirect (empty: the sandbox's trap).
    """

    kind: FaultKind = "status"
    service: str | None = None
    operation: str | None = None
    region: str | None = None
    tenancy: str | None = None
    compartment: str | None = None
    page: int | Literal["later"] | None = None
    times: int | None = None
    probability: float = 1.0
    status: int = 503
    code: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"
    seconds: float = 0.05
    size: int = 1 << 30
    location: str = ""
    hits: int = 0

    def matches(self, request: RecordedRequest) -> bool:
        """Whether this fault is meant for such a request."""
        wanted = (self.service, self.operation, self.region, self.tenancy)
        actual = (request.service, request.operation, request.region, request.tenancy)
        return (
            all(want in (None, have) for want, have in zip(wanted, actual, strict=True))
            and (self.compartment is None or self.compartment in request.compartments)
            and (self.page in (None, request.page) or (self.page == "later" and request.page > 1))
        )


class Faults:
    """The faults in force: the first that matches wins; `seed` makes chances repeatable; thread-safe."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311  chances of faults, no secrets

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force and return it, for `remove` and its `hits`."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End one fault; harmless if it has ended."""
        with self._lock:
            self._faults = [one for one in self._faults if one is not fault]

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def seed(self, seed: int) -> None:
        """Start the chances anew."""
        with self._lock:
            self._random.seed(seed)

    def pick(self, request: RecordedRequest) -> Fault | None:
        """Return the fault that this request meets, and count the hit."""
        with self._lock:
            for fault in self._faults:
                if fault.times is not None and fault.hits >= fault.times:
                    continue
                if fault.matches(request) and (
                    fault.probability >= 1 or self._random.random() < fault.probability
                ):
                    fault.hits += 1
                    return fault
        return None
