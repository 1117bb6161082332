"""Faults on demand: which requests they hit, how often, and what happens to the response.

The kinds `status` and `body` are built in. A program registers more in `FAULT_KINDS` before it uses them.
"""

from __future__ import annotations

import inspect
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from signal_client_oci.sandbox.http.api_errors import ApiError
from signal_client_oci.sandbox.http.http_connection import HttpResponse, error_response
from signal_client_oci.sandbox.http.request_log import RecordedRequest
from signal_client_oci.sandbox.services.calls import ApiCall
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["FAULT_KINDS", "FaultKind", "FaultedRequest", "Faults", "InjectedFault"]

_WHICH = ("service", "operation", "region", "tenancy", "compartment", "page")


class InjectedFault:
    """One fault: its `kind`, how often it hits (`times`, None: until removed; `probability`), and its `details`.

    Details that say which requests are hit, unless they are None: `service` (audit, logging, cloudguard, identity),
    `operation` (`list_events` and the like), `region`, `tenancy` (OCID), `compartment` (one of those that a request
    names) and `page` (a number, or `"later"` for all but the first). All others are options of the kind: `status`,
    `code`, `message` and `headers` of kind `status`, `body`, `content_type` and `headers` of kind `body`.
    """

    def __init__(
        self, kind: str = "status", *, times: int | None = None, probability: float = 1.0, **details: Any
    ) -> None:
        self.kind = kind
        self.times = times
        self.probability = probability
        self.which = {name: details.pop(name) for name in _WHICH if name in details}
        self.options = details
        self.hits = 0

    def matches(self, request: RecordedRequest) -> bool:
        """Return whether this fault is meant for such a request."""
        names = request.compartments
        page = (request.page, "later" if request.page > 1 else None)
        has = (request.service,), (request.operation,), (request.region,), (request.tenancy,), names, page
        return all(self.which.get(name) in (None, *values) for name, values in zip(_WHICH, has, strict=True))


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
    connection, which is then closed. What the last two take by keyword are the kind's options. Under a kind that
    `is_silent` no status is ever sent.
    """

    prepare: Callable[[FaultedRequest], None] | None = None
    alter: Callable[..., HttpResponse] | None = None  # (HttpResponse, FaultedRequest, **options)
    send: Callable[..., None] | None = None  # (HttpConnection, head, body, **options)
    is_silent: bool = False

    @property
    def options(self) -> frozenset[str]:
        """The names of the kind's options."""
        step = self.alter or self.send
        parameters = inspect.signature(step).parameters.values() if step else ()
        return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


def _status(
    _response: HttpResponse,
    _request: FaultedRequest,
    *,
    status: int = 503,
    code: str = "",
    message: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> HttpResponse:
    """Return an error status with a proper body."""
    error = error_response(ApiError(status, message, code))
    return replace(error, headers=error.headers | dict(headers))


def _body(
    _response: HttpResponse,
    _request: FaultedRequest,
    *,
    body: bytes = b"",
    content_type: str = "application/json",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> HttpResponse:
    """Return a 200 with any bytes."""
    return HttpResponse(200, body, {"Content-Type": content_type} | dict(headers))


FAULT_KINDS: dict[str, FaultKind] = {"status": FaultKind(alter=_status), "body": FaultKind(alter=_body)}
"""The kinds that an `InjectedFault` can have."""


class Faults:
    """The faults in force: the first that matches wins; `seed` makes chances repeatable; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[InjectedFault] = []
        self._random = random.Random(0)  # noqa: S311  chances of faults, no secrets

    def add(self, fault: InjectedFault) -> InjectedFault:
        """Put a fault in force and return it, for `remove` and its `hits`.

        Raises `ValueError` for an unknown kind, `TypeError` for an option that its kind does not have.
        """
        if fault.kind not in FAULT_KINDS:
            raise ValueError(f"unknown kind {fault.kind!r}; choose one of {', '.join(FAULT_KINDS)}")
        if unknown := fault.options.keys() - FAULT_KINDS[fault.kind].options:
            raise TypeError(f"{fault.kind!r} has no option {', '.join(sorted(unknown))}")
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
