"""The session under the SDK: what is sent is what the SDK sends by itself, and nothing of an answer comes back."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timezone

import oci.base_client
import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from oci._vendor.requests.models import PreparedRequest
from oci.circuit_breaker import NoCircuitBreakerStrategy
from oci.retry import NoneRetryStrategy
from support import seam
from support.loopback_servers import LoopbackServer, http_answer

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import SERVICES, borrow
from signal_client_oci.oci_api.session import _url

TIME = datetime(2026, 1, 15, 12, 1, tzinfo=timezone.utc)
DETAILS = {"timeStart": TIME, "timeEnd": TIME, "searchQuery": "search \"ä\" | where a = 'b&c'"}
CALLS = [
    ("audit", "list_events", (seam.TENANCY, TIME, TIME), {}),
    ("audit", "list_events", (seam.TENANCY, TIME, TIME), {"page": "a b+c/d=~%2B&e?ü"}),
    ("logging", "search_logs", (DETAILS,), {"limit": 1000, "page": "t"}),
    ("cloudguard", "list_problems", (seam.TENANCY,), {"compartment_id_in_subtree": True, "limit": 7}),
    ("cloudguard", "get_problem", ("ocid1.problem/../%41 ~",), {}),
    ("log_groups", "list_log_groups", (seam.TENANCY,), {}),
    ("identity", "list_compartments", (seam.TENANCY,), {"access_level": "ANY", "page": "=="}),
]


def sent(call, *, is_post):
    """Return everything of the one request that is made."""
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        mocked.add(
            "POST" if is_post else "GET", re.compile("https://"), body=b"{}", headers={"opc-request-id": "R"}
        )
        call()
        (made,) = mocked.calls
    request = made.request
    return (
        request.method,
        request.url,
        list(request.headers.items()),
        request.body,
    )


@pytest.mark.parametrize(("service", "operation", "args", "kwargs"), CALLS)
def test_what_is_sent_is_what_the_sdk_sends_by_itself(monkeypatch, service, operation, args, kwargs):
    """URL, headers in their order, signature and body are those of a client whose session is the SDK's own."""
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=1))
    monkeypatch.setattr("email.utils.formatdate", lambda **_: "Thu, 15 Jan 2026 12:01:00 GMT")
    with borrow(seam.settings(), seam.api_key(), seam.REGION, service, None) as client:
        ours = client._sdk.base_client
        plain = SERVICES[service].sdk_client()(
            ours.config,
            signer=ours.signer,
            retry_strategy=NoneRetryStrategy(),
            circuit_breaker_strategy=NoCircuitBreakerStrategy(),
        )
        is_post = operation == "search_logs"
        expected = sent(lambda: getattr(plain, operation)(*args, **kwargs), is_post=is_post)
        assert sent(lambda: client.call(operation, *args, **kwargs), is_post=is_post) == expected
    assert "authorization" in dict(expected[2])


@pytest.mark.parametrize(("service", "operation", "args", "kwargs"), CALLS)
def test_the_target_that_arrives_is_that_of_the_sdk_by_itself(service, operation, args, kwargs):
    """Path and query are encoded once, and no part of the way to the socket changes what was signed."""
    with LoopbackServer(http_answer("200 OK", b"{}")) as server:
        of = seam.settings(endpoint_template=f"http://127.0.0.1:{server.port}/{{region}}/{{service}}")
        with borrow(of, seam.api_key(), seam.REGION, service, None) as client:
            ours = client._sdk.base_client
            plain = SERVICES[service].sdk_client()(
                ours.config,
                signer=ours.signer,
                service_endpoint=ours.endpoint,
                retry_strategy=NoneRetryStrategy(),
                circuit_breaker_strategy=NoCircuitBreakerStrategy(),
            )
            client.call(operation, *args, **kwargs)
            getattr(plain, operation)(*args, **kwargs)
        ours_sent, plain_sent = (head.split(b"\r\n")[0] for head in server.heads)
    assert ours_sent == plain_sent
    assert len(ours_sent.split(b" ")) == 3


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.text(max_size=140) | st.integers() | st.booleans() | st.lists(st.text(), max_size=2),
    )
)
def test_parameters_are_encoded_as_requests_does_it(params):
    """Short texts, whose encoding is remembered, long ones, numbers, lists and what is missing."""
    expected = PreparedRequest()
    expected.prepare_url("https://host/path", params)
    assert _url("https://host/path", params) == expected.url


def test_cookies_of_an_answer_are_not_sent_back():
    """A balancer's cookie is not carried from one request, or one poll, to the next."""
    with LoopbackServer(http_answer("200 OK", b"[]", "Set-Cookie: canary=1; Path=/")) as server:
        template = f"http://127.0.0.1:{server.port}/{{region}}/{{service}}"
        of = seam.settings(endpoint_template=template)
        with borrow(of, seam.api_key(), seam.REGION, "audit", None) as client:
            for _ in range(2):
                client.call("list_events", seam.TENANCY, TIME, TIME)
        assert len(server.heads) == 2
        assert b"canary" not in server.received


@pytest.mark.parametrize("is_enabled", [False, True])
def test_a_request_id_is_passed_on_only_where_that_is_switched_on(monkeypatch, tmp_path, is_enabled):
    """The SDK's file of request ids is looked for where the environment asks for it, and its id is sent then."""
    monkeypatch.setenv("OCI_PYSDK_PROPAGATION_REQUEST_ID_FILE", str(tmp_path / "id"))
    monkeypatch.setenv("OPC_INCOMING_REQUEST_ID", "incoming")
    if is_enabled:
        monkeypatch.setenv("PROPAGATION_ENABLED", "True")
    looked = []
    monkeypatch.setattr(oci.base_client, "_read_propagation_request_id_from_file", lambda: looked.append(1))
    of = seam.settings(tenancy_ocid=f"{seam.TENANCY}{is_enabled}".lower())
    with borrow(of, seam.api_key(), seam.REGION, "audit", None) as client:
        headers = dict(sent(lambda: client.call("list_events", seam.TENANCY, TIME, TIME), is_post=False)[2])
    assert bool(looked) == is_enabled
    assert headers["opc-request-id"].startswith("incoming") == is_enabled


def test_an_endpoint_that_is_refused_stays_refused(monkeypatch):
    """What an SDK client works out once is an answer, never a refusal."""
    of = seam.settings(tenancy_ocid=f"{seam.TENANCY}refused")
    with borrow(of, seam.api_key(), seam.REGION, "audit", None) as client:
        monkeypatch.setattr(client._sdk.base_client, "_endpoint", "https://evil host")
        for _ in range(2):
            with pytest.raises(Failure, match=r"CLIENT_ERROR: .* \(ValueError\)"):
                client.call("list_events", seam.TENANCY, TIME, TIME)
        client.is_lost = True
