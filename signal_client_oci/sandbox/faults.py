"""Faults on demand: which requests they hit, how often, and what happens to the response.

The kinds `status` and `body` are built in. A program registers more in `FAULT_KINDS` before it uses them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from signal_client_oci.sandbox.http.api_errors import ApiError
from signal_client_oci.sandbox.http.http_connection import HttpConnection, HttpResponse, error_response
from signal_client_oci.sandbox.http.request_log import RecordedRequest
from signal_client_oci.sandbox.services.calls import ApiCall
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["FAULT_KINDS", "FaultKind", "FaultedRequest", "Faults", "InjectedFault"]


@dataclass(slots=True)
class InjectedFault:
    """One fault and the requests that it hits; None (or empty) matches everything.

    Which: `service` (audit, logging, cloudguard, identity), `operation` (`list_events`, …), `region`,
    `tenancy` (OCID), `compartment` (one of those that a request names), `page` (a number, or `"later"` for
    all but the first). How often: `times` (None: until removed), `probability` of each hit. `hits` counts.

    What, as far as its kind uses it: `status`, `code`, `message` and `headers` of an error; `body` and
    `content_type` of kind `body`; `seconds`, `size` and `location` of kinds that are registered elsewhere.
    """

    kind: str = "status"
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
        """Return whether this fault is meant for such a request."""
        wanted = (self.service, self.operation, self.region, self.tenancy)
        actual = (request.service, request.operation, request.region, request.tenancy)
        return (
            all(want in (None, have) for want, have in zip(wanted, actual, strict=True))
            and (self.compartment is None or self.compartment in request.compartments)
            and (self.page in (None, request.page) or (self.page == "later" and request.page > 1))
        )


@dataclass(frozen=True)
class FaultedRequest:
    """What a fault may need to know: the call, its page token as sent, the caller's tenancy, the service's time."""

    call: ApiCall
    page: str | None
    tenancy: Tenancy | None
    now: datetime


@dataclass(frozen=True)
class FaultKind:
    """What one kind of fault does; None leaves that step as it is.

    `prepare` runs before the true response is made, `alter` replaces it, `send` writes head and body to the
    connection, which is then closed. Under a kind that `is_silent` no status is ever sent.
    """

    prepare: Callable[[FaultedRequest], None] | None = None
    alter: Callable[[InjectedFault, HttpResponse, FaultedRequest], HttpResponse] | None = None
    send: Callable[[InjectedFault, HttpConnection, bytes, bytes], None] | None = None
    is_silent: bool = False


def _status(fault: InjectedFault, _response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """Return an error status with a proper body."""
    error = error_response(ApiError(fault.status, fault.message, fault.code))
    return replace(error, headers=error.headers | fault.headers)


def _body(fault: InjectedFault, _response: HttpResponse, _request: FaultedRequest) -> HttpResponse:
    """Return a 200 with any bytes."""
    return HttpResponse(200, fault.body, {"Content-Type": fault.content_type} | fault.headers)


FAULT_KINDS: dict[str, FaultKind] = {"status": FaultKind(alter=_status), "body": FaultKind(alter=_body)}
"""The kinds that an `InjectedFault` can have."""


class Faults:
    """The faults in force: the first that matches wins; `seed` makes chances repeatable; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[InjectedFault] = []
        self._random = random.Random(0)  # noqa: S311  chances of faults, no secrets

    def add(self, fault: InjectedFault) -> InjectedFault:
        """Put a fault in force and return it, for `remove` and its `hits`; raises `ValueError` for an unknown kind."""
        if fault.kind not in FAULT_KINDS:
            raise ValueError(f"unknown kind {fault.kind!r}; choose one of {', '.join(FAULT_KINDS)}")
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: InjectedFault) -> None:
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

    def pick(self, request: RecordedRequest) -> InjectedFault | None:
        """Return the fault that this request meets, and count the hit."""
        with self._lock:
            for fault in self._faults:
                is_over = fault.times is not None and fault.hits >= fault.times
                if is_over or not fault.matches(request):
                    continue
                if fault.probability >= 1 or self._random.random() < fault.probability:
                    fault.hits += 1
                    return fault
        return None
