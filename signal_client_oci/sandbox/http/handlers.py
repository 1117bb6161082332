"""One request's way to its response: logged, delayed, faulted, throttled, authenticated, performed, sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from signal_client_oci.sandbox.cloud import SimulatedCloud
from signal_client_oci.sandbox.faults import FAULT_KINDS, FaultedRequest, FaultKind
from signal_client_oci.sandbox.http.api_errors import ApiError
from signal_client_oci.sandbox.http.http_connection import (
    HttpConnection,
    HttpRequest,
    HttpResponse,
    error_response,
)
from signal_client_oci.sandbox.http.page_tokens import page_number
from signal_client_oci.sandbox.http.request_log import RecordedRequest
from signal_client_oci.sandbox.http.signatures import key_id_of, verify
from signal_client_oci.sandbox.services.operations import compartments_of, parse_call, perform

__all__ = ["RequestHandler"]

_NO_FAULT = FaultKind()


class RequestHandler:
    """Answers one request; used once."""

    def __init__(self, cloud: SimulatedCloud, request: HttpRequest, connection: HttpConnection) -> None:
        self._cloud = cloud
        self._request = request
        self._connection = connection
        self._call = call = parse_call(request)
        key_id = key_id_of(request)
        self._tenancy = cloud.tenancies.get(key_id.tenancy) if key_id else None
        self._recorded = RecordedRequest(
            call.service,
            call.operation,
            call.region,
            key_id.tenancy if key_id else "",
            compartments_of(call),
            dict(call.params),
            call.body,
            {name: value for name, value in request.headers.items() if name != "authorization"},
            page_number(call.params.get("page")),
        )

    def run(self) -> bool:
        """Answer; return whether the connection is kept. Raises `OSError` when the client is gone."""
        cloud, recorded, connection = self._cloud, self._recorded, self._connection
        cloud.request_log.open(recorded)
        fault = cloud.faults.pick(recorded)
        kind = FAULT_KINDS[fault.kind] if fault else _NO_FAULT
        recorded.fault = fault.kind if fault else ""
        seconds = self._latency()
        if seconds and not connection.pause(seconds):
            return False
        faulted = FaultedRequest(
            self._call, self._call.params.get("page"), self._tenancy, cloud.service_time()
        )
        if kind.prepare:
            kind.prepare(faulted)
        response = self._true_response()
        if fault and kind.alter:
            response = kind.alter(response, faulted, **fault.options)
        if not kind.is_silent:
            cloud.request_log.close(recorded, response.status)
        head = response.head(cloud.answer_time(response.status), self._request_id())
        if fault and kind.send:
            kind.send(connection, head, response.content(self._request), **fault.options)
            return False
        connection.send(head + response.content(self._request))
        return self._request.headers.get("connection", "").lower() != "close"

    def _latency(self) -> float:
        own = self._tenancy.latency if self._tenancy else None
        latency = self._cloud.latency if own is None else own
        return latency.get(self._call.service, 0.0) if isinstance(latency, Mapping) else latency

    def _true_response(self) -> HttpResponse:
        """Return what the service answers when no fault interferes."""
        cloud, call, tenancy, limit = self._cloud, self._call, self._tenancy, self._cloud.rate_limit
        if limit and not limit.allows(self._recorded.tenancy, call.region, call.service):
            headers = {"Retry-After": limit.retry_after} if limit.retry_after else {}
            return replace(error_response(ApiError(429)), headers=headers)
        if tenancy is None:
            return error_response(ApiError(401))
        try:
            verify(self._request, tenancy.public_key_of, cloud.service_time())
            return perform(tenancy, call)
        except ApiError as error:
            return error_response(error)

    def _request_id(self) -> str:
        sent = self._request.headers.get("opc-request-id", uuid.uuid4().hex.upper())
        return f"{sent}/{uuid.uuid4().hex.upper()}/{uuid.uuid4().hex.upper()}"
