"""A sandbox with one tenancy on a virtual clock, and real SDK clients for it."""

from datetime import timedelta
from functools import lru_cache

import oci
import pytest
from oci.circuit_breaker import NoCircuitBreakerStrategy

from signal_client_oci.sandbox import Sandbox, VirtualClock

HOME, OTHER = "us-ashburn-1", "eu-frankfurt-1"
MINUTE = timedelta(minutes=1)
CLIENTS = {
    "audit": oci.audit.AuditClient,
    "logging": oci.loggingsearch.LogSearchClient,
    "groups": oci.logging.LoggingManagementClient,
    "cloudguard": oci.cloud_guard.CloudGuardClient,
    "identity": oci.identity.IdentityClient,
}


@pytest.fixture
def clock():
    """A clock that moves only when told."""
    return VirtualClock()


@pytest.fixture
def sandbox(clock):
    """A running sandbox, closed after the test."""
    with Sandbox(clock=clock) as running:
        yield running


@pytest.fixture
def tenancy(sandbox):
    """A tenancy in two regions."""
    return sandbox.add_tenancy("acme")


@pytest.fixture(scope="session", autouse=True)
def keys_are_loaded_once():
    """Let the SDK load each key once for all tests: that is the slow part of making a client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oci.signer, "load_private_key", lru_cache(maxsize=64)(oci.signer.load_private_key))
        yield


@pytest.fixture
def connect(tenancy):
    """Make SDK clients: `connect(service, region, credentials…)`; their connections are closed afterwards."""
    made = []

    def client(service, region=HOME, *, timeout=5.0, skip_deserialization=True, of=tenancy, **credentials):
        config = {
            "tenancy": of.ocid,
            "user": of.user,
            "fingerprint": of.fingerprint,
            "key_content": of.private_key_pem,
            "region": region,
        } | credentials
        name = "logging" if service == "groups" else service
        one = CLIENTS[service](
            config,
            service_endpoint=of.endpoint_template.format(region=region, service=name),
            retry_strategy=oci.retry.NoneRetryStrategy(),
            circuit_breaker_strategy=NoCircuitBreakerStrategy(),
            skip_deserialization=skip_deserialization,
            timeout=timeout,
        )
        made.append(one)
        return one

    yield client
    for one in made:
        one.base_client.session.close()


@pytest.fixture
def pages():
    """Read a listing to its end: `pages(operation, *args)` gives the data of each page."""

    def read(operation, *arguments, **options):
        found, token = [], None
        while True:
            answer = operation(*arguments, **options, **({"page": token} if token else {}))
            found.append(answer.data)
            token = answer.headers.get("opc-next-page")
            if not token:
                return found

    return read


@pytest.fixture
def events(tenancy, connect, clock):
    """Read one page of Audit: `events(page=…, region=…)` gives the SDK's response with the body as bytes."""
    for region in (HOME, OTHER):
        for _ in range(150):
            tenancy.emit_audit_event(region, tenancy.ocid, processed=clock())

    def read(region=HOME, page=None, compartment=None, timeout=5.0):
        client = connect("audit", region, timeout=timeout)
        original = client.base_client.deserialize_response_data
        client.base_client.deserialize_response_data = lambda data, kind, *rest: (
            original(data, kind, *rest) if kind == "object" else data
        )
        options = {"page": page} if page is not None else {}
        return client.list_events(compartment or tenancy.ocid, clock(), clock() + MINUTE, **options)

    return read
