"""One request's way to its answer: noted, delayed, spoilt, throttled, authenticated, performed, sent."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from signal_client_oci.sandbox.fault_answers import (
    ENDLESS_TOKEN,
    REPEATED_TOKEN,
    FaultedExchange,
    altered,
    error_answer,
)
from signal_client_oci.sandbox.fault_wires import SILENT_KINDS, deliver
from signal_client_oci.sandbox.http.api_errors import RefusalError
from signal_client_oci.sandbox.http.page_tokens import page_number
from signal_client_oci.sandbox.http.request_log import RecordedRequest
from signal_client_oci.sandbox.http.signatures import key_id_of, verify
from signal_client_oci.sandbox.services.operations import compartments_of, perform, understand

if TYPE_CHECKING:
    from signal_client_oci.sandbox.cloud import Sandbox
    from signal_client_oci.sandbox.faults import Fault
    from signal_client_oci.sandbox.http.http_connection import Answer, Connection, Request

__all__ = ["Exchange"]


class Exchange:
    """One request and everything that leads to its answer; used once."""

    def __init__(self, sandbox: Sandbox, request: Request, connection: Connection) -> None:
        self._sandbox = sandbox
        self._request = request
        self._connection = connection
        self._call = understand(request)
        key_id = key_id_of(request)
        self._tenancy = sandbox.tenancies.get(key_id.tenancy) if key_id else None
        self._recorded = RecordedRequest(
            self._call.service,
            self._call.operation,
            self._call.region,
            key_id.tenancy if key_id else "",
            compartments_of(self._call),
            dict(self._call.params),
            self._call.body,
            {name: value for name, value in request.headers.items() if name != "authorization"},
            page_number(self._call.params.get("page")),
            self._call.path_ids,
        )

    def run(self) -> bool:
        """Answer; return whether the connection is kept. Raises `OSError` when the client is gone."""
        sandbox, recorded = self._sandbox, self._recorded
        sandbox.journal.open(recorded)
        fault = sandbox.faults.pick(recorded)
        recorded.fault = fault.kind if fault else ""
        seconds = self._latency()
        if seconds and not self._connection.pause(seconds):
            return False
        answer = self._answer(fault)
        if recorded.fault not in SILENT_KINDS:
            sandbox.journal.close(recorded, answer.status)
        head = answer.head(sandbox.answer_time(answer.status), self._request_id())
        if fault is None:
            self._connection.send(head + answer.body)
        elif not deliver(fault, self._connection, head, answer.body):
            return False
        return self._request.headers.get("connection", "").lower() != "close"

    def _latency(self) -> float:
        own = self._tenancy.latency if self._tenancy else None
        latency = self._sandbox.latency if own is None else own
        return latency.get(self._call.service, 0.0) if isinstance(latency, Mapping) else latency

    def _answer(self, fault: Fault | None) -> Answer:
        if fault is not None:
            self._prepare(fault)
        answer = self._true_answer()
        if fault is not None:
            answer = altered(fault, answer, self._faulted())
        if self._sandbox.compresses and "gzip" in self._request.headers.get("accept-encoding", ""):
            answer = _compressed(answer)
        return answer

    def _prepare(self, fault: Fault) -> None:
        """Do what a fault needs before the true answer is made."""
        page = self._call.params.get("page")
        is_made_up = page == REPEATED_TOKEN or str(page).startswith(ENDLESS_TOKEN)
        if fault.kind in ("repeated_page_token", "endless_page_tokens") and is_made_up:
            del self._call.params["page"]
        elif fault.kind == "expired_page_token" and page and self._tenancy:
            self._tenancy.expire_page_token(self._call.service, page)

    def _faulted(self) -> FaultedExchange:
        sandbox = self._sandbox
        page = self._recorded.params.get("page")
        return FaultedExchange(page, sandbox.service_time(), lambda: sandbox.trap.url(self._request.target))

    def _true_answer(self) -> Answer:
        try:
            return self._performed()
        except RefusalError as refusal:
            return error_answer(refusal)

    def _performed(self) -> Answer:
        sandbox, call, tenancy = self._sandbox, self._call, self._tenancy
        limit = sandbox.rate_limit
        if limit is not None and not limit.allows(self._recorded.tenancy, call.region, call.service):
            throttled = error_answer(RefusalError(429))
            return (
                replace(throttled, headers={"Retry-After": limit.retry_after})
                if limit.retry_after
                else throttled
            )
        if tenancy is None:
            raise RefusalError(401)
        verify(self._request, tenancy.public_key_of, sandbox.service_time(), sandbox.date_tolerance)
        return perform(tenancy, call)

    def _request_id(self) -> str:
        sent = self._request.headers.get("opc-request-id", uuid.uuid4().hex.upper())
        return f"{sent}/{uuid.uuid4().hex.upper()}/{uuid.uuid4().hex.upper()}"


def _compressed(answer: Answer) -> Answer:
    if "Content-Encoding" in answer.headers:
        return answer
    body = gzip.compress(answer.body, compresslevel=1)
    return replace(answer, body=body, headers=answer.headers | {"Content-Encoding": "gzip"})
