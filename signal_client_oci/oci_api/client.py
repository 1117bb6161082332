"""Makes signed SDK clients from settings, and lends them.

One client for each (tenancy, user, key, region, service), kept between polls because every new SDK client leaks a
logger (`oci/base_client.py`), and lent to one poll at a time because a poll may abort its requests from outside.
Bodies come as bytes: the SDK's models drop unknown fields, and its own JSON reading turns an HTML page into a list
of empty events. Retries are the poll's own, so the SDK's are off; its default circuit breaker is shared by every
tenancy of the process and is off too.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import oci
import oci._vendor.six.moves.urllib  # loaded by the first request otherwise, in a thread of its own
from oci.circuit_breaker import NoCircuitBreakerStrategy
from oci.retry import NoneRetryStrategy
from oci.signer import AbstractBaseSigner

from signal_client_oci import __version__
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.errors.service_text import parse_http_date, request_id
from signal_client_oci.oci_api.limits import LIST_BYTES
from signal_client_oci.oci_api.pages.bounds import PageError, PageTooLargeError
from signal_client_oci.oci_api.pages.splitting import decoded_rows
from signal_client_oci.oci_api.sdk_errors import failure_from
from signal_client_oci.oci_api.session import Session, send_directly, work_out_once
from signal_client_oci.oci_api.transport import Transport
from signal_client_oci.settings.api_key import ApiKey
from signal_client_oci.settings.model import Settings
from signal_client_oci.settings.regions import shipped_domain
from signal_client_oci.settings.secrecy import HoldsSecret

__all__ = ["SERVICES", "Answer", "Client", "ClientKey", "borrow", "rows_of"]

_MAX_IDLE_CLIENTS: Final = 512


class _Service(NamedTuple):
    """How a service is reached.

    Attributes:
        sdk_client: Returns its class in the SDK, which imports a service's module at its first use.
        endpoint_name: Its name in endpoints.
        max_bytes: Decoded bytes of an answer at most, None for the limit of any answer.
    """

    sdk_client: Callable[[], Any]
    endpoint_name: str
    max_bytes: int | None = None


SERVICES: Final[Mapping[str, _Service]] = {
    "audit": _Service(lambda: oci.audit.AuditClient, "audit"),
    "logging": _Service(lambda: oci.loggingsearch.LogSearchClient, "logging"),
    "log_groups": _Service(lambda: oci.logging.LoggingManagementClient, "logging", LIST_BYTES),
    "cloudguard": _Service(lambda: oci.cloud_guard.CloudGuardClient, "cloudguard", LIST_BYTES),
    "identity": _Service(lambda: oci.identity.IdentityClient, "identity", LIST_BYTES),
}
"""The services by the name that a client has for them."""


class Answer(NamedTuple):
    """One successful answer: the body's bytes, the next page's token, OCI's request id, the time of its `Date`."""

    body: bytes
    next_page: str | None
    opc_request_id: str | None
    date: datetime | None = None


def rows_of(answer: Answer, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Decode an answer that is a list of small objects, such as compartments.

    Raises:
        Failure: RESPONSE_TOO_LARGE where there are too many, RESPONSE_NOT_JSON where it is something else.
    """
    try:
        return decoded_rows(answer.body, decoder)
    except PageError as error:
        is_too_large = isinstance(error, PageTooLargeError)
        raise Failure(
            "RESPONSE_TOO_LARGE" if is_too_large else "RESPONSE_NOT_JSON",
            detail=error.reason if is_too_large else "",
            recovery=Recovery.REQUEST if is_too_large else Recovery.RETRY,
            opc_request_id=answer.opc_request_id,
        ) from error


class ClientKey(NamedTuple):
    """What two polls must share to use the same SDK client; holds no secret."""

    tenancy: str
    user: str
    fingerprint: str
    region: str
    service: str
    endpoint: str | None
    connections: int


class _KeySigner(HoldsSecret, AbstractBaseSigner):  # type: ignore[misc]  # the SDK has no types
    """Signs with a key that was opened and checked before; the SDK's `Signer` would open its text once more."""

    def __init__(self, key_id: str, api_key: ApiKey) -> None:
        self.private_key = api_key.private_key
        # the headers that `oci.signer.Signer` signs, first of every request, then of one with a body
        self.create_signers(
            key_id,
            api_key.private_key,
            ["date", "(request-target)", "host"],
            ["content-length", "content-type", "x-content-sha256"],
        )


class Client(HoldsSecret):
    """One SDK client of one region and service.

    Attributes:
        key: Whose client it is, and for what; its `service` is a key of `SERVICES`: audit, logging, cloudguard,
            identity, or `log_groups`, which is Logging's management API (ListLogGroups).
        transport: Carries its requests, and can abort them.
        is_lost: Set where a request could not be aborted; the client is not used again then.
    """

    def __init__(self, key: ClientKey, api_key: ApiKey) -> None:
        self.key = key
        self.is_lost = False
        signer = _KeySigner(f"{key.tenancy}/{key.user}/{key.fingerprint}", api_key)
        config = {
            "tenancy": key.tenancy,
            "user": key.user,
            "fingerprint": key.fingerprint,
            "key_content": "held by the signer",
            "region": key.region,
            "additional_user_agent": f"signal-client-oci/{__version__}",
        }
        endpoint = {"service_endpoint": key.endpoint} if key.endpoint else {}
        service = SERVICES[key.service]
        self._sdk = service.sdk_client()(
            config,
            signer=signer,
            retry_strategy=NoneRetryStrategy(),
            circuit_breaker_strategy=NoCircuitBreakerStrategy(),
            **endpoint,
        )
        self.transport = Transport(
            connections=key.connections,
            origins=_origins(key),
            direct=bool(key.endpoint and key.endpoint.startswith("http://")),
            max_bytes=service.max_bytes,
        )
        send_directly(self._sdk.base_client, Session(self.transport))
        work_out_once(self._sdk.base_client)

    def __repr__(self) -> str:
        return f"<{self.key.service} client of {self.key.region}>"

    def call(self, operation: str, *args: Any, **kwargs: Any) -> Answer:
        """Call one SDK operation, e.g. `list_events`, and return its answer's bytes.

        Arguments that are None are not sent.

        Raises:
            Failure: whatever went wrong; it holds no secret, unlike some exceptions of the SDK.
        """
        given = {name: value for name, value in kwargs.items() if value is not None}
        try:
            response = getattr(self._sdk, operation)(*args, **given)
        except Failure:
            raise
        except Exception as error:  # noqa: BLE001  (the SDK raises a bare Exception, ValueError, TypeError, OSError too)
            failure = failure_from(error, self.key.service, page=given.get("page"))
            failure.date = parse_http_date((getattr(error, "headers", None) or {}).get("date"))
            if self.transport.aborted:
                failure = Failure("STOPPED", recovery=Recovery.REGION)
        else:
            headers = response.headers
            return Answer(
                response.data,
                response.next_page or None,
                request_id(headers.get("opc-request-id")),
                parse_http_date(headers.get("date")),
            )
        raise failure

    def check(self) -> None:
        """Raise `Failure` (STOPPED) if nobody waits for answers any more; for work on an answer that takes long."""
        self.transport.check()

    def close(self) -> None:
        """Close the connections; the client itself can be used again."""
        self.transport.close()


def _origins(key: ClientKey) -> re.Pattern[str]:
    """Return what scheme and host of every request must match: the endpoint's, else the domain of the realm.

    The SDK makes its endpoints with a table that files and variables of the machine can change.
    """
    if key.endpoint:
        parts = urlsplit(key.endpoint.lower())
        return re.compile(re.escape(f"{parts.scheme}://{parts.netloc}"))
    domain = shipped_domain(key.region)
    return re.compile(rf"https://(?:[a-z0-9-]+\.)+{re.escape(domain)}" if domain else "(?!)")


class _IdleClients:
    """The clients that nobody has borrowed: at most `limit`, those of the keys that were returned last."""

    def __init__(self, limit: int = _MAX_IDLE_CLIENTS) -> None:
        self._limit = limit
        self._by_key: dict[ClientKey, list[Client]] = {}  # no list is empty
        self._lock = threading.Lock()

    def take(self, key: ClientKey) -> Client | None:
        """Remove and return a client of a key, None if there is none."""
        with self._lock:
            return self._pop(key) if key in self._by_key else None

    def put(self, client: Client) -> None:
        """Keep a client for the next loan; give up one of the oldest key where there are too many."""
        with self._lock:
            self._by_key.setdefault(client.key, []).append(client)
            while sum(map(len, self._by_key.values())) > self._limit:
                self._pop(next(iter(self._by_key)))

    def _pop(self, key: ClientKey) -> Client:
        client = self._by_key[key].pop()
        if not self._by_key[key]:
            del self._by_key[key]
        return client


_idle_clients: Final = _IdleClients()


@contextmanager
def borrow(
    settings: Settings, api_key: ApiKey, region: str, service: str, until: float | None
) -> Iterator[Client]:
    """Lend a client until the end of the `with` block; its connections are closed there.

    Args:
        settings: Whose tenancy, user and endpoint template are used.
        api_key: The key that signs.
        region: Region identifier.
        service: See `Client`.
        until: `time.monotonic()` at which every request has to be over, None for no such time.
    """
    key = ClientKey(
        settings.tenancy_ocid,
        settings.user_ocid,
        api_key.fingerprint,
        region,
        service,
        settings.endpoint(SERVICES[service].endpoint_name, region),
        settings.max_concurrency,
    )
    client = _idle_clients.take(key) or Client(key, api_key)
    client.transport.reopen(until)
    try:
        yield client
    finally:
        client.close()
        if not client.is_lost:
            _idle_clients.put(client)
